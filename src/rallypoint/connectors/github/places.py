"""The repositories of a connection: by the names it was given, which they may have had before, and by their ids."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from urllib.parse import quote, urlsplit

from rallypoint.connectors.github.api import Api, no_interface, row_of
from rallypoint.connectors.github.shape import TYPE, Place, Shape, discover
from rallypoint.sync.ports import MappingBroken, PermissionDenied, Stale

SHAPE_LASTS = timedelta(minutes=10)
LEADS = re.compile(r"/(?:repositories/(?P<id>\d+)|repos/(?P<name>[^/]+/[^/]+))(?:/issues/(?P<number>\d+))?$")


class Places:
    """`names` are those of the connection. What was asked is remembered for a while; it is no state of an item."""

    def __init__(self, api: Api, names: Sequence[str], now: Callable[[], datetime]) -> None:
        self._api, self.names, self._now = api, tuple(names), now
        self.shapes: dict[int, Shape] = {}
        self._known: dict[str, tuple[datetime, Place]] = {}

    async def named(self, name: str, *, fresh: bool = False) -> Place:
        """A repository by its name, also by one it had before. MappingBroken when it is not there."""
        known = self._known.get(name)
        if known is not None and not fresh and self._now() - known[0] < SHAPE_LASTS:
            return known[1]
        answer = await self._api.send("GET", f"/repos/{quote(name)}")
        if answer.status in (301, 302, 307, 308):
            found = LEADS.search(urlsplit(answer.headers.get("location", "")).path)
            if found and found["id"]:
                answer = await self._api.send("GET", f"/repositories/{found['id']}")
        if answer.status == 404 and answer.data is not None:
            raise MappingBroken(
                f"There is no repository {name}, or our token does not see it.",
                help="Check the name, and that the token was made for this repository.",
                exchange=answer.exchange,
            )
        self._api.judge(answer)
        row = row_of(answer)
        if not isinstance(row.get("id"), int):
            raise no_interface(answer)
        place = Place(id=row["id"], name=name, row=row)
        self._known[name] = (self._now(), place)
        return place

    async def all(self) -> list[Place]:
        return [await self.named(name) for name in self.names]

    async def readable(self) -> list[Place]:
        """Those that are there: one that is gone must not stop the others. Raises MappingBroken when none is."""
        found: list[Place] = []
        missing: MappingBroken | None = None
        for name in self.names:
            try:
                found.append(await self.named(name))
            except MappingBroken as no:
                missing = no
        if not found and missing is not None:
            raise missing
        return found

    async def chosen(self, project: str, type: str, *, fresh: bool = False) -> Place:
        name = next((one for one in self.names if one.casefold() == project.casefold()), "")
        if not name or type != TYPE:
            raise MappingBroken(
                f"This connection is about issues of {', '.join(self.names)}, not about {type} of {project}.",
                help="Choose one of these, or add the repository to the connection.",
            )
        return await self.named(name, fresh=fresh)

    async def shape(self, place: Place, *, fresh: bool = False) -> Shape:
        found = self.shapes.get(place.id)
        if fresh or found is None or self._now() - found.at >= SHAPE_LASTS:
            found = self.shapes[place.id] = await discover(self._api, place, self._now())
        return found

    async def of(self, repository: int) -> Place:
        """The repository of an issue: one of ours, or one it was moved to."""
        for one in await self.readable():
            if one.id == repository:
                return one
        row = await self._api.get(f"/repositories/{repository}")
        return Place(id=repository, name=str(row.get("full_name") or repository), row=row)

    async def canonical(self, address: str) -> str:
        """The id of the issue behind an address of the interface; empty for anything else."""
        found = LEADS.search(urlsplit(address).path)
        if found is None or not found["number"]:
            return ""
        id = found["id"] or str((await self.named(found["name"])).id)
        return f"{id}/{found['number']}"

    async def near(self, place: Place, address: object) -> str:
        """The id of an issue that another one names; mostly it is in the same repository."""
        found = LEADS.search(urlsplit(str(address or "")).path)
        if found and found["number"] and str(found["name"]).casefold() == str(place.row.get("full_name")).casefold():
            return f"{place.id}/{found['number']}"
        try:
            return await self.canonical(str(address or ""))
        except (MappingBroken, PermissionDenied, Stale):
            return ""
