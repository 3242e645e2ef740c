"""What a new site knows: fields, statuses, workflows, priorities, resolutions, types of link."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

SUMMARY_LONGEST, TEXT_LONGEST, LABEL_LONGEST, LINE_LONGEST = 255, 32_767, 255, 255
SOFTWARE, SERVICE_DESK = "software", "service_desk"
CUSTOM = "com.atlassian.jira.plugin.system.customfieldtypes:"


class Edition(StrEnum):
    CLOUD = "cloud"
    DATA_CENTER = "data center"


class Kind(StrEnum):
    """What a field holds."""

    LINE = "line"
    TEXT = "text"
    NUMBER = "number"
    DATE = "date"
    MOMENT = "moment"
    USER = "user"
    OPTION = "option"
    OPTIONS = "options"
    LABELS = "labels"
    COMPONENTS = "components"
    PRIORITY = "priority"
    RESOLUTION = "resolution"
    STATUS = "status"
    TYPE = "type"
    PROJECT = "project"
    PARENT = "parent"
    COUNTED = "counted"
    """Kept by Jira alone."""


_SCHEMAS: dict[Kind, dict[str, Any]] = {
    Kind.LINE: {"type": "string"},
    Kind.TEXT: {"type": "string"},
    Kind.NUMBER: {"type": "number"},
    Kind.DATE: {"type": "date"},
    Kind.MOMENT: {"type": "datetime"},
    Kind.USER: {"type": "user"},
    Kind.OPTION: {"type": "option"},
    Kind.OPTIONS: {"type": "array", "items": "option"},
    Kind.LABELS: {"type": "array", "items": "string"},
    Kind.COMPONENTS: {"type": "array", "items": "component"},
    Kind.PRIORITY: {"type": "priority"},
    Kind.RESOLUTION: {"type": "resolution"},
    Kind.STATUS: {"type": "status"},
    Kind.TYPE: {"type": "issuetype"},
    Kind.PROJECT: {"type": "project"},
    Kind.PARENT: {"type": "issuelink"},
    Kind.COUNTED: {"type": "any"},
}
_CUSTOM_KINDS = {
    Kind.LINE: "textfield",
    Kind.TEXT: "textarea",
    Kind.NUMBER: "float",
    Kind.DATE: "datepicker",
    Kind.MOMENT: "datetime",
    Kind.USER: "userpicker",
    Kind.OPTION: "select",
    Kind.OPTIONS: "multicheckboxes",
    Kind.LABELS: "labels",
}


@dataclass(slots=True)
class Field:
    """A field. `options` are (id, value) of a custom one. `hidden` ones the field configuration leaves out."""

    id: str
    name: str
    kind: Kind
    options: list[tuple[str, str]] = field(default_factory=list)
    hidden: bool = False
    type: str = ""

    @property
    def custom(self) -> bool:
        return self.id.startswith("customfield_")

    @property
    def rich(self) -> bool:
        return self.kind is Kind.TEXT

    def schema(self) -> dict[str, Any]:
        made = dict(_SCHEMAS[self.kind])
        if self.type:
            made["type"] = self.type
        if self.custom:
            return made | {"custom": CUSTOM + _CUSTOM_KINDS[self.kind], "customId": int(self.id.split("_")[1])}
        return made | {"system": self.id}


ROOT_CAUSE, SEVERITY, IMPACT, MINUTES = (f"customfield_{number}" for number in (10010, 10011, 10012, 10013))
DETECTED, RESPONSIBLE, REGIONS = (f"customfield_{number}" for number in (10014, 10015, 10016))


def fields() -> dict[str, Field]:
    """All fields of a new site by id."""
    own = (
        Field("summary", "Summary", Kind.LINE),
        Field("description", "Description", Kind.TEXT),
        Field("environment", "Environment", Kind.TEXT),
        Field("issuetype", "Issue Type", Kind.TYPE),
        Field("project", "Project", Kind.PROJECT),
        Field("status", "Status", Kind.STATUS),
        Field("priority", "Priority", Kind.PRIORITY),
        Field("resolution", "Resolution", Kind.RESOLUTION),
        Field("assignee", "Assignee", Kind.USER),
        Field("reporter", "Reporter", Kind.USER),
        Field("creator", "Creator", Kind.COUNTED, type="user"),
        Field("labels", "Labels", Kind.LABELS),
        Field("components", "Components", Kind.COMPONENTS),
        Field("duedate", "Due date", Kind.DATE),
        Field("parent", "Parent", Kind.PARENT),
        Field("created", "Created", Kind.COUNTED, type="datetime"),
        Field("updated", "Updated", Kind.COUNTED, type="datetime"),
        Field("resolutiondate", "Resolved", Kind.COUNTED, type="datetime"),
        Field("statuscategorychangedate", "Status Category Changed", Kind.COUNTED, type="datetime"),
        Field("comment", "Comment", Kind.COUNTED, type="comments-page"),
        Field("attachment", "Attachment", Kind.COUNTED, type="array"),
        Field("issuelinks", "Linked Issues", Kind.COUNTED, type="array"),
        Field("subtasks", "Sub-tasks", Kind.COUNTED, type="array"),
        Field(ROOT_CAUSE, "Root cause", Kind.TEXT),
        Field(SEVERITY, "Severity", Kind.OPTION, [("10100", "Critical"), ("10101", "Major"), ("10102", "Minor")]),
        Field(IMPACT, "Customer impact", Kind.LINE),
        Field(MINUTES, "Minutes of impact", Kind.NUMBER),
        Field(DETECTED, "Detected at", Kind.MOMENT),
        Field(RESPONSIBLE, "Responsible", Kind.USER),
        Field(REGIONS, "Regions", Kind.OPTIONS, [("10110", "Europe"), ("10111", "America"), ("10112", "Asia")]),
    )
    return {one.id: one for one in own}


CREATE_SCREEN = (
    "summary", "issuetype", "project", "description", "priority", "assignee", "reporter", "labels", "components",
    "duedate", SEVERITY, IMPACT, MINUTES, DETECTED, RESPONSIBLE, REGIONS,
)  # fmt: skip
EDIT_SCREEN = (
    "summary", "issuetype", "description", "environment", "priority", "assignee", "reporter", "labels", "components",
    "duedate", ROOT_CAUSE, SEVERITY, IMPACT, MINUTES, DETECTED, RESPONSIBLE, REGIONS,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Status:
    """`category` is new, indeterminate or done."""

    id: str
    name: str
    category: str


CATEGORIES = {"new": (2, "To Do", "blue-gray"), "indeterminate": (4, "In Progress", "yellow"),
              "done": (3, "Done", "green")}  # fmt: skip
STATUSES = {
    one.id: one
    for one in (
        Status("10000", "To Do", "new"),
        Status("3", "In Progress", "indeterminate"),
        Status("10001", "In Review", "indeterminate"),
        Status("10002", "Done", "done"),
        Status("10010", "Open", "new"),
        Status("10011", "Work in progress", "indeterminate"),
        Status("10012", "Pending", "indeterminate"),
        Status("5", "Resolved", "done"),
        Status("6", "Closed", "done"),
    )
}
PRIORITIES = {"1": "Highest", "2": "High", "3": "Medium", "4": "Low", "5": "Lowest"}
DEFAULT_PRIORITY = "3"
RESOLUTIONS = {"10000": "Done", "10001": "Won't Do", "10002": "Duplicate", "10003": "Cannot Reproduce"}
LINK_TYPES = {
    "10000": ("Blocks", "is blocked by", "blocks"),
    "10001": ("Cloners", "is cloned by", "clones"),
    "10002": ("Duplicate", "is duplicated by", "duplicates"),
    "10003": ("Relates", "relates to", "relates to"),
}
"""Id to name, inward and outward words."""


@dataclass(slots=True)
class Step:
    """A transition. Without `sources` it is global. `screen` are its fields, `required` those that must be filled."""

    id: str
    name: str
    to: str
    sources: tuple[str, ...] = ()
    screen: tuple[str, ...] = ()
    required: tuple[str, ...] = ()
    condition: str = ""
    """Only members of this role may take it."""


@dataclass(slots=True)
class Workflow:
    initial: str
    steps: list[Step]

    @property
    def statuses(self) -> list[str]:
        return list(dict.fromkeys([self.initial, *(one.to for one in self.steps)]))


def software_workflow() -> Workflow:
    """From To Do to Done it takes two steps; Done asks for a resolution on its screen."""
    return Workflow(
        "10000",
        [
            Step("11", "Start work", "3", ("10000", "10001")),
            Step("21", "Ask for review", "10001", ("3",)),
            Step("31", "Done", "10002", ("3", "10001"), ("resolution", "assignee", ROOT_CAUSE), ("resolution",)),
            Step("41", "Reopen", "10000", ("10002",)),
            Step("51", "Stop work", "10000", ("3",)),
        ],
    )


def service_workflow() -> Workflow:
    return Workflow(
        "10010",
        [
            Step("11", "Start work", "10011", ("10010", "10012")),
            Step("761", "Resolve", "5", ("10010", "10011", "10012"), ("resolution",), ("resolution",)),
            Step("871", "Pending", "10012", ("10010", "10011")),
            Step("921", "Back to work", "10011", ("5",)),
            Step("931", "Close", "6", ("5",), condition="Administrators"),
        ],
    )
