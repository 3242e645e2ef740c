"""Sending mail by SMTP, one connection for each message. What failed at which stage decides what the outcome is."""

import asyncio
import contextlib
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.policy import SMTPUTF8
from email.utils import parseaddr
from urllib.parse import unquote, urlsplit

import aiosmtplib

from rallypoint.connectors.smtp.letter import letter
from rallypoint.errors import OutsideFailure
from rallypoint.notify.ports import Outgoing, Receipt

SECONDS = 9.0
"""Less than a lane waits, so that a slow server is judged here, by the stage it was slow in."""

NOT_SET = "No mail server is set, so no mail leaves."
PORTS = {"smtp": 25, "smtps": 465}


class Smtp:
    """Sent means: the server took the mail. Whether it reaches a mailbox is not known.

    `url` is smtp://user:password@host:port, or smtps:// for TLS from the start; over smtp:// TLS is used where the
    server offers it. `replies`: somebody reads what is sent back to us, so mails invite an answer.
    """

    kind = "email"

    def __init__(self, url: str, *, sender: str, replies: bool = False) -> None:
        self._url, self._sender, self._replies = urlsplit(url), sender, replies

    async def send(self, message: Outgoing) -> Receipt:
        if not self._url.hostname:
            raise OutsideFailure(NOT_SET, retry=False, help="Set RALLYPOINT_SMTP_URL.")
        mail = letter(message, sender=self._sender, replies=self._replies)
        attempt = _Attempt(self._client())
        try:
            async with asyncio.timeout(SECONDS):
                said = await attempt.deliver(mail, parseaddr(self._sender)[1], parseaddr(message.address)[1])
        except (TimeoutError, OSError, aiosmtplib.SMTPException, ValueError) as problem:
            raise attempt.failure(problem) from problem
        finally:
            await attempt.close()
        return Receipt(delivered=False, provider_reference=said)

    def _client(self) -> aiosmtplib.SMTP:
        secure = self._url.scheme == "smtps"
        return aiosmtplib.SMTP(
            hostname=self._url.hostname,
            port=self._url.port or PORTS[self._url.scheme],
            username=unquote(self._url.username) if self._url.username else None,
            password=unquote(self._url.password) if self._url.password else None,
            use_tls=secure,
            timeout=SECONDS,
        )


class _Attempt:
    """One try, and how far it came: once the text is on its way, a broken connection leaves the outcome unknown."""

    def __init__(self, client: aiosmtplib.SMTP) -> None:
        self._client, self._handed_over = client, False

    async def deliver(self, mail: EmailMessage, sender: str, recipient: str) -> str:
        await self._client.connect()
        if self._client.is_ehlo_or_helo_needed:
            await self._client.ehlo()
        wide = not (sender + recipient).isascii()
        options = ["SMTPUTF8"] if wide else []
        await self._client.mail(sender, options=options, encoding="utf-8" if wide else "ascii")
        await self._client.rcpt(recipient, encoding="utf-8" if wide else "ascii")
        self._handed_over = True
        answer = await self._client.data(mail.as_bytes(policy=SMTPUTF8 if wide else WIRE))
        return answer.message

    def failure(self, problem: Exception) -> OutsideFailure:
        """What the problem means for the message."""
        if isinstance(problem, aiosmtplib.SMTPResponseException):
            said = f"The mail server answered {problem.code}: {problem.message}"
            return OutsideFailure(said[:500], retry=400 <= problem.code < 500 or problem.code < 0)
        if isinstance(problem, ValueError):
            return OutsideFailure(f"The mail cannot be addressed: {problem}", retry=False)
        said = str(problem) or type(problem).__name__
        if self._handed_over:
            return OutsideFailure(f"The mail server broke off before it answered: {said}", retry=True, unknown=True)
        return OutsideFailure(f"The mail server cannot be used now: {said}", retry=True)

    async def close(self) -> None:
        """Say goodbye where there is somebody to say it to; how that goes changes nothing."""
        with contextlib.suppress(Exception):
            if self._client.is_connected:
                await asyncio.wait_for(self._client.quit(), 1)
        with contextlib.suppress(Exception):
            self._client.close()
