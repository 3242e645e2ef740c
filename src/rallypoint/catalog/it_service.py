"""The seeded domain *IT service*, the ITIL way: people report, the desk logs, routes and closes. Defaults to edit."""

from rallypoint.catalog.model import ClosurePolicy, Impact, StatusCategory, TypeClass, Urgency, Workflow
from rallypoint.catalog.seeds import Level, Seed, branch, leaf

C, T, I, U = StatusCategory, TypeClass, Impact, Urgency  # noqa: E741
HOUR, DAY = 60, 24 * 60

IT_SERVICE = Seed(
    key="it-service",
    name="IT service",
    workflow=Workflow.ITSM,
    closure_policy=ClosurePolicy.SERVICE_DESK,
    description="Reported by people, logged and routed by the service desk, which alone closes.",
    statuses=(
        ("new", "New", C.TRIAGE),
        ("in-triage", "In triage", C.TRIAGE),
        ("in-progress", "In progress", C.ACTIVE),
        ("assigned", "Assigned", C.ACTIVE),
        ("on-hold", "On hold", C.ON_HOLD),
        ("waiting-for-reporter", "Waiting for the reporter", C.ON_HOLD),
        ("waiting-for-supplier", "Waiting for a supplier", C.ON_HOLD),
        ("restored", "Restored", C.RESTORED),
        ("resolved", "Resolved, awaiting confirmation", C.RESOLVED),
        ("in-review", "In review", C.REVIEW),
        ("closed", "Closed", C.CLOSED),
        ("cancelled", "Cancelled", C.CANCELLED),
        ("merged", "Merged", C.MERGED),
    ),
    categories=(
        branch(
            "Hardware",
            T.HARDWARE_FAILURE,
            leaf("Laptop or desktop", T.HARDWARE_FAILURE, I.MINOR, U.MEDIUM),
            leaf("Printer or peripheral", T.HARDWARE_FAILURE, I.MINOR, U.LOW),
            leaf("Phone or headset", T.HARDWARE_FAILURE, I.MINOR, U.MEDIUM),
            leaf("Server", T.HARDWARE_FAILURE, I.SIGNIFICANT, U.HIGH),
            leaf("Storage", T.HARDWARE_FAILURE, I.SIGNIFICANT, U.HIGH),
        ),
        branch(
            "Software",
            T.SOFTWARE_BUG,
            leaf("Business application", T.SOFTWARE_BUG, I.MODERATE, U.HIGH),
            leaf("Office and mail", T.SOFTWARE_BUG, I.MODERATE, U.MEDIUM),
            leaf("Operating system", T.SOFTWARE_BUG, I.MINOR, U.MEDIUM),
            leaf("Slow application", T.PERFORMANCE, I.MODERATE, U.MEDIUM),
        ),
        branch(
            "Network",
            T.NETWORK_ISSUE,
            leaf("Site or office offline", T.NETWORK_ISSUE, I.SIGNIFICANT, U.CRITICAL),
            leaf("Wi-Fi", T.NETWORK_ISSUE, I.MODERATE, U.MEDIUM),
            leaf("VPN and remote access", T.NETWORK_ISSUE, I.MODERATE, U.HIGH),
            leaf("Internet access", T.NETWORK_ISSUE, I.SIGNIFICANT, U.HIGH),
        ),
        branch(
            "Access",
            T.ACCESS_REQUEST,
            leaf("Locked account or password", T.ACCESS_REQUEST, I.MINOR, U.HIGH),
            leaf("Missing permission", T.ACCESS_REQUEST, I.MINOR, U.MEDIUM),
            leaf("Single sign-on down", T.SOFTWARE_BUG, I.EXTENSIVE, U.CRITICAL),
        ),
        branch(
            "Security",
            T.SECURITY,
            leaf("Phishing or suspicious mail", T.SECURITY, I.MODERATE, U.HIGH),
            leaf("Malware", T.SECURITY, I.SIGNIFICANT, U.CRITICAL),
            leaf("Lost or stolen device", T.SECURITY, I.MODERATE, U.CRITICAL),
            leaf("Data exposed", T.SECURITY, I.EXTENSIVE, U.CRITICAL),
        ),
        leaf("Change gone wrong", T.CHANGE),
        leaf("Supplier or SaaS outage", T.VENDOR),
        leaf("Other", T.OTHER),
    ),
    levels=(
        Level(
            key="P1",
            name="Critical",
            response=15,
            resolution=4 * HOUR,
            update=30,
            loud=True,
            tells=("manager", "stakeholder"),
            common=1,
            definition="A service the organisation depends on is down for most of its users, or safety, regulation "
            "or significant money is at stake. Work goes on around the clock until service is restored.",
        ),
        Level(
            key="P2",
            name="High",
            response=30,
            resolution=8 * HOUR,
            update=HOUR,
            loud=True,
            tells=("manager",),
            common=2,
            definition="An important service is degraded, or a department or site cannot work, and no acceptable "
            "workaround is known.",
        ),
        Level(
            key="P3",
            name="Medium",
            response=4 * HOUR,
            resolution=2 * DAY,
            update=DAY,
            loud=False,
            tells=(),
            common=3,
            definition="A few people are hindered, or many with a workaround that holds. Work goes on in office hours.",
        ),
        Level(
            key="P4",
            name="Low",
            response=8 * HOUR,
            resolution=5 * DAY,
            update=2 * DAY,
            loud=False,
            tells=(),
            common=4,
            definition="One person is inconvenienced, or a fault shows without hindering anybody. It is planned with "
            "other work.",
        ),
    ),
    matrix=("1123", "1233", "2334", "3344"),
    settings={"confirmation_reminder_hours": [24, 72], "confirmation_days": 5},
)
