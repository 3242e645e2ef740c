"""Who is who at the account: names and mails of everybody a read speaks of, and whom a mail means."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from rallypoint.connectors.zendesk import reading as r
from rallypoint.connectors.zendesk.api import Api
from rallypoint.connectors.zendesk.shape import Shape
from rallypoint.connectors.zendesk.values import person
from rallypoint.sync.model import FieldKind, Person, RemoteField, Value
from rallypoint.sync.ports import ValidationFailed

LAST = timedelta(minutes=10)
MOST = 5000
SYSTEM = "-1"
"""Who does what nobody does: automations, imports."""


class People:
    """People by their number, asked for again after a while."""

    def __init__(self, api: Api, now: Callable[[], datetime]) -> None:
        self._api, self._now = api, now
        self._known: dict[str, tuple[Person, datetime]] = {}

    async def meet(self, shape: Shape, row: r.Row, audits: list[r.Row], comments: list[r.Row]) -> None:
        """Learns names and mails of everybody a read speaks of."""
        persons = {one.id for one in shape.schema.fields if one.kind is FieldKind.PERSON}
        ids = {row.get(name) for name in persons}
        ids |= {one.get("author_id") for one in (*audits, *comments)}
        for event in (event for one in audits for event in r.events_of(one)):
            if event.get("field_name") in persons:
                ids |= {event.get("value"), event.get("previous_value")}
        before = self._now() - LAST
        fresh = {key for key, (_, when) in self._known.items() if when > before}
        wanted = sorted({str(one) for one in ids if str(one or "").isdigit()} - fresh)
        if len(self._known) > MOST:
            self._known.clear()
        for start in range(0, len(wanted), 100):
            query = {"ids": ",".join(wanted[start : start + 100])}
            for one in await self._api.whole("/users/show_many", "users", query) or ():
                self._known[str(one.get("id"))] = (person(one), self._now())

    def named(self, id: Any) -> Person:
        if str(id) == SYSTEM:
            return Person(remote_id=SYSTEM, name="Zendesk")
        found = self._known.get(str(id))
        return found[0] if found else Person(remote_id=str(id))

    async def id_of(self, field: RemoteField, value: Value) -> int | None:
        """Whom a person field means: by number, else by mail. Nobody is made who is not there."""
        if value is None or value == "":
            return None
        who = value if isinstance(value, Person) else Person(email=str(value))
        if who.remote_id.isdigit():
            return int(who.remote_id)
        mail = who.email or who.remote_id
        if mail:
            for one in await self._api.whole("/users/search", "users", {"query": mail}) or ():
                if str(one.get("email") or "").casefold() == mail.casefold():
                    return int(one["id"])
        why = f"nobody there has the mail {mail[:80]}" if mail else "nobody there is known under this name"
        raise ValidationFailed(f"{field.name}: {why}.", fields={field.id: why})
