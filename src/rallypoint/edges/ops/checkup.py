"""The doctor's examination: each finding says what was seen, how it is, and what would help."""

import asyncio
import os
import shutil
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import IntEnum
from urllib.parse import urlsplit

from rallypoint import clock
from rallypoint.actors import SYSTEM
from rallypoint.edges.ops import chains, readiness
from rallypoint.engine import store as engine
from rallypoint.errors import RallypointError
from rallypoint.house import House, open_house
from rallypoint.serve.listening import answers
from rallypoint.serve.running import base_url
from rallypoint.settings import Settings

OLDEST_DATABASE = 15
DISK_WARN, DISK_BAD = 2_000_000_000, 200_000_000
SKEW_WARN_SECONDS = 2.0
LAG_WARN_SECONDS = 10.0
SMTP_SECONDS = 5.0
LOCAL = ("127.0.0.1", "localhost", "::1", "0.0.0.0")

Progress = Callable[[int, int | None], None]


class Grade(IntEnum):
    OK = 0
    WARN = 1
    BAD = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    name: str
    grade: Grade
    said: str
    help: str = ""


def examine(
    settings: Settings, database: AbstractContextManager[str], *, audit: bool, progress: Progress
) -> list[Finding]:
    """Everything; what needs a database is left out where there is none."""
    findings = [_disk(settings), _public_url(settings)]
    try:
        with database as dsn:
            return findings + asyncio.run(_inside(settings, dsn, audit, progress))
    except (*readiness.OUT_OF_REACH, RallypointError) as problem:
        help = "Start it, or correct RALLYPOINT_DATABASE_URL."
        return [*findings, Finding(name="database", grade=Grade.BAD, said=f"cannot be reached: {problem}", help=help)]


async def _inside(settings: Settings, dsn: str, audit: bool, progress: Progress) -> list[Finding]:
    async with open_house(settings, dsn=dsn, role="cli") as house:
        findings = [await _version(house), *await _ready(house), await _skew(house)]
        if any(finding.name == "schema" and finding.grade is Grade.BAD for finding in findings):
            return findings
        findings += [await _backlog(house), await _orphans(house), await _mail(house), await _people(house)]
        if audit:
            findings += [
                Finding(name=name, grade=Grade.OK if ok else Grade.BAD, said=said)
                for name, ok, said in await chains.verify(house.db, progress)
            ]
        return findings


def _disk(settings: Settings) -> Finding:
    place = settings.data if settings.data.exists() else settings.data.absolute().parent
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    grade = Grade.BAD if free < DISK_BAD else Grade.WARN if free < DISK_WARN else Grade.OK
    if not os.access(place, os.W_OK):
        return Finding(name="data folder", grade=Grade.BAD, said=f"{place} cannot be written", help="Check its owner.")
    return Finding(name="disk", grade=grade, said=f"{free / 1e9:.1f} GB free for {place}", help="Make room.")


def _public_url(settings: Settings) -> Finding:
    host = urlsplit(base_url(settings)).hostname or ""
    reached = answers(base_url(settings) + "/livez") if base_url(settings).startswith("http:") else None
    seen = {True: ", and it answers", False: ", and nothing answers there", None: ""}[reached]
    if not settings.public_url and host in LOCAL:
        said = f"links lead to {base_url(settings)}, which works on this machine only{seen}"
        help = "Set RALLYPOINT_PUBLIC_URL to the address people use."
        return Finding(name="public URL", grade=Grade.WARN, said=said, help=help)
    grade = Grade.WARN if reached is False else Grade.OK
    return Finding(name="public URL", grade=grade, said=f"links lead to {base_url(settings)}{seen}")


async def _version(house: House) -> Finding:
    async with house.db.connection() as connection:
        found = connection.get_server_version()
    # since version 10 there is one number behind the point, and the driver keeps it as the third
    said, ok = f"PostgreSQL {found.major}.{found.micro}", found.major >= OLDEST_DATABASE
    help = f"Rallypoint needs version {OLDEST_DATABASE} or newer."
    return Finding(name="database version", grade=Grade.OK if ok else Grade.BAD, said=said, help=help)


async def _ready(house: House) -> list[Finding]:
    help = {"schema": "Run `rallypoint migrate`.", "engine": "Run `rallypoint serve`: without it nobody is paged."}
    return [
        Finding(
            name=check.name,
            # the engine need not run for the length of a check-up of a stopped installation
            grade=Grade.OK if check.ok else Grade.WARN if check.name == "engine" else Grade.BAD,
            said=check.said,
            help=help.get(check.name, ""),
        )
        for check in await readiness.look(house.db)
    ]


async def _skew(house: House) -> Finding:
    async with house.db.transaction(SYSTEM) as tx:
        off = (clock.process_time() - tx.now).total_seconds()
    grade = Grade.WARN if abs(off) > SKEW_WARN_SECONDS else Grade.OK
    help = "Nothing is paged early or late for it: time is the database's. Logs of this machine are off, though."
    return Finding(name="clock", grade=grade, said=f"{off:+.2f} s from the database's", help=help)


async def _backlog(house: House) -> Finding:
    async with house.db.transaction(SYSTEM) as tx:
        waits = await engine.backlog(tx)
    aside = waits["timers_quarantined"] + waits["followups_quarantined"]
    lag = max(waits["timer_lag_seconds"], waits["followup_lag_seconds"])
    said = f"{waits['timers_due']} timers due, the oldest for {lag:.1f} s; {aside} set aside after failing"
    grade = Grade.BAD if aside else Grade.WARN if lag > LAG_WARN_SECONDS else Grade.OK
    return Finding(name="timers", grade=grade, said=said, help="See the engine's log for why.")


async def _orphans(house: House) -> Finding:
    from rallypoint import oncall

    async with house.db.transaction(SYSTEM) as tx:
        found = await oncall.orphans(tx)
    if not found:
        return Finding(name="paging runs", grade=Grade.OK, said="every open run has its timer")
    said = f"{len(found)} open runs without a timer: {', '.join(map(str, found[:10]))}"
    return Finding(name="paging runs", grade=Grade.BAD, said=said, help="Escalate those incidents by hand, now.")


async def _mail(house: House) -> Finding:
    parts = urlsplit(house.settings.smtp_url)
    if not parts.hostname:
        return await _no_mail(house)
    import aiosmtplib

    port = parts.port or (465 if parts.scheme == "smtps" else 25)
    server = aiosmtplib.SMTP(
        hostname=parts.hostname, port=port, use_tls=parts.scheme == "smtps", start_tls=False, timeout=SMTP_SECONDS
    )
    try:
        await server.connect()
        await server.ehlo()
        await server.quit()
    except (aiosmtplib.SMTPException, OSError) as problem:
        said = f"{parts.hostname}:{port} does not answer as a mail server: {type(problem).__name__}"
        return Finding(name="mail", grade=Grade.BAD, said=said, help="Check RALLYPOINT_SMTP_URL.")
    return Finding(name="mail", grade=Grade.OK, said=f"{parts.hostname}:{port} answers")


async def _no_mail(house: House) -> Finding:
    """Bad when no page could reach anybody. A sandbox phone counts: only the demo has them, and shows them."""
    from rallypoint import access, notify
    from rallypoint.access import Permission
    from rallypoint.notify import MethodKind

    by_mail, otherwise = list[str](), list[str]()
    async with house.db.transaction(SYSTEM) as tx:
        for person in await access.people(tx):
            if person.active and Permission.ACKNOWLEDGE in access.granted(set(person.roles)):
                ways = {way.kind for way in await notify.ways_to(tx, person, "high")}
                (by_mail if ways <= {MethodKind.EMAIL} else otherwise).append(person.name)
    if by_mail and not otherwise:
        said = f"no mail leaves, and nobody can be paged in another way: {_list(by_mail)}"
        help = "Set RALLYPOINT_SMTP_URL, or let them add a webhook on their page."
        return Finding(name="mail", grade=Grade.BAD, said=said, help=help)
    said = f"no mail leaves; it is how pages reach {_list(by_mail)}" if by_mail else "no mail leaves"
    help = "Set RALLYPOINT_SMTP_URL, unless nobody is to be reached by e-mail."
    return Finding(name="mail", grade=Grade.WARN, said=said, help=help)


async def _people(house: House) -> Finding:
    from rallypoint import access, notify
    from rallypoint.access import Role

    async with house.db.transaction(SYSTEM) as tx:
        people = [p for p in await access.people(tx) if p.active and Role.REPORTER not in p.roles]
        unverified = [p.name for p in people if await _waits_for_a_code(tx, notify, p.id)]
    if not people:
        help = "Add the first: rallypoint user add --role admin ..."
        return Finding(name="people", grade=Grade.WARN, said="nobody has an account", help=help)
    if not unverified:
        return Finding(name="contact methods", grade=Grade.OK, said=f"{len(people)} people, all methods verified")
    return Finding(
        name="contact methods",
        grade=Grade.WARN,
        said=f"not verified by {_list(unverified)}",
        help="They enter the code sent.",
    )


async def _waits_for_a_code(tx: object, notify: object, person_id: int) -> bool:
    methods = await notify.contact_methods(tx, person_id)  # type: ignore[attr-defined]
    return any(m.verified_at is None and m.disabled_at is None for m in methods)


def _list(people: Sequence[str]) -> str:
    return ", ".join(people[:5]) + (f" and {len(people) - 5} more" if len(people) > 5 else "")
