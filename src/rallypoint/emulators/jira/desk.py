"""Jira Service Management's own interface, as far as comments go, and what a customer sees in the portal."""

import json
from typing import Any

from starlette.responses import Response

from rallypoint.emulators.jira import rich
from rallypoint.emulators.jira.call import Call, Rows, answer
from rallypoint.emulators.jira.definitions import SERVICE_DESK
from rallypoint.emulators.jira.model import INTERNAL, Comment, Issue
from rallypoint.emulators.jira.refusals import Refusal


class Desk:
    """What is under /rest/servicedeskapi."""

    def rows(self) -> Rows:
        return (
            ("GET", r"info", self._info),
            ("GET", r"servicedesk", self._desks),
            ("GET", r"request/([^/]+)", self._request),
            ("GET", r"request/([^/]+)/comment", self._comments),
            ("POST", r"request/([^/]+)/comment", self._comment),
        )

    async def _info(self, call: Call) -> Response:
        return answer({"version": "1001.0.0" if call.site.cloud else "5.12.5", "isLicensedForUse": True})

    async def _desks(self, call: Call) -> Response:
        rows = [{"id": one.id, "projectId": one.id, "projectKey": one.key, "projectName": one.name}
                for one in call.site.projects.values() if one.kind == SERVICE_DESK]  # fmt: skip
        return answer(_paged(call, rows if call.user else []))

    def _asked_about(self, call: Call) -> Issue:
        """A request, for whoever works on it and for the customer who reported it."""
        who = call.somebody
        found = next((one for one in call.site.issues.values() if call.parts[0] in (str(one.id), one.key)), None)
        seen = found is not None and found.project.kind == SERVICE_DESK and who.name not in found.hidden_from
        if found is None or not seen or (who.customer and found.fields.get("reporter") != who.name):
            said = "You do not have permission to view this request, or it does not exist."
            raise Refusal(404, text=json.dumps({"errorMessage": said, "i18nErrorMessage": {"i18nKey": "sd.request"}}))
        return found

    async def _request(self, call: Call) -> Response:
        one = self._asked_about(call)
        reporter = call.shown.user(one.fields.get("reporter"))
        return answer(
            {"issueId": str(one.id), "issueKey": one.key, "reporter": reporter, "serviceDeskId": one.project.id}
        )

    async def _comments(self, call: Call) -> Response:
        issue, who = self._asked_about(call), call.somebody
        public, internal = call.flag("public", True), call.flag("internal", True) and not who.customer
        rows = [one for one in issue.comments if (internal if one.internal else public) and call.site.sees(one, who)]
        return answer(_paged(call, [self._shown(call, one) for one in rows]))

    def _shown(self, call: Call, one: Comment) -> dict[str, Any]:
        said: dict[str, Any] = {"id": str(one.id), "body": rich.as_wiki(one.body), "public": not one.internal}
        return said | {"author": call.shown.user(one.author.name), "created": {"iso8601": call.shown.at(one.created)}}

    async def _comment(self, call: Call) -> Response:
        """Customers can only speak in public."""
        issue, who, said = self._asked_about(call), call.somebody, await call.body()
        internal = said.get("public") is False and not who.customer
        given = {"body": said.get("body"), "properties": [{"key": INTERNAL, "value": {"internal": internal}}]}
        return answer(self._shown(call, call.site.comment(issue, given, who, 2)), 201)


def _paged(call: Call, rows: list[Any]) -> dict[str, Any]:
    start, size = call.number("start", 0), min(call.number("limit", 50), 100)
    shown = rows[start : start + size]
    return {"size": len(shown), "start": start, "limit": size, "isLastPage": start + len(shown) >= len(rows),
            "values": shown, "_links": {}}  # fmt: skip
