"""Reading an answer that came by mail: which page it answers, and what it asks for. Pure."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import getaddresses
from enum import StrEnum
from html.parser import HTMLParser

from rallypoint.ids import ALPHABET

TEXT_MAX = 5000
TOKEN = re.compile(rf"\+([{ALPHABET}]{{32}})@", re.IGNORECASE)
ADDRESSED = ("To", "Cc", "Delivered-To", "X-Original-To", "Envelope-To")
WORDS = {
    "ack": "ack", "acknowledge": "ack", "acknowledged": "ack", "ok": "ack", "resolve": "resolve",
    "resolved": "resolve", "fixed": "resolve",
}  # fmt: skip
QUOTED = re.compile(
    r"^(>|-{2,}\s*(original message|forwarded)|_{5,}$|on .{5,200} wrote:$|am .{5,200} schrieb.*:$)", re.I
)
SIGNATURE = "-- "


class Verb(StrEnum):
    ACK = "ack"
    RESOLVE = "resolve"
    NOTE = "note"


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What somebody answered. `token` says which page, and so who answers: nothing else in a mail can be believed."""

    token: str
    verb: Verb
    text: str


def read_reply(raw: bytes, recipients: Iterable[str] = ()) -> Reply | None:
    """The answer in a mail; None for one that answers no page, or that a machine wrote (out of office, bounces).

    The token is looked for in the envelope's `recipients` first, then in the headers. The verb is the first word of
    the first line that is not quoted: anything but ack or resolve is a note.
    """
    mail = message_from_bytes(raw, policy=policy.default)
    if not isinstance(mail, EmailMessage) or _by_machine(mail):
        return None
    token = _token([*recipients, *(address for header in ADDRESSED for address in _addresses(mail, header))])
    if token is None:
        return None
    text = _own_words(_text(mail))
    first = re.split(r"\W+", text.strip(), maxsplit=1)[0].casefold() if text.strip() else ""
    return Reply(token=token, verb=Verb(WORDS.get(first, "note")), text=text[:TEXT_MAX])


def token_of(address: str) -> str | None:
    """The token in an address of ours, if it is one that pages are answered at."""
    found = TOKEN.search(address)
    return found.group(1).lower() if found else None


def _token(addresses: Iterable[str]) -> str | None:
    return next((token for address in addresses if (token := token_of(address))), None)


def _addresses(mail: EmailMessage, header: str) -> list[str]:
    return [address for _, address in getaddresses([str(value) for value in mail.get_all(header, [])])]


def _by_machine(mail: EmailMessage) -> bool:
    automatic = str(mail.get("Auto-Submitted", "no")).strip().casefold()
    precedence = str(mail.get("Precedence", "")).strip().casefold()
    return (
        automatic != "no"
        or precedence in ("bulk", "junk", "list", "auto_reply")
        or "X-Autoreply" in mail
        or "X-Autorespond" in mail
        or mail.get_content_type() == "multipart/report"
    )


def _text(mail: EmailMessage) -> str:
    """The words of a mail, from its plain part, else from its HTML part. Unreadable parts count as empty."""
    try:
        part = mail.get_body(preferencelist=("plain", "html"))
        content = part.get_content() if part is not None else ""
    except (LookupError, ValueError, AttributeError, KeyError):
        return ""
    if not isinstance(content, str):
        return ""
    text = _Words.of(content) if part is not None and part.get_content_type() == "text/html" else content
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _own_words(text: str) -> str:
    """The lines above the first quoted line or signature."""
    lines: list[str] = []
    for line in text.splitlines():
        if line.rstrip("\r\n") == SIGNATURE or QUOTED.match(line.strip()):
            break
        lines.append(line.rstrip())
    return "\n".join(lines).strip()


class _Words(HTMLParser):
    """The text of an HTML mail, without styles, scripts and quotations."""

    SKIPPED = frozenset({"style", "script", "blockquote", "head", "title"})
    BREAKS = frozenset({"br", "p", "div", "li", "tr"})

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[str] = []
        self._skipping = 0

    @classmethod
    def of(cls, html: str) -> str:
        words = cls()
        words.feed(html)
        return "".join(words._parts)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._skipping += tag in self.SKIPPED
        if tag in self.BREAKS:
            self._parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._skipping = max(0, self._skipping - (tag in self.SKIPPED))

    def handle_data(self, data: str) -> None:
        if not self._skipping:
            self._parts.append(data)
