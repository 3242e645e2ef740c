"""Verbs about connections: make one, try it, pause it, give it new credentials. Secrets are sealed at once."""

import json
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from rallypoint import access
from rallypoint.access import Permission
from rallypoint.access.vault import Vault
from rallypoint.db import Transaction
from rallypoint.errors import Invalid, Problem
from rallypoint.ids import digest
from rallypoint.sync import hook_store, store, wallet
from rallypoint.sync.connection import Connection, ConnectionState
from rallypoint.sync.tools import Access, Tool, Tools
from rallypoint.sync.wallet import BOUND_TO

KEY = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
HOOK_BYTES = 24
HOOK_KEY_BOUND_TO = "sync webhook address"

Alarm = Callable[[Transaction, str, str], Awaitable[None]]
"""(tx, subject, what happened): tells a person that something needs one."""

WAITS = "waits for its credentials"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewConnection:
    """A connection and the key of its webhook address, shown once."""

    connection: Connection
    hook_key: str


async def connect(
    tx: Transaction, tools: Tools, vault: Vault, *, key: str, tool: str, base_url: str, name: str = "",
    settings: Mapping[str, Any] | None = None, secrets_: Mapping[str, str] | None = None,
) -> NewConnection:  # fmt: skip
    """A new connection, on at once. Whether the tool lets us in is told by trying it (`Tracker.check`)."""
    access.require(tx.actor, Permission.MANAGE_INTEGRATIONS)
    url = _checked(tools, key, tool, base_url)
    given, sealed = _sorted(tools[tool], settings or {}, secrets_ or {})
    hook_key, hook_secret = secrets.token_urlsafe(HOOK_BYTES), secrets.token_urlsafe(HOOK_BYTES)
    made = await store.add_connection(
        tx, key=key, name=" ".join(name.split())[:80] or tools[tool].name, tool=tool, base_url=url, settings=given,
        sealed_secrets=vault.seal(json.dumps(sealed), BOUND_TO), hook_key_hash=digest(hook_key),
        sealed_hook=vault.seal(hook_secret, BOUND_TO),
    )  # fmt: skip
    await hook_store.keep_key(tx, made.id, vault.seal(hook_key, HOOK_KEY_BOUND_TO))
    await access.record(tx, "connection made", f"connection:{key}", {"tool": tool, "base_url": url})
    return NewConnection(connection=made, hook_key=hook_key)


async def prepare(
    tx: Transaction, tools: Tools, *, key: str, tool: str, base_url: str, name: str = "",
    settings: Mapping[str, Any] | None = None,
) -> Connection:  # fmt: skip
    """A connection that waits for its secrets: nothing is tried before `new_credentials` has given them."""
    access.require(tx.actor, Permission.MANAGE_INTEGRATIONS)
    url = _checked(tools, key, tool, base_url)
    given = _settings(tools[tool], settings or {})
    made = await store.add_connection(
        tx, key=key, name=" ".join(name.split())[:80] or tools[tool].name, tool=tool, base_url=url, settings=given,
        sealed_secrets=None, hook_key_hash=digest(secrets.token_urlsafe(HOOK_BYTES)), sealed_hook=None,
    )  # fmt: skip
    await store.change_connection(tx, made.id, state="refused", state_reason=WAITS)
    await access.record(tx, "connection made", f"connection:{key}", {"tool": tool, "base_url": url})
    return await store.connection(tx, key)


async def describe(
    tx: Transaction, tools: Tools, key: str, *, name: str, base_url: str, settings: Mapping[str, Any]
) -> Connection:
    """Another name, address or settings. A new host is never told the old secrets: then it waits for others."""
    access.require(tx.actor, Permission.MANAGE_INTEGRATIONS)
    before = await store.connection(tx, key)
    url = _checked(tools, key, before.tool, base_url)
    changes: dict[str, Any] = {"name": " ".join(name.split())[:80], "base_url": url}
    changes["settings"] = given = _settings(tools[before.tool], settings)
    if _elsewhere(tools[before.tool], before, url, given):
        changes |= {"sealed_secrets": None, "state": "refused", "state_reason": WAITS}
    await store.change_connection(tx, before.id, **changes)
    await access.record(tx, "connection changed", f"connection:{key}", {"base_url": url})
    return await store.connection(tx, key)


async def new_credentials(
    tx: Transaction, tools: Tools, vault: Vault, key: str, *, base_url: str | None = None,
    settings: Mapping[str, Any] | None = None, secrets_: Mapping[str, str] | None = None, name: str = "",
) -> Connection:  # fmt: skip
    """Another name, address, settings or secrets; a refused connection is tried again. Secrets that are left out stay,
    but a new host is never told the old ones: they have to be given again."""
    access.require(tx.actor, Permission.MANAGE_INTEGRATIONS)
    before = await store.connection(tx, key)
    wrong: list[Problem] = []
    url = before.base_url if base_url is None else _checked_url(base_url, wrong)
    if wrong:
        raise Invalid(wrong)
    known = await _given(tx, vault, before)
    if known and _elsewhere(tools[before.tool], before, url, before.settings if settings is None else settings):
        if not secrets_:
            raise Invalid("secrets", "give them again: another address is never told those of the old one")
        known = {}
    merged = known | {name: value for name, value in (secrets_ or {}).items() if value}
    given, sealed = _sorted(tools[before.tool], before.settings if settings is None else settings, merged)
    await store.change_connection(
        tx, before.id, name=" ".join(name.split())[:80] or before.name, base_url=url, settings=given,
        sealed_secrets=vault.seal(json.dumps(sealed), BOUND_TO),
        state="on" if before.state is ConnectionState.REFUSED else before.state.value, state_reason="", failures=0,
        closed_until=None, poll_due_at=tx.now,
    )  # fmt: skip
    tx.hint("sync", "sync-poll")
    await access.record(tx, "connection changed", f"connection:{key}", {"base_url": url})
    return await store.connection(tx, key)


async def pause(tx: Transaction, key: str, *, reason: str = "") -> Connection:
    """Nothing is read or written until it is resumed; what changes meanwhile is caught up then."""
    access.require(tx.actor, Permission.MANAGE_INTEGRATIONS)
    found = await store.connection(tx, key)
    said = reason.strip()[:300] or f"paused by {tx.actor.name}"
    await store.change_connection(tx, found.id, state="paused", state_reason=said)
    await access.record(tx, "connection paused", f"connection:{key}", {"reason": said})
    return await store.connection(tx, key)


async def resume(tx: Transaction, key: str) -> Connection:
    """On again, and what changed meanwhile is caught up. One that has no credentials goes on waiting for them."""
    access.require(tx.actor, Permission.MANAGE_INTEGRATIONS)
    found = await store.connection(tx, key)
    sealed, _ = await store.secrets_of(tx, found.id)
    state, reason = ("on", "") if sealed is not None else ("refused", WAITS)
    await store.change_connection(
        tx, found.id, state=state, state_reason=reason, failures=0, closed_until=None, poll_due_at=tx.now
    )
    tx.hint("sync", "sync-poll")
    await access.record(tx, "connection resumed", f"connection:{key}", {})
    return await store.connection(tx, key)


async def opened(tx: Transaction, vault: Vault, connection: Connection) -> Access:
    """What a tracker of this connection is made with."""
    secrets_ = await _given(tx, vault, connection)
    return Access(key=connection.key, base_url=connection.base_url, settings=connection.settings, secrets=secrets_)


async def _given(tx: Transaction, vault: Vault, connection: Connection) -> dict[str, str]:
    """The secrets that people gave."""
    sealed, _ = await store.secrets_of(tx, connection.id)
    return wallet.opened(vault, sealed)


def _checked(tools: Tools, key: str, tool: str, base_url: str) -> str:
    """The address, in order; all that is wrong with the three at once."""
    wrong: list[Problem] = []
    if not KEY.fullmatch(key):
        wrong.append(Problem("key", "must be lower-case letters, digits and hyphens, at most 40", "servicenow-emea"))
    if tool not in tools:
        wrong.append(Problem("tool", f"must be one of {', '.join(sorted(tools.keys()))}"))
    url = _checked_url(base_url, wrong)
    if wrong:
        raise Invalid(wrong)
    return url


def _elsewhere(tool: Tool, before: Connection, url: str, settings: Mapping[str, Any]) -> bool:
    """Whether secrets would be told to a host that was not told them before."""
    known = _hosts(tool, before.base_url, before.settings)
    return bool(_hosts(tool, url, settings) - known)


def _hosts(tool: Tool, base_url: str, settings: Mapping[str, Any]) -> set[tuple[str, str]]:
    addresses = [base_url, *(str(settings.get(one.name) or "") for one in tool.asked if one.address)]
    parts = [urlsplit(one) for one in addresses if one]
    return {(one.scheme, one.netloc.casefold()) for one in parts}


def _settings(tool: Tool, settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that the tool asks for; a secret among them is refused."""
    known = {one.name: one for one in tool.asked if not one.secret}
    wrong = [Problem(f"settings.{name}", f"is no setting of {tool.name}") for name in settings if name not in known]
    needed = [one for one in known.values() if one.required and settings.get(one.name) in (None, "")]
    wrong += [Problem(f"settings.{one.name}", "is needed", one.example) for one in needed]
    given = {name: value for name, value in settings.items() if value not in (None, "")}
    for one in known.values():
        if one.address and one.name in given:
            given[one.name] = _checked_url(str(given[one.name]), wrong, f"settings.{one.name}", one.example)
    if wrong:
        raise Invalid(wrong)
    return given


def _checked_url(
    text: str, wrong: list[Problem], field: str = "base_url", example: str = "https://example.service-now.com"
) -> str:
    url = text.strip().rstrip("/")
    try:
        parts = urlsplit(url)
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and not (parts.query or parts.fragment)
        fine = fine and parts.username is None and len(url) <= 500 and (parts.port is None or parts.port > 0)
    except ValueError:
        fine = False
    if not fine:
        whose = "the tool's address" if field == "base_url" else "an address"
        reason = f"must be {whose}, with https:// and without a user, a query or a fragment"
        wrong.append(Problem(field, reason, example))
    return url


def _sorted(
    tool: Tool, settings: Mapping[str, Any], secrets_: Mapping[str, str]
) -> tuple[dict[str, Any], dict[str, str]]:
    """(settings, secrets) that the tool asks for; what is missing or unknown is told by name."""
    wrong: list[Problem] = []
    known = {one.name: one for one in tool.asked}
    for name in (*settings, *secrets_):
        if name not in known:
            wrong.append(Problem(name, f"is nothing that {tool.name} asks for"))
    given: dict[str, Any] = {}
    sealed: dict[str, str] = {}
    for one in tool.asked:
        value = (secrets_ if one.secret else settings).get(one.name)
        if value in (None, ""):
            if one.required:
                wrong.append(Problem(one.name, "is needed", one.example))
            continue
        if one.secret:
            sealed[one.name] = str(value)
        elif one.address:
            given[one.name] = _checked_url(str(value), wrong, one.name, one.example)
        else:
            given[one.name] = value
    if wrong:
        raise Invalid(wrong)
    return given, sealed
