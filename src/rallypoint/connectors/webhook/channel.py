"""Posting a message to an address that a person wrote. Only the guarded way out is used."""

from collections.abc import Mapping
from typing import Protocol

import msgspec

from rallypoint.clock import process_time
from rallypoint.connectors.webhook.signature import signature
from rallypoint.errors import OutsideFailure
from rallypoint.notify.ports import Outgoing, Receipt

AGAIN = frozenset({408, 409, 425, 429})
"""Answers of the 400s that say "not now" and not "never"."""

GONE = 410
SAID_MAX = 200


class Answer(Protocol):
    @property
    def status(self) -> int: ...

    @property
    def body(self) -> bytes: ...


class Way(Protocol):
    """The guarded HTTP client; egress.Egress is one."""

    async def post(self, url: str, content: bytes, headers: Mapping[str, str] | None = None) -> Answer: ...


class Webhook:
    """Delivered means: the receiver answered 2xx. The same delivery always carries the same webhook-id."""

    kind = "webhook"

    def __init__(self, way: Way) -> None:
        self._way = way

    async def send(self, message: Outgoing) -> Receipt:
        at = process_time()
        body = payload(message, at.isoformat())
        stamp = int(at.timestamp())
        headers = {
            "content-type": "application/json",
            "user-agent": "Rallypoint",
            "webhook-id": message.reference,
            "webhook-timestamp": str(stamp),
        }
        if message.secret:
            headers["webhook-signature"] = signature(
                message.secret, message_id=message.reference, timestamp=stamp, body=body
            )
        answer = await self._way.post(message.address, body, headers)
        return judge(answer.status, answer.body, message.reference)


def payload(message: Outgoing, timestamp: str) -> bytes:
    """The body: `type` says what it is for, `data` holds the message."""
    return msgspec.json.encode(
        {
            "type": f"rallypoint.{message.purpose}",
            "timestamp": timestamp,
            "data": {
                "reference": message.reference,
                "title": message.title,
                "text": message.text,
                "url": message.url,
                "ack_url": message.ack_url,
                "incident": message.incident,
                "person": message.person_name,
                **message.fields,
            },
        }
    )


def judge(status: int, body: bytes, reference: str) -> Receipt:
    """What an answer means. Raises OutsideFailure unless it is 2xx."""
    if 200 <= status < 300:
        return Receipt(delivered=True, provider_reference=reference)
    said = " ".join(body[:SAID_MAX].decode("utf-8", "replace").split())
    reason = f"The webhook answered {status}{f': {said}' if said else ''}."
    if status == GONE:
        raise OutsideFailure(reason, retry=False, help="The receiver wants no more messages: remove the method.")
    if 300 <= status < 400:
        raise OutsideFailure(reason, retry=False, help="Redirects are not followed: write the final address.")
    raise OutsideFailure(reason, retry=status in AGAIN or status >= 500)
