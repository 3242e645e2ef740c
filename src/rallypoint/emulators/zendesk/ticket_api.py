"""Tickets over HTTP: one or many, their comments, audits and tags, files, exports, search, and the customer's view."""

import base64
import json
from datetime import timedelta
from typing import Any

from starlette.responses import JSONResponse, Response

from rallypoint.emulators.zendesk import search
from rallypoint.emulators.zendesk.call import Call, Row
from rallypoint.emulators.zendesk.desk import Desk
from rallypoint.emulators.zendesk.limits import Limits
from rallypoint.emulators.zendesk.refusals import Refusal, bad, forbidden, invalid, not_found
from rallypoint.emulators.zendesk.tickets import Ticket

MANY_MOST = 100
EXPORT_PAGE = 1000
EXPORT_LAG = timedelta(minutes=1)
FILE_MOST = 50 * 1024 * 1024
KEY_LONGEST = 255
KEY_LASTS = timedelta(hours=2)


class TicketInterface:
    """What is asked about tickets."""

    def __init__(self, desk: Desk, limits: Limits) -> None:
        self.desk, self.limits = desk, limits
        self.search_lag = search.LAG
        self.export_page = EXPORT_PAGE
        self._jobs: dict[str, dict[str, Any]] = {}
        self._keys: dict[str, tuple[str, Any, Any]] = {}

    def table(self) -> tuple[Row, ...]:
        one = r"tickets/(\d+)"
        said = rf"{one}/comments/(\d+)"
        return (
            ("GET", "tickets", self._tickets),
            ("POST", "tickets", self._create),
            ("GET", "tickets/count", self._count),
            ("GET", "tickets/show_many", self._show_many),
            ("POST", "tickets/create_many", self._create_many),
            ("PUT", "tickets/update_many", self._update_many),
            ("GET", one, self._ticket),
            ("PUT", one, self._update),
            ("DELETE", one, self._delete),
            ("GET", rf"{one}/audits", self._audits),
            ("GET", rf"{one}/audits/(\d+)", self._audit),
            ("GET", rf"{one}/comments", self._comments),
            ("GET", rf"{one}/comments/count", self._comments_count),
            ("PUT", rf"{said}/make_private", self._make_private),
            ("PUT", rf"{said}/redact", self._redact),
            ("PUT", rf"{said}/attachments/(\d+)/redact", self._redact_file),
            ("GET", rf"{one}/tags", self._tags),
            ("POST", rf"{one}/tags", self._tags),
            ("PUT", rf"{one}/tags", self._tags),
            ("DELETE", rf"{one}/tags", self._tags),
            ("GET", rf"{one}/incidents", self._incidents),
            ("GET", rf"{one}/related", self._related),
            ("POST", rf"{one}/merge", self._merge),
            ("GET", "deleted_tickets", self._deleted),
            ("PUT", r"deleted_tickets/(\d+)/restore", self._restore),
            ("DELETE", r"deleted_tickets/(\d+)", self._destroy),
            ("POST", "uploads", self._upload),
            ("DELETE", r"uploads/(\w+)", self._forget_upload),
            ("GET", r"attachments/(\d+)", self._attachment),
            ("GET", "incremental/tickets/cursor", self._export),
            ("GET", "incremental/ticket_events", self._export_events),
            ("GET", "search", self._search),
            ("GET", "search/count", self._search_count),
            ("GET", r"job_statuses/(\w+)", self._job),
            ("GET", r"requests/(\d+)", self._request),
            ("PUT", r"requests/(\d+)", self._answer_request),
            ("GET", r"requests/(\d+)/comments", self._request_comments),
        )

    # One ticket.

    def _mine(self, call: Call, *, deleted: bool = False) -> Ticket:
        call.demand_agent()
        return self.desk.ticket(call.part(), deleted=deleted)

    async def _ticket(self, call: Call) -> Response:
        ticket = self._mine(call)
        return JSONResponse({"ticket": call.shown.ticket(ticket), **self._beside(call, [ticket])})

    def _beside(self, call: Call, tickets: list[Ticket]) -> dict[str, Any]:
        """What is sideloaded: the people that these tickets name."""
        if "users" not in call.include():
            return {}
        names = ("assignee_id", "requester_id", "submitter_id")
        ids = {one[name] for one in tickets for name in names if one[name] in self.desk.users}
        return {"users": [call.shown.user(id) for id in sorted(ids)]}

    async def _create(self, call: Call) -> Response:
        """With an Idempotency-Key the same request is answered as it was before, for two hours."""
        call.demand_agent()
        said, key = await call.json(), call.request.headers.get("idempotency-key", "")
        if len(key) > KEY_LONGEST:
            raise bad("The Idempotency-Key is too long", "IdempotentRequestError")
        known = self._keys.get(key) if key else None
        if known is not None and self.desk.clock.now() - known[1] < KEY_LASTS:
            if known[0] != json.dumps(said, sort_keys=True):
                raise bad("The Idempotency-Key was used with other parameters", "IdempotentRequestError")
            return JSONResponse(known[2], 201, {"x-idempotency-lookup": "hit"})
        if not isinstance(said.get("ticket"), dict):
            raise bad("Parameter ticket is required", "ParameterMissing")
        ticket, audit = self.desk.create(said["ticket"], call.user)
        body = {"ticket": call.shown.ticket(ticket), "audit": call.shown.audit(ticket, audit)}
        if key:
            self._keys[key] = (json.dumps(said, sort_keys=True), self.desk.clock.now(), body)
        headers = {"x-idempotency-lookup": "miss"} if key else {}
        return JSONResponse(body, 201, {**headers, "location": body["ticket"]["url"]})

    async def _update(self, call: Call) -> Response:
        ticket, said = self._mine(call), await call.named("ticket")
        self.limits.update(call.user.id, ticket.id)
        audit = self.desk.update(ticket, said, call.user)
        body = {"ticket": call.shown.ticket(ticket)}
        return JSONResponse(body | ({"audit": call.shown.audit(ticket, audit)} if audit else {}))

    async def _delete(self, call: Call) -> Response:
        self.desk.delete(self._mine(call), call.user)
        return Response(status_code=204)

    async def _audits(self, call: Call) -> Response:
        ticket = self._mine(call)
        rows = [call.shown.audit(ticket, one) for one in ticket.audits]
        beside = {}
        if "users" in call.include():
            beside["users"] = [call.shown.user(id) for id in sorted({one.author for one in ticket.audits})]
        return call.listed("audits", rows, **beside)

    async def _audit(self, call: Call) -> Response:
        ticket = self._mine(call)
        found = next((one for one in ticket.audits if one.id == call.part(1)), None)
        if found is None:
            raise not_found()
        return JSONResponse({"audit": call.shown.audit(ticket, found)})

    async def _comments(self, call: Call) -> Response:
        ticket = self._mine(call)
        rows = [call.shown.comment(ticket, one) for one in ticket.comments]
        if call.asked("sort").startswith("-") or call.asked("sort_order") == "desc":
            rows.reverse()
        beside = {}
        if "users" in call.include():
            beside["users"] = [call.shown.user(id) for id in sorted({one.author for one in ticket.comments})]
        return call.listed("comments", rows, **beside)

    async def _comments_count(self, call: Call) -> Response:
        ticket = self._mine(call)
        at = call.shown.ticket(ticket)["updated_at"]
        return JSONResponse({"count": {"value": len(ticket.comments), "refreshed_at": at}})

    async def _make_private(self, call: Call) -> Response:
        ticket = self._mine(call)
        self.desk.make_private(ticket, self.desk.comment(ticket, call.part(1)), call.user)
        return JSONResponse("")

    async def _redact(self, call: Call) -> Response:
        ticket, said = self._mine(call), await call.json()
        comment = self.desk.comment(ticket, call.part(1))
        self.desk.redact(ticket, comment, str(said.get("text") or ""), call.user)
        return JSONResponse({"comment": call.shown.comment(ticket, comment)})

    async def _redact_file(self, call: Call) -> Response:
        ticket = self._mine(call)
        file = self.desk.redact_file(ticket, self.desk.comment(ticket, call.part(1)), call.part(2), call.user)
        return JSONResponse({"attachment": call.shown.file(file)})

    async def _tags(self, call: Call) -> Response:
        """GET shows, POST sets, PUT adds, DELETE takes away; with a stamp only if nothing else changed."""
        ticket = self._mine(call)
        if call.request.method != "GET":
            said = await call.json()
            named = {str(one).lower() for one in said.get("tags") or ()}
            self.limits.update(call.user.id, ticket.id)
            after = {"POST": named, "PUT": ticket.state.tags | named, "DELETE": ticket.state.tags - named}
            tags = sorted(after[call.request.method])
            self.desk.update(ticket, {**said, "tags": tags}, call.user)
        status = 201 if call.request.method == "POST" else 200
        return JSONResponse({"tags": sorted(ticket.state.tags)}, status)

    async def _incidents(self, call: Call) -> Response:
        problem = self._mine(call)
        rows = [one for one in self._seen() if one["problem_id"] == problem.id]
        return call.listed("tickets", [call.shown.ticket(one) for one in rows])

    async def _related(self, call: Call) -> Response:
        ticket = self._mine(call)
        sources = [str(ticket.followup_source)] if ticket.followup_source else []
        incidents = sum(one["problem_id"] == ticket.id for one in self._seen())
        said = {"topic_id": None, "followup_source_ids": sources, "from_archive": False, "incidents": incidents,
                "twitter": {}, "url": None}  # fmt: skip
        return JSONResponse({"ticket_related": said})

    # Many tickets.

    def _seen(self) -> list[Ticket]:
        return [one for one in self.desk.tickets.values() if one.deleted_at is None and one.id not in self.desk.hidden]

    async def _tickets(self, call: Call) -> Response:
        call.demand_agent()
        external = call.asked("external_id")
        rows = [one for one in self._seen() if not external or one["external_id"] == external]
        if call.asked("sort_by") == "updated_at":
            rows.sort(key=lambda one: (one.updated, one.id), reverse=call.asked("sort_order") == "desc")
        return call.listed("tickets", [call.shown.ticket(one) for one in rows], **self._beside(call, rows))

    async def _count(self, call: Call) -> Response:
        call.demand_agent()
        return JSONResponse({"count": {"value": len(self._seen()), "refreshed_at": None}})

    async def _show_many(self, call: Call) -> Response:
        call.demand_agent()
        ids = _numbers(call.asked("ids"))
        rows = [one for one in self._seen() if one.id in ids]
        return call.listed("tickets", [call.shown.ticket(one) for one in rows])

    async def _create_many(self, call: Call) -> Response:
        call.demand_agent()
        rows = (await call.json()).get("tickets") or []
        if len(rows) > MANY_MOST:
            raise bad("The number of tickets is more than 100", "TooManyValues")
        results = []
        for place, one in enumerate(rows):
            ticket, _ = self.desk.create(one, call.user)
            results.append({"index": place, "id": ticket.id, "account_id": 1})
        return self._done(call, "Bulk Create Ticket", results)

    async def _update_many(self, call: Call) -> Response:
        """`additional_tags` and `remove_tags` are known here only."""
        call.demand_agent()
        said = await call.json()
        batch = said.get("tickets") or [{"id": id, **said.get("ticket", {})} for id in _numbers(call.asked("ids"))]
        if len(batch) > MANY_MOST:
            raise bad("The number of tickets is more than 100", "TooManyValues")
        results: list[dict[str, Any]] = []
        for place, one in enumerate(batch):
            row: dict[str, Any] = {"index": place, "id": one["id"], "action": "update"}
            try:
                ticket = self.desk.ticket(int(one["id"]))
                self.limits.update(call.user.id, ticket.id)
                tags = (ticket.state.tags | set(one.get("additional_tags") or ())) - set(one.get("remove_tags") or ())
                given = {
                    name: value for name, value in one.items() if name not in ("id", "additional_tags", "remove_tags")
                }
                if "additional_tags" in one or "remove_tags" in one:
                    given["tags"] = sorted(tags)
                self.desk.update(ticket, given, call.user)
                row |= {"success": True, "status": "Updated"}
            except Refusal as no:
                row |= {"success": False, "status": "Failed", "error": no.body.get("error"), "details": str(no.body)}
            results.append(row)
        return self._done(call, "Bulk Update Ticket", results)

    async def _merge(self, call: Call) -> Response:
        target, said = self._mine(call), await call.json()
        ids = [int(one) for one in said.get("ids") or ()]
        if not ids or target.id in ids:
            raise invalid("ids", "Ids: must name other tickets")
        self.desk.merge(target, [self.desk.ticket(id) for id in ids], said, call.user)
        return self._done(
            call, "Ticket Merge", [{"action": "update", "id": target.id, "status": "Updated", "success": True}]
        )

    def _done(self, call: Call, kind: str, results: list[dict[str, Any]]) -> Response:
        """Everything is done at once here, but told as the job it would be."""
        id = self.desk.new_key()
        job = {"id": id, "job_type": kind, "url": f"{call.shown.base}/api/v2/job_statuses/{id}.json",
               "total": len(results), "progress": len(results), "status": "completed",
               "message": "Completed", "results": results}  # fmt: skip
        self._jobs[id] = job
        queued = {**job, "status": "queued", "progress": None, "total": None, "message": None, "results": None}
        return JSONResponse({"job_status": queued})

    async def _job(self, call: Call) -> Response:
        if call.parts[0] not in self._jobs:
            raise not_found()
        return JSONResponse({"job_status": self._jobs[call.parts[0]]})

    # Deleted ones.

    async def _deleted(self, call: Call) -> Response:
        call.demand_agent()
        rows = [
            one for one in self.desk.tickets.values() if one.deleted_at is not None and one.id not in self.desk.hidden
        ]
        rows.sort(key=lambda one: (one.deleted_at, one.id) if call.asked("sort_by") == "deleted_at" else (None, one.id),
                  reverse=call.asked("sort_order") == "desc")  # fmt: skip
        return call.listed("deleted_tickets", [call.shown.deleted(one) for one in rows])

    async def _restore(self, call: Call) -> Response:
        self.desk.restore(self._mine(call, deleted=True), call.user)
        return Response(status_code=200)

    async def _destroy(self, call: Call) -> Response:
        ticket = self._mine(call, deleted=True)
        del self.desk.tickets[ticket.id]
        return self._done(call, "Batch Ticket Delete", [{"id": ticket.id, "success": True}])

    # Files.

    async def _upload(self, call: Call) -> Response:
        name = call.asked("filename")
        if not name:
            raise bad("Parameter filename is required", "ParameterMissing")
        body = bytearray()
        async for chunk in call.request.stream():
            body += chunk
            if len(body) > FILE_MOST:
                raise Refusal(413, {"error": "AttachmentTooLarge", "description": "The file is larger than 50 MB"})
        kind = call.request.headers.get("content-type", "application/octet-stream").partition(";")[0]
        upload, _ = self.desk.upload(name, kind, bytes(body), call.asked("token"))
        return JSONResponse(call.shown.upload(upload), 201)

    async def _forget_upload(self, call: Call) -> Response:
        if self.desk.uploads.pop(call.parts[0], None) is None:
            raise not_found()
        return Response(status_code=204)

    async def _attachment(self, call: Call) -> Response:
        call.demand_agent()
        if call.part() not in self.desk.files:
            raise not_found()
        return JSONResponse({"attachment": call.shown.file(self.desk.files[call.part()])})

    # Exports and search.

    async def _export(self, call: Call) -> Response:
        """By the time of the last touch, deleted ones too; what is younger than a minute comes with the next one."""
        call.demand_admin()
        headers = self.limits.export()
        cursor = call.asked("cursor")
        latest = int((self.desk.now() - EXPORT_LAG).timestamp())
        after = _cursor(cursor) if cursor else (self._start(call) - 1, 1 << 62)
        rows = sorted(
            (one.generated, one.id)
            for one in self.desk.tickets.values()
            if (one.generated, one.id) > after and one.generated <= latest and one.id not in self.desk.hidden
        )
        size = min(int(call.asked("per_page", str(self.export_page))), self.export_page)
        page = rows[:size]
        reached = base64.b64encode("{}.0||{}".format(*(page[-1] if page else after)).encode()).decode()
        where = f"{call.shown.base}/api/v2/incremental/tickets/cursor.json?cursor={reached}"
        tickets = [self.desk.tickets[id] for _, id in page]
        return JSONResponse(
            {
                "tickets": [call.shown.ticket(one) for one in tickets],
                "after_url": where,
                "after_cursor": reached,
                "before_url": None,
                "before_cursor": None,
                "end_of_stream": len(rows) <= size,
                **self._beside(call, tickets),
            },
            headers=headers,
        )

    def _start(self, call: Call) -> int:
        start = call.number("start_time")
        if start > int((self.desk.now() - EXPORT_LAG).timestamp()):
            said = "Too recent start_time. Use a start_time older than 1 minute"
            raise Refusal(422, {"error": "InvalidValue", "description": said})
        return start

    async def _export_events(self, call: Call) -> Response:
        call.demand_admin()
        headers = self.limits.export()
        start, latest = self._start(call), self.desk.now() - EXPORT_LAG
        rows = sorted(
            (
                (int(audit.at.timestamp()), audit.id, call.shown.event(one, audit))
                for one in self._seen()
                for audit in one.audits
                if int(audit.at.timestamp()) >= start and audit.at <= latest
            ),
            key=lambda row: row[:2],
        )
        # Whole seconds only, and what the page before ended with comes again: so nothing is left out.
        again = sum(row[0] == start for row in rows)
        last = rows[: again + self.export_page][-1][0] if rows else start
        more = any(row[0] > last for row in rows)
        rows = [row for row in rows if row[0] <= last]
        end = rows[-1][0] if rows else start
        where = f"{call.shown.base}/api/v2/incremental/ticket_events.json?start_time={end}" if rows else None
        said = {"ticket_events": [row[2] for row in rows], "count": len(rows), "end_time": end, "next_page": where}
        return JSONResponse(said | {"end_of_stream": not more}, headers=headers)

    async def _search(self, call: Call) -> Response:
        call.demand_agent()
        found = search.tickets(self.desk, call.asked("query"), lag=self.search_lag)
        if call.asked("sort_by") in ("created_at", "updated_at"):
            newest = call.asked("sort_order", "desc") == "desc"
            found.sort(
                key=lambda one: one.created if call.asked("sort_by") == "created_at" else one.updated, reverse=newest
            )
        rows = [{**call.shown.ticket(one), "result_type": "ticket"} for one in found]
        return call.listed("results", rows, facets=None)

    async def _search_count(self, call: Call) -> Response:
        call.demand_agent()
        return JSONResponse({"count": len(search.tickets(self.desk, call.asked("query"), lag=self.search_lag))})

    # What a customer sees.

    def _asked_by(self, call: Call) -> Ticket:
        ticket = self.desk.ticket(call.part())
        if not call.user.agent and ticket["requester_id"] != call.user.id:
            raise not_found()
        if not any(one.public for one in ticket.comments):
            raise forbidden()
        return ticket

    async def _request(self, call: Call) -> Response:
        ticket = self._asked_by(call)
        whole = call.shown.ticket(ticket)
        names = ("id", "status", "priority", "type", "subject", "requester_id", "created_at", "updated_at", "url")
        first = next(one for one in ticket.comments if one.public)
        return JSONResponse({"request": {**{name: whole[name] for name in names}, "description": first.body}})

    async def _request_comments(self, call: Call) -> Response:
        ticket = self._asked_by(call)
        return call.listed("comments", [call.shown.comment(ticket, one) for one in ticket.comments if one.public])

    async def _answer_request(self, call: Call) -> Response:
        ticket, said = self._asked_by(call), await call.named("request")
        comment = said.get("comment") or {}
        given: dict[str, Any] = {"comment": {**comment, "public": True}}
        if said.get("solved"):
            given["status"] = "solved"
        self.desk.update(ticket, given, call.user, channel="web")
        return await self._request(call)


def _numbers(text: str) -> list[int]:
    return [int(one) for one in text.split(",") if one.strip().isdigit()]


def _cursor(text: str) -> tuple[int, int]:
    try:
        at, _, id = base64.b64decode(text, validate=True).decode().partition("||")
        return int(float(at)), int(id)
    except ValueError:
        raise bad("The cursor is not valid", "InvalidCursor") from None
