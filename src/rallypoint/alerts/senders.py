"""Verbs about integrations, and the short memory that knows whose key a message carries."""

import dataclasses
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from rallypoint import access, catalog
from rallypoint.access import Permission
from rallypoint.actors import SYSTEM
from rallypoint.alerts import store
from rallypoint.alerts.model import Integration, NewIntegration
from rallypoint.clock import monotonic
from rallypoint.db import Database, Transaction
from rallypoint.errors import Invalid
from rallypoint.ids import INTEGRATION_KEY_LENGTH, digest, integration_key

KINDS = ("prometheus", "alertmanager", "pagerduty", "generic", "any")
NAME_MAX = 80
PREFIX_LENGTH = 4
KNOWN_SECONDS = 5.0
UNKNOWN_SECONDS = 1.0
CACHE_SIZE = 10_000
OLD_KEY_HOURS = 24


async def create_integration(
    tx: Transaction, *, name: str, kind: str, service: str | None = None, key: str | None = None,
    group_by: Sequence[str] = (), group_minutes: int = 1440,
) -> NewIntegration:  # fmt: skip
    """A new sender with its key. The key is shown once; only its hash is kept."""
    access.require(tx.actor, Permission.MANAGE_INTEGRATIONS)
    name = await _checked_name(tx, name)
    if kind not in KINDS:
        raise Invalid("kind", f"must be one of {', '.join(KINDS)}", "prometheus")
    if key is not None and (len(key) != INTEGRATION_KEY_LENGTH or not key.isalnum() or not key.isascii()):
        raise Invalid("key", f"must be {INTEGRATION_KEY_LENGTH} letters and digits")
    key = key or integration_key()
    if await store.key_is_taken(tx, digest(key)):
        raise Invalid("key", "is in use by another integration")
    id = await store.add_integration(
        tx, name=name, kind=kind, service_id=await _service_id(tx, service), prefix=key[:PREFIX_LENGTH],
        group_by=_checked_labels(group_by), group_minutes=_checked_minutes(group_minutes),
    )  # fmt: skip
    await store.add_key(tx, id, digest(key))
    await access.record(tx, "integration created", f"integration:{id}", {"name": name, "kind": kind})
    return NewIntegration(key=key, integration=await store.integration(tx, id))


async def update_integration(tx: Transaction, id: int, **changes: Any) -> Integration:
    """Change name, service (key or None), disabled, group_by or group_minutes."""
    access.require(tx.actor, Permission.MANAGE_INTEGRATIONS)
    before = await store.integration(tx, id)
    unknown = set(changes) - {"name", "service", "disabled", "group_by", "group_minutes"}
    if unknown:
        raise Invalid(sorted(unknown)[0], "cannot be changed")
    if "name" in changes and changes["name"] != before.name:
        changes["name"] = await _checked_name(tx, changes["name"])
    if "service" in changes:
        changes["service_id"] = await _service_id(tx, changes.pop("service"))
    if "group_by" in changes:
        changes["group_by"] = tuple(_checked_labels(changes["group_by"]))
    if "group_minutes" in changes:
        changes["group_minutes"] = _checked_minutes(changes["group_minutes"])
    after = dataclasses.replace(before, **changes)
    await store.save_integration(tx, after)
    await access.record(tx, "integration changed", f"integration:{id}", {k: str(v)[:200] for k, v in changes.items()})
    return after


async def rotate_key(tx: Transaction, id: int, *, keep_hours: int = OLD_KEY_HOURS) -> NewIntegration:
    """A new key; the old ones go on for `keep_hours`, so that senders can be changed over without a gap."""
    access.require(tx.actor, Permission.MANAGE_INTEGRATIONS)
    key = integration_key()
    integration = dataclasses.replace(await store.integration(tx, id), key_prefix=key[:PREFIX_LENGTH])
    await store.expire_keys(tx, id, at=tx.now + timedelta(hours=keep_hours))
    await store.add_key(tx, id, digest(key))
    await store.save_integration(tx, integration)
    await access.record(tx, "integration key changed", f"integration:{id}", {"old key ends in hours": keep_hours})
    return NewIntegration(key=key, integration=integration)


async def integration_by_key(tx: Transaction, key: str) -> Integration | None:
    """Whose key this is, if anybody's."""
    return await store.integration_of(tx, digest(key))


class Directory:
    """Whose key is this? Asked for each message, so answers are remembered: some seconds, and boundedly many."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[str, tuple[float, Integration | None]] = {}

    async def find(self, key: str) -> Integration | None:
        """The integration with this key, or None for a key that is unknown, ended or disabled."""
        found = self._known.get(key)
        if found is not None and found[0] > monotonic():
            return found[1]
        if len(key) > 4 * INTEGRATION_KEY_LENGTH:
            return None
        async with self._db.transaction(SYSTEM) as tx:
            integration = await integration_by_key(tx, key)
        if integration is not None and integration.disabled:
            integration = None
        while len(self._known) >= CACHE_SIZE:
            del self._known[next(iter(self._known))]
        self._known[key] = (monotonic() + (KNOWN_SECONDS if integration else UNKNOWN_SECONDS), integration)
        return integration


async def _checked_name(tx: Transaction, name: str) -> str:
    name = " ".join(name.split())
    if not name or len(name) > NAME_MAX:
        raise Invalid("name", f"must have 1 to {NAME_MAX} characters", "Prometheus in Berlin")
    if await store.name_is_taken(tx, name):
        raise Invalid("name", "is taken by another integration")
    return name


async def _service_id(tx: Transaction, key: str | None) -> int | None:
    return (await catalog.service(tx, key)).id if key else None


def _checked_labels(names: Sequence[str]) -> list[str]:
    names = [name.strip() for name in names if name.strip()]
    if len(names) > 10 or any(len(name) > 100 for name in names):
        raise Invalid("group_by", "must be at most 10 label names of at most 100 characters", "alertname, cluster")
    return names


def _checked_minutes(minutes: int) -> int:
    if not 0 <= minutes <= 100_000:
        raise Invalid("group_minutes", "must be between 0 (no limit) and 100000", "1440")
    return minutes
