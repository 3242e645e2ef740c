"""Schedules, escalation policies and the fallback as code. Overrides are not in it: they are news, not set-up."""

from datetime import time
from typing import Any

from rallypoint import access, oncall
from rallypoint.db import Transaction
from rallypoint.edges.code.document import Fallback, Policy, Rotation, Schedule, Step
from rallypoint.edges.code.kinds import Kind
from rallypoint.edges.code.people import folded, person_id
from rallypoint.errors import Invalid
from rallypoint.oncall.rules import last_wait


class Schedules(Kind[Schedule]):
    """A rotation is known by its name and its start: the last to start is in force. Nothing removes a schedule."""

    section, word, part = "schedules", "schedule", Schedule
    lists = {"rotations": ("name", "starts_on")}

    async def current(self, tx: Transaction) -> list[Schedule]:
        teams = {team.id: team.key for team in await access.teams(tx)}
        emails = {one.id: one.email.casefold() for one in await access.people(tx)}
        found = []
        for one in await oncall.schedules(tx):
            view = await oncall.schedule(tx, one.key)
            rotations = [_rotation(rotation, emails) for rotation in view.rotations]
            team = teams[one.team_id] if one.team_id else ""
            found.append(Schedule(key=one.key, name=one.name, team=team, time_zone=one.time_zone, rotations=rotations))
        return found

    async def create(self, tx: Transaction, wanted: Schedule) -> str:
        await oncall.create_schedule(
            tx, key=wanted.key, name=wanted.name, team=wanted.team or None, time_zone=wanted.time_zone
        )
        await self._rotations(tx, [], wanted)
        return ""

    async def update(self, tx: Transaction, before: Schedule, wanted: Schedule) -> None:
        if (before.name, before.team, before.time_zone) != (wanted.name, wanted.team, wanted.time_zone):
            await oncall.change_schedule(
                tx, before.key, name=wanted.name, team=wanted.team or None, time_zone=wanted.time_zone
            )
        await self._rotations(tx, before.rotations, wanted)

    async def _rotations(self, tx: Transaction, before: list[Rotation], wanted: Schedule) -> None:
        """A changed rotation is taken out and put in again: a rotation is a rule and has no history."""
        view = await oncall.schedule(tx, wanted.key)
        for stored, one in zip(view.rotations, before, strict=False):
            if one not in wanted.rotations:
                await oncall.remove_rotation(tx, wanted.key, stored.id)
        for index, one in enumerate(wanted.rotations):
            if one in before:
                continue
            field = f"rotations[{index}]"
            await oncall.add_rotation(
                tx, wanted.key, name=one.name, kind=one.kind, starts_on=one.starts_on,
                hands_over_at=_time(f"{field}.hands_over_at", one.hands_over_at), length=one.length,
                people=[await person_id(tx, f"{field}.people", email) for email in one.people],
                weekday=None if one.weekday == -1 else one.weekday,
            )  # fmt: skip

    def merged(self, before: Schedule | None, raw: dict[str, Any], *, prune: bool) -> Schedule:
        """With the weekday spelt out, so that leaving it away is no change."""
        wanted = super().merged(before, raw, prune=prune)
        for rotation in wanted.rotations:
            rotation.people = folded(rotation.people)
            rotation.weekday = rotation.starts_on.weekday() if rotation.weekday == -1 else rotation.weekday
        wanted.rotations.sort(key=lambda rotation: rotation.starts_on)
        return wanted


class Policies(Kind[Policy]):
    """Steps are replaced as a whole. Runs under way keep the copy they began with. Nothing removes a policy."""

    section, word, part = "policies", "escalation policy", Policy

    async def current(self, tx: Transaction) -> list[Policy]:
        names = {("person", str(one.id)): one.email.casefold() for one in await access.people(tx)}
        names |= {("team", str(one.id)): one.key for one in await access.teams(tx)}
        names |= {("schedule", str(one.id)): one.key for one in await oncall.schedules(tx)}
        teams = {team.id: team.key for team in await access.teams(tx)}
        return [
            Policy(
                key=one.key, name=one.name, team=teams[one.team_id] if one.team_id else "", repeat=one.repeat,
                last_wait_minutes=one.last_wait_minutes,
                steps=[
                    Step(
                        after_minutes=step.after_minutes,
                        targets=[f"{t.kind}:{names.get((t.kind, str(t.id)), t.id)}" for t in step.targets],
                    )
                    for step in one.steps
                ],
            )
            for one in await oncall.policies(tx)
        ]  # fmt: skip

    async def create(self, tx: Transaction, wanted: Policy) -> str:
        await oncall.create_policy(
            tx, key=wanted.key, name=wanted.name, steps=_steps(wanted), repeat=wanted.repeat,
            team=wanted.team or None, last_wait_minutes=wanted.last_wait_minutes,
        )  # fmt: skip
        return ""

    async def update(self, tx: Transaction, before: Policy, wanted: Policy) -> None:
        if before.team != wanted.team:
            raise Invalid("team", "of an escalation policy cannot be changed")
        await oncall.change_policy(
            tx, before.key, name=wanted.name, steps=_steps(wanted), repeat=wanted.repeat,
            last_wait_minutes=wanted.last_wait_minutes,
        )  # fmt: skip

    def merged(self, before: Policy | None, raw: dict[str, Any], *, prune: bool) -> Policy:
        """With the last wait spelt out, so that leaving it away is no change."""
        wanted = super().merged(before, raw, prune=prune)
        for step in wanted.steps:
            step.targets = [t.casefold() if t.startswith("person:") else t for t in step.targets]
        if not wanted.last_wait_minutes:
            wanted.last_wait_minutes = last_wait([step.after_minutes for step in wanted.steps])
        return wanted


class LastResort(Kind[Fallback]):
    section, word, part, names = "fallback", "paging fallback", Fallback, "tells"

    async def current(self, tx: Transaction) -> list[Fallback]:
        found = await oncall.fallback(tx)
        if found is None:
            return []
        person = await access.person(tx, found.person_id) if found.person_id is not None else None
        return [Fallback(tells=person.email if person else found.address)]

    async def create(self, tx: Transaction, wanted: Fallback) -> str:
        person = await access.person_by_email(tx, wanted.tells)
        if person is not None:
            await oncall.set_fallback(tx, person_id=person.id)
        else:
            await oncall.set_fallback(tx, address=wanted.tells)
        return ""

    async def update(self, tx: Transaction, before: Fallback, wanted: Fallback) -> None:
        await self.create(tx, wanted)


def _rotation(rotation: oncall.Rotation, emails: dict[int, str]) -> Rotation:
    return Rotation(
        name=rotation.name,
        kind=rotation.kind.value,
        starts_on=rotation.starts_on,
        hands_over_at=rotation.hands_over_at.isoformat("minutes"),
        weekday=rotation.weekday,
        length=rotation.length,
        people=[emails[id] for id in rotation.people],
    )


def _steps(policy: Policy) -> list[dict[str, Any]]:
    steps = []
    for index, step in enumerate(policy.steps):
        targets = [tuple(target.split(":", 1)) for target in step.targets]
        if wrong := [t for t in targets if len(t) != 2]:
            raise Invalid(f"steps[{index}].targets", f"{wrong[0][0]!r:.80} has no kind before a colon", "team:commerce")
        steps.append({"after_minutes": step.after_minutes, "targets": targets})
    return steps


def _time(field: str, text: str) -> time:
    try:
        return time.fromisoformat(text)
    except ValueError as problem:
        raise Invalid(field, "is not a time of day", "09:00") from problem
