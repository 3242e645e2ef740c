"""Domains as code: statuses, priorities, the matrix, categories. Their order here is their order on screens."""

from collections.abc import Iterator
from contextlib import contextmanager

from rallypoint import access, catalog
from rallypoint.catalog import Impact, Urgency
from rallypoint.db import Transaction
from rallypoint.edges.code.document import Category, CustomField, Domain, Priority, Status
from rallypoint.edges.code.kinds import Kind
from rallypoint.errors import Invalid, Problem


class Domains(Kind[Domain]):
    """Statuses, priorities, categories and fields are never taken away: incidents of the past name them."""

    section, word, part = "domains", "domain", Domain
    lists = {"statuses": ("key",), "priorities": ("key",), "categories": ("key",), "fields": ("key",)}
    whole = ("statuses", "priorities", "categories", "fields")

    async def current(self, tx: Transaction) -> list[Domain]:
        teams = {team.id: team.key for team in await access.teams(tx)}
        return [await _read(tx, domain, teams) for domain in await catalog.domains(tx)]

    async def create(self, tx: Transaction, wanted: Domain) -> str:
        await self._save(tx, None, wanted)
        return ""

    async def update(self, tx: Transaction, before: Domain, wanted: Domain) -> None:
        await self._save(tx, before, wanted)

    async def _save(self, tx: Transaction, before: Domain | None, wanted: Domain) -> None:
        domain = await catalog.save_domain(
            tx,
            key=wanted.key,
            name=wanted.name,
            workflow=wanted.workflow,
            closure_policy=wanted.closure_policy,
            description=wanted.description,
            settings=wanted.settings,
        )
        if before is None or before.statuses != wanted.statuses:
            await _statuses(tx, domain, wanted.statuses)
        if before is None or before.priorities != wanted.priorities:
            await _priorities(tx, domain, wanted.priorities)
        if before is None or before.matrix != wanted.matrix:
            await catalog.save_matrix(tx, domain, _matrix(wanted.matrix))
        if before is None or before.categories != wanted.categories:
            await _categories(tx, domain, wanted.categories)
        if before is None or before.fields != wanted.fields:
            await _fields(tx, domain, wanted.fields)


async def _read(tx: Transaction, domain: catalog.Domain, teams: dict[int, str]) -> Domain:
    model = await catalog.priority_model(tx, domain.id)
    tree = await catalog.categories(tx, domain.id)
    keys = {category.id: category.key for category in tree}
    return Domain(
        key=domain.key,
        name=domain.name,
        workflow=domain.workflow.value,
        closure_policy=domain.closure_policy.value,
        description=domain.description,
        settings=domain.settings,
        statuses=[
            Status(key=s.key, name=s.name, category=s.category.value) for s in await catalog.statuses(tx, domain.id)
        ],
        priorities=[
            Priority(
                key=level.key, name=level.name, definition=level.definition, response_minutes=level.response_minutes,
                resolution_minutes=level.resolution_minutes, update_minutes=level.update_minutes, pages=level.urgency,
                common=level.common, tells=list(level.tells),
            )
            for level in model.levels
        ],
        matrix={
            i.value: {u.value: model.matrix[i, u] for u in Urgency if (i, u) in model.matrix}
            for i in Impact
            if any((i, u) in model.matrix for u in Urgency)
        },
        categories=[
            Category(
                key=c.key, name=c.name, type_class=c.type_class.value, parent=keys[c.parent_id] if c.parent_id else "",
                impact=c.default_impact.value if c.default_impact else "",
                urgency=c.default_urgency.value if c.default_urgency else "",
                team=teams[c.route_team_id] if c.route_team_id else "",
            )
            for c in _in_order(tree)
        ],
        fields=[
            CustomField(
                key=f.key, name=f.name, kind=f.kind.value, choices=list(f.choices), hint=f.hint, retired=f.retired
            )
            for f in await catalog.custom_fields(tx, domain.id, retired=True)
        ],
    )  # fmt: skip


def _in_order(tree: list[catalog.Category]) -> list[catalog.Category]:
    """Each category before those below it, siblings in their own order."""
    below: dict[int | None, list[catalog.Category]] = {}
    for category in tree:
        below.setdefault(category.parent_id, []).append(category)

    def walk(parent: int | None) -> list[catalog.Category]:
        return [one for child in below.get(parent, []) for one in (child, *walk(child.id))]

    return walk(None)


async def _statuses(tx: Transaction, domain: catalog.Domain, wanted: list[Status]) -> None:
    for index, one in enumerate(wanted):
        with _at(f"statuses[{index}]"):
            await catalog.save_status(tx, domain, key=one.key, name=one.name, category=one.category, position=index)


async def _priorities(tx: Transaction, domain: catalog.Domain, wanted: list[Priority]) -> None:
    for index, one in enumerate(wanted):
        with _at(f"priorities[{index}]"):
            await catalog.save_level(
                tx, domain, key=one.key, name=one.name, rank=index + 1, definition=one.definition,
                response_minutes=one.response_minutes, resolution_minutes=one.resolution_minutes,
                update_minutes=one.update_minutes, urgency=one.pages, tells=tuple(one.tells), common=one.common,
            )  # fmt: skip


async def _categories(tx: Transaction, domain: catalog.Domain, wanted: list[Category]) -> None:
    for index, one in enumerate(wanted):
        with _at(f"categories[{index}]"):
            await catalog.save_category(
                tx, domain, key=one.key, name=one.name, type_class=one.type_class, parent=one.parent or None,
                default_impact=one.impact or None, default_urgency=one.urgency or None, team=one.team or None,
                position=index,
            )  # fmt: skip


async def _fields(tx: Transaction, domain: catalog.Domain, wanted: list[CustomField]) -> None:
    for index, one in enumerate(wanted):
        with _at(f"fields[{index}]"):
            await catalog.save_custom_field(
                tx, domain, key=one.key, name=one.name, kind=one.kind, choices=one.choices, hint=one.hint,
                position=index, retired=one.retired,
            )  # fmt: skip


@contextmanager
def _at(place: str) -> Iterator[None]:
    """Puts the place in the document before the field of a problem."""
    try:
        yield
    except Invalid as problem:
        raise Invalid([Problem(f"{place}.{p.field}", p.reason, p.example) for p in problem.problems]) from problem


def _matrix(wanted: dict[str, dict[str, str]]) -> dict[tuple[Impact, Urgency], str]:
    matrix, problems = {}, []
    for impact, row in wanted.items():
        for urgency, level in row.items():
            try:
                matrix[Impact(impact), Urgency(urgency)] = level
            except ValueError as problem:
                problems.append(Problem(f"matrix.{impact}.{urgency}", str(problem)))
    if problems:
        raise Invalid(problems)
    return matrix
