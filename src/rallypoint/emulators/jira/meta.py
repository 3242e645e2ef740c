"""What is there, over REST: who we are, projects, types, fields, screens, people."""

from typing import Any

from starlette.responses import Response

from rallypoint.emulators.jira import definitions as d
from rallypoint.emulators.jira.call import Call, Rows, answer, page
from rallypoint.emulators.jira.model import IssueType, Project
from rallypoint.emulators.jira.people import User
from rallypoint.emulators.jira.refusals import Refusal, no_way

OLDEST_MOST = 1000


class Meta:
    """Everything that is only read."""

    def rows(self) -> Rows:
        return (
            ("GET", r"serverInfo", self._server),
            ("GET", r"myself", self._myself),
            ("GET", r"mypermissions", self._permissions),
            ("GET", r"field", self._fields),
            ("GET", r"priority", self._priorities),
            ("GET", r"resolution", self._resolutions),
            ("GET", r"status", self._statuses),
            ("GET", r"issuetype", self._types),
            ("GET", r"issueLinkType", self._link_types),
            ("GET", r"project", self._projects),
            ("GET", r"project/search", self._project_search),
            ("GET", r"project/([^/]+)", self._project),
            ("GET", r"project/([^/]+)/statuses", self._project_statuses),
            ("GET", r"project/([^/]+)/components", self._components),
            ("GET", r"issue/createmeta", self._createmeta),
            ("GET", r"issue/createmeta/([^/]+)/issuetypes", self._createmeta_types),
            ("GET", r"issue/createmeta/([^/]+)/issuetypes/([^/]+)", self._createmeta_fields),
            ("GET", r"user", self._user),
            ("GET", r"user/search", self._users),
            ("GET", r"user/assignable/search", self._assignable),
        )

    async def _server(self, call: Call) -> Response:
        return answer(call.shown.server())

    async def _myself(self, call: Call) -> Response:
        who = call.somebody
        more = {"groups": {"size": 1, "items": []}, "applicationRoles": {"size": 1, "items": []}, "locale": "en_US"}
        return answer(who.ref(call.base, call.site.edition, who) | more | {"expand": "groups,applicationRoles"})

    async def _permissions(self, call: Call) -> Response:
        """Cloud demands that the permissions be named."""
        wanted = call.several("permissions")
        if call.site.cloud and not wanted:
            raise Refusal(400, "The 'permissions' query parameter is required.")
        user = call.user
        have = {
            "BROWSE_PROJECTS": user is not None and not user.customer,
            "CREATE_ISSUES": user is not None and user.writes,
            "EDIT_ISSUES": user is not None and user.writes,
            "TRANSITION_ISSUES": user is not None and user.writes,
            "ADD_COMMENTS": user is not None and user.writes,
            "CREATE_ATTACHMENTS": user is not None and user.writes,
            "ADMINISTER": user is not None and user.admin,
        }
        if place := call.asked("projectKey") or call.asked("projectId"):
            call.site.project(place)
        if unknown := [one for one in wanted if one not in have]:
            raise Refusal(400, f"Unrecognized permission: {unknown[0]}")
        rows = {one: {"id": str(at), "key": one, "name": one.title(), "type": "PROJECT", "description": "",
                      "havePermission": have[one]} for at, one in enumerate(wanted or have)}  # fmt: skip
        return answer({"permissions": rows})

    async def _fields(self, call: Call) -> Response:
        return answer([call.shown.field(one) for one in call.site.fields.values()])

    async def _priorities(self, call: Call) -> Response:
        return answer([call.shown.priority(id) for id in d.PRIORITIES])

    async def _resolutions(self, call: Call) -> Response:
        return answer([call.shown.resolution(id) for id in d.RESOLUTIONS])

    async def _statuses(self, call: Call) -> Response:
        return answer([call.shown.status(id) for id in d.STATUSES])

    async def _types(self, call: Call) -> Response:
        return answer([call.shown.type(one) for project in call.site.projects.values() for one in project.types])

    async def _link_types(self, call: Call) -> Response:
        here = f"{call.shown.api}/issueLinkType"
        rows = [
            {"id": id, "name": name, "inward": inward, "outward": outward, "self": f"{here}/{id}"}
            for id, (name, inward, outward) in d.LINK_TYPES.items()
        ]
        return answer({"issueLinkTypes": rows})

    def _seen(self, call: Call) -> list[Project]:
        return list(call.site.projects.values()) if call.user is not None and not call.user.customer else []

    async def _projects(self, call: Call) -> Response:
        return answer([call.shown.project(one) for one in self._seen(call)])

    async def _project_search(self, call: Call) -> Response:
        if not call.site.cloud:
            raise no_way(call.request.url.path)
        words, keys = call.asked("query").lower(), call.several("keys")
        rows = [
            one
            for one in self._seen(call)
            if words in f"{one.key} {one.name}".lower() and (not keys or one.key in keys)
        ]
        with_types = "issueTypes" in call.asked("expand")
        return answer(page(call, [call.shown.project(one, types=with_types) for one in rows]))

    def _place(self, call: Call) -> Project:
        found = call.site.project(call.parts[0])
        if found not in self._seen(call):
            raise Refusal(404, f"No project could be found with key '{call.parts[0]}'.")
        return found

    async def _project(self, call: Call) -> Response:
        return answer(call.shown.project(self._place(call), types=True))

    async def _project_statuses(self, call: Call) -> Response:
        rows = []
        for one in self._place(call).types:
            statuses = [call.shown.status(id) for id in one.workflow.statuses]
            rows.append({"self": f"{call.shown.api}/issuetype/{one.id}", "id": one.id, "name": one.name,
                         "subtask": one.subtask, "statuses": statuses})  # fmt: skip
        return answer(rows)

    async def _components(self, call: Call) -> Response:
        return answer([call.shown.component(id, name) for id, name in self._place(call).components.items()])

    # Screens.

    async def _createmeta(self, call: Call) -> Response:
        """The old description of everything at once, which Data Center has no more."""
        if not call.site.cloud:
            raise no_way(call.request.url.path)
        keys, ids = call.several("projectKeys"), call.several("projectIds")
        wanted = [one for one in self._seen(call) if (not keys and not ids) or one.key in keys or one.id in ids]
        rows = []
        for one in wanted:
            types = []
            for type in one.types:
                said = call.shown.type(type)
                if "fields" in call.asked("expand"):
                    said["fields"] = {each["key"]: each for each in self._metas(call, one, type)}
                types.append(said)
            rows.append(call.shown.project(one) | {"issuetypes": types})
        return answer({"expand": "projects", "projects": rows})

    async def _createmeta_types(self, call: Call) -> Response:
        found = self._place(call)
        rows = [call.shown.type(one) for one in found.types]
        said = page(call, rows)
        return answer(_listed(said, "issueTypes") if call.site.cloud else said)

    async def _createmeta_fields(self, call: Call) -> Response:
        found = self._place(call)
        type = found.type(call.parts[1])
        if type is None:
            raise Refusal(404 if call.site.cloud else 400, f"Issue type with id '{call.parts[1]}' does not exist.")
        said = page(call, self._metas(call, found, type))
        return answer(_listed(said, "fields") if call.site.cloud else said)

    def _metas(self, call: Call, place: Project, type: IssueType) -> list[dict[str, Any]]:
        known = [call.site.fields[name] for name in type.create if not call.site.fields[name].hidden]
        return [call.shown.meta(one, place, type, required=one.id in type.required) for one in known]

    # People.

    async def _user(self, call: Call) -> Response:
        who = call.asked("accountId") if call.site.cloud else call.asked("username") or call.asked("key")
        found = next((one for one in call.site.users.values() if who in (one.id(call.site.edition), one.inner(
            call.site.edition))), None)  # fmt: skip
        if found is None or call.user is None:
            raise Refusal(404, f"Specified user does not exist or you do not have required permissions: {who}")
        return answer(found.ref(call.base, call.site.edition, call.user))

    async def _users(self, call: Call) -> Response:
        """Cloud searches addresses too, also those that it does not show."""
        words = call.asked("query" if call.site.cloud else "username").lower()
        if not words and not call.asked("accountId"):
            raise Refusal(400, "Either the 'query', 'accountId' or 'property' query parameters must be provided."
                          if call.site.cloud else "The username query parameter was not provided")  # fmt: skip
        return answer(self._found(call, words, lambda one: True))

    async def _assignable(self, call: Call) -> Response:
        place = call.asked("project")
        if place:
            call.site.project(place)
        elif not (call.asked("issueKey") or call.asked("issueId")):
            raise Refusal(400, "Either project or issueKey must be given.")
        words = call.asked("query" if call.site.cloud else "username").lower()
        return answer(self._found(call, words, lambda one: one.active and not one.customer))

    def _found(self, call: Call, words: str, fits: Any) -> list[dict[str, Any]]:
        if call.user is None:
            return []
        start, size = call.number("startAt", 0), min(call.number("maxResults", 50), OLDEST_MOST)
        rows = [one for one in call.site.users.values() if fits(one) and _named(one, words)]
        return [one.ref(call.base, call.site.edition, call.user) for one in rows[start : start + size]]


def _named(one: User, words: str) -> bool:
    return words in f"{one.name} {one.title} {one.mail} {one.account}".lower()


def _listed(said: dict[str, Any], name: str) -> dict[str, Any]:
    """These two resources name their list otherwise than the rest."""
    return {name: said["values"], "startAt": said["startAt"], "maxResults": said["maxResults"], "total": said["total"]}
