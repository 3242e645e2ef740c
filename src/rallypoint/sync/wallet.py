"""The access token of a connection that signs in with OAuth 2, sealed beside its secrets, fetched by one for all.

Refresh tokens are often good for one use. So who fetches says so first, in the row of the connection, and the others
wait; nobody holds a transaction open meanwhile. A promise that was not kept ends by itself.
"""

import asyncio
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from rallypoint.access.vault import Vault
from rallypoint.actors import SYSTEM
from rallypoint.db import Database, Transaction
from rallypoint.sync import wallet_store
from rallypoint.sync.connection import Connection
from rallypoint.sync.ports import AuthFailed, Outage
from rallypoint.sync.tools import Fetch, Token

BOUND_TO = "sync connection"
"""What the sealed secrets of a connection are bound to, so that they open nowhere else."""

KEPT = "kept token"
"""Under this name it lies among the secrets. Nothing that a tool asks for has a space in its name."""

EARLY = timedelta(seconds=60)
"""How long before its end a token is renewed."""

PROMISE = timedelta(seconds=40)
"""How long one may take to fetch a token before another does."""

LOOKS, BETWEEN_SECONDS = 450, 0.1


def opened(vault: Vault, sealed: bytes | None) -> dict[str, str]:
    """The secrets that people gave."""
    return {name: value for name, value in _whole(vault, sealed).items() if name != KEPT}


def _whole(vault: Vault, sealed: bytes | None) -> dict[str, str]:
    found: dict[str, str] = json.loads(vault.unseal(sealed, BOUND_TO)) if sealed else {}
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    """What lies there. `of` stands for address and settings it was fetched with; `promised` is until when somebody
    fetches another."""

    of: str
    token: Token | None = None
    promised: datetime | None = None

    @classmethod
    def read(cls, text: str, of: str) -> "_Kept":
        said: dict[str, Any] = json.loads(text) if text else {}
        if said.get("of") != of:
            return cls(of=of)  # another client, another scope: none of ours
        token = None
        if said.get("access"):
            ends = datetime.fromisoformat(said["ends"])
            token = Token(access=said["access"], ends=ends, refresh=said.get("refresh", ""))
        promised = datetime.fromisoformat(said["promised"]) if said.get("promised") else None
        return cls(of=of, token=token, promised=promised)

    def written(self) -> str:
        said = {"of": self.of}
        if self.token is not None:
            said |= {"access": self.token.access, "ends": self.token.ends.isoformat(), "refresh": self.token.refresh}
        if self.promised is not None:
            said["promised"] = self.promised.isoformat()
        return json.dumps(said)


class SealedWallet:
    """The wallet of one connection."""

    def __init__(self, db: Database, vault: Vault, connection: Connection) -> None:
        self._db, self._vault, self._id = db, vault, connection.id
        of = json.dumps([connection.base_url, connection.settings], sort_keys=True)
        self._of = hashlib.sha256(of.encode()).hexdigest()[:16]

    async def token(self, fetch: Fetch, *, refused: str = "") -> Token:
        for _ in range(LOOKS):
            async with self._db.transaction(SYSTEM) as tx:
                given, kept = await self._kept(tx)
                if kept.token and kept.token.access != refused and tx.now < kept.token.ends - EARLY:
                    return kept.token
                mine = tx.now + PROMISE
                free = kept.promised is None or kept.promised <= tx.now
                if free:
                    await self._keep(tx, given, replace(kept, promised=mine))
            if free:
                return await self._fetched(fetch, given, kept.token, mine)
            await asyncio.sleep(BETWEEN_SECONDS)
        raise Outage("A token is being fetched elsewhere for too long.")

    async def _fetched(self, fetch: Fetch, given: Mapping[str, str], before: Token | None, promised: datetime) -> Token:
        """What fetching brought, kept. Whatever goes wrong, the promise is taken back, so that the next may try."""
        fetched: Token | None = None
        try:
            fetched = await fetch(before.refresh if before else "")
            return fetched
        finally:
            async with self._db.transaction(SYSTEM) as tx:
                now, kept = await self._kept(tx)
                # A person may have given other secrets meanwhile: what the old ones brought is not kept under them.
                if now == given and kept.promised == promised:
                    await self._keep(tx, given, _Kept(of=self._of, token=fetched or before))

    async def _kept(self, tx: Transaction) -> tuple[dict[str, str], _Kept]:
        """(the secrets that people gave, what is kept beside them), and the row is ours until the transaction ends."""
        sealed = await wallet_store.lock_secrets(tx, self._id)
        if sealed is None:
            raise AuthFailed("The connection waits for its credentials.")
        whole = _whole(self._vault, sealed)
        kept = _Kept.read(whole.pop(KEPT, ""), self._of)
        return whole, kept

    async def _keep(self, tx: Transaction, given: Mapping[str, str], kept: _Kept) -> None:
        sealed = self._vault.seal(json.dumps({**given, KEPT: kept.written()}), BOUND_TO)
        await wallet_store.keep_secrets(tx, self._id, sealed)
