"""Ticket fields, forms and statuses as an account has them: the system's own, and those an administrator added."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

SIX_DIGITS = re.compile(r"\d{6}")
"""The one pattern of a field that is kept to: others come from users, and are only shown."""

STATUSES = ("new", "open", "pending", "hold", "solved", "closed")
TYPES = ("problem", "incident", "question", "task")
PRIORITIES = ("low", "normal", "high", "urgent")
LISTS = frozenset({"tagger", "multiselect"})
KINDS = frozenset(
    {"text", "textarea", "checkbox", "date", "integer", "decimal", "regexp", "tagger", "multiselect", "lookup"}
)


@dataclass(slots=True)
class Option:
    """A choice of a list. Its value is also a tag, which the ticket has while it is chosen."""

    id: int
    name: str
    value: str


@dataclass(slots=True)
class Field:
    """A ticket field. `required` is asked for when the ticket is solved, as the vendor calls it."""

    id: int
    type: str
    title: str
    created: datetime
    options: list[Option] = field(default_factory=list)
    required: bool = False
    active: bool = True
    tag: str | None = None
    regexp: str | None = None
    system: bool = False

    @property
    def kind_name(self) -> str:
        return "Field" + self.type.capitalize()

    @property
    def tags(self) -> frozenset[str]:
        """Tags that belong to this field."""
        if self.type == "checkbox":
            return frozenset({self.tag} if self.tag else ())
        return frozenset(one.value for one in self.options) if self.type in LISTS else frozenset()

    def tags_of(self, value: Any) -> set[str]:
        """Tags that a ticket has because of this value."""
        match self.type:
            case "checkbox":
                return {self.tag} if value is True and self.tag else set()
            case "tagger":
                return {value} if value else set()
            case "multiselect":
                return set(value or ())
        return set()

    def shown(self, base: str, stamp: str) -> dict[str, Any]:
        said: dict[str, Any] = {
            "url": f"{base}/api/v2/ticket_fields/{self.id}.json",
            "id": self.id,
            "type": self.type,
            "title": self.title,
            "raw_title": self.title,
            "description": self.title,
            "raw_description": self.title,
            "position": 0,
            "active": self.active,
            "required": self.required,
            "collapsed_for_agents": False,
            "regexp_for_validation": self.regexp,
            "title_in_portal": self.title,
            "raw_title_in_portal": self.title,
            "visible_in_portal": True,
            "editable_in_portal": False,
            "required_in_portal": False,
            "tag": self.tag,
            "created_at": stamp,
            "updated_at": stamp,
            "removable": not self.system,
            "agent_description": None,
        }
        if self.system and self.options:
            said["system_field_options"] = [{"name": one.name, "value": one.value} for one in self.options]
        elif self.type in LISTS:
            said["custom_field_options"] = [
                {"id": one.id, "name": one.name, "raw_name": one.name, "value": one.value, "default": False}
                for one in self.options
            ]
        return said


@dataclass(slots=True)
class Form:
    id: int
    name: str
    fields: list[int]
    created: datetime
    default: bool = False
    active: bool = True

    def shown(self, base: str, stamp: str) -> dict[str, Any]:
        return {
            "url": f"{base}/api/v2/ticket_forms/{self.id}.json",
            "id": self.id,
            "name": self.name,
            "raw_name": self.name,
            "display_name": self.name,
            "raw_display_name": self.name,
            "end_user_visible": True,
            "position": 1,
            "ticket_field_ids": self.fields,
            "active": self.active,
            "default": self.default,
            "in_all_brands": True,
            "restricted_brand_ids": [],
            "end_user_conditions": [],
            "agent_conditions": [],
            "created_at": stamp,
            "updated_at": stamp,
        }


@dataclass(slots=True)
class Status:
    """A status by the account's own name, in one of the vendor's categories."""

    id: int
    category: str
    label: str
    created: datetime
    default: bool = False
    active: bool = True

    def shown(self, base: str, stamp: str) -> dict[str, Any]:
        return {
            "url": f"{base}/api/v2/custom_statuses/{self.id}.json",
            "id": self.id,
            "status_category": self.category,
            "agent_label": self.label,
            "end_user_label": self.label,
            "description": "",
            "end_user_description": "",
            "raw_agent_label": self.label,
            "raw_end_user_label": self.label,
            "raw_description": "",
            "raw_end_user_description": "",
            "active": self.active,
            "default": self.default,
            "created_at": stamp,
            "updated_at": stamp,
        }


SYSTEM_FIELDS = (
    ("subject", "Subject", False, ()),
    ("description", "Description", False, ()),
    ("status", "Status", False, (("New", "new"), ("Open", "open"), ("Pending", "pending"), ("On-hold", "hold"),
                                 ("Solved", "solved"), ("Closed", "closed"))),
    ("tickettype", "Type", False, tuple((one.capitalize(), one) for one in TYPES)),
    ("priority", "Priority", False, tuple((one.capitalize(), one) for one in PRIORITIES)),
    ("group", "Group", False, ()),
    ("assignee", "Assignee", True, ()),
)  # fmt: skip
"""(type, title, required, options)"""

CUSTOM_FIELDS: tuple[tuple[str, str, tuple[tuple[str, str], ...]], ...] = (
    ("textarea", "Impact on customers", ()),
    ("text", "Root cause", ()),
    ("tagger", "Severity", (("Sev 1 – Critical", "sev_1"), ("Sev 2 – Major", "sev_2"), ("Sev 3 – Minor", "sev_3"))),
    ("multiselect", "Regions", (("Europe", "region_eu"), ("America", "region_us"), ("Asia", "region_asia"))),
    ("checkbox", "Escalated to engineering", ()),
    ("integer", "Customers affected", ()),
    ("decimal", "Lost revenue", ()),
    ("date", "Promised by", ()),
    ("regexp", "Order number", ()),
)
"""(type, title, options)"""

STATUS_LABELS = (("new", "New"), ("open", "Open"), ("pending", "Pending"), ("hold", "On-hold"), ("solved", "Solved"))
