"""When the owner of an action item is reminded, and how: some days before it is due, and on the day. Once each. Pure,
but for the timer that `on_time` answers.
"""

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from rallypoint import access, notify
from rallypoint.db import Transaction
from rallypoint.engine import store as engine
from rallypoint.engine.model import Timer
from rallypoint.ids import incident_name
from rallypoint.incidents.history import Line, append
from rallypoint.learning import store
from rallypoint.learning.model import ActionItem, ItemState

REMINDER = "learning.reminder"
BEFORE = (timedelta(days=3), timedelta())
"""So long before the day on which it is due."""

MORNING = time(8)
"""When the day begins for a reminder, where the owner is."""


def next_reminder(due_on: date, zone: ZoneInfo, now: datetime) -> datetime | None:
    """The next one after now; None when all are past."""
    times = [datetime.combine(due_on - before, MORNING, zone) for before in BEFORE]
    return next((at for at in times if at > now), None)


def words(item: ActionItem, today: date) -> str:
    """What the owner reads first; empty when it is late already: the page says that, every day."""
    left = (item.due_on - today).days
    if left < 0:
        return ""
    when = {0: "today", 1: "tomorrow"}.get(left, f"in {left} days")
    return f"Due {when}: {item.title}"


async def plan(tx: Transaction, item: ActionItem) -> None:
    """Set the timer of an open item; one that is over has none."""
    at = None
    if item.state is ItemState.OPEN:
        at = next_reminder(item.due_on, await _zone(tx, item), tx.now)
    if at is None:
        await engine.cancel_timer(tx, REMINDER, str(item.id))
    else:
        await engine.set_timer(tx, REMINDER, str(item.id), at)


async def on_time(tx: Transaction, timer: Timer) -> None:
    """The timer learning.reminder. One that fires late says what is true now, and those it missed are not made up."""
    item = await store.item(tx, int(timer.subject), lock=True)
    zone = await _zone(tx, item)
    said = words(item, tx.now.astimezone(zone).date()) if item.state is ItemState.OPEN else ""
    if said and (await access.person(tx, item.owner_id)).active:
        name = incident_name(item.incident)
        await notify.message(
            tx, purpose=notify.Purpose.NOTICE, title=said, incident=item.incident, person_id=item.owner_id,
            text=f"{item.title}\n\nYou took it on in the retrospective of {name}. Say there when it is done, or move "
            "its date.",
            url=f"/i/{item.incident}/retrospective",
        )  # fmt: skip
        await append(tx, item.incident, Line(kind="review", text=f"{item.owner_name} was reminded. {said}"))
    await plan(tx, item)


async def _zone(tx: Transaction, item: ActionItem) -> ZoneInfo:
    return ZoneInfo((await access.person(tx, item.owner_id)).time_zone)
