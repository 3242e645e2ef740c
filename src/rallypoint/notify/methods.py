"""How a person can be reached, and when by which method. People keep their own; administrators may keep everybody's."""

import base64
import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit

from rallypoint import access
from rallypoint.access.check import Checks
from rallypoint.access.permissions import Permission
from rallypoint.db import Transaction
from rallypoint.errors import Invalid, Refused
from rallypoint.ids import digest
from rallypoint.notify import method_store
from rallypoint.notify.messages import message
from rallypoint.notify.model import ContactMethod, ContactRule, Delivery, MethodKind, Purpose
from rallypoint.notify.ports import Sealer

CODE_LIFETIME = timedelta(minutes=15)
RULES_MAX = 20
SECRET_PREFIX = "whsec_"  # noqa: S105 - how the standard begins every secret
SECRET_BOUND_TO = "contact_method"  # noqa: S105 - what the sealed text is bound to, not a secret


async def add_contact_method(
    tx: Transaction,
    *,
    person_id: int,
    kind: str,
    address: str,
    label: str = "",
    secret: str | None = None,
    vault: Sealer | None = None,
    verified: bool = False,
) -> ContactMethod:
    """Add a way to reach a person. Adding the same one again changes nothing and returns it.

    It counts once it is verified: by a code sent to it, or by an administrator (`verified`). The account's own e-mail
    address and the sandbox phone need no code. What goes to a webhook is signed: its secret is made up here unless
    given (whsec_...), sealed by the vault, and shown only in this answer.
    """
    owner = await _may_edit(tx, person_id)
    checks = Checks()
    checks.choice("kind", kind, list(MethodKind))
    checks.done()
    kind = MethodKind(kind)
    address, label = _address(checks, kind, address), checks.name("label", label, empty=True)
    made_up = kind is MethodKind.WEBHOOK and not secret
    if kind is MethodKind.WEBHOOK:
        secret = secret or new_secret()
        if vault is None or _key(secret) is None:
            checks.fault("secret", "must be whsec_ and 24 to 64 bytes in base64", "whsec_…")
    checks.done()
    own = kind is MethodKind.SANDBOX or (kind is MethodKind.EMAIL and address.casefold() == owner.email.casefold())
    trusted = own or (verified and access.allows(tx.actor, Permission.MANAGE_PEOPLE))
    added = await method_store.add(
        tx,
        person_id=person_id,
        kind=kind,
        address=address,
        label=label,
        sealed_secret=vault.seal(secret, SECRET_BOUND_TO) if vault and secret else None,
        verified_at=tx.now if trusted else None,
    )
    if added is not None:
        return replace(added, secret=secret) if made_up else added
    same = [
        m for m in await method_store.of_person(tx, person_id) if (m.kind, m.address.lower()) == (kind, address.lower())
    ]
    return same[0]


def new_secret() -> str:
    """A secret in the form that Standard Webhooks names."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def _key(secret: str) -> bytes | None:
    """The bytes that sign, or None where the secret is not in the standard's form."""
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_PREFIX), validate=True)
    except ValueError:
        return None
    return key if secret.startswith(SECRET_PREFIX) and 24 <= len(key) <= 64 else None


def _address(checks: Checks, kind: MethodKind, address: str) -> str:
    if kind is MethodKind.EMAIL:
        return checks.email("address", address)
    if kind is MethodKind.SANDBOX:
        return checks.name("address", address or "sandbox phone")
    url = checks.url("address", address)
    if url and urlsplit(url).username is not None:
        checks.fault("address", "must not hold a name or password")
    return url


async def contact_methods(tx: Transaction, person_id: int) -> list[ContactMethod]:
    return await method_store.of_person(tx, person_id)


async def remove_contact_method(tx: Transaction, method_id: int) -> None:
    """Switch a method off. What still waits to go out by it is not sent."""
    found = await method_store.method(tx, method_id)
    await _may_edit(tx, found.person_id)
    await method_store.disable(tx, method_id)


async def send_code(tx: Transaction, method_id: int) -> Delivery:
    """Send a code to a method; typing it in proves that the messages arrive."""
    found = await method_store.method(tx, method_id)
    await _may_edit(tx, found.person_id)
    code = f"{secrets.randbelow(1_000_000):06d}"
    await method_store.set_code(tx, method_id, digest(f"{method_id}:{code}"), tx.now + CODE_LIFETIME)
    text = f"The code is {code}. It holds for 15 minutes. Type it in on your account's page to be reached here."
    return await message(
        tx, purpose=Purpose.TEST, title=f"{code} is your Rallypoint code", text=text, person_id=found.person_id,
        contact_method=found,
    )  # fmt: skip


async def verify_contact_method(tx: Transaction, method_id: int, code: str) -> ContactMethod:
    """Type in the code that was sent. A wrong one voids it, so that it cannot be guessed."""
    found = await method_store.method(tx, method_id)
    await _may_edit(tx, found.person_id)
    if not await method_store.verify(tx, method_id, digest(f"{method_id}:{code.strip()}")):
        tx.even_if_undone(lambda own: method_store.forget_code(own, method_id))
        raise Invalid("code", "is not the one that was sent, or is older than 15 minutes; ask for a new one")
    return await method_store.method(tx, method_id)


async def send_test(tx: Transaction, method_id: int) -> Delivery:
    """Send a test message: the button beside every method."""
    found = await method_store.method(tx, method_id)
    await _may_edit(tx, found.person_id)
    text = "This is a test. Nothing is broken, and nothing is to be done. Pages would reach you like this."
    return await message(
        tx, purpose=Purpose.TEST, title="Test page from Rallypoint", text=text, person_id=found.person_id,
        contact_method=found,
    )  # fmt: skip


async def set_rules(tx: Transaction, person_id: int, urgency: str, steps: Sequence[tuple[int, int]]) -> None:
    """Replace the personal rules for an urgency: (after minutes, contact method) each. None: every method at once."""
    await _may_edit(tx, person_id)
    mine = {method.id for method in await method_store.of_person(tx, person_id)}
    checks = Checks()
    checks.choice("urgency", urgency, ("high", "low"))
    if len(steps) > RULES_MAX:
        checks.fault("rules", f"are more than {RULES_MAX}")
    for minutes, method_id in steps:
        checks.number("after_minutes", minutes, 0, 1440)
        if method_id not in mine:
            checks.fault("contact_method", "is not one of this person's")
    checks.done()
    await method_store.replace_rules(tx, person_id, urgency, [(minutes, method) for minutes, method in steps])


async def rules(tx: Transaction, person_id: int) -> list[ContactRule]:
    return await method_store.rules_of(tx, person_id)


async def _may_edit(tx: Transaction, person_id: int) -> access.Person:
    """The person, if the actor may change how that person is reached."""
    if tx.actor.person_id == person_id:
        access.require(tx.actor, Permission.OWN_ACCOUNT)
    elif not access.allows(tx.actor, Permission.MANAGE_PEOPLE):
        raise Refused(
            "How a person is reached is changed by that person.",
            guard="own contact methods",
            who_may="the person, or an admin",
            permission=True,
        )
    return await access.person(tx, person_id)
