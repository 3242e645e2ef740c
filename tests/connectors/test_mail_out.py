"""Mail against a real SMTP server on loopback: taken, busy, refused, cut off, and answers that come back."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import aiosmtplib
import pytest
from aiosmtpd.smtp import SMTP

from rallypoint.connectors.smtp import Reply, Smtp, Verb
from rallypoint.connectors.smtp.receiver import Receiver
from rallypoint.errors import OutsideFailure, Refused
from rallypoint.notify.ports import Outgoing

TOKEN = "abcdefghijkmnpqrstuvwxyz23456789"
SENDER = "Rallypoint <pager@example.org>"
PAGE = Outgoing(
    reference="rp-1", address="bea@example.org", title="P1 payments: Card payments fail", text="38 % fail.",
    url="https://rp.example/i/1", ack_url=f"https://rp.example/p/{TOKEN}", token=TOKEN, incident=1, person_name="Bea",
)  # fmt: skip


@dataclass
class Mailbox:
    """The handler of a real aiosmtpd server; answers as it is told at each stage."""

    rcpt: str = "250 OK"
    data: str = "250 taken as 42"
    cut: bool = False
    mails: list[EmailMessage] = field(default_factory=list)
    servers: list[SMTP] = field(default_factory=list)
    port: int = 0

    async def handle_RCPT(self, server: SMTP, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if self.rcpt.startswith("250"):
            envelope.rcpt_tos.append(address)
        return self.rcpt

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        self.mails.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
        if self.cut:
            server.transport.abort()
            return "250 never heard"
        return self.data


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    box = Mailbox()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(box, loop=loop, hostname="test", enable_SMTPUTF8=True), "127.0.0.1")
    box.port = server.sockets[0].getsockname()[1]
    try:
        yield box
    finally:
        server.close()
        await server.wait_closed()


def channel(box: Mailbox) -> Smtp:
    return Smtp(f"smtp://127.0.0.1:{box.port}", sender=SENDER, replies=True)


async def test_a_mail_that_the_server_took_is_sent_and_not_delivered(mailbox: Mailbox) -> None:
    receipt = await channel(mailbox).send(PAGE)
    assert not receipt.delivered
    assert "taken as 42" in receipt.provider_reference
    (mail,) = mailbox.mails
    assert mail["Subject"] == PAGE.title
    assert mail["Message-ID"] == "<rp-1@example.org>"
    assert mail["To"] == "Bea <bea@example.org>"
    assert TOKEN in mail["Reply-To"]
    assert PAGE.ack_url is not None
    assert PAGE.ack_url in mail.get_content()


@pytest.mark.parametrize(
    ("stage", "answer", "retry"),
    [
        ("rcpt", "451 greylisted", True),
        ("rcpt", "550 no such user", False),
        ("data", "452 mailbox full", True),
        ("data", "554 spam", False),
    ],
)
async def test_what_the_server_says_decides_whether_to_try_again(
    mailbox: Mailbox, stage: str, answer: str, retry: bool
) -> None:
    setattr(mailbox, stage, answer)
    with pytest.raises(OutsideFailure) as failure:
        await channel(mailbox).send(PAGE)
    assert (failure.value.retry, failure.value.unknown) == (retry, False)
    assert answer[4:] in failure.value.said


async def test_a_connection_cut_behind_the_text_leaves_the_outcome_unknown(mailbox: Mailbox) -> None:
    mailbox.cut = True
    with pytest.raises(OutsideFailure) as failure:
        await channel(mailbox).send(PAGE)
    assert (failure.value.retry, failure.value.unknown) == (True, True)
    assert len(mailbox.mails) == 1, "it did arrive"


async def test_a_server_that_is_not_there_is_tried_again_and_nothing_is_unknown() -> None:
    closed = await asyncio.get_running_loop().create_server(asyncio.Protocol, "127.0.0.1")
    port = closed.sockets[0].getsockname()[1]
    closed.close()
    await closed.wait_closed()
    with pytest.raises(OutsideFailure) as failure:
        await Smtp(f"smtp://127.0.0.1:{port}", sender=SENDER).send(PAGE)
    assert (failure.value.retry, failure.value.unknown) == (True, False)


async def test_a_server_that_hangs_up_at_once_was_told_nothing() -> None:
    class HangsUp(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            transport.abort()

    server = await asyncio.get_running_loop().create_server(HangsUp, "127.0.0.1")
    try:
        with pytest.raises(OutsideFailure) as failure:
            await Smtp(f"smtp://127.0.0.1:{server.sockets[0].getsockname()[1]}", sender=SENDER).send(PAGE)
    finally:
        server.close()
    assert (failure.value.retry, failure.value.unknown) == (True, False)


async def test_without_a_server_set_a_mail_fails_and_says_what_to_set() -> None:
    with pytest.raises(OutsideFailure) as failure:
        await Smtp("", sender=SENDER).send(PAGE)
    assert not failure.value.retry
    assert "RALLYPOINT_SMTP_URL" in failure.value.help


async def test_names_and_addresses_beyond_ascii_go_through(mailbox: Mailbox) -> None:
    message = Outgoing(
        reference="rp-2", address="jörg@example.org", title="P1 – alles aus", text="Ünïcödé", person_name="Jörg Ålund"
    )
    await channel(mailbox).send(message)
    assert mailbox.mails[0]["Subject"] == "P1 – alles aus"
    assert "Ünïcödé" in mailbox.mails[0].get_content()


# -- answers


async def hand_in(port: int, recipient: str, text: str) -> Any:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "bea@example.org", recipient, "Re: P1"
    mail.set_content(text)
    return await aiosmtplib.send(
        mail, sender="bea@example.org", recipients=[recipient], hostname="127.0.0.1", port=port, start_tls=False
    )


async def test_an_answer_reaches_us_over_smtp() -> None:
    answers: list[Reply] = []

    async def take(reply: Reply) -> None:
        answers.append(reply)

    async with Receiver("127.0.0.1:0", take) as receiver:
        await hand_in(receiver.port, f"pager+{TOKEN}@example.org", "ack, looking")
        with pytest.raises(aiosmtplib.SMTPRecipientsRefused):
            await hand_in(receiver.port, "anybody@example.org", "relay this")
    assert [(a.token, a.verb, a.text) for a in answers] == [(TOKEN, Verb.ACK, "ack, looking")]


@pytest.mark.parametrize(
    ("problem", "code"), [(Refused("It is closed."), 554), (ZeroDivisionError("a bug"), 451)], ids=["refused", "broken"]
)
async def test_an_answer_that_cannot_be_taken_is_sent_back_or_kept_by_the_other_side(
    problem: Exception, code: int
) -> None:
    async def take(reply: Reply) -> None:
        raise problem

    async with Receiver("127.0.0.1:0", take) as receiver:
        with pytest.raises(aiosmtplib.SMTPDataError) as answer:
            await hand_in(receiver.port, f"pager+{TOKEN}@example.org", "ack")
    assert answer.value.code == code
