"""The mail that a message becomes."""

import re
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, parseaddr

from rallypoint.clock import process_time
from rallypoint.errors import OutsideFailure
from rallypoint.ids import incident_name
from rallypoint.notify.model import Purpose
from rallypoint.notify.ports import Outgoing

ADDRESS = re.compile(r"[^\s@,;:<>\"()\[\]\\]{1,64}@[^\s@,;:<>\"()\\]{1,253}")
REPLY_HELP = "Or answer this mail: ack, resolve, or a note for the timeline in the first line."


def letter(message: Outgoing, *, sender: str, replies: bool) -> EmailMessage:
    """The mail, with the delivery's reference as Message-ID, so that a second copy is recognised as one.

    Raises OutsideFailure for an address that no mail header can hold: line breaks would be headers of the sender's.
    """
    try:
        mail = EmailMessage()
        mail["From"] = _address(sender)
        mail["To"] = _address(message.address, name=message.person_name)
        mail["Subject"] = " ".join(message.title.split())
        mail["Date"] = format_datetime(process_time())
        mail["Message-ID"] = f"<{message.reference}@{_domain(sender)}>"
        if message.incident is not None:  # one thread for each incident
            mail["References"] = f"<{incident_name(message.incident).lower()}@{_domain(sender)}>"
        if replies and message.token:
            mail["Reply-To"] = reply_address(sender, message.token)
        mail["Auto-Submitted"] = "auto-generated"
        mail["X-Auto-Response-Suppress"] = "All"
        if message.purpose in (Purpose.PAGE, Purpose.ALARM):
            mail["Importance"] = "high"
        mail.set_content(_body(message, replies=replies), charset="utf-8")
    except (ValueError, IndexError) as problem:
        raise OutsideFailure(f"The mail cannot be addressed: {problem}", retry=False) from problem
    return mail


def reply_address(sender: str, token: str) -> str:
    """The address that answers go to: the sender's, with the page's token behind a plus."""
    local, _, domain = parseaddr(sender)[1].rpartition("@")
    return f"{local}+{token}@{domain}"


def _body(message: Outgoing, *, replies: bool) -> str:
    parts = [message.text.strip()]
    if message.ack_url:
        parts.append(f"Acknowledge (opens a page with a button):\n{message.ack_url}")
    if message.ack_url and replies and message.token:
        parts.append(REPLY_HELP)
    if message.url:
        parts.append(f"Everything about it:\n{message.url}")
    return "\n\n".join(parts) + "\n"


def _address(text: str, *, name: str = "") -> Address:
    """The address for a header. Raises ValueError for what is none: it is checked here, not by the header's parser,
    because that refuses addresses beyond ASCII, which servers with SMTPUTF8 take."""
    said, spec = parseaddr(text)
    if any(c in text for c in "\r\n\0") or not ADDRESS.fullmatch(spec):
        raise ValueError("there is no address in it")
    local, _, domain = spec.rpartition("@")
    return Address(display_name=" ".join((name or said).split()), username=local, domain=domain)


def _domain(sender: str) -> str:
    return parseaddr(sender)[1].rpartition("@")[2] or "localhost"
