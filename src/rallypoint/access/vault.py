"""The vault: secrets of integrations and channels, encrypted before they reach the database.

The key lies outside the database, in a file only we can read, so a copy of the database opens nothing. Each secret is
bound to the row it belongs to: a ciphertext moved to another row does not open. The key file may hold several keys,
one a line; the first seals, all unseal, so a new key can be put in front without losing what the old one sealed.
"""

import base64
import binascii
import contextlib
import hashlib
import os
import secrets
from pathlib import Path

import structlog
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from rallypoint.errors import Refused
from rallypoint.settings import Settings

KEY_BYTES, NONCE_BYTES, ID_BYTES = 32, 12, 4
VERSION = b"\x01"
ANOTHER_KEY = "This secret was sealed with another key, for another place, or was changed."
HELP = "Put the key file it was sealed with back in place, or enter the secret again."

log = structlog.get_logger()


class Vault:
    """Seals and unseals short texts with AES-256-GCM."""

    def __init__(self, keys: list[bytes]) -> None:
        self._ciphers = {hashlib.sha256(key).digest()[:ID_BYTES]: AESGCM(key) for key in keys}
        self._current = hashlib.sha256(keys[0]).digest()[:ID_BYTES]

    @classmethod
    def open(cls, settings: Settings) -> "Vault":
        """The vault with this installation's key; the key is made when there is none."""
        file = settings.secret_key_file or settings.data / "secret.key"
        if not file.exists():
            _make(file)
        return cls(_read(file))

    def seal(self, text: str, bound_to: str) -> bytes:
        """Encrypt; only `unseal` with the same `bound_to` opens it. Sealing twice gives two different results."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        head = VERSION + self._current
        return head + nonce + self._ciphers[self._current].encrypt(nonce, text.encode(), head + bound_to.encode())

    def unseal(self, sealed: bytes, bound_to: str) -> str:
        """The text again. Raises Refused if the key, the place or the bytes are not those it was sealed with."""
        start = len(VERSION) + ID_BYTES
        head, nonce, rest = sealed[:start], sealed[start : start + NONCE_BYTES], sealed[start + NONCE_BYTES :]
        cipher = self._ciphers.get(head[len(VERSION) :]) if head[:1] == VERSION else None
        if cipher is None:
            raise Refused(ANOTHER_KEY, guard="vault", help=HELP)
        try:
            return cipher.decrypt(nonce, rest, head + bound_to.encode()).decode()
        except (InvalidTag, ValueError) as problem:
            raise Refused(ANOTHER_KEY, guard="vault", help=HELP) from problem


def _make(file: Path) -> None:
    """Write a new key. Two processes may start at once: the link puts a whole file in place, for the first of them."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f"{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as out:
            out.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
            out.flush()
            os.fsync(out.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, file)
            log.info("made a key that seals secrets; back it up apart from the database", file=str(file))
    finally:
        draft.unlink()


def _read(file: Path) -> list[bytes]:
    if file.stat().st_mode & 0o077:
        log.warning("others on this machine can read the key file; its mode should be 0600", file=str(file))
    try:
        keys = [base64.b64decode(line, validate=True) for line in file.read_bytes().split()]
    except (binascii.Error, ValueError) as problem:
        raise _unreadable(file) from problem
    if not keys or any(len(key) != KEY_BYTES for key in keys):
        raise _unreadable(file)
    return keys


def _unreadable(file: Path) -> Refused:
    return Refused(
        f"The key file {file} does not hold keys of {KEY_BYTES} bytes in base64, one a line.",
        guard="vault",
        help="Restore it from your backup. Without it, secrets in the database have to be entered again.",
    )
