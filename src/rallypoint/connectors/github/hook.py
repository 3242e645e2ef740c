"""Webhooks of a repository: which we ask for, and how a delivery is believed."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from typing import Any

from rallypoint.connectors.github.api import at
from rallypoint.connectors.github.shape import TYPE
from rallypoint.sync.ports import Hint, Unverified, WebhookHint

EVENTS = ("issues", "issue_comment")
SIGNATURE, EVENT, DELIVERY = "x-hub-signature-256", "x-github-event", "x-github-delivery"


def registration(url: str, secret: str) -> dict[str, Any]:
    config = {"url": url, "secret": secret, "content_type": "json", "insecure_ssl": "0"}
    return {"name": "web", "active": True, "events": list(EVENTS), "config": config}


def verify(raw: bytes, headers: Mapping[str, str], secret: str) -> WebhookHint:
    """The hint in a delivery that is signed with our secret; the same event keeps its name when it is sent again."""
    expected = "sha256=" + hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    if not secret or not hmac.compare_digest(headers.get(SIGNATURE, "").encode(), expected.encode()):
        raise Unverified(
            "The webhook is not signed with the secret of this connection.",
            help="Let Rallypoint register the webhook anew, or give the one there the secret of this connection.",
        )
    try:
        said = json.loads(raw)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise Unverified(
            "The webhook's body is not JSON.", help="Set the webhook's content type to application/json there."
        )
    delivery = headers.get(DELIVERY, "") or hashlib.sha256(raw).hexdigest()
    return WebhookHint(delivery=delivery[:120], hints=_hints(headers.get(EVENT, ""), said))


def _hints(event: str, said: Mapping[str, Any]) -> tuple[Hint, ...]:
    issue, repository = said.get("issue"), said.get("repository")
    if event not in EVENTS or not isinstance(issue, dict) or not isinstance(repository, dict):
        return ()
    number, place = issue.get("number"), repository.get("id")
    if not isinstance(number, int) or not isinstance(place, int) or "pull_request" in issue:
        return ()
    return (
        Hint(
            remote_id=f"{place}/{number}",
            at=at(issue.get("updated_at")),
            deleted=event == "issues" and said.get("action") == "deleted",
            project=str(repository.get("full_name") or ""),
            type=TYPE,
        ),
    )
