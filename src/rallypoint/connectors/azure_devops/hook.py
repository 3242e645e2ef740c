"""Service hooks: which we ask for, and how a delivery is believed.

Deliveries are not signed: they carry our secret, as the password of Basic authentication over HTTPS, or in a header
where somebody subscribed by hand. So whoever can read a delivery could send another; only its ids are taken from it.
"""

import hashlib
import hmac
import json
from base64 import b64decode
from collections.abc import Mapping
from typing import Any

from rallypoint.connectors.azure_devops.values import at
from rallypoint.sync.ports import Hint, Unverified, WebhookHint

EVENTS = ("workitem.created", "workitem.updated", "workitem.deleted", "workitem.restored", "workitem.commented")
USER = "rallypoint"
HEADER = "x-rallypoint-token"


def subscription(event: str, url: str, secret: str, project_id: str) -> dict[str, Any]:
    """What is asked for. All details are sent: without them an update does not say which item it is about."""
    return {
        "publisherId": "tfs",
        "eventType": event,
        "resourceVersion": "1.0",
        "consumerId": "webHooks",
        "consumerActionId": "httpRequest",
        "publisherInputs": {"projectId": project_id},
        "consumerInputs": {
            "url": url,
            "basicAuthUsername": USER,
            "basicAuthPassword": secret,
            "resourceDetailsToSend": "all",
            "messagesToSend": "none",
            "detailedMessagesToSend": "none",
        },
    }


def verify(raw: bytes, headers: Mapping[str, str], secret: str) -> WebhookHint:
    """The hint in a delivery that carries our secret; the same notification keeps its name when it is sent again."""
    if not secret or not _believed(headers, secret):
        raise Unverified(
            "The webhook does not carry the secret of this connection.",
            help="Let Rallypoint register the service hooks anew, or give the subscription the secret as password.",
        )
    try:
        said = json.loads(raw)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise Unverified("The webhook's body is not the JSON of a service hook.")
    event = f"{said.get('subscriptionId', '')}:{said.get('id', '')}"
    delivery = event if len(event) > 1 else hashlib.sha256(raw).hexdigest()
    return WebhookHint(delivery=delivery[:120], hints=_hints(said))


def _hints(said: Mapping[str, Any]) -> tuple[Hint, ...]:
    event, resource = str(said.get("eventType", "")), said.get("resource")
    if event not in EVENTS or not isinstance(resource, dict):
        return ()
    # In an update `id` is the number of the update; the item has a name of its own.
    item = str(resource.get("workItemId" if event == "workitem.updated" else "id", ""))
    if not item.isdigit():
        return ()
    fields, revision = _fields(resource), str(resource.get("rev", ""))
    return (
        Hint(
            remote_id=item,
            revision=revision if revision.isdigit() else "",
            at=at(_new(fields.get("System.ChangedDate")) or said.get("createdDate")),
            deleted=event == "workitem.deleted",
            project=str(_new(fields.get("System.TeamProject")) or ""),
            type=str(_new(fields.get("System.WorkItemType")) or ""),
        ),
    )


def _fields(resource: Mapping[str, Any]) -> Mapping[str, Any]:
    """All fields if the whole item is in it, else those that changed."""
    whole = resource.get("revision")
    found = whole.get("fields") if isinstance(whole, dict) else resource.get("fields")
    return found if isinstance(found, dict) else {}


def _new(value: Any) -> Any:
    return value.get("newValue") if isinstance(value, dict) else value


def _believed(headers: Mapping[str, str], secret: str) -> bool:
    scheme, _, said = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            password = b64decode(said, validate=True).partition(b":")[2]
        except ValueError:
            return False
        return hmac.compare_digest(password, secret.encode())
    return hmac.compare_digest(headers.get(HEADER, "").encode(), secret.encode())
