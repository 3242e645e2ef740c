"""Answers by mail: which page, and what they ask for. Machines that answer mail answer nothing."""

from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rallypoint.connectors.smtp import Verb, read_reply
from rallypoint.connectors.smtp.inbound import token_of
from rallypoint.connectors.smtp.letter import letter, reply_address
from rallypoint.errors import OutsideFailure
from rallypoint.notify.ports import Outgoing

TOKEN = "abcdefghijkmnpqrstuvwxyz23456789"
OURS = f"pager+{TOKEN}@example.org"


def answer(text: str, *, to: str = OURS, html: str = "", **headers: str) -> bytes:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = "Bea <bea@example.org>", to, "Re: P1 payments"
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(text)
    if html:
        mail.add_alternative(html, subtype="html")
    return mail.as_bytes()


@pytest.mark.parametrize(
    ("text", "verb", "kept"),
    [
        ("ack", Verb.ACK, "ack"),
        (
            "Ack, on it\n\nOn Mon, 1 Jun 2026 at 10:00 Rallypoint <pager@example.org> wrote:\n> resolve",
            Verb.ACK,
            "Ack, on it",
        ),
        ("\n\n  Acknowledged.\n> quoted", Verb.ACK, "Acknowledged."),
        ("OK!\n-- \nBea Lund\nPhone 123", Verb.ACK, "OK!"),
        ("resolve: restarted the pool", Verb.RESOLVE, "resolve: restarted the pool"),
        ("Looking at the connections now.", Verb.NOTE, "Looking at the connections now."),
        ("I cannot ack this", Verb.NOTE, "I cannot ack this"),
        ("> ack", Verb.NOTE, ""),
        ("-----Original Message-----\nack", Verb.NOTE, ""),
        ("", Verb.NOTE, ""),
    ],
)
def test_the_first_own_word_is_the_verb(text: str, verb: Verb, kept: str) -> None:
    reply = read_reply(answer(text))
    assert reply is not None
    assert (reply.token, reply.verb, reply.text) == (TOKEN, verb, kept)


def test_a_mail_in_html_only_is_read_without_its_quotation() -> None:
    mail = EmailMessage()
    mail["To"] = OURS
    mail.set_content("<style>p{}</style><p>ack</p><blockquote>resolve</blockquote>", subtype="html")
    reply = read_reply(mail.as_bytes())
    assert reply is not None
    assert (reply.verb, reply.text) == (Verb.ACK, "ack")


def test_the_envelope_counts_before_the_headers_and_case_does_not_matter() -> None:
    reply = read_reply(answer("ack", to="pager@example.org"), [OURS.upper()])
    assert reply is not None
    assert reply.token == TOKEN


@pytest.mark.parametrize(
    "raw",
    [
        answer("ack", to="pager@example.org"),
        answer("ack", to=f"pager+{TOKEN[:-1]}@example.org"),
        answer("I am out of office. ack", Auto_Submitted="auto-replied"),
        answer("ack", Precedence="bulk"),
        answer("ack", X_Autoreply="yes"),
        b"To: " + OURS.encode() + b"\nContent-Type: multipart/report; boundary=x\n\n--x\n\nack\n--x--\n",
        b"",
    ],
)
def test_what_answers_no_page_is_not_an_answer(raw: bytes) -> None:
    assert read_reply(raw) is None


@given(st.binary(max_size=2000))
def test_no_bytes_break_the_reader(junk: bytes) -> None:
    read_reply(junk)
    reply = read_reply(b"To: " + OURS.encode() + b"\nContent-Type: text/plain; charset=nonsense\n" + junk)
    if reply is not None:
        assert "\0" not in reply.text
        reply.text.encode()


def outgoing(**changes: object) -> Outgoing:
    values: dict[str, object] = {
        "reference": "rp-1", "address": "bea@example.org", "title": "P1 payments: Zahlungen schlagen fehl – überall",
        "text": "It is down.", "url": "https://rp.example/i/1", "ack_url": "https://rp.example/p/x", "token": TOKEN,
        "incident": 1, "person_name": "Bea",
    }  # fmt: skip
    return Outgoing(**{**values, **changes})  # type: ignore[arg-type]


def test_a_letter_carries_its_reference_its_thread_and_the_way_to_answer() -> None:
    mail = letter(outgoing(), sender="Rallypoint <pager@example.org>", replies=True)
    assert mail["Message-ID"] == "<rp-1@example.org>"
    assert mail["References"] == "<inc-1@example.org>"
    assert token_of(mail["Reply-To"]) == TOKEN
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Subject"] == "P1 payments: Zahlungen schlagen fehl – überall"
    assert "https://rp.example/p/x" in mail.get_content()
    reply = read_reply(answer("ack", to=mail["Reply-To"]))
    assert reply is not None


def test_without_somebody_to_read_them_no_answers_are_asked_for() -> None:
    mail = letter(outgoing(), sender="Rallypoint <pager@example.org>", replies=False)
    assert mail["Reply-To"] is None
    assert "answer this mail" not in mail.get_content()


@pytest.mark.parametrize("address", ["a@example.org\r\nBcc: all@example.org", "", "nobody", "a@b@c", "a\0@example.org"])
def test_an_address_that_is_none_is_refused_before_anything_is_sent(address: str) -> None:
    with pytest.raises(OutsideFailure) as refusal:
        letter(outgoing(address=address), sender="Rallypoint <pager@example.org>", replies=False)
    assert not refusal.value.retry


@given(title=st.text(max_size=300), name=st.text(max_size=100))
def test_no_title_or_name_makes_a_header_of_its_own(title: str, name: str) -> None:
    try:
        mail = letter(outgoing(title=title, person_name=name), sender="Rallypoint <pager@example.org>", replies=True)
        raw = mail.as_bytes()
    except (OutsideFailure, UnicodeEncodeError):
        return
    headers = raw.partition(b"\n\n")[0]
    assert headers.lower().count(b"\nto:") == 1
    assert b"\nbcc:" not in headers.lower()


def test_the_reply_address_stands_behind_a_plus() -> None:
    assert reply_address("Rallypoint <pager@example.org>", TOKEN) == OURS
