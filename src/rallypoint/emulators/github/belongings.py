"""What belongs to a repository and its issues: labels, who can be assigned, milestones."""

from starlette.responses import JSONResponse, Response

from rallypoint.emulators.github.call import WRITE, Call, Row, listed
from rallypoint.emulators.github.forge import Forge, Issue, Label
from rallypoint.emulators.github.people import Right
from rallypoint.emulators.github.refusals import Refusal, invalid, not_found


class Belongings:
    """Turns requests about them into acts on the host."""

    def __init__(self, forge: Forge) -> None:
        self.forge = forge

    def table(self) -> tuple[Row, ...]:
        number = r"(\d+)"
        return (
            ("GET", rf"issues/{number}/labels", self._issue_labels),
            ("POST", rf"issues/{number}/labels", self._add_labels),
            ("PUT", rf"issues/{number}/labels", self._set_labels),
            ("DELETE", rf"issues/{number}/labels", self._clear_labels),
            ("DELETE", rf"issues/{number}/labels/([^/]+)", self._drop_label),
            ("POST", rf"issues/{number}/assignees", self._add_assignees),
            ("DELETE", rf"issues/{number}/assignees", self._drop_assignees),
            ("GET", r"labels", self._labels),
            ("POST", r"labels", self._make_label),
            ("GET", r"labels/([^/]+)", self._label),
            ("PATCH", r"labels/([^/]+)", self._rename_label),
            ("DELETE", r"labels/([^/]+)", self._delete_label),
            ("GET", r"assignees", self._assignees),
            ("GET", r"assignees/([^/]+)", self._is_assignable),
            ("GET", r"milestones", self._milestones),
            ("POST", r"milestones", self._make_milestone),
            ("GET", rf"milestones/{number}", self._milestone),
            ("PATCH", rf"milestones/{number}", self._change_milestone),
            ("DELETE", rf"milestones/{number}", self._delete_milestone),
        )

    def _labels_of(self, call: Call, issue: Issue) -> Response:
        return JSONResponse([call.shown.label(call.where, one) for one in issue.labels])

    async def _issue_labels(self, call: Call) -> Response:
        return self._labels_of(call, call.issue())

    async def _add_labels(self, call: Call) -> Response:
        issue, who = call.issue(), call.demand(WRITE, Right.TRIAGE)
        names = [one.name for one in issue.labels] + list((await call.body()).get("labels") or ())
        self.forge.relabel(call.where, issue, names, who)
        return self._labels_of(call, issue)

    async def _set_labels(self, call: Call) -> Response:
        issue, who = call.issue(), call.demand(WRITE, Right.TRIAGE)
        self.forge.relabel(call.where, issue, (await call.body()).get("labels") or (), who)
        return self._labels_of(call, issue)

    async def _clear_labels(self, call: Call) -> Response:
        issue, who = call.issue(), call.demand(WRITE, Right.TRIAGE)
        self.forge.relabel(call.where, issue, (), who)
        return Response(status_code=204)

    async def _drop_label(self, call: Call) -> Response:
        issue, who = call.issue(), call.demand(WRITE, Right.TRIAGE)
        gone = call.parts[1].casefold()
        if all(one.name.casefold() != gone for one in issue.labels):
            raise Refusal(404, "Label does not exist")
        self.forge.relabel(call.where, issue, [one.name for one in issue.labels if one.name.casefold() != gone], who)
        return self._labels_of(call, issue)

    async def _add_assignees(self, call: Call) -> Response:
        """Who cannot be assigned is left out without a word."""
        issue, who = call.issue(), call.demand(WRITE, Right.TRIAGE)
        wanted = {str(one).casefold() for one in (await call.body()).get("assignees") or ()}
        fresh = [one for one in self.forge.assignable(call.where) if one.login.casefold() in wanted]
        added = [one for one in fresh if one not in issue.assignees]
        self.forge.assign(call.where, issue, [*issue.assignees, *added], who)
        return JSONResponse(call.shown.issue(call.where, issue), 201)

    async def _drop_assignees(self, call: Call) -> Response:
        issue, who = call.issue(), call.demand(WRITE, Right.TRIAGE)
        gone = {str(one).casefold() for one in (await call.body()).get("assignees") or ()}
        left = [one for one in issue.assignees if one.login.casefold() not in gone]
        self.forge.assign(call.where, issue, left, who)
        return JSONResponse(call.shown.issue(call.where, issue))

    async def _labels(self, call: Call) -> Response:
        rows = list(call.where.labels.values())
        return listed(call, rows, lambda one: call.shown.label(call.where, one), "labels")

    def _find_label(self, call: Call) -> Label:
        found = call.where.labels.get(call.parts[0].casefold())
        if found is None:
            raise not_found()
        return found

    async def _label(self, call: Call) -> Response:
        return JSONResponse(call.shown.label(call.where, self._find_label(call)))

    async def _make_label(self, call: Call) -> Response:
        call.demand(WRITE, Right.WRITE)
        said = await call.body()
        made = self.forge.add_label(call.where, said.get("name"), said.get("color", "ededed"), said.get("description"))
        return JSONResponse(call.shown.label(call.where, made), 201)

    async def _rename_label(self, call: Call) -> Response:
        call.demand(WRITE, Right.WRITE)
        label, said = self._find_label(call), await call.body()
        del call.where.labels[label.name.casefold()]
        label.name = str(said.get("new_name") or label.name)
        label.color = str(said.get("color") or label.color)
        call.where.labels[label.name.casefold()] = label
        return JSONResponse(call.shown.label(call.where, label))

    async def _delete_label(self, call: Call) -> Response:
        call.demand(WRITE, Right.WRITE)
        label = self._find_label(call)
        del call.where.labels[label.name.casefold()]
        for issue in call.where.issues.values():
            issue.labels = [one for one in issue.labels if one is not label]
        return Response(status_code=204)

    async def _assignees(self, call: Call) -> Response:
        return listed(call, self.forge.assignable(call.where), call.shown.user, "assignees")

    async def _is_assignable(self, call: Call) -> Response:
        if all(one.login.casefold() != call.parts[0].casefold() for one in self.forge.assignable(call.where)):
            raise not_found()
        return Response(status_code=204)

    async def _milestones(self, call: Call) -> Response:
        state = call.asked("state", "open")
        rows = [one for one in call.where.milestones.values() if state == "all" or one.state == state]
        return listed(call, rows, lambda one: call.shown.milestone(call.where, one), "milestones")

    async def _make_milestone(self, call: Call) -> Response:
        call.demand(WRITE, Right.WRITE)
        title = str((await call.body()).get("title") or "")
        if not title:
            raise invalid("Milestone", "title", "missing_field")
        return JSONResponse(call.shown.milestone(call.where, self.forge.add_milestone(call.where, title)), 201)

    async def _milestone(self, call: Call) -> Response:
        found = call.where.milestones.get(int(call.parts[0]))
        if found is None:
            raise not_found()
        return JSONResponse(call.shown.milestone(call.where, found))

    async def _change_milestone(self, call: Call) -> Response:
        call.demand(WRITE, Right.WRITE)
        found, said = call.where.milestones.get(int(call.parts[0])), await call.body()
        if found is None:
            raise not_found()
        found.title, found.state = str(said.get("title") or found.title), str(said.get("state") or found.state)
        return JSONResponse(call.shown.milestone(call.where, found))

    async def _delete_milestone(self, call: Call) -> Response:
        call.demand(WRITE, Right.WRITE)
        if int(call.parts[0]) not in call.where.milestones:
            raise not_found()
        self.forge.drop_milestone(call.where, int(call.parts[0]))
        return Response(status_code=204)
