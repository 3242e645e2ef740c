"""Issues over REST: read, create, edit, transitions, comments, history, properties, links."""

from typing import Any

from starlette.responses import Response

from rallypoint.emulators.jira import definitions as d
from rallypoint.emulators.jira.call import Call, Rows, answer, nothing
from rallypoint.emulators.jira.model import Comment, Issue
from rallypoint.emulators.jira.refusals import Refusal, no_way
from rallypoint.emulators.jira.site import PROPERTY_LONGEST

LISTED_MOST = 1000


class Issues:
    """What is under /issue, /comment and /issueLink."""

    def rows(self) -> Rows:
        issue = r"issue/([^/]+)"
        return (
            ("POST", r"issue", self._create),
            ("GET", issue, self._read),
            ("PUT", issue, self._edit),
            ("DELETE", issue, self._delete),
            ("PUT", rf"{issue}/assignee", self._assign),
            ("GET", rf"{issue}/editmeta", self._editmeta),
            ("GET", rf"{issue}/transitions", self._transitions),
            ("POST", rf"{issue}/transitions", self._transition),
            ("GET", rf"{issue}/comment", self._comments),
            ("POST", rf"{issue}/comment", self._comment),
            ("GET", rf"{issue}/comment/(\d+)", self._one_comment),
            ("PUT", rf"{issue}/comment/(\d+)", self._edit_comment),
            ("DELETE", rf"{issue}/comment/(\d+)", self._delete_comment),
            ("POST", r"comment/list", self._comment_list),
            ("GET", r"comment/(\d+)/properties", self._comment_properties),
            ("GET", r"comment/(\d+)/properties/([^/]+)", self._comment_property),
            ("PUT", r"comment/(\d+)/properties/([^/]+)", self._set_comment_property),
            ("GET", rf"{issue}/changelog", self._changelog),
            ("GET", rf"{issue}/properties", self._properties),
            ("GET", rf"{issue}/properties/([^/]+)", self._property),
            ("PUT", rf"{issue}/properties/([^/]+)", self._set_property),
            ("DELETE", rf"{issue}/properties/([^/]+)", self._drop_property),
            ("GET", rf"{issue}/remotelink", self._remote_links),
            ("POST", rf"{issue}/remotelink", self._show_link),
            ("DELETE", rf"{issue}/remotelink", self._drop_link_by_name),
            ("GET", rf"{issue}/remotelink/(\d+)", self._remote_link),
            ("DELETE", rf"{issue}/remotelink/(\d+)", self._drop_link),
            ("POST", r"issueLink", self._join),
            ("GET", r"issueLink/(\d+)", self._link),
            ("DELETE", r"issueLink/(\d+)", self._part),
        )

    async def _create(self, call: Call) -> Response:
        made = call.site.create(await call.body(), call.somebody, call.version)
        return answer({"id": str(made.id), "key": made.key, "self": f"{call.shown.api}/issue/{made.id}"}, 201)

    async def _read(self, call: Call) -> Response:
        self._known(call)
        fields = call.several("fields") or None
        return answer(
            call.shown.issue(
                call.issue(), fields=fields, expand=call.asked("expand"), properties=call.several("properties")
            )
        )

    def _known(self, call: Call) -> None:
        """Data Center asks strangers to sign in; Cloud tells them that there is nothing."""
        if call.user is None and not call.site.cloud:
            raise Refusal(401, "You do not have the permission to see the specified issue.", "Login Required")

    async def _edit(self, call: Call) -> Response:
        issue = call.issue()
        call.site.edit(issue, await call.body(), call.somebody, call.version)
        if call.site.cloud and call.flag("returnIssue"):
            return answer(call.shown.issue(issue, expand=call.asked("expand")))
        return nothing()

    async def _delete(self, call: Call) -> Response:
        call.site.delete(call.issue(), call.somebody, subtasks=call.flag("deleteSubtasks"))
        return nothing()

    async def _assign(self, call: Call) -> Response:
        call.site.edit(call.issue(), {"fields": {"assignee": await call.body()}}, call.somebody, call.version)
        return nothing()

    async def _editmeta(self, call: Call) -> Response:
        issue = call.issue()
        if not call.somebody.writes:
            return answer({"fields": {}})
        known = [call.site.fields[name] for name in issue.type.edit if not call.site.fields[name].hidden]
        metas = {one.id: call.shown.meta(one, issue.project, issue.type, required=one.id in issue.type.required)
                 for one in known}  # fmt: skip
        for one in metas.values():
            del one["fieldId"]
        return answer({"fields": metas})

    async def _transitions(self, call: Call) -> Response:
        issue = call.issue()
        steps = call.site.steps(issue, call.somebody) if call.user else []
        wanted = call.asked("transitionId")
        rows = [self._step(call, issue, one) for one in steps if wanted in ("", one.id)]
        return answer({"expand": "transitions", "transitions": rows})

    def _step(self, call: Call, issue: Issue, one: d.Step) -> dict[str, Any]:
        said: dict[str, Any] = {
            "id": one.id,
            "name": one.name,
            "to": call.shown.status(one.to),
            "hasScreen": bool(one.screen),
            "isGlobal": not one.sources,
            "isInitial": False,
            "isConditional": bool(one.condition),
            "isAvailable": True,
        }
        if not call.site.cloud:
            said = {name: said[name] for name in ("id", "name", "to")}
        if "transitions.fields" in call.asked("expand"):
            known = [call.site.fields[name] for name in one.screen if not call.site.fields[name].hidden]
            metas = {each.id: call.shown.meta(each, issue.project, issue.type, required=each.id in one.required)
                     for each in known}  # fmt: skip
            for each in metas.values():
                del each["fieldId"]
            said["fields"] = metas
        return said

    async def _transition(self, call: Call) -> Response:
        call.site.transition(call.issue(), await call.body(), call.somebody, call.version)
        return nothing()

    # Comments.

    def _seen(self, call: Call, issue: Issue) -> list[Comment]:
        return [one for one in issue.comments if call.user is not None and call.site.sees(one, call.user)]

    async def _comments(self, call: Call) -> Response:
        issue = call.issue()
        rows = self._seen(call, issue)
        if call.asked("orderBy").startswith("-"):
            rows = rows[::-1]
        start = call.number("startAt", 0)
        size = min(
            call.number("maxResults", 5000 if call.version == 3 else 1_048_576), 5000 if call.site.cloud else 1_048_576
        )
        # Only Data Center shows properties here.
        with_properties = "properties" in call.asked("expand") and not call.site.cloud
        shown = [call.shown.comment(issue, one, properties=with_properties) for one in rows[start : start + size]]
        return answer({"startAt": start, "maxResults": size, "total": len(rows), "comments": shown})

    async def _comment(self, call: Call) -> Response:
        issue = call.issue()
        made = call.site.comment(issue, await call.body(), call.somebody, call.version)
        return answer(call.shown.comment(issue, made), 201)

    def _comment_of(self, call: Call) -> tuple[Issue, Comment]:
        issue = call.issue()
        found = next((one for one in self._seen(call, issue) if str(one.id) == call.parts[1]), None)
        if found is None:
            raise Refusal(404, f"Can not find a comment for the id: {call.parts[1]}.")
        return issue, found

    async def _one_comment(self, call: Call) -> Response:
        issue, found = self._comment_of(call)
        with_properties = "properties" in call.asked("expand") and not call.site.cloud
        return answer(call.shown.comment(issue, found, properties=with_properties))

    async def _edit_comment(self, call: Call) -> Response:
        issue, found = self._comment_of(call)
        call.site.edit_comment(issue, found, await call.body(), call.somebody, call.version)
        return answer(call.shown.comment(issue, found))

    async def _delete_comment(self, call: Call) -> Response:
        issue, found = self._comment_of(call)
        call.site.delete_comment(issue, found, call.somebody)
        return nothing()

    def _anywhere(self, call: Call, id: int) -> tuple[Issue, Comment] | None:
        for issue in call.site.issues.values():
            if call.user is None or call.user.name in issue.hidden_from:
                continue
            for one in self._seen(call, issue):
                if one.id == id:
                    return issue, one
        return None

    async def _comment_list(self, call: Call) -> Response:
        if not call.site.cloud:
            raise no_way(call.request.url.path)
        ids = (await call.body()).get("ids") or []
        if not ids or len(ids) > LISTED_MOST:
            raise Refusal(400, f"The list of ids must have 1 to {LISTED_MOST} of them.")
        found = [each for id in ids if (each := self._anywhere(call, int(id))) is not None]
        properties = "properties" in call.asked("expand")
        rows = [call.shown.comment(issue, one, properties=properties) for issue, one in found]
        return answer({"startAt": 0, "maxResults": LISTED_MOST, "total": len(rows), "isLast": True, "values": rows})

    def _marked(self, call: Call) -> Comment:
        found = self._anywhere(call, int(call.parts[0]))
        if found is None:
            raise Refusal(404, f"Can not find a comment for the id: {call.parts[0]}.")
        return found[1]

    async def _comment_properties(self, call: Call) -> Response:
        here = f"{call.shown.api}/comment/{call.parts[0]}/properties"
        return answer({"keys": [{"key": key, "self": f"{here}/{key}"} for key in self._marked(call).properties]})

    async def _comment_property(self, call: Call) -> Response:
        properties = self._marked(call).properties
        if call.parts[1] not in properties:
            raise Refusal(404, "The entity property could not be found.")
        return answer({"key": call.parts[1], "value": properties[call.parts[1]]})

    async def _set_comment_property(self, call: Call) -> Response:
        one = self._marked(call)
        new = call.parts[1] not in one.properties
        one.properties[call.parts[1]] = await call.body()
        return answer({}, 201 if new else 200)

    # History, properties, links.

    async def _changelog(self, call: Call) -> Response:
        """Oldest first. Data Center has no such resource."""
        if not call.site.cloud:
            raise no_way(call.request.url.path)
        issue = call.issue()
        start, size = call.number("startAt", 0), min(call.number("maxResults", 100), 100)
        log = issue.log[start : start + size]
        here = f"{call.shown.api}/issue/{issue.id}/changelog"
        said: dict[str, Any] = {
            "self": f"{here}?maxResults={size}&startAt={start}",
            "maxResults": size,
            "startAt": start,
            "total": len(issue.log),
            "isLast": start + len(log) >= len(issue.log),
            "values": [call.shown.entry(one) for one in log],
        }
        if not said["isLast"]:
            said["nextPage"] = f"{here}?maxResults={size}&startAt={start + size}"
        return answer(said)

    async def _properties(self, call: Call) -> Response:
        issue = call.issue()
        here = f"{call.shown.api}/issue/{issue.key}/properties"
        return answer({"keys": [{"key": key, "self": f"{here}/{key}"} for key in issue.properties]})

    async def _property(self, call: Call) -> Response:
        issue, key = call.issue(), call.parts[1]
        if key not in issue.properties:
            raise Refusal(404, f"The property {key} does not exist.")
        return answer({"key": key, "value": issue.properties[key]})

    async def _set_property(self, call: Call) -> Response:
        if len(await call.request.body()) > PROPERTY_LONGEST:
            raise Refusal(400, f"The value is longer than {PROPERTY_LONGEST} characters.")
        new = call.site.set_property(call.issue(), call.parts[1], await call.body(), call.somebody)
        return answer({}, 201 if new else 200)

    async def _drop_property(self, call: Call) -> Response:
        if call.issue().properties.pop(call.parts[1], None) is None:
            raise Refusal(404, "The property does not exist.")
        return nothing()

    async def _remote_links(self, call: Call) -> Response:
        """All of them; with a global id that one alone."""
        issue, wanted = call.issue(), call.asked("globalId")
        if not wanted:
            return answer([call.shown.remote(issue, one) for one in issue.remote])
        found = next((one for one in issue.remote if one.get("globalId") == wanted), None)
        if found is None:
            raise Refusal(404, f"The remote issue link with the global id '{wanted}' does not exist.")
        return answer(call.shown.remote(issue, found))

    async def _show_link(self, call: Call) -> Response:
        issue = call.issue()
        made, new = call.site.show_link(issue, await call.body(), call.somebody)
        where = f"{call.shown.api}/issue/{issue.key}/remotelink/{made['id']}"
        return answer({"id": made["id"], "self": where}, 201 if new else 200)

    async def _remote_link(self, call: Call) -> Response:
        issue = call.issue()
        return answer(call.shown.remote(issue, self._one_link(call, issue)))

    def _one_link(self, call: Call, issue: Issue) -> dict[str, Any]:
        found = next((one for one in issue.remote if str(one["id"]) == call.parts[1]), None)
        if found is None:
            raise Refusal(404, f"Remote issue link with id '{call.parts[1]}' does not exist.")
        return found

    async def _drop_link(self, call: Call) -> Response:
        issue = call.issue()
        issue.remote.remove(self._one_link(call, issue))
        return nothing()

    async def _drop_link_by_name(self, call: Call) -> Response:
        issue, wanted = call.issue(), call.asked("globalId")
        issue.remote[:] = [one for one in issue.remote if one.get("globalId") != wanted]
        return nothing()

    async def _join(self, call: Call) -> Response:
        """The outward issue is the one that is, say, blocked by the inward one."""
        said = await call.body()
        type, by = said.get("type") or {}, call.somebody
        id = next((id for id, (name, _, _) in d.LINK_TYPES.items()
                   if type.get("id") == id or type.get("name") == name), None)  # fmt: skip
        if id is None:
            raise Refusal(404, f"No issue link type with name '{type.get('name')}' found.")
        ends = [said.get(name) or {} for name in ("inwardIssue", "outwardIssue")]
        source, destination = (call.site.issue(str(one.get("id") or one.get("key")), by) for one in ends)
        made = call.site.join(id, source, destination, by)
        if comment := said.get("comment"):
            call.site.comment(source, comment, by, call.version)
        where = f"{call.shown.api}/issueLink/{made.id}"
        return Response(status_code=201, headers={"location": where})

    async def _link(self, call: Call) -> Response:
        one = call.site.links.get(int(call.parts[0]))
        if one is None:
            raise Refusal(404, f"No issue link with id '{call.parts[0]}' exists.")
        said = call.shown.link(one, call.site.issues[one.source])
        return answer(said | {"inwardIssue": call.shown.brief(call.site.issues[one.source])})

    async def _part(self, call: Call) -> Response:
        one = call.site.links.get(int(call.parts[0]))
        if one is None:
            raise Refusal(404, f"No issue link with id '{call.parts[0]}' exists.")
        call.site.part(one, call.somebody)
        return nothing()
