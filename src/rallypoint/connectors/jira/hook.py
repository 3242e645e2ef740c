"""Webhooks: what we ask for, and how a delivery is believed.

Cloud signs those of an administrator with our secret, and those of an application with a token made with the
application's; Data Center sends our secret as the password in the address. Only ids are taken from a delivery.
"""

import hashlib
import hmac
import json
import re
from base64 import b64decode, urlsafe_b64decode
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from rallypoint.sync.ports import Hint, Unverified, WebhookHint

EVENTS = (
    "jira:issue_created", "jira:issue_updated", "jira:issue_deleted", "comment_created", "comment_updated",
    "comment_deleted",
)  # fmt: skip
USER = "rallypoint"
NAME = "Rallypoint"
IN_ADDRESS = re.compile(r"/issue/(\d+)(?:/|$)")
ID = re.compile(r"[1-9]\d{0,18}")

INSTRUCTIONS = """\
The account may not register webhooks: that takes the global permission "Administer Jira", or an OAuth 2 application.
An administrator can do it in System > WebHooks (Advanced):
1. Create a webhook with the name {name} and the URL {url}
2. {secret}
3. As events choose: issue created, updated, deleted; comment created, updated, deleted.{filter}
Rallypoint asks for changes regularly besides.
"""
SIGNED = "As its secret take the one shown beside."
IN_URL = "In the URL, before the host, write {user}:<the secret shown beside>@ so that the secret comes with it."


def instructions(url: str, *, cloud: bool, jql: str) -> str:
    """What a person must do at the site, but for the secret."""
    narrowed = f" As JQL take: {jql}" if jql else ""
    how = SIGNED if cloud else IN_URL.format(user=USER)
    return INSTRUCTIONS.format(name=NAME, url=url, secret=how, filter=narrowed)


def with_secret(url: str, secret: str) -> str:
    """The address as Data Center is told it: nothing else of ours would come along."""
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{USER}:{quote(secret, safe='')}@{parts.netloc}"))


def verify(raw: bytes, headers: Mapping[str, str], secret: str, client: tuple[str, str] = ("", "")) -> WebhookHint:
    """The hint in a delivery that we can believe; the same delivery keeps its name when it is sent again."""
    if not (_signed(raw, headers, secret) or _known(headers, secret) or _tokened(headers, client)):
        raise Unverified(
            "The webhook does not carry the secret of this connection.",
            help="Register the webhook anew, or give it the secret of this connection.",
        )
    try:
        said = json.loads(raw)
    except ValueError:
        said = None
    if not isinstance(said, dict):
        raise Unverified("The webhook's body is not the JSON of a Jira event.")
    name = headers.get("x-atlassian-webhook-identifier", "") or hashlib.sha256(raw).hexdigest()
    return WebhookHint(delivery=name[:120], hints=_hints(said))


def _hints(said: Mapping[str, Any]) -> tuple[Hint, ...]:
    event = str(said.get("webhookEvent", ""))
    if event not in EVENTS:
        return ()
    issue, comment = said.get("issue"), said.get("comment")
    id = str(issue.get("id", "")) if isinstance(issue, Mapping) else ""
    if not id and isinstance(comment, Mapping):
        # Data Center names the issue of a comment only in its address.
        found = IN_ADDRESS.search(str(comment.get("self", "")))
        id = found[1] if found else ""
    if not ID.fullmatch(id):
        return ()
    fields = issue.get("fields") if isinstance(issue, Mapping) else None
    place, type = ((fields or {}).get(name) for name in ("project", "issuetype"))
    stamp = said.get("timestamp")
    return (
        Hint(
            remote_id=id,
            at=datetime.fromtimestamp(stamp / 1000, UTC) if isinstance(stamp, int) and 0 < stamp < 10**14 else None,
            deleted=event == "jira:issue_deleted",
            project=str(place.get("id", "")) if isinstance(place, Mapping) else "",
            type=str(type.get("name", "")) if isinstance(type, Mapping) else "",
        ),
    )


def _signed(raw: bytes, headers: Mapping[str, str], secret: str) -> bool:
    method, _, given = headers.get("x-hub-signature", "").partition("=")
    if not secret or method.lower() != "sha256":
        return False
    expected = hmac.new(secret.encode(), raw, hashlib.sha256).hexdigest()
    return hmac.compare_digest(given.strip().lower().encode(), expected.encode())


def _known(headers: Mapping[str, str], secret: str) -> bool:
    """Our secret as a password, unless there is a signature: that one decides then."""
    scheme, _, said = headers.get("authorization", "").partition(" ")
    if not secret or scheme.lower() != "basic" or "x-hub-signature" in headers:
        return False
    try:
        password = b64decode(said, validate=True).partition(b":")[2]
    except ValueError:
        return False
    return hmac.compare_digest(password, secret.encode())


def _tokened(headers: Mapping[str, str], client: tuple[str, str]) -> bool:
    """A token that only the application and Atlassian can make. It does not cover the body, so ids are all we take."""
    id, secret = client
    scheme, _, token = headers.get("authorization", "").partition(" ")
    parts = token.split(".")
    if not secret or scheme.lower() not in ("bearer", "jwt") or len(parts) != 3 or "x-hub-signature" in headers:
        return False
    expected = hmac.new(secret.encode(), f"{parts[0]}.{parts[1]}".encode(), hashlib.sha256).digest()
    head, said, given = (_decoded(one) for one in parts)
    if not hmac.compare_digest(given, expected):
        return False
    try:
        return bool(json.loads(head).get("alg") == "HS256" and json.loads(said).get("iss") == id)
    except (ValueError, AttributeError):
        return False


def _decoded(part: str) -> bytes:
    try:
        return urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        return b""
