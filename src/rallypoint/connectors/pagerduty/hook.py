"""Webhook subscriptions, version 3: which we ask for, and how a delivery is believed."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from rallypoint.connectors.pagerduty.api import at
from rallypoint.connectors.pagerduty.shape import TYPE
from rallypoint.sync.ports import Hint, Unverified, WebhookHint

EVENTS = tuple(
    "incident." + name
    for name in (
        "triggered", "acknowledged", "unacknowledged", "resolved", "reopened", "reassigned", "delegated", "escalated",
        "annotated", "priority_updated",
    )
)  # fmt: skip
NEWER = ("incident.custom_field_values.updated",)
"""Not every account knows these; it is asked without them then."""

SIGNATURE, VERSION = "x-pagerduty-signature", "v1="
BETWEEN = ","
"""Between the secrets of several subscriptions, which PagerDuty makes itself."""


def subscription(url: str, service: str, events: tuple[str, ...]) -> dict[str, Any]:
    chosen = {"type": "service_reference", "id": service} if service else {"type": "account_reference"}
    return {
        "type": "webhook_subscription",
        "description": "Rallypoint: tells which incident changed.",
        "events": list(events),
        "filter": chosen,
        "delivery_method": {"type": "http_delivery_method", "url": url},
    }


def verify(raw: bytes, headers: Mapping[str, str], secret: str) -> WebhookHint:
    """The hint in a delivery of which one signature is made with one of our secrets. While one replaces another, there
    are several of both."""
    given = [one.strip() for one in headers.get(SIGNATURE, "").split(",")]
    signed = [one.removeprefix(VERSION).encode() for one in given if one.startswith(VERSION)]
    expected = [
        hmac.new(one.encode(), raw, hashlib.sha256).hexdigest().encode() for one in secret.split(BETWEEN) if one
    ]
    if not any(hmac.compare_digest(one, other) for one in signed for other in expected):
        raise Unverified(
            "The webhook is not signed with the secret of this connection.",
            help="Let Rallypoint register the webhook anew: PagerDuty tells a secret only once.",
        )
    try:
        event = json.loads(raw).get("event")
    except (ValueError, AttributeError):
        event = None
    if not isinstance(event, dict):
        raise Unverified("The webhook's body is not the JSON of a webhook of version 3.")
    delivery = str(event.get("id") or "") or hashlib.sha256(raw).hexdigest()
    return WebhookHint(delivery=delivery[:120], hints=_hints(event))


def _hints(event: Mapping[str, Any]) -> tuple[Hint, ...]:
    data = event.get("data")
    if not isinstance(data, dict) or not str(event.get("event_type", "")).startswith("incident."):
        return ()
    about = data if data.get("type") == "incident" else data.get("incident")
    if not isinstance(about, dict) or not str(about.get("id", "")).isalnum():
        return ()
    service = about.get("service")
    project = str(service.get("id") or "") if isinstance(service, dict) else ""
    return (Hint(remote_id=str(about["id"]), at=at(event.get("occurred_at")), project=project, type=TYPE),)
