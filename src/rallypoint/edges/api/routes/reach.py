"""How a person is reached: contact methods and personal rules."""

from enum import StrEnum
from typing import Annotated

from pydantic import Field
from starlette.requests import Request

from rallypoint import access, notify
from rallypoint.access import Permission
from rallypoint.edges.api.door import house_of
from rallypoint.edges.api.route import Routes, Tx
from rallypoint.edges.api.views.house import MethodView, NewMethodView, RuleView
from rallypoint.edges.api.words import Id, Input, Listed, OptionalLine, Page, PathId, paged
from rallypoint.errors import Invalid
from rallypoint.notify import MethodKind

routes = Routes("reaching people")


class PageUrgency(StrEnum):
    HIGH = "high"
    LOW = "low"


class NewMethod(Input):
    kind: MethodKind
    address: Annotated[str, Field(max_length=2000)] = ""
    label: OptionalLine = ""
    secret: Annotated[str, Field(min_length=1, max_length=200)] | None = Field(
        None, description="What signs a webhook's messages: whsec_ and base64. Left out: made up, and told once."
    )
    verified: bool = Field(False, description="You have made sure that this address is theirs.")


class NewRule(Input):
    after_minutes: Annotated[int, Field(ge=0, le=1440)]
    contact_method_id: Id


class NewRules(Input):
    urgency: PageUrgency
    steps: Annotated[list[NewRule], Field(max_length=50)]


@routes.get("/people/{id}/contact-methods", permission=Permission.MANAGE_PEOPLE)
async def list_contact_methods(tx: Tx, id: PathId, query: Listed) -> Page[MethodView]:
    await access.person(tx, id)
    shown, next_cursor = paged(await notify.contact_methods(tx, id), query, lambda method: method.id)
    return Page(items=[MethodView.model_validate(method) for method in shown], next_cursor=next_cursor)


@routes.post("/people/{id}/contact-methods", permission=Permission.MANAGE_PEOPLE, status=201, secret=True)
async def add_contact_method(tx: Tx, request: Request, id: PathId, body: NewMethod) -> NewMethodView:
    """A way to reach somebody; it counts once it is verified. A webhook is signed: see `secret`."""
    house = house_of(request)
    if body.kind is MethodKind.SANDBOX and not house.settings.demo:
        raise Invalid("kind", "is the demo's phone: nobody looks at it here", "email")
    method = await notify.add_contact_method(
        tx, person_id=id, kind=body.kind, address=body.address, label=body.label, secret=body.secret,
        verified=body.verified, vault=house.vault,
    )  # fmt: skip
    return NewMethodView.model_validate(method)


@routes.delete("/contact-methods/{id}", permission=Permission.MANAGE_PEOPLE)
async def remove_contact_method(tx: Tx, id: PathId) -> None:
    await notify.remove_contact_method(tx, id)


@routes.get("/people/{id}/rules", permission=Permission.MANAGE_PEOPLE)
async def list_rules(tx: Tx, id: PathId, query: Listed) -> Page[RuleView]:
    """After how many minutes which method is used; none: every method at once."""
    await access.person(tx, id)
    rules = {f"{rule.urgency}:{rule.position:03}": rule for rule in await notify.rules(tx, id)}
    shown, next_cursor = paged(list(rules), query, str)
    return Page(items=[RuleView.model_validate(rules[name]) for name in shown], next_cursor=next_cursor)


@routes.put("/people/{id}/rules", permission=Permission.MANAGE_PEOPLE)
async def set_rules(tx: Tx, id: PathId, body: NewRules) -> Page[RuleView]:
    """Replace somebody's rules for an urgency."""
    await access.person(tx, id)
    steps = [(step.after_minutes, step.contact_method_id) for step in body.steps]
    await notify.set_rules(tx, id, body.urgency.value, steps)
    found = [rule for rule in await notify.rules(tx, id) if rule.urgency == body.urgency]
    return Page(items=[RuleView.model_validate(rule) for rule in found], next_cursor=None)
