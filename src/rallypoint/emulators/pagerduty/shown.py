"""What the interface shows: incidents, notes, log entries, in the vendor's shapes."""

from datetime import UTC, datetime
from typing import Any

from rallypoint.emulators.pagerduty.account import (
    Account,
    CustomField,
    Entry,
    Incident,
    Note,
    Policy,
    Priority,
    Service,
)
from rallypoint.emulators.pagerduty.people import User


def stamp(at: datetime | None) -> str | None:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else None


class Shown:
    """Views of one account. `base` is the address of the interface, `web` that of the pages."""

    def __init__(self, account: Account, base: str, web: str) -> None:
        self.account, self.base, self.web = account, base, web

    def user(self, one: User) -> dict[str, Any]:
        return one.ref(self.base, self.web)

    def agent(self, one: User | Service) -> dict[str, Any]:
        return self.service_ref(one) if isinstance(one, Service) else self.user(one)

    def service_ref(self, one: Service) -> dict[str, Any]:
        return self._ref(one.id, "service_reference", one.name, "services", "service-directory")

    def policy_ref(self, one: Policy) -> dict[str, Any]:
        return self._ref(one.id, "escalation_policy_reference", one.name, "escalation_policies", "escalation_policies")

    def incident_ref(self, one: Incident) -> dict[str, Any]:
        return self._ref(one.id, "incident_reference", self._summary(one), "incidents", "incidents")

    def _ref(self, id: str, type: str, summary: str, path: str, page: str) -> dict[str, Any]:
        here, there = f"{self.base}/{path}/{id}", f"{self.web}/{page}/{id}"
        return {"id": id, "type": type, "summary": summary, "self": here, "html_url": there}

    def _summary(self, one: Incident) -> str:
        return f"[#{one.number}] {one.title}"

    def service(self, one: Service) -> dict[str, Any]:
        return self.service_ref(one) | {
            "type": "service",
            "name": one.name,
            "description": None,
            "status": "active",
            "auto_resolve_timeout": one.auto_resolve,
            "acknowledgement_timeout": one.ack_timeout,
            "escalation_policy": self.policy_ref(one.policy),
            "teams": [],
            "alert_creation": "create_alerts_and_incidents",
        }

    def policy(self, one: Policy) -> dict[str, Any]:
        rules = [{"id": one.id, "escalation_delay_in_minutes": 30, "targets": [self.user(user)]} for user in one.users]
        return self.policy_ref(one) | {
            "type": "escalation_policy", "name": one.name, "escalation_rules": rules, "num_loops": 0, "teams": [],
            "services": [self.service_ref(each) for each in self.account.services.values() if each.policy is one],
        }  # fmt: skip

    def priority(self, one: Priority) -> dict[str, Any]:
        return {
            "id": one.id, "type": "priority", "summary": one.name, "self": f"{self.base}/priorities/{one.id}",
            "html_url": None, "name": one.name, "description": "",
        }  # fmt: skip

    def field(self, one: CustomField) -> dict[str, Any]:
        made = {"created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-01T00:00:00Z"}
        options = [
            {"id": f"{one.id}{place}", "type": "field_option", "data": {"data_type": one.data_type, "value": value}}
            for place, value in enumerate(one.options or ())
        ]
        said: dict[str, Any] = {
            "id": one.id,
            "type": "field",
            "summary": one.display,
            "self": f"{self.base}/incidents/custom_fields/{one.id}",
            "name": one.name,
            "display_name": one.display,
            "description": None,
            "data_type": one.data_type,
            "field_type": "single_value" if one.options is None else "single_value_fixed",
            "default_value": None,
            "namespace": "incidents",
            **made,
        }
        return said | ({} if one.options is None else {"field_options": [each | made for each in options]})

    def values(self, one: Incident) -> list[dict[str, Any]]:
        return [
            {
                "id": each.id, "type": "field_value", "name": each.name, "display_name": each.display,
                "description": None, "data_type": each.data_type,
                "field_type": "single_value" if each.options is None else "single_value_fixed",
                "value": one.custom.get(each.name),
            }
            for each in self.account.fields.values()
        ]  # fmt: skip

    def incident(self, one: Incident, include: frozenset[str] = frozenset()) -> dict[str, Any]:
        said = self.incident_ref(one) | {
            "type": "incident",
            "incident_number": one.number,
            "title": one.title,
            "created_at": stamp(one.created),
            "updated_at": stamp(one.updated),
            "status": one.status,
            "incident_key": one.key,
            "service": self.service_ref(one.service),
            "assignments": [{"at": stamp(at), "assignee": self.user(user)} for at, user in one.assigned],
            "assigned_via": "direct_assignment" if one.directly else "escalation_policy",
            "acknowledgements": [{"at": stamp(at), "acknowledger": self.user(user)} for at, user in one.acknowledged],
            "last_status_change_at": stamp(one.changed[0]),
            "last_status_change_by": self.agent(one.changed[1]),
            "resolved_at": stamp(one.resolved),
            "alert_counts": {"all": 0, "triggered": 0, "resolved": 0},
            "is_mergeable": True,
            "incident_type": {"name": "incident_default"},
            "escalation_policy": self.policy_ref(one.policy),
            "teams": [],
            "pending_actions": [],
            "first_trigger_log_entry": self._entry_ref(one, one.log[0]),
            "urgency": one.urgency,
            "priority": self.priority(one.priority) if one.priority else None,
            "resolve_reason": {"type": "merge_resolve_reason", "incident": self.incident_ref(one.merged)}
            if one.merged
            else None,
        }
        if "custom_fields" in include:
            said["custom_fields"] = self.values(one)
        if "body" in include and one.details:
            said["body"] = {"type": "incident_body", "details": one.details}
        return said

    def note(self, one: Note) -> dict[str, Any]:
        return {
            "id": one.id, "user": self.user(one.by), "channel": {"summary": "The PagerDuty website or APIs"},
            "content": one.content, "created_at": stamp(one.created), "updated_at": stamp(one.updated),
        }  # fmt: skip

    def _entry_ref(self, one: Incident, entry: Entry) -> dict[str, Any]:
        return {
            "id": entry.id, "type": f"{entry.type}_reference", "summary": entry.summary,
            "self": f"{self.base}/log_entries/{entry.id}?incident_id={one.id}",
            "html_url": f"{self.web}/incidents/{one.id}/log_entries/{entry.id}",
        }  # fmt: skip

    def entry(self, one: Incident, entry: Entry, include: frozenset[str] = frozenset()) -> dict[str, Any]:
        """What it was done through is told in full only when that is asked for."""
        channel = entry.channel if "channels" in include else {"type": entry.channel["type"]}
        more = {
            name: [self.user(each) for each in value] if name == "assignees" else value
            for name, value in entry.more.items()
        }
        return (
            self._entry_ref(one, entry)
            | {
                "type": entry.type,
                "created_at": stamp(entry.at),
                "agent": self.agent(entry.by),
                "channel": channel,
                "service": self.service_ref(one.service),
                "incident": self.incident_ref(one),
                "teams": [],
                "contexts": [],
            }
            | more
        )

    def told(self, one: Incident) -> dict[str, Any]:
        """As webhooks have it, with some names of their own."""
        said = self.incident(one)
        kept = ("id", "type", "self", "html_url", "status", "incident_key", "created_at", "title", "service",
                "escalation_policy", "teams", "priority", "urgency", "resolve_reason")  # fmt: skip
        return {name: said[name] for name in kept} | {
            "number": one.number,
            "assignees": [self.user(user) for _, user in one.assigned],
            "conference_bridge": None,
        }
