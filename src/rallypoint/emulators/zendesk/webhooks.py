"""Webhooks and the triggers that use them: signed, tried again, and cut off from who answers badly too often.

A trigger runs at each update that fits its conditions and fills its text with the ticket. A refusal with 409 is tried
three times more, 429 and 503 when they name a wait below a minute, no answer five times; everything else is lost.
"""

import base64
import hashlib
import hmac
import json
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import httpx2
import msgspec

from rallypoint.emulators.base import Deliveries, Delivery
from rallypoint.emulators.zendesk.desk import Desk
from rallypoint.emulators.zendesk.refusals import Refusal, invalid, not_found
from rallypoint.emulators.zendesk.shown import ACCOUNT, stamp
from rallypoint.emulators.zendesk.tickets import Audit, Ticket

TIMEOUT = 12.0
BY_TRIGGER = "conditional_ticket_events"
CONFLICTS, SILENCES, WAITS = 3, 5, 5
NAP = timedelta(seconds=2)
WINDOW = timedelta(minutes=5)
BREAK = timedelta(seconds=5)
KEPT = 1000
PLACEHOLDER = re.compile(r"\{\{\s*([a-z0-9_.]+)\s*\}\}")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
FORMATS = ("json", "xml", "form_encoded")


@dataclass(slots=True)
class Webhook:
    """One address. `failures` and `answers` are of the last five minutes, for the circuit breaker."""

    id: str
    name: str
    endpoint: str
    secret: str
    created: datetime
    by: int
    method: str = "POST"
    format: str = "json"
    status: str = "active"
    subscriptions: list[str] = field(default_factory=lambda: [BY_TRIGGER])
    authentication: dict[str, Any] | None = None
    headers: dict[str, str] = field(default_factory=dict)
    recent: list[tuple[datetime, bool]] = field(default_factory=list)
    broken_until: datetime | None = None


@dataclass(slots=True)
class Invocation:
    """One event for one webhook, from when it happened until it is delivered or lost."""

    id: str
    webhook: str
    body: bytes
    created: datetime
    due: datetime
    status: str = "pending"
    attempts: list[tuple[datetime, int | None]] = field(default_factory=list)


@dataclass(slots=True)
class Trigger:
    id: int
    title: str
    conditions: dict[str, list[dict[str, Any]]]
    actions: list[dict[str, Any]]
    created: datetime
    active: bool = True
    description: str = ""
    category: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(Delivery):
    """A delivery that knows which invocation it is."""

    invocation: str = ""


class Outgoing(Deliveries):
    """Deliveries whose answers are told to the webhooks. What is held and released counts like any other."""

    def __init__(self) -> None:
        super().__init__()
        self.webhooks: Webhooks | None = None

    async def _send(self, deliveries: Sequence[Delivery]) -> None:
        async with httpx2.AsyncClient(verify=_trust(), trust_env=False, timeout=TIMEOUT) as client:
            for one in deliveries:
                wait: float | None = None
                try:
                    answer = await client.post(one.url, content=one.body, headers=dict(one.headers))
                    status: int | None = answer.status_code
                    said = answer.headers.get("retry-after", "")
                    wait = float(said) if said.isdigit() else None
                except httpx2.HTTPError:
                    status = None
                self.answers.append(status)
                if self.webhooks is not None and isinstance(one, Notice):
                    self.webhooks.answered(one.invocation, status, wait)


@cache
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()


@dataclass(slots=True)
class Webhooks:
    """All webhooks and triggers of a desk. `pump` sends what is due; it is called after every update and tick."""

    desk: Desk
    deliveries: Outgoing
    base: str = ""
    all: dict[str, Webhook] = field(default_factory=dict)
    triggers: dict[int, Trigger] = field(default_factory=dict)
    invocations: dict[str, Invocation] = field(default_factory=dict)
    most_errors: int = 1000
    least_answers: int = 100
    """How many answers within the window make their share of errors count."""

    def __post_init__(self) -> None:
        self.deliveries.webhooks = self
        self.desk.listeners.append(self._happened)

    def kept(self) -> dict[str, Any]:
        return {"all": self.all, "triggers": self.triggers}

    def take_up(self, kept: dict[str, Any]) -> None:
        """Webhooks with their secrets, and triggers. What was on its way is lost, as with a restart of theirs."""
        self.all = msgspec.convert(kept["all"], dict[str, Webhook])
        self.triggers = msgspec.convert(kept["triggers"], dict[int, Trigger])

    # Webhooks.

    def save(self, said: Any, by: int, before: Webhook | None = None) -> Webhook:
        """Made, or changed: what is not named stays as it was."""
        if not isinstance(said, dict):
            raise invalid("webhook", "Webhook: is missing")
        made = before or Webhook(self._new_key(), "", "", self.new_secret(), self.desk.now(), by)
        given = {"http_method": made.method, "request_format": made.format, "status": made.status, "name": made.name,
                 "endpoint": made.endpoint, "subscriptions": made.subscriptions, **said}  # fmt: skip
        if not given["name"] or not str(given["endpoint"]).startswith(("https://", "http://")):
            raise _wrong("Name and a valid endpoint are needed.")
        if given["http_method"] not in METHODS or given["request_format"] not in FORMATS:
            raise _wrong("The http_method or the request_format is not one of those that are allowed.")
        if given["status"] not in ("active", "inactive"):
            raise _wrong("The status must be active or inactive.")
        subscriptions = list(given["subscriptions"] or [])
        if before is not None and (BY_TRIGGER in subscriptions) != (BY_TRIGGER in before.subscriptions):
            raise _wrong("The connection method of a webhook cannot be changed.")
        made.name, made.endpoint, made.status = str(given["name"]), str(given["endpoint"]), given["status"]
        made.method, made.format, made.subscriptions = given["http_method"], given["request_format"], subscriptions
        made.authentication = given.get("authentication", made.authentication)
        made.headers = {str(name): str(value) for name, value in (given.get("custom_headers") or made.headers).items()}
        self.all[made.id] = made
        return made

    def find(self, id: str) -> Webhook:
        if id not in self.all:
            raise Refusal(404, {"errors": [{"code": "WebhookNotFound", "title": "Webhook not found"}]})
        return self.all[id]

    def new_secret(self) -> str:
        return base64.b64encode(bytes.fromhex(self.desk.new_key())).decode()

    def _new_key(self) -> str:
        return "01" + self.desk.new_key()[:24].upper()

    def shown(self, one: Webhook) -> dict[str, Any]:
        said: dict[str, Any] = {
            "id": one.id,
            "name": one.name,
            "status": one.status,
            "subscriptions": one.subscriptions,
            "created_at": stamp(one.created),
            "created_by": str(one.by),
            "updated_at": stamp(one.created),
            "updated_by": str(one.by),
            "endpoint": one.endpoint,
            "http_method": one.method,
            "request_format": one.format,
        }
        if one.authentication:
            said["authentication"] = {"type": one.authentication.get("type"), "add_position": "header"}
        return said

    def invoked(self, one: Invocation) -> dict[str, Any]:
        last = one.attempts[-1] if one.attempts else (one.created, None)
        return {
            "id": one.id,
            "latest_completed_at": stamp(last[0]),
            "status_code": last[1],
            "status": one.status,
        }

    # Triggers.

    def save_trigger(self, said: Any, before: Trigger | None = None) -> Trigger:
        if not isinstance(said, dict):
            raise invalid("trigger", "Trigger: is missing")
        made = before or Trigger(self.desk.new_id(), "", {}, [], self.desk.now())
        title = str(said.get("title", made.title) or "")
        conditions, actions = said.get("conditions", made.conditions), said.get("actions", made.actions)
        if not title:
            raise invalid("title", "Title: cannot be blank", "BlankValue")
        rows = [*(conditions.get("all") or []), *(conditions.get("any") or [])] if isinstance(conditions, dict) else []
        if not rows or not actions:
            raise invalid("base", "Trigger: needs at least one condition and one action")
        if any(one.get("field") not in CONDITIONS for one in rows):
            raise invalid("base", "Trigger: a condition is not known")
        for one in actions:
            if one.get("field") == "notification_webhook":
                webhook = self.find(str(one["value"][0]))
                if BY_TRIGGER not in webhook.subscriptions:
                    raise invalid("base", "Trigger: the webhook is not meant for triggers")
        made.title, made.conditions, made.actions = title, conditions, list(actions)
        made.active = bool(said.get("active", made.active))
        made.description = str(said.get("description", made.description) or "")
        self.triggers[made.id] = made
        return made

    def find_trigger(self, id: int) -> Trigger:
        if id not in self.triggers:
            raise not_found()
        return self.triggers[id]

    def shown_trigger(self, one: Trigger) -> dict[str, Any]:
        return {
            "url": f"{self.base}/api/v2/triggers/{one.id}.json",
            "id": one.id,
            "title": one.title,
            "raw_title": one.title,
            "active": one.active,
            "updated_at": stamp(one.created),
            "created_at": stamp(one.created),
            "default": False,
            "actions": one.actions,
            "conditions": {"all": one.conditions.get("all") or [], "any": one.conditions.get("any") or []},
            "description": one.description,
            "position": 1,
            "category_id": one.category or "1",
        }

    # Events.

    def _happened(self, ticket: Ticket, audit: Audit, kind: str) -> None:
        for one in self.triggers.values():
            if one.active and self._fits(one, ticket, audit, kind):
                for action in one.actions:
                    if action.get("field") == "notification_webhook":
                        self._queue(self.all.get(str(action["value"][0])), str(action["value"][1]), ticket, audit)
        self.pump()

    def _fits(self, one: Trigger, ticket: Ticket, audit: Audit, kind: str) -> bool:
        every, some = one.conditions.get("all") or [], one.conditions.get("any") or []
        hold = [self._holds(each, ticket, audit, kind) for each in every]
        return all(hold) and (not some or any(self._holds(each, ticket, audit, kind) for each in some))

    def _holds(self, condition: dict[str, Any], ticket: Ticket, audit: Audit, kind: str) -> bool:
        name, op, value = condition["field"], condition.get("operator", "is"), str(condition.get("value"))
        changed = {str(each.get("field_name")) for each in audit.events}
        if op == "changed":
            return name in changed
        if name == "update_type":
            found = {kind}
        elif name == "role":
            author = self.desk.users[audit.author]
            found = {str(author.id), author.role, "agent" if author.agent else "end_user"}
        elif name == "comment_is_public":
            comments = [each for each in ticket.comments if each.audit == audit.id]
            found = {"not_relevant"} if comments else set()
            found |= {str(each.public).lower() for each in comments}
        elif name == "current_tags":
            return bool(bool(set(value.split()) & ticket.state.tags) == (op != "not_includes"))
        else:
            found = {str(ticket[name])}
        return bool((value in found) == (op != "is_not"))

    def _queue(self, webhook: Webhook | None, template: str, ticket: Ticket, audit: Audit) -> None:
        if webhook is None or webhook.status != "active":
            return
        body = PLACEHOLDER.sub(lambda found: self._filled(found[1], ticket, audit), template).encode()
        now = self.desk.clock.now()
        made = Invocation(self._new_key(), webhook.id, body, now, now)
        if webhook.broken_until is not None and now < webhook.broken_until:
            made.status = "circuit broken"
        self.invocations[made.id] = made
        for old in [id for id, each in self.invocations.items() if each.status != "pending"][:-KEPT]:
            del self.invocations[old]

    def _filled(self, name: str, ticket: Ticket, audit: Audit) -> str:
        """A placeholder's words, made fit for the inside of a JSON text."""
        words: dict[str, Any] = {
            "ticket.id": ticket.id,
            "ticket.title": ticket["subject"],
            "ticket.status": str(ticket["status"]).capitalize(),
            "ticket.priority": ticket["priority"],
            "ticket.external_id": ticket["external_id"],
            "ticket.tags": " ".join(sorted(ticket.state.tags)),
            "ticket.updated_at_with_timestamp": stamp(ticket.updated),
            "ticket.latest_comment": ticket.comments[-1].body if ticket.comments else "",
            "current_user.id": audit.author,
            "current_user.name": self.desk.users[audit.author].name,
        }
        value = words.get(name)
        return "" if value is None else json.dumps(str(value), ensure_ascii=False)[1:-1]

    def pump(self) -> None:
        """Sends every invocation that is due."""
        now = self.desk.clock.now()
        for one in list(self.invocations.values()):
            webhook = self.all.get(one.webhook)
            if one.status != "pending" or one.due > now:
                continue
            if webhook is None or webhook.status != "active":
                one.status = "failed"
                continue
            one.status = "sent"
            self.deliveries.put(self._notice(webhook, one, now))

    def _notice(self, webhook: Webhook, one: Invocation, now: datetime) -> Notice:
        at = stamp(now)
        signature = hmac.new(webhook.secret.encode(), at.encode() + one.body, hashlib.sha256).digest()
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Zendesk Webhook",
            "X-Zendesk-Account-Id": str(ACCOUNT),
            "X-Zendesk-Webhook-Id": webhook.id,
            "X-Zendesk-Webhook-Invocation-Id": one.id,
            "X-Zendesk-Webhook-Signature": base64.b64encode(signature).decode(),
            "X-Zendesk-Webhook-Signature-Timestamp": at,
            **webhook.headers,
            **_authorization(webhook.authentication),
        }
        return Notice(url=webhook.endpoint, body=one.body, headers=headers, invocation=one.id)

    def answered(self, id: str, status: int | None, wait: float | None) -> None:
        """What the other side said decides whether it is tried again, and whether the circuit holds."""
        one = self.invocations.get(id)
        webhook = self.all.get(one.webhook) if one is not None else None
        if one is None or webhook is None or one.status not in ("sent", "pending"):
            return
        now = self.desk.clock.now()
        one.attempts.append((now, status))
        fine = status is not None and status < 400
        self._count(webhook, now, fine)
        tries = len(one.attempts)
        if fine:
            one.status = "success"
        elif status == 409 and tries <= CONFLICTS:
            one.status, one.due = "pending", now + NAP * tries
        elif status in (429, 503) and wait is not None and wait < 60 and tries <= WAITS:
            one.status, one.due = "pending", now + timedelta(seconds=wait)
        elif status is None and tries <= SILENCES:
            one.status, one.due = "pending", now + NAP * tries
        else:
            one.status = "timeout" if status is None else "failed"

    def _count(self, webhook: Webhook, now: datetime, fine: bool) -> None:
        webhook.recent = [row for row in webhook.recent if now - row[0] < WINDOW] + [(now, fine)]
        errors = sum(not row[1] for row in webhook.recent)
        share = errors / len(webhook.recent) if len(webhook.recent) >= self.least_answers else 0.0
        if fine:
            webhook.broken_until = None
        elif errors > self.most_errors or share > 0.7:
            webhook.broken_until = now + BREAK


CONDITIONS = frozenset(
    {"update_type", "role", "status", "type", "priority", "group_id", "assignee_id", "requester_id", "organization_id",
     "current_tags", "comment_is_public", "ticket_form_id", "via_id", "brand_id"}
)  # fmt: skip


def _authorization(given: dict[str, Any] | None) -> dict[str, str]:
    data = (given or {}).get("data") or {}
    match (given or {}).get("type"):
        case "bearer_token":
            return {"Authorization": f"Bearer {data.get('token', '')}"}
        case "basic_auth":
            pair = base64.b64encode(f"{data.get('username', '')}:{data.get('password', '')}".encode()).decode()
            return {"Authorization": f"Basic {pair}"}
        case "api_key":
            return {str(data.get("name", "")): str(data.get("value", ""))}
    return {}


def _wrong(why: str) -> Refusal:
    return Refusal(400, {"errors": [{"code": "InvalidWebhook", "title": why, "detail": why}]})
