"""What an organisation with the Agile process knows: fields, work item types, their states, steps and reasons."""

from dataclasses import dataclass, field, replace

LONGEST = 255
OWN = "System."
COMMON = "Microsoft.VSTS.Common."
TITLE, STATE, REASON, HISTORY, TAGS = "System.Title", "System.State", "System.Reason", "System.History", "System.Tags"
REPRO = "Microsoft.VSTS.TCM.ReproSteps"
SEVERITIES = ("1 - Critical", "2 - High", "3 - Medium", "4 - Low")


@dataclass(frozen=True, slots=True)
class Field:
    """A field of the organisation. `values` limit it where there are any."""

    ref: str
    name: str
    type: str = "string"
    read_only: bool = False
    values: tuple[str | int, ...] = ()

    @property
    def identity(self) -> bool:
        return self.type == "identity"


@dataclass(slots=True)
class Kind:
    """A work item type. `steps` maps a state to what may follow; "" is before it exists.

    `reasons` are those of a step, the first is taken when none is given. `required` are always needed;
    `required_in` when an item is in that state.
    """

    name: str
    states: tuple[tuple[str, str, str], ...]
    steps: dict[str, tuple[str, ...]]
    fields: tuple[str, ...]
    reasons: dict[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    defaults: dict[str, str | int] = field(default_factory=dict)
    required: tuple[str, ...] = (TITLE,)
    required_in: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def category(self, state: str) -> str:
        return next((category for name, _, category in self.states if name == state), "")


def _fields() -> dict[str, Field]:
    own = (
        Field("System.Id", "ID", "integer", True),
        Field("System.Rev", "Rev", "integer", True),
        Field("System.Watermark", "Watermark", "integer", True),
        Field("System.TeamProject", "Team Project", read_only=True),
        Field("System.WorkItemType", "Work Item Type", read_only=True),
        Field("System.AreaPath", "Area Path", "treePath"),
        Field("System.IterationPath", "Iteration Path", "treePath"),
        Field(TITLE, "Title"),
        Field(STATE, "State"),
        Field(REASON, "Reason"),
        Field("System.AssignedTo", "Assigned To", "identity"),
        Field("System.CreatedDate", "Created Date", "dateTime", True),
        Field("System.CreatedBy", "Created By", "identity", True),
        Field("System.ChangedDate", "Changed Date", "dateTime", True),
        Field("System.ChangedBy", "Changed By", "identity", True),
        Field("System.CommentCount", "Comment Count", "integer", True),
        Field("System.HyperLinkCount", "Hyperlink Count", "integer", True),
        Field("System.AttachedFileCount", "Attached File Count", "integer", True),
        Field("System.IsDeleted", "Is Deleted", "boolean", True),
        Field("System.Description", "Description", "html"),
        Field(HISTORY, "History", "history"),
        Field(TAGS, "Tags", "plainText"),
        Field(REPRO, "Repro Steps", "html"),
        Field(COMMON + "Priority", "Priority", "integer", values=(1, 2, 3, 4)),
        Field(COMMON + "Severity", "Severity", values=SEVERITIES),
        Field(COMMON + "StateChangeDate", "State Change Date", "dateTime", True),
        Field(COMMON + "ActivatedDate", "Activated Date", "dateTime", True),
        Field(COMMON + "ResolvedDate", "Resolved Date", "dateTime", True),
        Field(COMMON + "ResolvedBy", "Resolved By", "identity", True),
        Field(COMMON + "ResolvedReason", "Resolved Reason", read_only=True),
        Field(COMMON + "ClosedDate", "Closed Date", "dateTime", True),
        Field(COMMON + "ClosedBy", "Closed By", "identity", True),
        Field("Microsoft.VSTS.Scheduling.RemainingWork", "Remaining Work", "double"),
        Field("Microsoft.VSTS.Scheduling.DueDate", "Due Date", "dateTime"),
        Field("Custom.CustomerImpact", "Customer Impact", "boolean"),
        Field("Custom.RootCause", "Root Cause"),
    )
    return {one.ref: one for one in own}


FIELDS = _fields()
_EVERYWHERE = (
    *(ref for ref in FIELDS if ref.startswith(OWN)),
    *(
        COMMON + name
        for name in (
            "Priority",
            "StateChangeDate",
            "ActivatedDate",
            "ResolvedDate",
            "ResolvedBy",
            "ClosedDate",
            "ClosedBy",
        )
    ),
)

BUG = Kind(
    name="Bug",
    states=(
        ("New", "b2b2b2", "Proposed"),
        ("Active", "007acc", "InProgress"),
        ("Resolved", "ff9d00", "Resolved"),
        ("Closed", "339933", "Completed"),
    ),
    steps={
        "": ("New",),
        "New": ("Active", "Resolved", "Closed"),
        "Active": ("New", "Resolved", "Closed"),
        "Resolved": ("Active", "Closed"),
        "Closed": ("Active", "Resolved"),
    },
    reasons={
        ("", "New"): ("New", "Build Failure"),
        ("New", "Active"): ("Approved", "Investigate"),
        ("New", "Resolved"): ("Fixed", "As Designed", "Duplicate", "Cannot Reproduce", "Deferred", "Obsolete"),
        ("Active", "Resolved"): ("Fixed", "As Designed", "Duplicate", "Cannot Reproduce", "Deferred", "Obsolete"),
        ("Resolved", "Active"): ("Not fixed", "Test Failed"),
        ("Resolved", "Closed"): ("Verified", "Duplicate"),
        ("Closed", "Active"): ("Regression", "Reactivated"),
    },
    fields=(
        *_EVERYWHERE,
        REPRO,
        COMMON + "Severity",
        COMMON + "ResolvedReason",
        "Microsoft.VSTS.Scheduling.RemainingWork",
        "Microsoft.VSTS.Scheduling.DueDate",
        "Custom.CustomerImpact",
        "Custom.RootCause",
    ),
    defaults={COMMON + "Priority": 2, COMMON + "Severity": "3 - Medium"},
    required=(TITLE, COMMON + "Severity"),
)

TASK = Kind(
    name="Task",
    states=(
        ("New", "b2b2b2", "Proposed"),
        ("Active", "007acc", "InProgress"),
        ("Closed", "339933", "Completed"),
        ("Removed", "ffffff", "Removed"),
    ),
    steps={
        "": ("New",),
        "New": ("Active", "Closed", "Removed"),
        "Active": ("New", "Closed", "Removed"),
        "Closed": ("New", "Active"),
        "Removed": ("New", "Active"),
    },
    fields=(*_EVERYWHERE, "Microsoft.VSTS.Scheduling.RemainingWork"),
    defaults={COMMON + "Priority": 2},
)


def fields() -> dict[str, Field]:
    return {ref: replace(one) for ref, one in FIELDS.items()}


def kinds() -> dict[str, Kind]:
    """Copies, so that one organisation may change its process."""
    return {
        one.name: replace(one, required_in=dict(one.required_in), steps=dict(one.steps), reasons=dict(one.reasons))
        for one in (BUG, TASK)
    }
