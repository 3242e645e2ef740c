"""The signature of Standard Webhooks: HMAC-SHA256 over id, timestamp and body."""

import base64
import hashlib
import hmac

from rallypoint.errors import OutsideFailure

PREFIX = "whsec_"


def signature(secret: str, *, message_id: str, timestamp: int, body: bytes) -> str:
    """The value of the header webhook-signature. Raises OutsideFailure for a secret that is not whsec_ and base64."""
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except ValueError as problem:
        raise OutsideFailure(
            "The webhook's secret cannot be used.", retry=False, help="Set it again; it begins with whsec_."
        ) from problem
    signed = b".".join((message_id.encode(), str(timestamp).encode(), body))
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
