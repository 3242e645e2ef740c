"""Escalation policies: who is paged after whom, and which service uses which."""

from typing import Annotated, Any

from pydantic import Field

from rallypoint import oncall
from rallypoint.access import Permission
from rallypoint.edges.api.route import Routes, Tx
from rallypoint.edges.api.views.oncall import PolicyView
from rallypoint.edges.api.words import Input, Key, Line, Listed, Page, PathKey, paged
from rallypoint.oncall import TargetKind

routes = Routes("escalation policies")


class NewTarget(Input):
    kind: TargetKind
    name: Line = Field(description="The key of a schedule or team, or a person's e-mail address.")


class NewStep(Input):
    after_minutes: Annotated[int, Field(ge=0, le=10_080)]
    targets: Annotated[list[NewTarget], Field(max_length=50)]


class NewPolicy(Input):
    key: Key
    name: Line
    steps: Annotated[list[NewStep], Field(min_length=1, max_length=50)]
    repeat: Annotated[int, Field(ge=0, le=20)] = 1
    team: Key | None = None


class Assignment(Input):
    policy: Key


@routes.get("/policies", permission=Permission.READ_ONCALL)
async def list_policies(tx: Tx, query: Listed) -> Page[PolicyView]:
    shown, next_cursor = paged(await oncall.policies(tx), query, lambda policy: policy.key)
    return Page(items=[PolicyView.model_validate(policy) for policy in shown], next_cursor=next_cursor)


@routes.post("/policies", permission=Permission.EDIT_ONCALL, status=201)
async def create_policy(tx: Tx, body: NewPolicy) -> PolicyView:
    steps: list[dict[str, Any]] = [
        {"after_minutes": step.after_minutes, "targets": [(t.kind.value, t.name) for t in step.targets]}
        for step in body.steps
    ]
    policy = await oncall.create_policy(
        tx, key=body.key, name=body.name, steps=steps, repeat=body.repeat, team=body.team
    )
    return PolicyView.model_validate(policy)


@routes.get("/policies/{key}", permission=Permission.READ_ONCALL)
async def show_policy(tx: Tx, key: PathKey) -> PolicyView:
    return PolicyView.model_validate(await oncall.policy(tx, key))


@routes.put("/services/{key}/policy", permission=Permission.EDIT_ONCALL)
async def assign_policy(tx: Tx, key: PathKey, body: Assignment) -> PolicyView:
    """From now on, incidents of this service page by this policy."""
    await oncall.assign_policy(tx, key, body.policy)
    return PolicyView.model_validate(await oncall.policy(tx, body.policy))
