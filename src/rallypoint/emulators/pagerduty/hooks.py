"""Webhook subscriptions, version 3: signed, in order, sent again for a while, and switched off for whoever refuses."""

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from rallypoint.emulators.base import Deliveries, Delivery
from rallypoint.emulators.pagerduty.account import Account, Incident, Note, Service, Told
from rallypoint.emulators.pagerduty.people import User
from rallypoint.emulators.pagerduty.refusals import invalid, not_found
from rallypoint.emulators.pagerduty.shown import Shown, stamp

WAITS = (15, 60, 240, 900)
"""Seconds before each further try; five tries in about twenty minutes."""

DROPPED_MOST = 3
REST = timedelta(hours=24)
KINDS = ("account_reference", "service_reference", "team_reference")
REDACTED = "-- redacted --"
SPACE = UUID("0b9b5b1e-1d4d-4a8c-a5a1-7a5e6d9f0c42")


@dataclass(slots=True)
class Subscription:
    """`secrets` are several while one replaces another: a delivery is signed with each."""

    id: str
    method: str
    url: str
    events: frozenset[str]
    kind: str
    of: str
    description: str
    secrets: list[str]
    headers: list[Told]
    active: bool = True
    dropped: int = 0
    rests_until: datetime | None = None


@dataclass(slots=True)
class Waiting:
    """One event for one subscription, until it is taken or dropped."""

    id: str
    number: int
    subscription: str
    body: bytes
    due: datetime
    attempts: int = 0
    on_its_way: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel(Delivery):
    """A delivery that knows which event it is."""

    number: int = 0


class Outgoing(Deliveries):
    """Deliveries whose answers decide what becomes of them."""

    def __init__(self) -> None:
        super().__init__()
        self.hooks: Hooks | None = None

    def answered(self, delivery: Delivery, status: int | None) -> None:
        if self.hooks is not None and isinstance(delivery, Parcel):
            self.hooks.answered(delivery.number, status)


@dataclass(slots=True)
class Hooks:
    """All subscriptions of an account. `pump` sends what is due; it is called with every request and every tick."""

    account: Account
    deliveries: Outgoing
    base: str = ""
    web: str = ""
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    waiting: dict[int, Waiting] = field(default_factory=dict)
    _last: int = 0

    def __post_init__(self) -> None:
        self.deliveries.hooks = self
        self.account.listeners.append(self._happened)

    def subscribe(self, said: Told) -> Subscription:
        method = said.get("delivery_method")
        if not isinstance(method, dict) or method.get("type") != "http_delivery_method":
            raise invalid("Delivery method is invalid.")
        url = str(method.get("url") or "")
        if not url.startswith(("https://", "http://")):
            raise invalid("Url is invalid.")
        made = Subscription(
            self.account.new_id(), self.account.new_id(), url, self._events(said.get("events")), *self._filter(said),
            str(said.get("description") or ""), [self.account.new_id("", 65)], list(method.get("custom_headers") or ()),
        )  # fmt: skip
        self.subscriptions[made.id] = made
        return made

    def change(self, one: Subscription, said: Told) -> None:
        """Neither the address nor the secret can be changed."""
        if "events" in said:
            one.events = self._events(said["events"])
        if "filter" in said:
            one.kind, one.of = self._filter(said)
        one.active, one.description = (
            bool(said.get("active", one.active)),
            str(said.get("description", one.description)),
        )

    def rotate(self, one: Subscription) -> str:
        """A second secret, which signs beside the first."""
        one.secrets.insert(0, self.account.new_id("", 65))
        return one.secrets[0]

    def find(self, id: str) -> Subscription:
        if id not in self.subscriptions:
            raise not_found()
        return self.subscriptions[id]

    def _events(self, said: Any) -> frozenset[str]:
        events = frozenset(str(one) for one in said) if isinstance(said, list) else frozenset()
        if not events or any("." not in one for one in events):
            raise invalid("Events is invalid.")
        return events

    def _filter(self, said: Told) -> tuple[str, str]:
        chosen = said.get("filter")
        kind, of = (str(chosen.get("type", "")), str(chosen.get("id") or "")) if isinstance(chosen, dict) else ("", "")
        if kind not in KINDS or (kind == "service_reference" and of not in self.account.services):
            raise invalid("Filter is invalid.")
        return kind, of

    def rests(self, one: Subscription) -> bool:
        return one.rests_until is not None and one.rests_until > self.account.clock.now()

    def shown(self, one: Subscription, *, secret: bool = False) -> dict[str, Any]:
        return {
            "id": one.id,
            "type": "webhook_subscription",
            "active": one.active,
            "description": one.description,
            "delivery_method": {
                "id": one.method,
                "type": "http_delivery_method",
                "url": one.url,
                "secret": one.secrets[0] if secret else None,
                "temporarily_disabled": self.rests(one),
                "custom_headers": [
                    {**header, "value": header.get("value") if secret else REDACTED} for header in one.headers
                ],
            },
            "events": sorted(one.events),
            "filter": {"type": one.kind} | ({"id": one.of} if one.of else {}),
        }

    # Events.

    def ping(self, one: Subscription) -> None:
        data = {"message": "Hello from your friend Pagey!", "type": "ping"}
        self._queue(one, "pagey.ping", None, data, resource="pagey")

    def _happened(self, event: str, incident: Incident, by: User | Service, note: Note | None) -> None:
        shown = Shown(self.account, self.base, self.web)
        data = shown.told(incident)
        if note is not None:
            data = {
                "incident": shown.incident_ref(incident) | {"summary": incident.title}, "id": note.id,
                "content": note.content, "trimmed": False, "type": "incident_note",
            }  # fmt: skip
        for one in self.subscriptions.values():
            about = one.kind == "account_reference" or one.of == incident.service.id
            if one.active and not self.rests(one) and event in one.events and about:
                self._queue(one, event, shown.agent(by), data)
        self.pump()

    def _queue(
        self, one: Subscription, event: str, agent: Told | None, data: Told, *, resource: str = "incident"
    ) -> None:
        self._last += 1
        id = str(uuid5(SPACE, f"{self.account.subdomain}{self._last}"))
        now = self.account.clock.now()
        body = {
            "event": {
                "id": id, "event_type": event, "resource_type": resource, "occurred_at": stamp(now), "agent": agent,
                "client": None, "data": data,
            }
        }  # fmt: skip
        self.waiting[self._last] = Waiting(id, self._last, one.id, json.dumps(body).encode(), now)

    def pump(self) -> None:
        """Sends what is due. Behind an event that is to be tried again, the later ones of its subscription wait."""
        now = self.account.clock.now()
        stuck: set[str] = set()
        for one in list(self.waiting.values()):
            subscription = self.subscriptions.get(one.subscription)
            if subscription is None or self.rests(subscription):
                del self.waiting[one.number]
                continue
            if one.subscription in stuck or one.due > now:
                stuck.add(one.subscription)
                continue
            if one.on_its_way:
                continue
            one.on_its_way, one.attempts = True, one.attempts + 1
            self.deliveries.put(self._parcel(subscription, one))

    def _parcel(self, one: Subscription, event: Waiting) -> Parcel:
        signatures = [hmac.new(secret.encode(), event.body, hashlib.sha256).hexdigest() for secret in one.secrets]
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "PagerDuty-Webhook/V3.0",
            "X-Webhook-Id": event.id,
            "X-Webhook-Subscription": one.id,
            "X-PagerDuty-Signature": ",".join(f"v1={signature}" for signature in signatures),
            **{str(header.get("name")): str(header.get("value")) for header in one.headers},
        }
        return Parcel(url=one.url, body=event.body, headers=headers, number=event.number)

    def answered(self, number: int, status: int | None) -> None:
        """What the other side said decides what becomes of the event and of its subscription."""
        one = self.waiting.get(number)
        subscription = self.subscriptions.get(one.subscription) if one is not None else None
        if one is None or subscription is None:
            return
        one.on_its_way = False
        if status is not None and 200 <= status < 300:
            del self.waiting[number]
            subscription.dropped = 0
        elif (status is None or status == 429 or status >= 500) and one.attempts <= len(WAITS):
            one.due = self.account.clock.now() + timedelta(seconds=WAITS[one.attempts - 1])
        else:
            del self.waiting[number]
            subscription.dropped += 1
            if subscription.dropped >= DROPPED_MOST:
                subscription.rests_until = self.account.clock.now() + REST
        self.pump()

    def enable(self, one: Subscription) -> None:
        one.rests_until, one.dropped, one.active = None, 0, True
