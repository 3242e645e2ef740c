"""The shape of the product as code. Things are named by key or e-mail address, never by id, so a document moves between
installations. Secrets are not in it: no passwords, no keys. Absences are empty texts, because TOML has no null.
"""

from datetime import date
from typing import Any

import msgspec


class Part(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A piece of the document. A field that nobody knows is refused: it is mostly a typing mistake."""


class Person(Part):
    email: str
    name: str
    roles: list[str] = []
    time_zone: str = "UTC"
    phone: str = ""
    active: bool = True


class Team(Part):
    key: str
    name: str
    time_zone: str = "UTC"
    email: str = ""
    manager: str = ""
    members: list[str] = []
    leads: list[str] = []


class Status(Part):
    key: str
    name: str
    category: str


class Category(Part):
    key: str
    name: str
    type_class: str
    parent: str = ""
    impact: str = ""
    urgency: str = ""
    team: str = ""


class Priority(Part):
    key: str
    name: str
    definition: str
    response_minutes: int
    resolution_minutes: int
    update_minutes: int
    pages: str
    """How loudly people are paged: high or low."""
    common: int
    tells: list[str] = []


class CustomField(Part):
    key: str
    name: str
    kind: str
    choices: list[str] = []
    hint: str = ""
    retired: bool = False


class Domain(Part):
    key: str
    name: str
    workflow: str
    closure_policy: str
    description: str = ""
    settings: dict[str, Any] = {}
    statuses: list[Status] = []
    priorities: list[Priority] = []
    matrix: dict[str, dict[str, str]] = {}
    """impact -> urgency -> priority."""
    categories: list[Category] = []
    fields: list[CustomField] = []


class Rotation(Part):
    name: str
    kind: str
    starts_on: date
    people: list[str]
    hands_over_at: str = "09:00"
    weekday: int = -1
    """Monday is 0; -1 means the weekday of `starts_on`."""
    length: int = 1


class Schedule(Part):
    key: str
    name: str
    team: str = ""
    time_zone: str = "UTC"
    rotations: list[Rotation] = []


class Step(Part):
    targets: list[str]
    """Each `schedule:key`, `team:key` or `person:address`."""
    after_minutes: int = 0


class Policy(Part):
    key: str
    name: str
    steps: list[Step]
    team: str = ""
    repeat: int = 1
    last_wait_minutes: int = 0
    """0 means as long as its longest wait."""


class Runbook(Part):
    title: str
    url: str
    category: str = ""


class Service(Part):
    key: str
    name: str
    domain: str
    description: str = ""
    team: str = ""
    tier: int = 3
    hosting: str = "cloud"
    layer: str = "application"
    public: bool = False
    retired: bool = False
    policy: str = ""
    needs: list[str] = []
    runbooks: list[Runbook] = []


class Integration(Part):
    name: str
    kind: str
    service: str = ""
    group_by: list[str] = []
    group_minutes: int = 1440
    disabled: bool = False


class Connection(Part):
    """A tool whose items are kept in step with incidents. Its secrets are given by hand, once."""

    key: str
    tool: str
    base_url: str
    name: str = ""
    settings: dict[str, Any] = {}
    paused: bool = False


class Mapping(Part):
    name: str
    connection: str
    rules: dict[str, Any]


class Component(Part):
    key: str
    name: str
    service: str = ""
    description: str = ""
    position: int = 0


class Fallback(Part):
    """Who is told when nobody could be paged: the address of a person, or any address."""

    tells: str = ""


class StatusPage(Part):
    name: str = ""
    time_zone: str = "UTC"
