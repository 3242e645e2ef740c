"""Names that cannot be guessed, and names that people can say."""

import hashlib
import secrets

ALPHABET = "abcdefghijkmnpqrstuvwxyz23456789"
"""Lower case without l, o, 0, 1: keys are read aloud and typed."""

INTEGRATION_KEY_LENGTH = 32
"""PagerDuty's clients check that a routing key has 32 characters."""


def token(length: int = 43) -> str:
    """A random secret of `length` characters, 5 bits each."""
    return "".join(secrets.choice(ALPHABET) for _ in range(length))


def digest(secret: str) -> bytes:
    """What is stored of a secret: its SHA-256. The secrets are random and long, so no salt is needed."""
    return hashlib.sha256(secret.encode()).digest()


def integration_key() -> str:
    return token(INTEGRATION_KEY_LENGTH)


def incident_name(number: int) -> str:
    """How an incident is called on screens and in mails: INC-42."""
    return f"INC-{number}"
