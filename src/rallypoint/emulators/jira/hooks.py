"""Webhooks: those an administrator makes, and on Cloud those an application makes, which end after thirty days.

Cloud signs the first with their secret and the second with a token of the application, tries five times, and keeps
the name of a delivery. Data Center sends once, names nothing and signs nothing; it takes a user in the address.
"""

import base64
import hashlib
import hmac
import json
import re
import ssl
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import httpx2

from rallypoint.emulators.base import DELIVERY_SECONDS, Deliveries, Delivery
from rallypoint.emulators.jira import jql
from rallypoint.emulators.jira.model import Event, Issue
from rallypoint.emulators.jira.people import User
from rallypoint.emulators.jira.refusals import Refusal
from rallypoint.emulators.jira.shown import Shown
from rallypoint.emulators.jira.site import Site
from rallypoint.emulators.jira.tokens import Client

EVENTS = frozenset(
    {
        "jira:issue_created", "jira:issue_updated", "jira:issue_deleted", "comment_created", "comment_updated",
        "comment_deleted", "attachment_created", "attachment_deleted", "issuelink_created", "issuelink_deleted",
        "issue_property_set", "issue_property_deleted", "jira:worklog_updated", "jira:version_released",
    }
)  # fmt: skip
DYNAMIC = frozenset(one for one in EVENTS if one.startswith(("jira:issue", "comment", "issue_property")))
AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, None})
WAITS = (5, 10, 15, 15, 15)
"""Minutes until each further try."""

LASTS = timedelta(days=30)
FAILED_KEPT = timedelta(hours=72)
DYNAMIC_MOST = 100
ALLOWED = re.compile(
    r"^(issuekey|project|issuetype|status|assignee|reporter|issue\.property.*|cf\[\d+\])$", re.IGNORECASE
)
SECTION = "issue-related-events-section"


@dataclass(slots=True)
class AdminHook:
    id: int
    name: str
    url: str
    events: tuple[str, ...]
    filter: str
    secret: str
    by: User
    at: datetime
    enabled: bool = True
    exclude_body: bool = False


@dataclass(slots=True)
class AppHook:
    id: int
    client: str
    url: str
    events: tuple[str, ...]
    filter: str
    ends: datetime
    fields: tuple[str, ...] = ()


@dataclass(slots=True)
class Sending:
    """One delivery from when it was due until it arrived or was given up."""

    id: str
    url: str
    body: bytes
    due: datetime
    secondary: bool
    secret: str = ""
    client: str = ""
    attempts: int = 0
    done: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice(Delivery):
    number: int = 0


class Outgoing(Deliveries):
    """Deliveries whose answers are told to the hooks."""

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
    """All webhooks of a site. `pump` sends what is due; it is called after every change and every tick."""

    site: Site
    deliveries: Outgoing
    clients: dict[str, Client]
    base: str = ""
    admin: dict[int, AdminHook] = field(default_factory=dict)
    app: dict[int, AppHook] = field(default_factory=dict)
    sendings: dict[int, Sending] = field(default_factory=dict)
    failed: list[tuple[datetime, Sending]] = field(default_factory=list)
    _last: int = 0

    def __post_init__(self) -> None:
        self.deliveries.hooks = self
        self.site.listeners.append(self._happened)

    # Those an administrator makes.

    def save(self, said: Any, by: User, known: AdminHook | None = None) -> AdminHook:
        if not by.admin:
            raise Refusal(403, "You do not have permission to manage webhooks.")
        if not isinstance(said, dict) or not said.get("name") or not str(said.get("url", "")).startswith("http"):
            raise Refusal(400, text=json.dumps({"messages": [{"key": "URL and name are required."}]}))
        events = tuple(str(one) for one in said.get("events") or (known.events if known else ()))
        if unknown := set(events) - EVENTS:
            raise Refusal(400, text=json.dumps({"messages": [{"key": f"Unknown events: {sorted(unknown)}"}]}))
        condition = str((said.get("filters") or {}).get(SECTION) or said.get("jqlFilter") or "")
        self._readable(condition, by)
        secret = str(said.get("secret") or (known.secret if known else "")) if self.site.cloud else ""
        made = AdminHook(
            known.id if known else self._new(), str(said["name"]), str(said["url"]), events, condition, secret, by,
            self.site.now(), enabled=bool(said.get("enabled", True)), exclude_body=bool(said.get("excludeBody")),
        )  # fmt: skip
        self.admin[made.id] = made
        return made

    def shown(self, one: AdminHook) -> dict[str, Any]:
        said: dict[str, Any] = {
            "name": one.name,
            "url": one.url,
            "excludeBody": one.exclude_body,
            "filters": {SECTION: one.filter},
            "events": list(one.events),
            "enabled": one.enabled,
            "self": f"{self.base}/rest/webhooks/1.0/webhook/{one.id}",
            "lastUpdatedUser": one.by.id(self.site.edition),
            "lastUpdatedDisplayName": one.by.title,
            "lastUpdated": int(one.at.timestamp() * 1000),
        }
        return said | ({"isSigned": bool(one.secret)} if self.site.cloud else {})

    # Those an application makes.

    def register(self, said: Any, client: Client) -> list[dict[str, Any]]:
        """One result each: an id or errors."""
        if not isinstance(said, dict) or not str(said.get("url", "")).startswith("http"):
            raise Refusal(400, "The URL is missing or invalid.")
        results: list[dict[str, Any]] = []
        for one in said.get("webhooks") or ():
            events, condition = tuple(one.get("events") or ()), str(one.get("jqlFilter") or "")
            errors = [f"The event {name} is not supported." for name in events if name not in DYNAMIC]
            errors += self._unfit(condition)
            if sum(each.client == client.id for each in self.app.values()) >= DYNAMIC_MOST:
                errors.append(f"No more than {DYNAMIC_MOST} webhooks can be registered by an app.")
            if errors:
                results.append({"errors": errors})
                continue
            made = AppHook(self._new(), client.id, str(said["url"]), events, condition, self.site.now() + LASTS,
                           tuple(one.get("fieldIdsFilter") or ()))  # fmt: skip
            self.app[made.id] = made
            results.append({"createdWebhookId": made.id})
        return results

    def refresh(self, ids: Sequence[int], client: Client) -> datetime:
        ends = self.site.now() + LASTS
        for id in ids:
            if id in self.living(client):
                self.app[id].ends = ends
        return ends

    def living(self, client: Client) -> dict[int, AppHook]:
        now = self.site.now()
        return {id: one for id, one in self.app.items() if one.client == client.id and one.ends > now}

    def _unfit(self, condition: str) -> list[str]:
        """Only some clauses, and only = != IN NOT IN."""
        if not condition:
            return ["The filter must not be empty."]
        try:
            self._readable(condition, next(iter(self.site.users.values())))
        except Refusal as no:
            return list(no.messages)
        names = re.findall(r"([\w.\[\]]+)\s*(?:!=|=|not\s+in\b|in\b)", condition, re.IGNORECASE)
        strange = [name for name in names if not ALLOWED.match(name)]
        if strange or re.search(r"[<>~]|\bis\b", condition, re.IGNORECASE):
            return [f"The clause {(strange or ['operator'])[0]} is unsupported"]
        return []

    def _readable(self, condition: str, by: User) -> None:
        if condition:
            jql.parse(condition, self._asking(by))

    def _asking(self, by: User) -> jql.Asking:
        accounts = {one.id(self.site.edition): one.name for one in self.site.users.values()}
        return jql.Asking(
            by.name, self.site.now(), by.tz, accounts | {one.name: one.name for one in self.site.users.values()}
        )

    def _new(self) -> int:
        self._last += 1
        return self._last

    # Events.

    def _happened(self, event: Event) -> None:
        for one in self.admin.values():
            if one.enabled and event.name in one.events and self._fits(event, one.filter, one.by):
                self._queue(event, one.url, secret=one.secret, bare=one.exclude_body)
        matched: dict[tuple[str, str], list[int]] = {}
        for hook in self.app.values():
            if event.name not in hook.events or hook.ends <= self.site.now():
                continue
            if self._fits(event, hook.filter, next(iter(self.site.users.values()))) and _touches(event, hook.fields):
                matched.setdefault((hook.client, hook.url), []).append(hook.id)
        for (client, url), ids in matched.items():
            self._queue(event, url, client=client, more={"matchedWebhookIds": ids})
        self.pump()

    def _fits(self, event: Event, condition: str, by: User) -> bool:
        if not condition or event.issue is None:
            return not condition or event.link is not None
        return jql.parse(condition, self._asking(by)).test(self.site.seen_by_search(event.issue))

    def _queue(
        self, event: Event, url: str, *, secret: str = "", client: str = "", bare: bool = False,
        more: dict[str, Any] | None = None,
    ) -> None:  # fmt: skip
        number = self._new()
        body = {} if bare else self._body(event) | (more or {})
        name = hashlib.sha256(f"{self.site.cloud_id}:{number}".encode()).hexdigest()[:36]
        raw = json.dumps(body, ensure_ascii=False).encode()
        self.sendings[number] = Sending(name, url, raw, self.site.now(), event.secondary, secret, client)

    def pump(self) -> None:
        """Sends every delivery that is due."""
        now = self.site.now()
        for number, one in self.sendings.items():
            if not one.done and one.due <= now:
                one.attempts += 1
                one.due = datetime.max.replace(tzinfo=UTC)
                self.deliveries.put(self._notice(number, one))

    def _notice(self, number: int, one: Sending) -> Notice:
        headers = {"Content-Type": "application/json; charset=UTF-8", "User-Agent": "Atlassian HttpClient 2.1"}
        url = one.url
        if self.site.cloud:
            headers |= {
                "User-Agent": "Atlassian Webhook HTTP Client",
                "X-Atlassian-Webhook-Identifier": one.id,
                "X-Atlassian-Webhook-Flow": "Secondary" if one.secondary else "Primary",
            }
            if one.attempts > 1:
                headers["X-Atlassian-Webhook-Retry"] = str(one.attempts - 1)
            if one.secret:
                mac = hmac.new(one.secret.encode(), one.body, hashlib.sha256).hexdigest()
                headers["X-Hub-Signature"] = f"sha256={mac}"
            if one.client:
                headers["Authorization"] = f"Bearer {self._token(self.clients[one.client])}"
        else:
            parts = urlsplit(url)
            if parts.username is not None:
                pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
                headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
                url = urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))
        return Notice(url=url, body=one.body, headers=headers, number=number)

    def _token(self, client: Client) -> str:
        """A JSON web token, signed with the application's secret."""
        now = int(self.site.now().timestamp())
        said = {"iss": client.id, "iat": now, "exp": now + 180, "sub": self.site.cloud_id}
        head = ".".join(_encoded(json.dumps(one).encode()) for one in ({"typ": "JWT", "alg": "HS256"}, said))
        return f"{head}.{_encoded(hmac.new(client.secret.encode(), head.encode(), hashlib.sha256).digest())}"

    def answered(self, number: int, status: int | None) -> None:
        one = self.sendings.get(number)
        if one is None or one.done:
            return
        if not self.site.cloud or status not in AGAIN or one.attempts > len(WAITS):
            one.done = True
            if self.site.cloud and (status is None or status >= 300):
                self.failed.append((self.site.now(), one))
            return
        one.due = self.site.now() + timedelta(minutes=WAITS[one.attempts - 1])

    def failures(self, after: datetime | None) -> list[tuple[datetime, Sending]]:
        oldest = self.site.now() - FAILED_KEPT
        return [(at, one) for at, one in self.failed if at > max(oldest, after or oldest)]

    # Payloads.

    def _body(self, event: Event) -> dict[str, Any]:
        shown = Shown(self.site, self.base, event.user, 2)
        said: dict[str, Any] = {"timestamp": int(event.at.timestamp() * 1000), "webhookEvent": event.name}
        if event.kind:
            said["issue_event_type_name"] = event.kind
        if event.link is not None:
            one = event.link
            return said | {
                "issueLink": {"id": one.id, "sourceIssueId": one.source, "destinationIssueId": one.destination}
            }
        if event.file is not None:
            return said | {"attachment": shown.file(event.file)}
        issue = event.issue
        assert issue is not None
        if event.name.startswith("comment_") and event.comment is not None:
            said["comment"] = shown.comment(issue, event.comment)
            # Data Center names the issue only in the address of the comment.
            return said | (
                {"issue": self._small(shown, issue), "eventType": "primaryAction"} if self.site.cloud else {}
            )
        said |= {"user": shown.user(event.user.name), "issue": shown.issue(issue, fields=["*all", "-comment"])}
        if event.entry is not None:
            entry = shown.entry(event.entry)
            said["changelog"] = {"id": entry["id"], "items": entry["items"]}
            if "historyMetadata" in entry:
                said["changelog"]["historyMetadata"] = entry["historyMetadata"]
        if event.comment is not None:
            said["comment"] = shown.comment(issue, event.comment)
        return said

    def _small(self, shown: Shown, issue: Issue) -> dict[str, Any]:
        names = ["summary", "issuetype", "project", "assignee", "priority", "status"]
        return {name: value for name, value in shown.issue(issue, fields=names).items() if name != "expand"}


def _touches(event: Event, fields: tuple[str, ...]) -> bool:
    if not fields or event.entry is None:
        return not fields or event.name != "jira:issue_updated"
    return any(one.get("fieldId") in fields for one in event.entry.items)


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
