"""Service hooks: subscriptions, what they send, and how they give up on who does not answer well.

Passing failures (408, 502, 503, 504, no answer) are tried again up to eight times; others put the subscription on
probation, where events are lost but for the one that probes; 410 disables it at once.
"""

import base64
import json
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import httpx2

from rallypoint.emulators.azure_devops.organization import Item, Organization
from rallypoint.emulators.azure_devops.people import User
from rallypoint.emulators.azure_devops.refusals import Refusal
from rallypoint.emulators.azure_devops.shown import Shown, stamp
from rallypoint.emulators.base import DELIVERY_SECONDS, Deliveries, Delivery

EVENTS = ("workitem.created", "workitem.updated", "workitem.deleted", "workitem.restored", "workitem.commented")
PASSING = (408, 502, 503, 504, None)
WAITS = (1, 2, 4, 8, 16, 32, 60, 60)
PROBES = (20, 40, 80, 160, 320, 640, 1280)
MASKED = "********"
SECRET_INPUTS = ("basicAuthPassword", "httpHeaders")
LOOPBACK = ("http://127.0.0.1", "http://localhost")
DONE_MOST = 1000


@dataclass(slots=True)
class Subscription:
    id: str
    by: User
    event: str
    publisher_inputs: dict[str, str]
    consumer_inputs: dict[str, str]
    created: datetime
    resource_version: str = "1.0"
    status: str = "enabled"
    probes: int = 0
    last_probe: datetime | None = None


@dataclass(slots=True)
class Notification:
    """One event for one subscription, from when it happened until it is delivered or given up."""

    id: int
    subscription: str
    event_id: str
    body: dict[str, Any]
    created: datetime
    due: datetime
    attempts: int = 0
    status: str = "queued"
    result: str = "pending"
    probing: bool = False
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(Delivery):
    """A delivery that knows which notification it is."""

    number: int = 0


class Outgoing(Deliveries):
    """Deliveries whose answers are told to the hooks. What is held and released counts like any other."""

    def __init__(self) -> None:
        super().__init__()
        self.hooks: Hooks | None = None

    async def _send(self, deliveries: Sequence[Delivery]) -> None:
        async with httpx2.AsyncClient(verify=_trust(), trust_env=False, timeout=DELIVERY_SECONDS) as client:
            for one in deliveries:
                try:
                    answer = await client.post(one.url, content=one.body, headers=dict(one.headers))
                    status: int | None = answer.status_code
                except httpx2.HTTPError:
                    status = None
                self.answers.append(status)
                if self.hooks is not None and isinstance(one, Notice):
                    self.hooks.answered(one.number, status)


@cache
def _trust() -> ssl.SSLContext:
    return ssl.create_default_context()


@dataclass(slots=True)
class Hooks:
    """All subscriptions of an organisation. `pump` sends what is due; it is called after every save and every tick."""

    organization: Organization
    deliveries: Outgoing
    base: str = ""
    subscriptions: dict[str, Subscription] = field(default_factory=dict)
    notifications: dict[int, Notification] = field(default_factory=dict)
    _last: int = 0

    def __post_init__(self) -> None:
        self.deliveries.hooks = self
        self.organization.listeners.append(self._happened)

    # Subscriptions.

    def subscribe(self, said: Any, by: User) -> Subscription:
        made = self._read(said, by, self.organization.new_id(), self.organization.clock.now(), None)
        self.subscriptions[made.id] = made
        return made

    def replace(self, id: str, said: Any, by: User) -> Subscription:
        before = self.find(id)
        self.subscriptions[id] = made = self._read(said, by, id, before.created, before)
        return made

    def find(self, id: str) -> Subscription:
        if id not in self.subscriptions:
            said = f"The subscription {id} does not exist."
            raise Refusal(404, said, "SubscriptionNotFoundException")
        return self.subscriptions[id]

    def _read(self, said: Any, by: User, id: str, created: datetime, before: Subscription | None) -> Subscription:
        if not by.hooks:
            raise Refusal(
                403, "TF50309: You do not have the permission to edit subscriptions.", "AccessDeniedException"
            )
        if not isinstance(said, dict):
            raise _wrong("The subscription cannot be read.")
        demanded = {"publisherId": "tfs", "consumerId": "webHooks", "consumerActionId": "httpRequest"}
        for name, value in demanded.items():
            if said.get(name) != value:
                raise _wrong(f"{name} must be {value}.")
        if said.get("eventType") not in EVENTS:
            raise _wrong(f"The event type {said.get('eventType')} is not one of this publisher.")
        inputs = {name: str(value) for name, value in (said.get("consumerInputs") or {}).items()}
        published = {name: str(value) for name, value in (said.get("publisherInputs") or {}).items()}
        for name in SECRET_INPUTS:
            if inputs.get(name) == MASKED and before is not None:
                inputs[name] = before.consumer_inputs.get(name, "")
        url = inputs.get("url", "")
        if not url.startswith(("https://", "http://")):
            raise _wrong("The input url must be an address.")
        if inputs.get("basicAuthPassword") and url.startswith("http://") and not url.startswith(LOOPBACK):
            raise _wrong("Basic authentication needs an HTTPS address.")
        if published.get("projectId"):
            published["projectId"] = self.organization.project(published["projectId"]).id
        status = str(said.get("status") or "enabled")
        return Subscription(
            id, by, said["eventType"], published, inputs, created,
            status=status if status in ("enabled", "disabledByUser") else "enabled",
        )  # fmt: skip

    def shown(self, one: Subscription) -> dict[str, Any]:
        inputs = {name: MASKED if name in SECRET_INPUTS and value else value
                  for name, value in one.consumer_inputs.items()}  # fmt: skip
        said: dict[str, Any] = {
            "id": one.id,
            "url": f"{self.base}/_apis/hooks/subscriptions/{one.id}",
            "status": one.status,
            "publisherId": "tfs",
            "eventType": one.event,
            "subscriber": None,
            "resourceVersion": one.resource_version,
            "eventDescription": "Any",
            "consumerId": "webHooks",
            "consumerActionId": "httpRequest",
            "actionDescription": f"To host {httpx2.URL(one.consumer_inputs['url']).host}",
            "probationRetries": str(one.probes),
            "createdBy": one.by.ref(self.base),
            "createdDate": stamp(one.created),
            "modifiedBy": one.by.ref(self.base),
            "modifiedDate": stamp(one.created),
            "publisherInputs": one.publisher_inputs,
            "consumerInputs": inputs,
        }
        return said | ({"lastProbationRetryDate": stamp(one.last_probe)} if one.last_probe else {})

    def notified(self, one: Notification) -> dict[str, Any]:
        return {
            "id": one.id,
            "subscriptionId": one.subscription,
            "eventId": one.event_id,
            "status": one.status,
            "result": one.result,
            "createdDate": stamp(one.created),
            "details": {"requestAttempts": one.attempts, "errorMessage": one.said},
        }

    # Events.

    def _happened(self, event: str, item: Item) -> None:
        project = self.organization.projects[item.project]
        for one in self.subscriptions.values():
            if one.event != event or one.status in ("disabledBySystem", "disabledByUser"):
                continue
            if one.publisher_inputs.get("projectId") not in (None, "", project.id):
                continue
            if one.publisher_inputs.get("workItemType") not in (None, "", item.type):
                continue
            if not self._changed(one, item):
                continue
            self._queue(one, event, item)
        self.pump()

    def _changed(self, one: Subscription, item: Item) -> bool:
        wanted = one.publisher_inputs.get("changedFields")
        if one.event != "workitem.updated" or not wanted:
            return True
        before = item.revisions[-2].fields if len(item.revisions) > 1 else {}
        return before.get(wanted) != item.last.fields.get(wanted)

    def _queue(self, one: Subscription, event: str, item: Item) -> None:
        self._last += 1
        now, event_id = self.organization.clock.now(), self.organization.new_id()
        body = self._body(one, event, item, self._last, event_id)
        made = Notification(self._last, one.id, event_id, body, now, now)
        if one.status == "onProbation":
            made.status, made.result, made.said = "completed", "filtered", "The subscription is on probation."
        self.notifications[made.id] = made
        for old in [number for number, each in self.notifications.items() if each.status == "completed"][:-DONE_MOST]:
            del self.notifications[old]

    def pump(self) -> None:
        """Sends every notification that is due."""
        now = self.organization.clock.now()
        for one in self.notifications.values():
            if one.status != "queued" or one.due > now:
                continue
            subscription = self.subscriptions.get(one.subscription)
            if subscription is None or subscription.status.startswith("disabled"):
                one.status, one.result = "completed", "failed"
                continue
            one.status = "requestInProgress"
            one.attempts += 1
            self.deliveries.put(self._notice(subscription, one))

    def _notice(self, one: Subscription, told: Notification) -> Notice:
        inputs = one.consumer_inputs
        headers = {"Content-Type": "application/json; charset=utf-8"}
        for line in inputs.get("httpHeaders", "").split("\n"):
            name, found, value = line.partition(":")
            if found and name.strip():
                headers[name.strip()] = value.strip()
        if inputs.get("basicAuthUsername") or inputs.get("basicAuthPassword"):
            pair = f"{inputs.get('basicAuthUsername', '')}:{inputs.get('basicAuthPassword', '')}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        return Notice(url=inputs["url"], body=json.dumps(told.body).encode(), headers=headers, number=told.id)

    def answered(self, number: int, status: int | None) -> None:
        """What the other side said decides what becomes of the notification and of its subscription."""
        one = self.notifications.get(number)
        subscription = self.subscriptions.get(one.subscription) if one is not None else None
        if one is None or subscription is None or one.status == "completed":
            return
        now = self.organization.clock.now()
        if status is not None and 200 <= status < 300:
            one.status, one.result = "completed", "succeeded"
            if subscription.status == "onProbation":
                subscription.status, subscription.probes = "enabled", 0
            return
        one.said = f"The request failed with {status}."
        if status == 410:
            one.status, one.result, subscription.status = "completed", "failed", "disabledBySystem"
        elif one.probing or status not in PASSING or one.attempts > len(WAITS):
            self._probation(subscription, one, now)
        else:
            one.status, one.due = "queued", now + timedelta(seconds=WAITS[one.attempts - 1])

    def _probation(self, subscription: Subscription, one: Notification, now: datetime) -> None:
        if subscription.status == "onProbation" and not one.probing:
            one.status, one.result = "completed", "failed"
            return
        subscription.status, one.probing = "onProbation", True
        if subscription.probes >= len(PROBES):
            one.status, one.result, subscription.status = "completed", "failed", "disabledBySystem"
            return
        one.status, one.due = "queued", now + timedelta(seconds=PROBES[subscription.probes])
        subscription.probes += 1
        subscription.last_probe = now

    # Payloads.

    def _body(self, one: Subscription, event: str, item: Item, number: int, event_id: str) -> dict[str, Any]:
        shown = Shown(self.organization, self.base)
        said = f"{item.type} #{item.id} ({item.last.fields.get('System.Title', '')}) {event.partition('.')[2]} by " \
               f"{item.last.by.name}."  # fmt: skip
        message = {"text": said, "html": said, "markdown": said}
        project = self.organization.projects[item.project]
        details = one.consumer_inputs.get("resourceDetailsToSend", "all")
        resource: dict[str, Any] | None = self._resource(shown, event, item)
        if details == "minimal":
            resource = {"id": resource["id"], "url": resource["url"]} if resource else None
        elif details == "none":
            resource = None
        return {
            "subscriptionId": one.id,
            "notificationId": number,
            "id": event_id,
            "eventType": event,
            "publisherId": "tfs",
            "message": message if one.consumer_inputs.get("messagesToSend", "all") != "none" else None,
            "detailedMessage": message if one.consumer_inputs.get("detailedMessagesToSend", "all") != "none" else None,
            "resource": resource,
            "resourceVersion": "1.0",
            "resourceContainers": {
                "collection": {"id": self.organization.name, "baseUrl": f"{self.base}/"},
                "account": {"id": self.organization.name, "baseUrl": f"{self.base}/"},
                "project": {"id": project.id, "baseUrl": f"{self.base}/"},
            },
            "createdDate": stamp(self.organization.clock.now()),
        }

    def _resource(self, shown: Shown, event: str, item: Item) -> dict[str, Any]:
        """For `updated` it is the update: its id is the update's number, the item is in workItemId."""
        last = item.last
        whole: dict[str, Any] = {"id": item.id, "rev": last.rev, "fields": shown.fields(last, text=True)}
        if last.relations:
            whole["relations"] = shown.relations(last.relations)
        if event != "workitem.updated":
            if last.comment is not None:
                number, version = last.comment
                url = f"{shown.url(item)}/comments/{number}/versions/{version}"
                whole["commentVersionRef"] = {"commentId": number, "version": version, "url": url}
            return whole | {"_links": shown.links(item), "url": shown.url(item)}
        update = shown.update(item, len(item.revisions) - 1, text=True)
        return update | {
            "_links": {"self": {"href": update["url"]}, "parent": {"href": shown.url(item)}},
            "revision": whole | {"url": f"{shown.url(item)}/revisions/{last.rev}"},
        }


def _wrong(why: str) -> Refusal:
    return Refusal(400, why, "SubscriptionInputException")
