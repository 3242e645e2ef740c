"""Passwords: argon2 in a thread, so that the event loop keeps turning, and at most two at once, for they eat memory.

An unknown or disabled account, or one without a password, costs exactly as much time as a wrong password.
"""

import asyncio
from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from rallypoint import ids

_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
AT_ONCE = 2
_running: dict[asyncio.AbstractEventLoop, asyncio.Semaphore] = {}


async def hashed(password: str) -> str:
    """What is stored of a password."""
    async with _turn():
        return await asyncio.to_thread(_HASHER.hash, password)


async def matches(stored: str | None, password: str) -> bool:
    """Whether the password is the stored one; without a stored one the work is done all the same."""
    async with _turn():
        return await asyncio.to_thread(_verify, stored, password)


def _verify(stored: str | None, password: str) -> bool:
    try:
        right = _HASHER.verify(stored or _nobody(), password)
    except (VerificationError, InvalidHashError):
        return False
    return right and stored is not None


@cache
def _nobody() -> str:
    """The hash that stands in where there is none. Nobody knows what it is of."""
    return _HASHER.hash(ids.token())


def _turn() -> asyncio.Semaphore:
    """A semaphore belongs to one event loop; closed loops are forgotten."""
    loop = asyncio.get_running_loop()
    if loop not in _running:
        for old in [one for one in _running if one.is_closed()]:
            del _running[old]
        _running[loop] = asyncio.Semaphore(AT_ONCE)
    return _running[loop]
