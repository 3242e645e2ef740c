"""Webhooks of a repository: signed, sent once, kept as deliveries that somebody may ask to send again."""

import hashlib
import hmac
import json
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid5

from rallypoint.emulators.base import Deliveries, Delivery
from rallypoint.emulators.github.forge import Comment, Forge, Issue, Label, Repository, Told
from rallypoint.emulators.github.people import User
from rallypoint.emulators.github.refusals import Refusal, invalid, not_found
from rallypoint.emulators.github.shown import Shown, stamp

EVENTS = frozenset({"*", "issues", "issue_comment", "label", "milestone", "push", "pull_request", "repository"})
MASKED = "********"
KEPT = 500
HOST = UUID("6f1f7d5c-2d0b-4d67-9d0e-0d6a5f0e8a11")


@dataclass(slots=True)
class Hook:
    id: int
    repository: int
    events: list[str]
    config: dict[str, str]
    created: datetime
    updated: datetime
    active: bool = True
    last: dict[str, Any] = field(default_factory=lambda: {"code": None, "status": "unused", "message": None})


@dataclass(slots=True)
class Sent:
    """One try to deliver an event. A repetition has the same guid and another id."""

    id: int
    hook: int
    guid: str
    at: datetime
    event: str
    action: str | None
    headers: dict[str, str]
    payload: dict[str, Any]
    body: bytes
    redelivery: bool = False
    code: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Parcel(Delivery):
    """A delivery that knows which record it is."""

    number: int = 0


class Outgoing(Deliveries):
    """Deliveries whose answers are written down with the hooks."""

    def __init__(self) -> None:
        super().__init__()
        self.hooks: Hooks | None = None

    def answered(self, delivery: Delivery, status: int | None) -> None:
        if self.hooks is not None and isinstance(delivery, Parcel):
            self.hooks.answered(delivery.number, status)


class Hooks:
    """All webhooks of a host. `base` and `web` are its addresses as last asked for."""

    def __init__(self, forge: Forge, outgoing: Outgoing) -> None:
        self.forge, self._outgoing = forge, outgoing
        self.hooks: dict[int, Hook] = {}
        self.sent: dict[int, Sent] = {}
        self.base = self.web = ""
        outgoing.hooks = self
        forge.listeners.append(self._happened)

    def add(self, where: Repository, said: Told, by: User) -> Hook:
        config = _config(said.get("config"), {})
        if any(one.repository == where.id and one.config["url"] == config["url"] for one in self.hooks.values()):
            raise Refusal(
                422, "Validation Failed",
                errors=[{"resource": "Hook", "code": "custom", "message": "Hook already exists on this repository"}],
            )  # fmt: skip
        now = self.forge.now()
        hook = Hook(self.forge.new_id(), where.id, _events(said.get("events") or ["push"]), config, now, now)
        hook.active = bool(said.get("active", True))
        self.hooks[hook.id] = hook
        self.ping(hook, where, by)
        return hook

    def change(self, hook: Hook, said: Told) -> None:
        if "config" in said:
            hook.config = _config(said["config"], hook.config)
        if "events" in said:
            hook.events = _events(said["events"])
        hook.active = bool(said.get("active", hook.active))
        hook.updated = self.forge.now()

    def find(self, where: Repository, id: int) -> Hook:
        if id not in self.hooks or self.hooks[id].repository != where.id:
            raise not_found()
        return self.hooks[id]

    def ping(self, hook: Hook, where: Repository, by: User) -> None:
        shown = Shown(self.forge, self.base, self.web)
        body = {
            "zen": "Speak like a human.", "hook_id": hook.id, "hook": self.shown(hook, where),
            "repository": shown.repository(where, by), "sender": shown.user(by),
        }  # fmt: skip
        self._send(hook, "ping", None, body)

    def shown(self, hook: Hook, where: Repository) -> dict[str, Any]:
        here = f"{self.base}/repos/{where.full_name}/hooks/{hook.id}"
        config = {name: MASKED if name == "secret" else value for name, value in hook.config.items()}
        return {
            "type": "Repository", "id": hook.id, "name": "web", "active": hook.active, "events": hook.events,
            "config": config, "updated_at": stamp(hook.updated), "created_at": stamp(hook.created), "url": here,
            "test_url": f"{here}/test", "ping_url": f"{here}/pings", "deliveries_url": f"{here}/deliveries",
            "last_response": hook.last,
        }  # fmt: skip

    # Deliveries.

    def deliveries(self, hook: Hook) -> list[Sent]:
        """Newest first."""
        return [one for one in reversed(self.sent.values()) if one.hook == hook.id]

    def delivery(self, one: Sent, *, whole: bool) -> dict[str, Any]:
        hook = self.hooks[one.hook]
        said: dict[str, Any] = {
            "id": one.id, "guid": one.guid, "delivered_at": stamp(one.at), "redelivery": one.redelivery,
            "duration": 0.1, "status": "OK" if 200 <= one.code < 300 else "Invalid HTTP Response",
            "status_code": one.code, "event": one.event, "action": one.action, "installation_id": None,
            "repository_id": hook.repository,
        }  # fmt: skip
        if whole:
            request = {"headers": one.headers, "payload": one.payload}
            said |= {"url": hook.config["url"], "request": request, "response": {"headers": {}, "payload": ""}}
        return said

    def again(self, hook: Hook, id: int) -> None:
        before = self.sent.get(id)
        if before is None or before.hook != hook.id:
            raise not_found()
        self._post(hook, Sent(
            self.forge.new_id(), hook.id, before.guid, self.forge.now(), before.event, before.action, before.headers,
            before.payload, before.body, redelivery=True,
        ))  # fmt: skip

    def answered(self, number: int, status: int | None) -> None:
        """Nobody tries again: what was not taken stays in the list until somebody asks for it."""
        one = self.sent.get(number)
        if one is None or one.hook not in self.hooks:
            return
        one.code = status or 0
        good = status is not None and 200 <= status < 300
        self.hooks[one.hook].last = {
            "code": status, "status": "active" if good else "failed", "message": "OK" if good else "failed to connect"
        }  # fmt: skip

    def _happened(self, event: str, action: str, where: Repository, issue: Issue, by: User, more: Told) -> None:
        wanted = [
            one for one in self.hooks.values()
            if one.repository == where.id and one.active and ("*" in one.events or event in one.events)
        ]  # fmt: skip
        if not wanted:
            return
        shown = Shown(self.forge, self.base, self.web)
        body: dict[str, Any] = {"action": action, "issue": shown.issue(where, issue)}
        for name, value in more.items():
            match value:
                case Comment():
                    body[name] = shown.comment(where, issue, value)
                case Label():
                    body[name] = shown.label(where, value)
                case User():
                    body[name] = shown.user(value)
                case _:
                    body[name] = value
        body |= {"repository": shown.repository(where, None), "sender": shown.user(by)}
        for one in wanted:
            self._send(one, event, action, body)

    def _send(self, hook: Hook, event: str, action: str | None, said: dict[str, Any]) -> None:
        as_json = hook.config["content_type"] == "json"
        body = json.dumps(said).encode() if as_json else urlencode({"payload": json.dumps(said)}).encode()
        number = self.forge.new_id()
        guid = str(uuid5(HOST, str(number)))
        headers = {
            "Accept": "*/*",
            "Content-Type": "application/json" if as_json else "application/x-www-form-urlencoded",
            "User-Agent": "GitHub-Hookshot/0000000",
            "X-GitHub-Delivery": guid,
            "X-GitHub-Event": event,
            "X-GitHub-Hook-ID": str(hook.id),
            "X-GitHub-Hook-Installation-Target-ID": str(hook.repository),
            "X-GitHub-Hook-Installation-Target-Type": "repository",
        }
        if secret := hook.config.get("secret", "").encode():
            headers["X-Hub-Signature"] = "sha1=" + hmac.new(secret, body, hashlib.sha1).hexdigest()
            headers["X-Hub-Signature-256"] = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
        self._post(hook, Sent(number, hook.id, guid, self.forge.now(), event, action, headers, said, body))

    def _post(self, hook: Hook, one: Sent) -> None:
        self.sent[one.id] = one
        for old in list(self.sent)[:-KEPT]:
            del self.sent[old]
        self._outgoing.put(Parcel(url=hook.config["url"], body=one.body, headers=one.headers, number=one.id))


def _config(said: Any, before: dict[str, str]) -> dict[str, str]:
    config = {name: str(value) for name, value in said.items()} if isinstance(said, dict) else {}
    if not config.get("url", "").startswith(("http://", "https://")):
        raise invalid("Hook", "config", "custom", "Config must contain URL for webhooks")
    if config.get("secret") == MASKED:
        config["secret"] = before.get("secret", "")
    return {"content_type": "form", "insecure_ssl": "0", **config}


def _events(said: Any) -> list[str]:
    events = [str(one) for one in said] if isinstance(said, list) else []
    if not events or not set(events) <= EVENTS:
        raise invalid("Hook", "events", "custom", "Events are invalid")
    return events
