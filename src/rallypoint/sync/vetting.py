"""A field that reads as empty was cleared there, or is there no longer: many tools leave out both alike.

Taking the second for the first would clear the incident and every other tool, so the schema is asked before.
"""

from collections.abc import Collection
from dataclasses import replace

from rallypoint.sync.model import RemoteItem
from rallypoint.sync.ports import MappingBroken, Tracker


async def vetted(tracker: Tracker, item: RemoteItem, filled: Collection[str]) -> RemoteItem:
    """The item; of the fields that were `filled` before and read as empty, those that are gone are unreadable.

    Raises what `describe` raises, save that a type which is gone has no fields.
    """
    emptied = {field for field in filled if item.knows(field) and item.raw(field) in (None, "", ())}
    if not emptied:
        return item
    try:
        there = {one.id for one in (await tracker.describe(item.project, item.type)).fields}
    except MappingBroken:
        there = set()
    if not (gone := emptied - there):
        return item
    left = {field: raw for field, raw in item.fields.items() if field not in gone}
    return replace(item, fields=left, unreadable=item.unreadable | gone)
