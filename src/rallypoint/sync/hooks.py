"""Webhooks are looked after: renewed before they end, registered anew where the tool lost or disabled them, and a
person is told of those that are silent although things change. Meanwhile nothing is missed: changes are asked for too.
"""

import secrets
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import structlog

from rallypoint import access
from rallypoint.access.vault import Vault
from rallypoint.actors import SYSTEM, Actor
from rallypoint.db import Database
from rallypoint.ids import digest
from rallypoint.sync import codec, hook_store, store
from rallypoint.sync.connecting import HOOK_BYTES, HOOK_KEY_BOUND_TO, Alarm
from rallypoint.sync.connection import Connection
from rallypoint.sync.hook_store import Address
from rallypoint.sync.ports import Cause, Tracker, TrackerError, Webhook, WebhookState
from rallypoint.sync.wallet import BOUND_TO

CHECKED_EVERY = timedelta(hours=1)
RENEWED_BEFORE = timedelta(days=1)
"""How long before its end a registration is renewed."""

FIRST_RETRY = timedelta(minutes=2)
SILENT_AFTER = 3
"""So many rounds of asking in a row find changes of which the tool has told none: then it is silent."""

BROKEN = frozenset({WebhookState.EXPIRING, WebhookState.DISABLED, WebhookState.MISSING})
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Registered:
    """A webhook and the address it tells, which nobody is shown again."""

    webhook: Webhook
    url: str


def webhook_json(webhook: Webhook) -> dict[str, Any]:
    """A registration as it is kept and shown: without its secret."""
    kept: dict[str, Any] = codec.to_json(replace(webhook, secret=""))
    return kept


def silent(webhook: dict[str, Any], unheard: int) -> bool:
    """The tool should tell us, and does not."""
    return bool(webhook) and webhook.get("state") != WebhookState.NONE and unheard >= SILENT_AFTER


def trouble(webhook: dict[str, Any], failure: str, unheard: int) -> str:
    """What is wrong with a webhook, for people; empty where all is well."""
    if failure:
        return failure
    if silent(webhook, unheard):
        return f"{unheard} rounds of asking found changes of which the tool had told none."
    return ""


@dataclass(frozen=True, slots=True)
class Hooks:
    """The webhooks of all connections."""

    db: Database
    vault: Vault
    base_url: str

    async def register(self, actor: Actor, connection: Connection, tracker: Tracker, *, fresh: bool) -> Registered:
        """Have the tool tell us of changes. `fresh` takes another address and secret; else those that are there, which
        renews in place. The address before works on for a day; what the tool refuses changes nothing.
        """
        async with self.db.transaction(actor) as tx:
            before = await hook_store.address(tx, connection.id)
            kept = before.sealed_key is not None and before.sealed_secret is not None
            if fresh or not kept:
                key, secret = secrets.token_urlsafe(HOOK_BYTES), secrets.token_urlsafe(HOOK_BYTES)
                sealed = self.vault.seal(secret, BOUND_TO)
                after = Address(
                    key_hash=digest(key), sealed_key=self.vault.seal(key, HOOK_KEY_BOUND_TO), sealed_secret=sealed
                )
                await hook_store.move(tx, connection.id, after)
            else:
                assert before.sealed_key is not None
                assert before.sealed_secret is not None
                after, key = before, self.vault.unseal(before.sealed_key, HOOK_KEY_BOUND_TO)
                secret = self.vault.unseal(before.sealed_secret, BOUND_TO)
        url = f"{self.base_url}/told/{key}"
        try:
            made = await tracker.register_webhook(url, secret)
        except Exception as problem:
            if after is not before and not (isinstance(problem, TrackerError) and problem.unknown):
                async with self.db.transaction(actor) as tx:
                    await hook_store.move_back(tx, connection.id, before)
            raise
        async with self.db.transaction(actor) as tx:
            if made.secret and made.secret != secret:
                await hook_store.new_secret(tx, connection.id, self.vault.seal(made.secret, BOUND_TO))
            await hook_store.looked_after(
                tx, connection.id, due_at=_next_look(made, tx.now), webhook=webhook_json(made)
            )  # fmt: skip
            detail = {"state": made.state.value, "anew": not fresh}
            await access.record(tx, "webhook registered", f"connection:{connection.key}", detail)
        return Registered(webhook=made if made.secret else replace(made, secret=secret), url=url)

    async def look_after(self, connection: Connection, tracker: Tracker, alarm: Alarm) -> None:
        """Look at the registration if its time has come, and put it right. What cannot be put right is told once."""
        async with self.db.transaction(SYSTEM) as tx:
            care = await hook_store.care(tx, connection.id)
            kept = (await store.connection_by_id(tx, connection.id)).webhook
            if not kept or (care.due_at is not None and care.due_at > tx.now):
                return
        webhook = codec.from_json(Webhook, kept)
        try:
            webhook = await tracker.webhook_state(webhook)
            if webhook.state in BROKEN or _ends_soon(webhook, self.db.clock.now()):
                log.info("a webhook is registered anew", connection=connection.key, state=webhook.state.value)
                webhook = (await self.register(SYSTEM, connection, tracker, fresh=False)).webhook
        except TrackerError as problem:
            await self._failed(connection, webhook, care.failures + 1, problem, alarm)
            return
        said = ""
        if webhook.state is WebhookState.BY_HAND and WebhookState(kept["state"]) is not WebhookState.BY_HAND:
            said = "The tool lets us register no webhook any more: somebody has to install it there by hand."
        async with self.db.transaction(SYSTEM) as tx:
            await hook_store.looked_after(
                tx, connection.id, due_at=_next_look(webhook, tx.now), webhook=webhook_json(webhook), failure=said
            )
            if said:
                await alarm(tx, f"webhook of {connection.name}", said)

    async def _failed(
        self, connection: Connection, webhook: Webhook, failures: int, problem: TrackerError, alarm: Alarm
    ) -> None:
        wait = min(FIRST_RETRY * 2 ** min(failures, 10), CHECKED_EVERY)
        said = f"The webhook cannot be put right: {problem}"
        passing = problem.cause in (Cause.OUTAGE, Cause.RATE, Cause.AUTH)  # these are told of the connection itself
        async with self.db.transaction(SYSTEM) as tx:
            await hook_store.looked_after(
                tx, connection.id, due_at=tx.now + wait, webhook=webhook_json(webhook), failure=said, failures=failures
            )
            if failures == 1 and not passing:
                await alarm(tx, f"webhook of {connection.name}", said)

    async def asked(self, connection: Connection, untold: int, alarm: Alarm) -> None:
        """A round of asking is over. `untold` changes were found that nobody knew of."""
        if not untold or not connection.webhook or connection.webhook.get("state") == WebhookState.NONE:
            return
        async with self.db.transaction(SYSTEM) as tx:
            if await hook_store.add_unheard(tx, connection.id) == SILENT_AFTER:
                await alarm(tx, f"webhook of {connection.name}", _silence(connection))


def _silence(connection: Connection) -> str:
    how = "Check what was installed there" if connection.webhook.get("state") == WebhookState.BY_HAND else "Check"
    return (
        f"Things change in {connection.name}, and it tells us of none of them; they are found by asking, up to a "
        f"minute later. {how} that it reaches our address, and register the webhook anew."
    )


def _ends_soon(webhook: Webhook, now: datetime) -> bool:
    return webhook.expires_at is not None and webhook.expires_at - now < RENEWED_BEFORE


def _next_look(webhook: Webhook, now: datetime) -> datetime:
    """In an hour, or sooner where the registration ends within it."""
    if webhook.expires_at is None:
        return now + CHECKED_EVERY
    left = webhook.expires_at - now
    return now + min(CHECKED_EVERY, max(left / 3, FIRST_RETRY))
