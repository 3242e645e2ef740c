"""Webhooks: one address of ours at the account, and a trigger that tells it of every update by somebody else.

A delivery is signed over its time and its body with a secret that Zendesk makes. Nothing in it is believed but the
ticket's number.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from rallypoint.connectors.zendesk.values import at
from rallypoint.sync.ports import Hint, Unverified, WebhookHint

SIGNATURE, TIMESTAMP = "x-zendesk-webhook-signature", "x-zendesk-webhook-signature-timestamp"
INVOCATION = "x-zendesk-webhook-invocation-id"
TEMPLATE = json.dumps({"ticket": "{{ticket.id}}", "updated_at": "{{ticket.updated_at_with_timestamp}}"})
ANY_UPDATE = [
    {"field": "update_type", "operator": "is", "value": "Create"},
    {"field": "update_type", "operator": "is", "value": "Change"},
]
INSTRUCTIONS = """\
The account may not make webhooks and triggers. An administrator can, in the Admin Center:
1. Apps and integrations > Webhooks: a webhook "{name}" for triggers and automations, endpoint {url},
   method POST, format JSON, authentication "Bearer token" with the secret shown beside as token.
2. Objects and rules > Business rules > Triggers: a trigger "{name}" under conditions that meet any of "Ticket is
   created" and "Ticket is updated"; its action notifies that webhook with this JSON:
   {template}
"""


def webhook(name: str, url: str) -> dict[str, Any]:
    """What is asked for: an address for triggers."""
    return {
        "name": name,
        "description": "Tells Rallypoint which tickets were changed. Made and kept by Rallypoint.",
        "endpoint": url,
        "http_method": "POST",
        "request_format": "json",
        "status": "active",
        "subscriptions": ["conditional_ticket_events"],
    }


def trigger(name: str, webhook_id: str, us: str) -> dict[str, Any]:
    """Tells of every update. `us` is our own user there: what we write is read back in any case."""
    not_us = [{"field": "role", "operator": "is_not", "value": us}] if us else []
    return {
        "title": name,
        "active": True,
        "description": "Tells Rallypoint which tickets were changed. Made and kept by Rallypoint.",
        "conditions": {"all": not_us, "any": ANY_UPDATE},
        "actions": [{"field": "notification_webhook", "value": [webhook_id, TEMPLATE]}],
    }


def instructions(name: str, url: str) -> str:
    return INSTRUCTIONS.format(name=name, url=url, template=TEMPLATE)


def verify(raw: bytes, headers: Mapping[str, str], secret: str) -> WebhookHint:
    """The hint in a delivery that is from there; the same invocation keeps its name when it is sent again."""
    if not secret or not _believed(raw, headers, secret):
        raise Unverified(
            "The webhook is not signed with the secret of this connection.",
            help="Let Rallypoint register the webhook anew.",
        )
    try:
        said = json.loads(raw)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise Unverified("The webhook's body is not the JSON that our trigger sends.")
    delivery = headers.get(INVOCATION, "") or hashlib.sha256(headers.get(TIMESTAMP, "").encode() + raw).hexdigest()
    ticket = str(said.get("ticket", ""))
    hints = (Hint(remote_id=ticket, at=at(said.get("updated_at"))),) if ticket.isdigit() else ()
    return WebhookHint(delivery=delivery[:120], hints=hints)


def _believed(raw: bytes, headers: Mapping[str, str], secret: str) -> bool:
    """By the signature; or by our own secret as a token, where a person made the webhook and Zendesk's is not known."""
    signature = headers.get(SIGNATURE, "")
    try:
        given = base64.b64decode(signature, validate=True)
    except ValueError:
        given = b""
    signed = headers.get(TIMESTAMP, "").encode() + raw
    if given and hmac.compare_digest(given, hmac.new(secret.encode(), signed, hashlib.sha256).digest()):
        return True
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return scheme.lower() == "bearer" and hmac.compare_digest(token.strip().encode(), secret.encode())
