"""People, groups, organisations, fields, forms, statuses, triggers and webhooks over HTTP."""

from typing import Any

from starlette.responses import JSONResponse, Response

from rallypoint.emulators.zendesk import definitions as d
from rallypoint.emulators.zendesk import search
from rallypoint.emulators.zendesk.call import Call, Row
from rallypoint.emulators.zendesk.desk import Desk
from rallypoint.emulators.zendesk.people import User
from rallypoint.emulators.zendesk.refusals import forbidden, invalid, not_found
from rallypoint.emulators.zendesk.shown import stamp
from rallypoint.emulators.zendesk.webhooks import Trigger, Webhooks

ROLES = ("end-user", "agent", "admin")


class AccountInterface:
    """What is asked about the account itself."""

    def __init__(self, desk: Desk, webhooks: Webhooks) -> None:
        self.desk, self.webhooks = desk, webhooks

    def table(self) -> tuple[Row, ...]:
        hook = r"webhooks/(\w+)"
        return (
            ("GET", "users/me", self._me),
            ("GET", "users", self._users),
            ("POST", "users", self._add_user),
            ("POST", "users/create_or_update", self._create_or_update),
            ("GET", "users/show_many", self._some_users),
            ("GET", "users/search", self._search_users),
            ("GET", r"users/(\d+)", self._user),
            ("GET", "groups", self._groups),
            ("GET", r"groups/(\d+)", self._group),
            ("GET", "organizations", self._organizations),
            ("GET", r"organizations/(\d+)", self._organization),
            ("GET", "ticket_fields", self._fields),
            ("POST", "ticket_fields", self._add_field),
            ("GET", r"ticket_fields/(\d+)", self._field),
            ("PUT", r"ticket_fields/(\d+)", self._change_field),
            ("GET", "ticket_forms", self._forms),
            ("GET", r"ticket_forms/(\d+)", self._form),
            ("GET", "custom_statuses", self._statuses),
            ("GET", r"custom_statuses/(\d+)", self._status),
            ("GET", "triggers", self._triggers),
            ("POST", "triggers", self._add_trigger),
            ("GET", r"triggers/(\d+)", self._trigger),
            ("PUT", r"triggers/(\d+)", self._change_trigger),
            ("DELETE", r"triggers/(\d+)", self._delete_trigger),
            ("GET", "webhooks", self._webhooks),
            ("POST", "webhooks", self._add_webhook),
            ("GET", hook, self._webhook),
            ("PUT", hook, self._change_webhook),
            ("PATCH", hook, self._change_webhook),
            ("DELETE", hook, self._delete_webhook),
            ("GET", rf"{hook}/signing_secret", self._secret),
            ("POST", rf"{hook}/signing_secret", self._new_secret),
            ("GET", rf"{hook}/invocations", self._invocations),
        )

    # People.

    async def _me(self, call: Call) -> Response:
        return JSONResponse({"user": {**call.shown.user(call.user.id), "authenticity_token": "none"}})

    async def _users(self, call: Call) -> Response:
        call.demand_agent()
        params = call.request.query_params
        roles = {*params.getlist("role[]"), *params.getlist("role")}
        rows = [one.id for one in self.desk.users.values() if not roles or one.role in roles]
        return call.listed("users", [call.shown.user(id) for id in rows])

    async def _user(self, call: Call) -> Response:
        return JSONResponse({"user": call.shown.user(self.desk.user(call.part()).id)})

    async def _some_users(self, call: Call) -> Response:
        call.demand_agent()
        ids = [int(one) for one in call.asked("ids").split(",") if one.isdigit()]
        return call.listed("users", [call.shown.user(id) for id in ids if id in self.desk.users])

    async def _search_users(self, call: Call) -> Response:
        call.demand_agent()
        return call.listed("users", [call.shown.user(id) for id in search.users(self.desk, call.asked("query"))])

    async def _add_user(self, call: Call) -> Response:
        said = await call.named("user")
        if self.desk.by_email(str(said.get("email", ""))) is not None:
            raise invalid("email", f"Email: {said['email']} is already being used by another user", "DuplicateValue")
        return JSONResponse({"user": call.shown.user(self._made(call, said).id)}, 201)

    async def _create_or_update(self, call: Call) -> Response:
        said = await call.named("user")
        known = self.desk.by_email(str(said.get("email", "")))
        if known is not None:
            known.name = str(said.get("name") or known.name)
            return JSONResponse({"user": call.shown.user(known.id)})
        return JSONResponse({"user": call.shown.user(self._made(call, said).id)}, 201)

    def _made(self, call: Call, said: dict[str, Any]) -> User:
        call.demand_agent()
        role = str(said.get("role", "end-user"))
        if not said.get("name"):
            raise invalid("name", "Name: is too short (minimum is 1 characters)", "ValueTooShort")
        if role != "end-user" and call.user.role != "admin":
            raise forbidden()
        return self.desk.add_user(str(said["name"]), str(said.get("email", "")), role if role in ROLES else "end-user")

    async def _groups(self, call: Call) -> Response:
        call.demand_agent()
        return call.listed("groups", [call.shown.group(id) for id in self.desk.groups])

    async def _group(self, call: Call) -> Response:
        return JSONResponse({"group": call.shown.group(_known(self.desk.groups, call.part()).id)})

    async def _organizations(self, call: Call) -> Response:
        call.demand_agent()
        return call.listed("organizations", [call.shown.organization(id) for id in self.desk.organizations])

    async def _organization(self, call: Call) -> Response:
        found = _known(self.desk.organizations, call.part())
        return JSONResponse({"organization": call.shown.organization(found.id)})

    # Definitions.

    def _shown_field(self, call: Call, one: d.Field) -> dict[str, Any]:
        said = one.shown(call.shown.base, stamp(one.created))
        if one.type == "status" or (one.system and one.title == "Status"):
            said["custom_statuses"] = [
                each.shown(call.shown.base, stamp(each.created)) for each in self.desk.statuses.values()
            ]
        return said

    async def _fields(self, call: Call) -> Response:
        return call.listed("ticket_fields", [self._shown_field(call, one) for one in self.desk.fields.values()])

    async def _field(self, call: Call) -> Response:
        return JSONResponse({"ticket_field": self._shown_field(call, _known(self.desk.fields, call.part()))})

    async def _add_field(self, call: Call) -> Response:
        call.demand_admin()
        said = await call.named("ticket_field")
        if said.get("type") not in d.KINDS or not said.get("title"):
            raise invalid("base", "Ticket field: needs a title and a type")
        options = [
            d.Option(self.desk.new_id(), str(one["name"]), str(one["value"]))
            for one in said.get("custom_field_options") or ()
        ]
        made = d.Field(
            self.desk.new_id(), said["type"], str(said["title"]), self.desk.now(), options, bool(said.get("required")),
            tag=said.get("tag"), regexp=said.get("regexp_for_validation"),
        )  # fmt: skip
        self.desk.fields[made.id] = made
        for form in self.desk.forms.values():
            if form.default:
                form.fields.append(made.id)
        return JSONResponse({"ticket_field": self._shown_field(call, made)}, 201)

    async def _change_field(self, call: Call) -> Response:
        call.demand_admin()
        found, said = _known(self.desk.fields, call.part()), await call.named("ticket_field")
        found.title, found.active = str(said.get("title", found.title)), bool(said.get("active", found.active))
        found.required = bool(said.get("required", found.required))
        return JSONResponse({"ticket_field": self._shown_field(call, found)})

    async def _forms(self, call: Call) -> Response:
        wanted = call.asked("active")
        rows = [one for one in self.desk.forms.values() if wanted != "true" or one.active]
        return call.listed("ticket_forms", [one.shown(call.shown.base, stamp(one.created)) for one in rows])

    async def _form(self, call: Call) -> Response:
        one = _known(self.desk.forms, call.part())
        return JSONResponse({"ticket_form": one.shown(call.shown.base, stamp(one.created))})

    async def _statuses(self, call: Call) -> Response:
        wanted = call.asked("active")
        rows = [one for one in self.desk.statuses.values() if wanted != "true" or one.active]
        return JSONResponse({"custom_statuses": [one.shown(call.shown.base, stamp(one.created)) for one in rows]})

    async def _status(self, call: Call) -> Response:
        one = _known(self.desk.statuses, call.part())
        return JSONResponse({"custom_status": one.shown(call.shown.base, stamp(one.created))})

    # Triggers and webhooks.

    async def _triggers(self, call: Call) -> Response:
        call.demand_agent()
        return call.listed("triggers", [self.webhooks.shown_trigger(one) for one in self.webhooks.triggers.values()])

    async def _trigger(self, call: Call) -> Response:
        call.demand_agent()
        return self._one_trigger(self.webhooks.find_trigger(call.part()))

    def _one_trigger(self, one: Trigger, status: int = 200) -> Response:
        return JSONResponse({"trigger": self.webhooks.shown_trigger(one)}, status)

    async def _add_trigger(self, call: Call) -> Response:
        call.demand_admin()
        return self._one_trigger(self.webhooks.save_trigger(await call.named("trigger")), 201)

    async def _change_trigger(self, call: Call) -> Response:
        call.demand_admin()
        before = self.webhooks.find_trigger(call.part())
        return self._one_trigger(self.webhooks.save_trigger(await call.named("trigger"), before))

    async def _delete_trigger(self, call: Call) -> Response:
        call.demand_admin()
        del self.webhooks.triggers[self.webhooks.find_trigger(call.part()).id]
        return Response(status_code=204)

    async def _webhooks(self, call: Call) -> Response:
        call.demand_admin()
        wanted = call.asked("filter[name_contains]").casefold()
        rows = [one for one in self.webhooks.all.values() if wanted in one.name.casefold()]
        if not call.asked("page[size]"):
            said = {"meta": {"has_more": False, "after_cursor": None, "before_cursor": None},
                    "links": {"next": None, "prev": None}}  # fmt: skip
            return JSONResponse({"webhooks": [self.webhooks.shown(one) for one in rows], **said})
        return call.listed("webhooks", [self.webhooks.shown(one) for one in rows])

    async def _webhook(self, call: Call) -> Response:
        call.demand_admin()
        return JSONResponse({"webhook": self.webhooks.shown(self.webhooks.find(call.parts[0]))})

    async def _add_webhook(self, call: Call) -> Response:
        call.demand_admin()
        made = self.webhooks.save(await call.named("webhook"), call.user.id)
        return JSONResponse({"webhook": self.webhooks.shown(made)}, 201)

    async def _change_webhook(self, call: Call) -> Response:
        call.demand_admin()
        self.webhooks.save(await call.named("webhook"), call.user.id, self.webhooks.find(call.parts[0]))
        return Response(status_code=204)

    async def _delete_webhook(self, call: Call) -> Response:
        """Not while a trigger uses it."""
        call.demand_admin()
        one = self.webhooks.find(call.parts[0])
        used = [each for each in self.webhooks.triggers.values()
                for action in each.actions if str(action.get("value", [""])[0]) == one.id]  # fmt: skip
        if used:
            raise invalid("webhook", "Webhook: is used by a trigger")
        del self.webhooks.all[one.id]
        return Response(status_code=204)

    async def _secret(self, call: Call) -> Response:
        call.demand_admin()
        one = self.webhooks.find(call.parts[0])
        return JSONResponse({"signing_secret": {"algorithm": "SHA256", "secret": one.secret}})

    async def _new_secret(self, call: Call) -> Response:
        call.demand_admin()
        one = self.webhooks.find(call.parts[0])
        one.secret = self.webhooks.new_secret()
        return JSONResponse({"signing_secret": {"algorithm": "SHA256", "secret": one.secret}}, 201)

    async def _invocations(self, call: Call) -> Response:
        call.demand_admin()
        one = self.webhooks.find(call.parts[0])
        rows = [each for each in self.webhooks.invocations.values() if each.webhook == one.id]
        if call.asked("sort").startswith("-") or not call.asked("sort"):
            rows.reverse()
        return call.listed("invocations", [self.webhooks.invoked(each) for each in rows])


def _known(rows: dict[int, Any], id: int) -> Any:
    if id not in rows:
        raise not_found()
    return rows[id]
