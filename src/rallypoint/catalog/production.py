"""The seeded domain *Production*, the SRE way: monitors detect, engineers own and close. Defaults to edit."""

from rallypoint.catalog.model import ClosurePolicy, Impact, StatusCategory, TypeClass, Urgency, Workflow
from rallypoint.catalog.seeds import Level, Seed, branch, leaf

C, T, I, U = StatusCategory, TypeClass, Impact, Urgency  # noqa: E741
HOUR, DAY = 60, 24 * 60

PRODUCTION = Seed(
    key="production",
    name="Production",
    workflow=Workflow.SRE,
    closure_policy=ClosurePolicy.OWNER_AFTER_CONFIRMATION,
    description="Detected by monitors, worked by the engineers on call; the owner closes once health is confirmed.",
    statuses=(
        ("detected", "Detected", C.TRIAGE),
        ("investigating", "Investigating", C.ACTIVE),
        ("identified", "Identified", C.ACTIVE),
        ("mitigating", "Mitigating", C.ACTIVE),
        ("on-hold", "On hold", C.ON_HOLD),
        ("restored", "Restored, monitoring", C.RESTORED),
        ("resolved", "Resolved", C.RESOLVED),
        ("in-review", "In review", C.REVIEW),
        ("closed", "Closed", C.CLOSED),
        ("cancelled", "False alarm", C.CANCELLED),
        ("merged", "Merged", C.MERGED),
    ),
    categories=(
        branch(
            "Availability",
            T.SOFTWARE_BUG,
            leaf("Service down", T.SOFTWARE_BUG, I.SIGNIFICANT, U.CRITICAL),
            leaf("Errors above the objective", T.SOFTWARE_BUG, I.MODERATE, U.HIGH),
            leaf("Crash loop", T.SOFTWARE_BUG, I.MODERATE, U.HIGH),
        ),
        branch(
            "Performance",
            T.PERFORMANCE,
            leaf("Latency above the objective", T.PERFORMANCE, I.MODERATE, U.HIGH),
            leaf("Queue or backlog growing", T.PERFORMANCE, I.MODERATE, U.MEDIUM),
            leaf("Capacity running out", T.PERFORMANCE, I.MODERATE, U.MEDIUM),
        ),
        branch(
            "Data",
            T.DATA,
            leaf("Database", T.DATA, I.SIGNIFICANT, U.CRITICAL),
            leaf("Replication lag", T.DATA, I.MODERATE, U.HIGH),
            leaf("Wrong or lost data", T.DATA, I.EXTENSIVE, U.CRITICAL),
            leaf("Backup failed", T.DATA, I.MINOR, U.HIGH),
        ),
        branch(
            "Network and edge",
            T.NETWORK_ISSUE,
            leaf("DNS", T.NETWORK_ISSUE, I.EXTENSIVE, U.CRITICAL),
            leaf("Certificate", T.NETWORK_ISSUE, I.SIGNIFICANT, U.HIGH),
            leaf("CDN or load balancer", T.NETWORK_ISSUE, I.SIGNIFICANT, U.HIGH),
            leaf("Connectivity between services", T.NETWORK_ISSUE, I.SIGNIFICANT, U.HIGH),
        ),
        branch(
            "Hardware and hosts",
            T.HARDWARE_FAILURE,
            leaf("Host down", T.HARDWARE_FAILURE, I.MODERATE, U.HIGH),
            leaf("Disk", T.HARDWARE_FAILURE, I.MODERATE, U.HIGH),
        ),
        branch(
            "Access and identity",
            T.ACCESS_REQUEST,
            leaf("Sign-in of customers", T.ACCESS_REQUEST, I.EXTENSIVE, U.CRITICAL),
            leaf("Credentials of a service", T.ACCESS_REQUEST, I.SIGNIFICANT, U.HIGH),
        ),
        branch(
            "Security",
            T.SECURITY,
            leaf("Attack or abuse", T.SECURITY, I.SIGNIFICANT, U.CRITICAL),
            leaf("Vulnerability in use", T.SECURITY, I.SIGNIFICANT, U.HIGH),
            leaf("Secret exposed", T.SECURITY, I.EXTENSIVE, U.CRITICAL),
        ),
        branch(
            "Change",
            T.CHANGE,
            leaf("Bad deploy", T.CHANGE, I.SIGNIFICANT, U.HIGH),
            leaf("Bad configuration", T.CHANGE, I.SIGNIFICANT, U.HIGH),
        ),
        leaf("Cloud or vendor outage", T.VENDOR),
        leaf("Other", T.OTHER),
    ),
    levels=(
        Level(
            key="P1",
            name="Critical",
            response=5,
            resolution=HOUR,
            update=15,
            loud=True,
            tells=("manager", "stakeholder"),
            common=1,
            definition="Customers cannot use a core service, data is being lost or exposed, or the error budget of a "
            "month would be gone within hours. Everyone needed is paged, at any hour.",
        ),
        Level(
            key="P2",
            name="High",
            response=15,
            resolution=4 * HOUR,
            update=30,
            loud=True,
            tells=("manager",),
            common=2,
            definition="A core service is degraded for many customers, or redundancy is gone and one more failure "
            "would be a P1.",
        ),
        Level(
            key="P3",
            name="Medium",
            response=HOUR,
            resolution=DAY,
            update=4 * HOUR,
            loud=False,
            tells=(),
            common=3,
            definition="Some customers notice, or an internal service is degraded. It is handled in working hours.",
        ),
        Level(
            key="P4",
            name="Low",
            response=8 * HOUR,
            resolution=5 * DAY,
            update=DAY,
            loud=False,
            tells=(),
            common=4,
            definition="No customer notices. It is worth knowing and is fixed with other work.",
        ),
    ),
    matrix=("1122", "1223", "2334", "3344"),
    settings={"healthy_minutes": 15},
)
