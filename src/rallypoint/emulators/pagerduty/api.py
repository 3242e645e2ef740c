"""The REST interface of an account, version 2: incidents and what belongs to them, webhook subscriptions."""

import json
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rallypoint.emulators.pagerduty.account import Account, Entry, Incident
from rallypoint.emulators.pagerduty.hooks import Hooks
from rallypoint.emulators.pagerduty.limits import Limit
from rallypoint.emulators.pagerduty.pages import WEB
from rallypoint.emulators.pagerduty.people import Key, User
from rallypoint.emulators.pagerduty.refusals import (
    Refusal,
    denied,
    invalid,
    no_requester,
    not_found,
    unauthorized,
)
from rallypoint.emulators.pagerduty.shown import Shown

PAGE, PAGE_MOST, REACH = 25, 100, 10_000
METHODS = ["GET", "POST", "PUT", "DELETE"]
MONTH, HALF_YEAR = timedelta(days=31), timedelta(days=184)


@dataclass(slots=True)
class Call:
    """A request with a key that we know."""

    request: Request
    key: Key
    shown: Shown
    parts: tuple[str, ...]

    @property
    def account(self) -> Account:
        return self.shown.account

    def asked(self, name: str, default: str = "") -> str:
        return str(self.request.query_params.get(name, default))

    def many(self, name: str) -> frozenset[str]:
        return frozenset(self.request.query_params.getlist(f"{name}[]"))

    def moment(self, name: str) -> datetime | None:
        said = self.asked(name)
        if not said:
            return None
        try:
            at = datetime.fromisoformat(said)
        except ValueError:
            raise Refusal(400, "Invalid time values in 'since' and/or 'until' parameters", 2004) from None
        return at if at.tzinfo else at.replace(tzinfo=UTC)

    def number(self, name: str, default: int) -> int:
        said = self.asked(name)
        if said and not said.isdigit():
            raise invalid(f"{name} must be a number.")
        return int(said) if said else default

    async def body(self, member: str) -> dict[str, Any]:
        inner = await self._member(member)
        if not isinstance(inner, dict):
            raise Refusal(400, "Missing Arguments", 2003, [f"{member} is required."])
        return inner

    async def rows(self, member: str) -> list[dict[str, Any]]:
        inner = await self._member(member)
        if not isinstance(inner, list) or not all(isinstance(one, dict) for one in inner):
            raise Refusal(400, "Missing Arguments", 2003, [f"{member} is required."])
        return inner

    async def _member(self, name: str) -> Any:
        try:
            said = json.loads(await self.request.body())
        except ValueError:
            said = None
        return said.get(name) if isinstance(said, dict) else None

    def writer(self, *, named: bool = True) -> User:
        """In whose name it is written: a user's own key says so, for an account's key the header From must."""
        if self.key.read_only:
            raise denied()
        mail = self.request.headers.get("from", "")
        found = next((one for one in self.account.users.values() if one.email.casefold() == mail.casefold()), None)
        if mail and found is None:
            raise no_requester()
        user = found or self.key.user
        if user is None or (named and not mail and self.key.user is None):
            raise no_requester()
        return user

    def incident(self) -> Incident:
        return self.account.incident(self.parts[0])


Handler = Callable[[Call], Awaitable[Response]]


class Interface:
    """Turns requests into acts on the account."""

    def __init__(self, account: Account, keys: list[Key], hooks: Hooks, limit: Limit) -> None:
        self.account, self.keys, self.hooks, self.limit = account, keys, hooks, limit
        id = r"([A-Z0-9]+)"
        table: tuple[tuple[str, str, Handler], ...] = (
            ("GET", r"abilities", self._abilities),
            ("GET", r"users", self._users),
            ("GET", r"users/me", self._me),
            ("GET", rf"users/{id}", self._user),
            ("GET", r"services", self._services),
            ("GET", rf"services/{id}", self._service),
            ("GET", r"escalation_policies", self._policies),
            ("GET", rf"escalation_policies/{id}", self._policy),
            ("GET", r"priorities", self._priorities),
            ("GET", r"incidents/custom_fields", self._fields),
            ("GET", r"incidents", self._incidents),
            ("POST", r"incidents", self._trigger),
            ("PUT", r"incidents", self._manage),
            ("GET", rf"incidents/{id}", self._incident),
            ("PUT", rf"incidents/{id}", self._update),
            ("PUT", rf"incidents/{id}/merge", self._merge),
            ("GET", rf"incidents/{id}/notes", self._notes),
            ("POST", rf"incidents/{id}/notes", self._annotate),
            ("PUT", rf"incidents/{id}/notes/{id}", self._edit_note),
            ("DELETE", rf"incidents/{id}/notes/{id}", self._delete_note),
            ("GET", rf"incidents/{id}/log_entries", self._log_of),
            ("GET", rf"incidents/{id}/custom_fields/values", self._values),
            ("PUT", rf"incidents/{id}/custom_fields/values", self._set_values),
            ("GET", r"log_entries", self._log),
            ("GET", r"webhook_subscriptions", self._subscriptions),
            ("POST", r"webhook_subscriptions", self._subscribe),
            ("GET", rf"webhook_subscriptions/{id}", self._subscription),
            ("PUT", rf"webhook_subscriptions/{id}", self._change_subscription),
            ("DELETE", rf"webhook_subscriptions/{id}", self._unsubscribe),
            ("POST", rf"webhook_subscriptions/{id}/enable", self._enable),
            ("POST", rf"webhook_subscriptions/{id}/ping", self._ping),
        )
        self._table = [(method, re.compile(f"^{path}$"), handler) for method, path, handler in table]

    def routes(self) -> list[Route]:
        return [Route("/{path:path}", self._answer, methods=METHODS)]

    async def _answer(self, request: Request) -> Response:
        base = f"{request.url.scheme}://{request.url.netloc}"
        self.hooks.base, self.hooks.web = base, base + WEB
        headers: dict[str, str] = {}
        try:
            key = self._key(request)
            headers = self.limit.count(key.whose)
            self.account.tick()
            self.hooks.pump()
            response = await self._dispatch(request, key, Shown(self.account, base, base + WEB))
        except Refusal as no:
            response, headers = JSONResponse(no.body, no.status), headers | no.headers
        response.headers.update(headers)
        return response

    def _key(self, request: Request) -> Key:
        scheme, _, said = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() not in ("token", "bearer"):
            raise unauthorized()
        secret = said.strip().removeprefix("token=")
        found = next((one for one in self.keys if secret and one.secret == secret), None)
        if found is None:
            raise unauthorized()
        return found

    async def _dispatch(self, request: Request, key: Key, shown: Shown) -> Response:
        path = str(request.scope["path"]).strip("/")
        for method, pattern, handler in self._table:
            found = pattern.fullmatch(path)
            if found and method == request.method:
                return await handler(Call(request, key, shown, found.groups()))
        raise not_found()

    def _listed(self, call: Call, name: str, rows: Sequence[Any], show: Callable[[Any], Any]) -> Response:
        """One page. What lies beyond the reach of pages can only be had by narrowing the question."""
        limit, offset = min(PAGE_MOST, call.number("limit", PAGE)), call.number("offset", 0)
        if offset + limit > REACH:
            raise invalid(f"Offset plus limit must be at most {REACH}.")
        shown = [show(one) for one in rows[offset : offset + limit]]
        total = len(rows) if call.asked("total") == "true" else None
        more = offset + limit < len(rows)
        return JSONResponse({name: shown, "limit": limit, "offset": offset, "more": more, "total": total})

    # The account.

    async def _abilities(self, call: Call) -> Response:
        return JSONResponse({"abilities": ["teams", "urgencies", "advanced_permissions"]})

    async def _users(self, call: Call) -> Response:
        query = call.asked("query").casefold()
        rows = [one for one in self.account.users.values() if query in f"{one.name} {one.email}".casefold()]
        return self._listed(call, "users", rows, lambda one: one.shown(call.shown.base, call.shown.web))

    async def _me(self, call: Call) -> Response:
        if call.key.user is None:
            said = "Requesting user from an account-level access token is not possible."
            return JSONResponse({"error": said}, 400)
        return JSONResponse({"user": call.key.user.shown(call.shown.base, call.shown.web)})

    async def _user(self, call: Call) -> Response:
        found = self.account.users.get(call.parts[0])
        if found is None:
            raise not_found()
        return JSONResponse({"user": found.shown(call.shown.base, call.shown.web)})

    async def _services(self, call: Call) -> Response:
        query = call.asked("query").casefold()
        rows = [one for one in self.account.services.values() if query in one.name.casefold()]
        return self._listed(call, "services", rows, call.shown.service)

    async def _service(self, call: Call) -> Response:
        found = self.account.services.get(call.parts[0])
        if found is None:
            raise not_found()
        return JSONResponse({"service": call.shown.service(found)})

    async def _policies(self, call: Call) -> Response:
        return self._listed(call, "escalation_policies", list(self.account.policies.values()), call.shown.policy)

    async def _policy(self, call: Call) -> Response:
        found = self.account.policies.get(call.parts[0])
        if found is None:
            raise not_found()
        return JSONResponse({"escalation_policy": call.shown.policy(found)})

    async def _priorities(self, call: Call) -> Response:
        return self._listed(call, "priorities", self.account.priorities, call.shown.priority)

    async def _fields(self, call: Call) -> Response:
        return JSONResponse({"fields": [call.shown.field(one) for one in self.account.fields.values()]})

    # Incidents.

    async def _incidents(self, call: Call) -> Response:
        """The last month unless told otherwise. An empty key is no key: every incident fits it."""
        rows = [one for one in self.account.incidents.values() if one.id not in self.account.hidden]
        if call.asked("date_range") != "all":
            since, until = call.moment("since"), call.moment("until")
            since = since or self.account.now() - MONTH
            if (until or self.account.now()) - since > HALF_YEAR:
                raise Refusal(400, "Invalid Query Date Range", 2005)
            rows = [one for one in rows if one.created >= since and (until is None or one.created < until)]
        key, statuses, services = call.asked("incident_key"), call.many("statuses"), call.many("service_ids")
        rows = [
            one for one in rows
            if (not key or one.key == key)
            and (not statuses or one.status in statuses)
            and (not services or one.service.id in services)
        ]  # fmt: skip
        rows.sort(key=lambda one: (one.created, one.number), reverse=call.asked("sort_by") == "created_at:desc")
        return self._listed(call, "incidents", rows, lambda one: call.shown.incident(one, call.many("include")))

    async def _trigger(self, call: Call) -> Response:
        by = call.writer()
        made = self.account.trigger(await call.body("incident"), by)
        return JSONResponse({"incident": call.shown.incident(made, frozenset({"body"}))}, 201)

    async def _manage(self, call: Call) -> Response:
        by = call.writer()
        found = [(self.account.incident(str(one.get("id"))), one) for one in await call.rows("incidents")]
        for one, changes in found:
            self.account.update(one, changes, by)
        shown = [call.shown.incident(one) for one, _ in found]
        return JSONResponse({"incidents": shown, "limit": 100, "offset": 0, "more": False, "total": None})

    async def _incident(self, call: Call) -> Response:
        return JSONResponse({"incident": call.shown.incident(call.incident(), call.many("include"))})

    async def _update(self, call: Call) -> Response:
        one, by = call.incident(), call.writer()
        self.account.update(one, await call.body("incident"), by)
        return JSONResponse({"incident": call.shown.incident(one)})

    async def _merge(self, call: Call) -> Response:
        one, by = call.incident(), call.writer()
        sources = await call.rows("source_incidents")
        self.account.merge(one, [self.account.incident(str(each.get("id"))) for each in sources], by)
        return JSONResponse({"incident": call.shown.incident(one)})

    async def _notes(self, call: Call) -> Response:
        return JSONResponse({"notes": [call.shown.note(one) for one in reversed(call.incident().notes)]})

    async def _annotate(self, call: Call) -> Response:
        one, by = call.incident(), call.writer()
        return JSONResponse(
            {"note": call.shown.note(self.account.note(one, (await call.body("note")).get("content"), by))}
        )

    async def _edit_note(self, call: Call) -> Response:
        call.writer()
        note = self.account.find_note(call.incident(), call.parts[1])
        self.account.edit_note(note, (await call.body("note")).get("content"))
        return JSONResponse({"note": call.shown.note(note)})

    async def _delete_note(self, call: Call) -> Response:
        if call.key.read_only:
            raise denied()
        one = call.incident()
        one.notes.remove(self.account.find_note(one, call.parts[1]))
        return Response(status_code=204)

    async def _values(self, call: Call) -> Response:
        return JSONResponse({"custom_fields": call.shown.values(call.incident())})

    async def _set_values(self, call: Call) -> Response:
        one = call.incident()
        by = call.writer(named=False) if call.key.user else next(iter(self.account.users.values()))
        if call.key.read_only:
            raise denied()
        self.account.set_custom(one, await call.rows("custom_fields"), by)
        return JSONResponse({"custom_fields": call.shown.values(one)}, 201)

    # History.

    async def _log_of(self, call: Call) -> Response:
        one = call.incident()
        return self._entries(call, [(one, entry) for entry in one.log])

    async def _log(self, call: Call) -> Response:
        rows = [
            (one, entry)
            for one in self.account.incidents.values()
            if one.id not in self.account.hidden
            for entry in one.log
        ]
        return self._entries(call, rows)

    def _entries(self, call: Call, rows: list[tuple[Incident, Entry]]) -> Response:
        """Newest first."""
        since, until = call.moment("since"), call.moment("until")
        rows = [
            (one, entry)
            for one, entry in rows
            if (since is None or entry.at >= since) and (until is None or entry.at < until)
        ]
        rows.reverse()
        rows.sort(key=lambda row: row[1].at, reverse=True)
        include = call.many("include")
        return self._listed(call, "log_entries", rows, lambda row: call.shown.entry(row[0], row[1], include))

    # Webhooks.

    async def _subscriptions(self, call: Call) -> Response:
        rows = list(self.hooks.subscriptions.values())
        return self._listed(call, "webhook_subscriptions", rows, self.hooks.shown)

    async def _subscribe(self, call: Call) -> Response:
        self._demand_writer(call)
        made = self.hooks.subscribe(await call.body("webhook_subscription"))
        return JSONResponse({"webhook_subscription": self.hooks.shown(made, secret=True)})

    async def _subscription(self, call: Call) -> Response:
        return JSONResponse({"webhook_subscription": self.hooks.shown(self.hooks.find(call.parts[0]))})

    async def _change_subscription(self, call: Call) -> Response:
        self._demand_writer(call)
        one = self.hooks.find(call.parts[0])
        self.hooks.change(one, await call.body("webhook_subscription"))
        return JSONResponse({"webhook_subscription": self.hooks.shown(one)})

    async def _unsubscribe(self, call: Call) -> Response:
        self._demand_writer(call)
        del self.hooks.subscriptions[self.hooks.find(call.parts[0]).id]
        return Response(status_code=204)

    async def _enable(self, call: Call) -> Response:
        self._demand_writer(call)
        one = self.hooks.find(call.parts[0])
        self.hooks.enable(one)
        return JSONResponse({"webhook_subscription": self.hooks.shown(one)})

    async def _ping(self, call: Call) -> Response:
        self._demand_writer(call)
        self.hooks.ping(self.hooks.find(call.parts[0]))
        self.hooks.pump()
        return Response(status_code=202)

    def _demand_writer(self, call: Call) -> None:
        if call.key.read_only or (call.key.user is not None and call.key.user.role not in ("admin", "owner", "user")):
            raise denied()
