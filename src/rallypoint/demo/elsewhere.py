"""Lantern's service desk also works in a ServiceNow, its engineers in an Azure DevOps: sandboxes beside the demo.

Both are connected as a person would do it, three open incidents are linked, and people there say and do something, so
that what stands on the timeline came across for real. Done again, it only tells the tools where we are now.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx2
import structlog

from rallypoint import access, incidents
from rallypoint.actors import SYSTEM, Actor, ActorKind
from rallypoint.clock import monotonic, sleep
from rallypoint.db import Transaction
from rallypoint.demo import company
from rallypoint.demo.scenes import OPEN_NOW, P1_NOW
from rallypoint.emulators.addresses import LOGINS, Sandbox, named
from rallypoint.house import House, open_house
from rallypoint.settings import Settings
from rallypoint.sync import connecting, linking, setup_store, store
from rallypoint.sync.model import Gone
from rallypoint.sync.ports import WebhookState

log = structlog.get_logger()

DESK, ENGINEERS = "servicenow", "azure_devops"
DESK_KEY, ENGINEERS_KEY = "lantern-desk", "lantern-works"
ACCOUNTS = {DESK: "rallypoint.sync", ENGINEERS: "rallypoint.sync@fabrikam.example"}
PROJECT = "Payments"
AGREED_WITHIN_SECONDS = 60.0
LOOK_SECONDS = 0.25
LINKS_MOST = 100

FROM_THE_RELEASE = next(scene.title for scene, _, until in OPEN_NOW if until == "acknowledged")
FROM_THE_VENDOR = next(scene.title for scene, _, until in OPEN_NOW if until == "on hold")

CLOSE = {"close_code": "Solution provided", "close_notes": "Resolved by the engineers; see Rallypoint."}
HOLD = {"hold_reason": "4"}


def _field(hub: str, remote: str, **transform: Any) -> dict[str, Any]:
    return {"hub": hub, "remote": remote, "transform": transform}


def _choices(hub: str, remote: str, pairs: Mapping[str, str]) -> dict[str, Any]:
    return _field(hub, remote, kind="values", pairs=[{"hub": ours, "remote": theirs} for ours, theirs in pairs.items()])


def _status(field: str, out: Mapping[str, str], into: Mapping[str, str], fills: Mapping[str, Any]) -> dict[str, Any]:
    writes = [{"hub": hub, "remote": remote, "fill": fills.get(remote, {})} for hub, remote in out.items()]
    return {"field": field, "out": writes, "into": [{"remote": one, "hub": hub} for one, hub in into.items()]}


def desk_rules() -> dict[str, Any]:
    """Incidents there: whatever is logged becomes one here, and every P1 of ours is one there."""
    out = {"triage": "1", "active": "2", "on_hold": "3", "restored": "2", "resolved": "6", "review": "6", "closed": "6"}
    into = {"1": "triage", "2": "active", "3": "on_hold", "6": "resolved", "7": "resolved", "8": "cancelled"}
    return {
        "name": "Incidents of the service desk",
        "create": {"project": "incident", "type": "incident"},
        "trigger": {"send": True, "receive": True},
        "scope": {"hub": [{"field": "priority", "values": ["P1"]}]},
        "fields": [
            _field("title", "short_description", kind="text", max_length=160, single_line=True),
            _field("description", "description", kind="text", max_length=4000),
            _choices("impact", "impact", {"extensive": "1", "significant": "2", "moderate": "3", "minor": "3"}),
            _choices("urgency", "urgency", {"critical": "1", "high": "1", "medium": "2", "low": "3"}),
        ],
        "status": _status("state", out, into, {"6": CLOSE, "3": HOLD}),
    }


def engineers_rules() -> dict[str, Any]:
    """Bugs: every P1 of ours is one. What the engineers write is for colleagues, not for the reporter."""
    out = {"triage": "New", "active": "Active", "on_hold": "Active", "restored": "Active", "resolved": "Resolved",
           "review": "Resolved", "closed": "Closed"}  # fmt: skip
    into = {"New": "triage", "Active": "active", "Resolved": "resolved", "Closed": "resolved"}
    return {
        "name": "Bugs of the engineers",
        "create": {"project": PROJECT, "type": "Bug"},
        "trigger": {"send": True},
        "scope": {"hub": [{"field": "priority", "values": ["P1"]}]},
        "fields": [
            _field("title", "System.Title", kind="text", max_length=255, single_line=True),
            _field("description", "System.Description", kind="text", markup="html"),
            _choices("urgency", "Microsoft.VSTS.Common.Severity", {"critical": "1 - Critical", "high": "2 - High",
                     "medium": "3 - Medium", "low": "4 - Low"}),
        ],
        "status": _status("System.State", out, into, {}),
        "comments": {"private_to_open_tool": True},
    }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A tool as we connect it. `asks` is the secret it asks for."""

    key: str
    kind: str
    name: str
    settings: Mapping[str, str]
    asks: str
    rules: Callable[[], dict[str, Any]]


PLACES = (
    Place(key=DESK_KEY, kind=DESK, name="ServiceNow", settings={"user": ACCOUNTS[DESK]}, asks="password",
          rules=desk_rules),
    Place(key=ENGINEERS_KEY, kind=ENGINEERS, name="Azure DevOps", settings={"project": PROJECT}, asks="token",
          rules=engineers_rules),
)  # fmt: skip


async def link(settings: Settings) -> None:
    """Connect both sandboxes of this run and link the demo's incidents to them. Raises what stands in the way."""
    sandboxes = named()
    async with open_house(settings, role="cli") as house:
        ines = await _ines(house)
        mappings = {place.key: await _connected(house, ines, place, sandboxes[place.kind]) for place in PLACES}
        for place in PLACES:
            await _still_there(house, ines, place)
        made = [
            await _linked(house, ines, title, mappings[key])
            for title, key in (
                (P1_NOW.title, DESK_KEY), (P1_NOW.title, ENGINEERS_KEY), (FROM_THE_RELEASE, ENGINEERS_KEY),
                (FROM_THE_VENDOR, DESK_KEY),
            )
        ]  # fmt: skip
        fresh = [id for id in made if id]
        if fresh:
            await _until_agreed(house, fresh)
            await _live(house, sandboxes)
    log.info("the demo is linked to its sandboxes", made=len(fresh))


async def _ines(house: House) -> Actor:
    async with house.db.transaction(SYSTEM) as tx:
        person = await access.person_by_email(tx, company.PEOPLE[0].email)
    assert person is not None
    roles = frozenset(str(role) for role in person.roles)
    return Actor(kind=ActorKind.PERSON, name=person.name, origin="demo", person_id=person.id, roles=roles)


async def _connected(house: House, ines: Actor, place: Place, sandbox: Sandbox) -> int:
    """The mapping of a tool that is connected, checked, and tells us of changes."""
    secret = {place.asks: sandbox.secret_of(ACCOUNTS[place.kind])}
    async with house.db.transaction(ines) as tx:
        before = next((one for one in await store.connections(tx) if one.key == place.key), None)
        if before is not None:
            await connecting.new_credentials(
                tx, house.tools, house.vault, place.key, base_url=sandbox.url, secrets_=secret
            )
            for row in await setup_store.links_page(tx, before.id, after=0, limit=LINKS_MOST, trouble=False):
                moved = row["url"].replace(before.base_url, sandbox.url, 1)
                await store.change_link(tx, row["id"], url=moved)
        else:
            await connecting.connect(
                tx, house.tools, house.vault, key=place.key, tool=place.kind, base_url=sandbox.url, name=place.name,
                settings=place.settings, secrets_=secret,
            )  # fmt: skip
    await house.set_up.check(ines, place.key)
    async with house.db.transaction(ines) as tx:
        connection = await store.connection(tx, place.key)
        known = await store.mappings(tx, connection.id)
    mapping = known[0] if known else (await house.set_up.save(ines, place.key, place.rules())).mapping
    registered = await house.set_up.register_webhook(ines, place.key)
    if registered.webhook.state is WebhookState.BY_HAND:
        said = {"url": registered.url, "secret": registered.webhook.secret}
        await _call(sandbox, "POST", "/__control__/telling", said, {"x-control-token": sandbox.secret_of("control")})
    return mapping.id


async def _still_there(house: House, ines: Actor, place: Place) -> None:
    """A sandbox that had to begin anew has lost its items: their links end, rather than being looked for."""
    async with house.set_up.tracker(ines, place.key) as (connection, tracker):
        async with house.db.transaction(ines) as tx:
            rows = await setup_store.links_page(tx, connection.id, after=0, limit=LINKS_MOST, trouble=False)
        for row in rows:
            if row["remote_id"] and row["state"] == "active" and isinstance(await tracker.read(row["remote_id"]), Gone):
                async with house.db.transaction(ines) as tx:
                    await linking.part(tx, row["id"], reason="the sandbox began anew")


async def _linked(house: House, ines: Actor, title: str, mapping_id: int) -> int:
    """The link for an incident that has none yet under this mapping, and is still open; else 0."""

    async def work(tx: Transaction) -> int:
        rows, _ = await incidents.board(tx, limit=200)
        number = next((one.incident.number for one in rows if one.incident.title == title), None)
        if number is None or await store.has_link(tx, number, mapping_id):
            return 0
        return (await linking.create_remote(tx, number, mapping_id=mapping_id)).id

    return await house.db.run(ines, work)


async def _until_agreed(house: House, ids: list[int]) -> None:
    """The engine creates the items and brings status and notes across; it hears of them by itself."""
    deadline = monotonic() + AGREED_WITHIN_SECONDS
    while monotonic() < deadline:
        async with house.db.transaction(SYSTEM) as tx:
            links = [await store.link(tx, id) for id in ids]
        if all(one.revision for one in links):
            return
        await sleep(LOOK_SECONDS)
    log.warning("the demo's items are not there yet; the engine goes on")


# What people there say and do.


async def _live(house: House, sandboxes: Mapping[str, Sandbox]) -> None:
    desk, works = sandboxes[DESK], sandboxes[ENGINEERS]
    acts: dict[tuple[str, str], Callable[[str], Awaitable[None]]] = {
        (P1_NOW.title, DESK_KEY): lambda id: _desk(
            desk, id, work_notes="Three shops in Lyon say the same. I told them that we are on it."
        ),
        (P1_NOW.title, ENGINEERS_KEY): lambda id: _engineer(
            works, id, "The pool of payments holds 498 of the 500 connections of postgres-eu. Looking at the release."
        ),
        (FROM_THE_RELEASE, ENGINEERS_KEY): lambda id: _engineer(
            works, id, "The proxy drops the header since Monday. A fix is in review."
        ),
        (FROM_THE_VENDOR, DESK_KEY): lambda id: _desk(
            desk, id, state="2", work_notes="The vendor raised our limit. Orders are coming through, slowly."
        ),
    }
    async with house.db.transaction(SYSTEM) as tx:
        rows, _ = await incidents.board(tx, limit=200)
        numbers = {one.incident.title: one.incident.number for one in rows}
        where = {
            (title, key): next(
                (one for one in await store.links_of(tx, numbers[title]) if one["connection"] == key), None
            )
            for title, key in acts
            if title in numbers
        }
        ids = {at: (await store.link(tx, row["id"])).remote_id for at, row in where.items() if row is not None}
    for at, act in acts.items():
        if ids.get(at):
            await act(ids[at])


async def _desk(sandbox: Sandbox, id: str, **changes: str) -> None:
    await _call(sandbox, "PATCH", f"/api/now/table/incident/{id}", changes, auth=LOGINS[DESK])


async def _engineer(sandbox: Sandbox, id: str, text: str) -> None:
    path = f"/fabrikam/{PROJECT}/_apis/wit/workItems/{id}/comments?api-version=7.1-preview.4"
    await _call(sandbox, "POST", path, {"text": f"<div>{text}</div>"}, auth=LOGINS[ENGINEERS])


async def _call(
    sandbox: Sandbox, method: str, path: str, said: Mapping[str, Any], headers: Mapping[str, str] | None = None, *,
    auth: str = "",
) -> None:  # fmt: skip
    who = (auth, sandbox.secret_of(auth)) if auth else None
    async with httpx2.AsyncClient(trust_env=False, timeout=20) as client:
        answer = await client.request(method, sandbox.door + path, json=dict(said), headers=headers, auth=who)
        answer.raise_for_status()
