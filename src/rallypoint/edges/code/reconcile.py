"""Brings the product to what a document says, or tells what that would take. One function does both, so a plan cannot
differ from what applying it does: a plan is an apply whose savepoint is rolled back.
"""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import msgspec

from rallypoint import access
from rallypoint.access import Permission
from rallypoint.db import Transaction
from rallypoint.edges.code.files import plain
from rallypoint.edges.code.kinds import Change, Kind, difference
from rallypoint.edges.code.sections import KINDS, SINGLE
from rallypoint.errors import Conflict, Invalid, NotFound, Problem, Refused

VERSION = 1


async def export_document(tx: Transaction) -> dict[str, Any]:
    """All of the set-up, without secrets and without what happened."""
    access.require(tx.actor, Permission.CONFIGURE)
    document: dict[str, Any] = {"version": VERSION}
    for kind in KINDS:
        parts = [plain(item) for item in await kind.current(tx)]
        if parts:
            document[kind.section] = parts[0] if kind.section in SINGLE else parts
    return document


async def plan(tx: Transaction, document: Mapping[str, Any], prune: bool = False) -> list[Change]:
    """What apply would do. Nothing is changed; the keys it shows belong to nobody."""
    found: list[Change] = []

    class Enough(Exception):
        """Rolls the savepoint back."""

    try:
        async with tx.savepoint():
            found = await apply(tx, document, prune=prune)
            raise Enough
    except Enough:
        return [replace(change, key="") for change in found]


async def apply(tx: Transaction, document: Mapping[str, Any], prune: bool = False) -> list[Change]:
    """Create and change what the document names. Fields it leaves out stay as they are.

    With `prune`, what a section of the document does not name is taken away, as far as history allows: people and
    integrations are disabled, services retired, components hidden, unused teams removed. All problems are reported
    together, each by its place in the document, and then nothing is changed.
    """
    access.require(tx.actor, Permission.CONFIGURE)
    problems: list[Problem] = []
    _check_sections(document, problems)
    changes: list[Change] = []
    async with tx.savepoint():
        for kind in KINDS:
            if kind.section in document:
                changes += await _section(tx, kind, document[kind.section], prune, problems)
        if problems:
            raise Invalid(problems)
        if changes:
            done = [" ".join((one.what, one.kind, one.name, *one.fields))[:300] for one in changes]
            await access.record(tx, "set-up applied", "set-up", {"changes": done[:200], "count": len(done)})
    return changes


async def _section(tx: Transaction, kind: Kind[Any], given: Any, prune: bool, problems: list[Problem]) -> list[Change]:
    entries = [given] if kind.section in SINGLE else given
    if not isinstance(entries, list):
        problems.append(Problem(kind.section, "must be a list"))
        return []
    before = {kind.name(item): item for item in await kind.current(tx)}
    changes: list[Change] = []
    todo: list[tuple[str, Any, Any]] = []
    seen: set[str] = set()
    for index, raw in enumerate(entries):
        place = kind.section if kind.section in SINGLE else f"{kind.section}[{index}]"
        async with _noting(tx, place, problems):
            if not isinstance(raw, dict):
                raise Invalid("", "must be a table")
            name = str(raw.get(kind.names, "")).casefold() if kind.section not in SINGLE else ""
            if name in seen:
                raise Invalid(kind.names, "is there twice")
            seen.add(name)
            was = before.get(name) if kind.section not in SINGLE else next(iter(before.values()), None)
            wanted = kind.merged(was, raw, prune=prune)
            changes += await _one(tx, kind, was, wanted)
            if was != wanted:
                todo.append((place, was, wanted))
    for place, was, wanted in todo:
        async with _noting(tx, place, problems):
            await kind.link(tx, was, wanted)
    if prune and kind.section not in SINGLE:
        for name in [name for name in before if name not in seen]:
            async with _noting(tx, kind.section, problems):
                if what := await kind.remove(tx, before[name]):
                    changes.append(Change(kind=kind.word, name=getattr(before[name], kind.names), what=what))
    return changes


async def _one(tx: Transaction, kind: Kind[Any], was: Any, wanted: Any) -> list[Change]:
    name = getattr(wanted, kind.names, "") if kind.section not in SINGLE else ""
    if was is None:
        return [Change(kind=kind.word, name=name, what="create", key=await kind.create(tx, wanted))]
    if was == wanted:
        return []
    await kind.update(tx, was, wanted)
    return [Change(kind=kind.word, name=name, what="update", fields=difference(was, wanted))]


@asynccontextmanager
async def _noting(tx: Transaction, place: str, problems: list[Problem]) -> AsyncIterator[None]:
    """Undoes what fails inside and notes the problem by its place, so that all of a document's are told at once."""
    try:
        async with tx.savepoint():
            yield
    except Invalid as problem:
        problems += [Problem(_join(place, p.field), p.reason, p.example) for p in problem.problems]
    except msgspec.ValidationError as problem:
        text, _, where = str(problem).partition(" - at ")
        problems.append(Problem(_join(place, where.strip("`").removeprefix("$.").removeprefix("$")), text))
    except Refused as problem:
        if problem.permission:
            raise
        problems.append(Problem(place, str(problem)))
    except (NotFound, Conflict) as problem:
        problems.append(Problem(place, str(problem)))


def _join(place: str, field: str) -> str:
    return place if not field else f"{place}.{field}" if not field.startswith("[") else f"{place}{field}"


def _check_sections(document: Mapping[str, Any], problems: list[Problem]) -> None:
    known = {kind.section for kind in KINDS}
    if document.get("version", VERSION) != VERSION:
        problems.append(Problem("version", f"must be {VERSION}"))
    for section in document:
        if section not in known and section != "version":
            problems.append(Problem(str(section)[:100], f"is no section; there are {', '.join(sorted(known))}"))
