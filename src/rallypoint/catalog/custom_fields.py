"""Fields that a domain has besides ours: a vendor's ticket number, a region, a date of the last change ...

The kind of a field is decided once: values of the past must go on meaning what they meant. A field that is not wanted
any more is retired: it is offered nowhere, and what was filled in stays on record.
"""

from collections.abc import Sequence

from rallypoint import access
from rallypoint.access import Permission
from rallypoint.access.check import Checks
from rallypoint.catalog import custom_store
from rallypoint.catalog.model import CustomField, CustomKind, Domain
from rallypoint.db import Transaction
from rallypoint.errors import Refused

MOST_FIELDS, MOST_CHOICES = 50, 200


async def save_custom_field(
    tx: Transaction,
    domain: Domain,
    *,
    key: str,
    name: str,
    kind: str,
    choices: Sequence[str] = (),
    hint: str = "",
    position: int | None = None,
    retired: bool = False,
) -> CustomField:
    """Add a field to a domain, or change it. Without a position it goes to the end, or stays where it is."""
    access.require(tx.actor, Permission.CONFIGURE)
    known = await custom_store.custom_fields(tx, domain.id)
    before = next((one for one in known if one.key == key), None)
    checks = Checks()
    values = {
        "key": checks.key("key", key),
        "name": checks.name("name", name, longest=60),
        "kind": checks.choice("kind", kind, set(CustomKind)),
        "choices": _choices(checks, choices),
        "hint": checks.name("hint", hint, empty=True),
        "position": checks.number("position", _place(known, before, position), 0, 10_000),
        "retired": retired,
    }
    if kind == CustomKind.CHOICE and not choices:
        checks.fault("choices", "is empty: there is nothing to choose from", "EU, US, Asia")
    if kind != CustomKind.CHOICE and choices:
        checks.fault("choices", f"belongs to a field of the kind choice; this one is a {kind}")
    if before is None and len(known) >= MOST_FIELDS:
        checks.fault("key", f"is one too many: a domain has {MOST_FIELDS} fields at most")
    checks.done()
    if before is not None and before.kind != kind:
        raise Refused(
            f"{before.name} is a {before.kind}, and values of it are on record.", guard="kind", who_may="nobody",
            help="Retire it, and add a field with another key.",
        )  # fmt: skip
    field = await custom_store.save(tx, domain_id=domain.id, **values)
    await access.record(tx, "field saved", f"domain:{domain.key}", values)
    return field


async def custom_fields(tx: Transaction, domain_id: int | None = None, *, retired: bool = False) -> list[CustomField]:
    """The fields of one domain, or of all; with `retired`, those that are offered nowhere any more, too."""
    return [one for one in await custom_store.custom_fields(tx, domain_id) if retired or not one.retired]


def _choices(checks: Checks, choices: Sequence[str]) -> list[str]:
    if len(choices) > MOST_CHOICES:
        checks.fault("choices", f"are too many: {MOST_CHOICES} at most")
        return []
    cleaned = [checks.name("choices", one, longest=100) for one in choices]
    if len({one.casefold() for one in cleaned}) < len(cleaned):
        checks.fault("choices", "has the same one twice")
    return cleaned


def _place(known: Sequence[CustomField], before: CustomField | None, wanted: int | None) -> int:
    if wanted is not None:
        return wanted
    return before.position if before is not None else max((one.position for one in known), default=-1) + 1
