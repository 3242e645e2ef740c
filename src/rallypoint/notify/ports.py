"""What this room needs from outside: a way to send."""

from typing import Protocol

from rallypoint.notify.model import Outgoing, Receipt

__all__ = ["Channel", "Outgoing", "Receipt", "Sealer"]


class Channel(Protocol):
    """One kind of way to reach somebody."""

    @property
    def kind(self) -> str:
        """The kind of contact method it serves."""
        ...

    async def send(self, message: Outgoing) -> Receipt:
        """Send once. Raises OutsideFailure: `retry` if trying again can help, `unknown` if it may have arrived."""
        ...


class Sealer(Protocol):
    """Something that encrypts a secret for keeping; the vault of the access room."""

    def seal(self, text: str, bound_to: str) -> bytes:
        """The secret, sealed so that it opens only where it is bound to the same words."""
        ...
