"""An account with its services and incidents: what people may do with them, and what is written down of it."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from rallypoint.emulators.base import Now
from rallypoint.emulators.pagerduty.people import User
from rallypoint.emulators.pagerduty.refusals import (
    Refusal,
    already_resolved,
    arguments,
    invalid,
    not_found,
    wrong_priority,
    wrong_status,
)

TITLE_LONGEST, VALUE_LONGEST, NOTES_MOST = 1024, 200, 2000
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
Told = dict[str, Any]


@dataclass(slots=True)
class Policy:
    """Who is paged in which order; the first of `users` is on call now."""

    id: str
    name: str
    users: list[User]


@dataclass(slots=True)
class Service:
    """`auto_resolve` and `ack_timeout` in seconds; None is never."""

    id: str
    name: str
    policy: Policy
    auto_resolve: int | None = None
    ack_timeout: int | None = None


@dataclass(slots=True)
class Priority:
    id: str
    name: str


@dataclass(slots=True)
class CustomField:
    id: str
    name: str
    display: str
    data_type: str = "string"
    options: list[str] | None = None


@dataclass(slots=True)
class Note:
    id: str
    by: User
    content: str
    created: datetime
    updated: datetime


@dataclass(slots=True)
class Entry:
    """One line of an incident's log. `more` has what this type says besides."""

    id: str
    type: str
    summary: str
    at: datetime
    by: User | Service
    channel: Told
    more: Told = field(default_factory=dict)


@dataclass(slots=True)
class Incident:
    id: str
    number: int
    title: str
    service: Service
    policy: Policy
    key: str
    urgency: str
    created: datetime
    updated: datetime
    changed: tuple[datetime, User | Service]
    details: str = ""
    priority: Priority | None = None
    status: str = "triggered"
    assigned: list[tuple[datetime, User]] = field(default_factory=list)
    directly: bool = False
    acknowledged: list[tuple[datetime, User]] = field(default_factory=list)
    resolved: datetime | None = None
    merged: "Incident | None" = None
    custom: dict[str, Any] = field(default_factory=dict)
    notes: list[Note] = field(default_factory=list)
    log: list[Entry] = field(default_factory=list)


Listener = Callable[[str, Incident, User | Service, Note | None], None]
"""(event like incident.resolved, incident, who, the note it is about), after it was done."""


class Account:
    """`seed` makes its ids; two with the same seed make the same. Times have whole seconds."""

    def __init__(self, subdomain: str, clock: Now, *, seed: int) -> None:
        self.subdomain, self.clock = subdomain, clock
        self._random = random.Random(seed)
        self.users: dict[str, User] = {}
        self.policies: dict[str, Policy] = {}
        self.services: dict[str, Service] = {}
        self.priorities: list[Priority] = []
        self.fields: dict[str, CustomField] = {}
        self.incidents: dict[str, Incident] = {}
        self.hidden: set[str] = set()
        self.listeners: list[Listener] = []
        self._number = 1000

    def new_id(self, first: str = "P", length: int = 7) -> str:
        return first + "".join(self._random.choice(LETTERS) for _ in range(length - 1))

    def now(self) -> datetime:
        return self.clock.now().replace(microsecond=0)

    def incident(self, id: str) -> Incident:
        if id not in self.incidents or id in self.hidden:
            raise not_found()
        return self.incidents[id]

    def tick(self) -> None:
        """What goes by itself: what nobody took for too long is triggered again, what is old enough resolved."""
        for one in self.incidents.values():
            if one.status == "acknowledged" and self._due(one.changed[0], one.service.ack_timeout):
                self._status(one, "triggered", one.service, "unacknowledge_log_entry", "incident.unacknowledged")
            if one.status != "resolved" and self._due(one.created, one.service.auto_resolve):
                self._status(one, "resolved", one.service, "resolve_log_entry", "incident.resolved")

    def _due(self, since: datetime, seconds: int | None) -> bool:
        return seconds is not None and self.now() >= since + timedelta(seconds=seconds)

    # Incidents.

    def trigger(self, said: Told, by: User) -> Incident:
        title, service = _title(said.get("title")), self._service(said.get("service"))
        key = str(said.get("incident_key") or "") or self.new_id("", 33).lower()
        for one in self.incidents.values():
            if one.key == key and one.service is service and one.status != "resolved":
                raise arguments("Open incident with matching dedup key already exists on this service")
        urgency = self._urgency(said.get("urgency") or "high")
        priority = self._priority(said.get("priority"))
        users = self._assignees(said.get("assignments"))
        if users and said.get("escalation_policy"):
            raise invalid("Assignments cannot be specified with an escalation policy.")
        policy = self._policy(said.get("escalation_policy")) or service.policy
        body = said.get("body")
        if body is not None and (not isinstance(body, dict) or body.get("type") != "incident_body"):
            raise invalid("Body is invalid.")
        self._number += 1
        now = self.now()
        made = Incident(
            self.new_id("Q", 14), self._number, title, service, policy, key, urgency, now, now, (now, by),
            details=str((body or {}).get("details") or ""), priority=priority,
        )  # fmt: skip
        made.custom = {one.name: None for one in self.fields.values()}
        self.incidents[made.id] = made
        channel = {"type": "web_trigger", "summary": title, "subject": title, "details": made.details}
        self._log(made, "trigger_log_entry", "Triggered through the website", by, channel=channel)
        self._assign(made, users or policy.users[:1], by, directly=bool(users))
        self._tell("incident.triggered", made, by)
        return made

    def update(self, one: Incident, said: Told, by: User) -> None:
        """All of it or nothing."""
        title = _title(said["title"]) if "title" in said else one.title
        urgency = self._urgency(said["urgency"]) if "urgency" in said else one.urgency
        priority = self._priority(said["priority"]) if "priority" in said else one.priority
        users = self._assignees(said.get("assignments"))
        policy = self._policy(said.get("escalation_policy"))
        service = self._service(said["service"]) if "service" in said else one.service
        status = said.get("status")
        if status is not None:
            self._demand_step(one, status)
        self._change(one, "title", one.title, title, by)
        one.title = title
        self._change(one, "service", one.service.id, service.id, by)
        one.service = service
        if urgency != one.urgency:
            one.urgency = urgency
            self._log(one, "urgency_change_log_entry", f"Urgency changed to {urgency}", by)
        if priority is not one.priority:
            old = one.priority.id if one.priority else None
            one.priority = priority
            self._change(one, "priority", old, priority.id if priority else None, by)
            self._tell("incident.priority_updated", one, by)
        if status is not None:
            self._step(one, status, str(said.get("resolution") or ""), by)
        if policy is not None:
            one.policy = policy
            self._assign(one, policy.users[:1], by, directly=False, event="incident.delegated")
        if users:
            self._assign(one, users, by, directly=True, event="incident.reassigned")

    def _demand_step(self, one: Incident, status: object) -> None:
        if status not in ("triggered", "acknowledged", "resolved"):
            raise wrong_status()
        if status == one.status == "resolved":
            raise already_resolved()
        if status == "triggered" and one.status == "acknowledged":
            raise wrong_status()
        if one.merged is not None:
            raise Refusal(400, "Incident Already Merged", 1019)

    def _step(self, one: Incident, status: str, resolution: str, by: User) -> None:
        """Also out of resolved, which is to open it again."""
        if status == one.status and status != "acknowledged":
            return
        reopened = one.status == "resolved"
        if status == "acknowledged":
            one.acknowledged.append((self.now(), by))
            event = "incident.reopened" if reopened else "incident.acknowledged"
            self._status(one, status, by, "acknowledge_log_entry", event)
        elif status == "resolved":
            note = {"note": resolution} if resolution else {}
            self._status(one, status, by, "resolve_log_entry", "incident.resolved", note)
        else:
            self._status(one, status, by, "trigger_log_entry", "incident.reopened")
        if reopened and not one.assigned:
            self._assign(one, one.policy.users[:1], by, directly=False)

    def _status(
        self, one: Incident, status: str, by: User | Service, entry: str, event: str, more: Told | None = None
    ) -> None:
        one.status, one.changed = status, (self.now(), by)
        one.resolved = self.now() if status == "resolved" else None
        if status == "resolved":
            one.assigned, one.acknowledged = [], []
        elif status == "triggered":
            one.acknowledged = []
        self._log(one, entry, f"{status.capitalize()} by {by.name}", by, more)
        self._tell(event, one, by)

    def _assign(self, one: Incident, users: list[User], by: User, *, directly: bool, event: str = "") -> None:
        if [each for _, each in one.assigned] == users:
            return
        one.assigned, one.directly = [(self.now(), each) for each in users], directly
        names = ", ".join(each.name for each in users)
        self._log(one, "assign_log_entry", f"Assigned to {names} by {by.name}", by, {"assignees": users})
        if event:
            self._tell(event, one, by)

    def _change(self, one: Incident, name: str, old: Any, new: Any, by: User) -> None:
        if old == new:
            return
        changed = {"id": name, "name": name, "namespace": "incidents", "value": new, "old_value": old}
        channel = {"type": "api", "changeset": {"application_fields": [changed]}}
        self._log(one, "field_value_change_log_entry", f"Updated {name}", by, channel=channel)

    def set_custom(self, one: Incident, given: list[Told], by: User) -> None:
        changes: list[tuple[CustomField, Any]] = []
        for said in given:
            found = next(
                (each for each in self.fields.values() if said.get("id") == each.id or said.get("name") == each.name),
                None,
            )
            if found is None:
                raise invalid("Field not found.")
            changes.append((found, _value(found, said.get("value"))))
        rows = [
            {
                "id": each.id,
                "name": each.name,
                "namespace": "incidents",
                "value": value,
                "old_value": one.custom[each.name],
            }
            for each, value in changes
            if one.custom.get(each.name) != value
        ]
        one.custom |= {each.name: value for each, value in changes}
        if rows:
            channel = {"type": "api", "changeset": {"customer_fields": rows}}
            words = [f"Updated {row['name']} to {row['value']}" for row in rows]
            self._log(
                one, "custom_field_value_change_log_entry", "Updated custom fields", by, {"changeset": words},
                channel=channel,
            )  # fmt: skip
            self._tell("incident.custom_field_values.updated", one, by)

    def merge(self, target: Incident, sources: list[Incident], by: User) -> None:
        """What is merged is resolved, and leads to where it went."""
        if target.status == "resolved":
            raise already_resolved()
        for one in sources:
            if one.status == "resolved":
                raise already_resolved()
            one.merged = target
            self._status(one, "resolved", by, "resolve_log_entry", "incident.resolved")

    # Notes.

    def note(self, one: Incident, content: Any, by: User) -> Note:
        text = _content(content)
        if len(one.notes) >= NOTES_MOST:
            raise invalid(f"A maximum of {NOTES_MOST} notes can be added to an incident.")
        made = Note(self.new_id(), by, text, self.now(), self.now())
        one.notes.append(made)
        self._log(one, "annotate_log_entry", f"Annotated by {by.name}", by, channel={"type": "note", "summary": text})
        self._tell("incident.annotated", one, by, made)
        return made

    def find_note(self, one: Incident, id: str) -> Note:
        found = next((each for each in one.notes if each.id == id), None)
        if found is None:
            raise not_found()
        return found

    def edit_note(self, note: Note, content: Any) -> None:
        """Nothing is told of it, and the log does not change."""
        note.content, note.updated = _content(content), self.now()

    # Help.

    def _log(
        self, one: Incident, type: str, summary: str, by: User | Service, more: Told | None = None,
        channel: Told | None = None,
    ) -> None:  # fmt: skip
        at = self.now()
        one.updated = at
        one.log.append(Entry(self.new_id("R", 26), type, summary, at, by, channel or {"type": "api"}, more or {}))

    def _tell(self, event: str, one: Incident, by: User | Service, note: Note | None = None) -> None:
        for each in self.listeners:
            each(event, one, by, note)

    def _service(self, said: Any) -> Service:
        found = self.services.get(str(said.get("id"))) if isinstance(said, dict) else None
        if found is None:
            raise invalid("Service cannot be found.")
        return found

    def _policy(self, said: Any) -> Policy | None:
        if not said:
            return None
        found = self.policies.get(str(said.get("id"))) if isinstance(said, dict) else None
        if found is None:
            raise Refusal(400, "Escalation Policy Not Found", 1014)
        return found

    def _priority(self, said: Any) -> Priority | None:
        if not said:
            return None
        wanted = said.get("id") if isinstance(said, dict) else None
        found = next((one for one in self.priorities if wanted == one.id or said == one.name), None)
        if found is None:
            raise wrong_priority()
        return found

    def _urgency(self, said: Any) -> str:
        if said not in ("high", "low"):
            raise invalid("Urgency is invalid.")
        return str(said)

    def _assignees(self, said: Any) -> list[User]:
        found: list[User] = []
        for one in said or ():
            assignee = one.get("assignee") if isinstance(one, dict) else None
            user = self.users.get(str((assignee or {}).get("id")))
            if user is None:
                raise Refusal(400, "Assigned To User Not Found", 1007)
            found.append(user)
        return found


def _title(said: Any) -> str:
    title = str(said if said is not None else "").strip()
    if not title:
        raise invalid("Title cannot be empty.")
    if len(title) > TITLE_LONGEST:
        raise invalid(f"Title is too long (maximum is {TITLE_LONGEST} characters).")
    return title


def _content(said: Any) -> str:
    if not str(said if said is not None else "").strip():
        raise invalid("Content cannot be empty.")
    return str(said)


def _value(known: CustomField, value: Any) -> Any:
    if value is None:
        return None
    kinds: dict[str, tuple[type, ...]] = {
        "string": (str,),
        "integer": (int,),
        "float": (int, float),
        "boolean": (bool,),
    }
    if not isinstance(value, kinds.get(known.data_type, (str,))):
        raise invalid(f"{known.display} must be a {known.data_type}.")
    if isinstance(value, str) and len(value) > VALUE_LONGEST:
        raise invalid(f"{known.display} is too long (maximum is {VALUE_LONGEST} characters).")
    if known.options is not None and value not in known.options:
        raise invalid(f"{known.display} must be one of its options.")
    return value
