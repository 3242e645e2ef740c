"""What a comment is recognised by after an answer was lost: its words, without case, space, markup or author line."""

from hashlib import sha256

HEAD = 60
HEAD_AT_LEAST = 20


def fingerprint(text: str) -> str:
    """Equal for texts that differ only in what tools tidy. A head in clear, so that a cut text is still recognised."""
    bare = "".join(one for one in text.casefold() if one.isalnum()) or " ".join(text.split())
    return f"{bare[:HEAD]}#{sha256(bare.encode()).hexdigest()[:32]}"


def begins_alike(one: str, other: str) -> bool:
    """Two fingerprints of which one text may be the other one cut short."""
    head, beside = one.rpartition("#")[0], other.rpartition("#")[0]
    shorter = min(len(head), len(beside))
    return shorter >= HEAD_AT_LEAST and head[:shorter] == beside[:shorter]
