"""Which alert a signal is about.

Inside, a 128-bit hash: fast, and no two alerts meet by chance. For people and other tools, the fingerprint that
Alertmanager shows (FNV-1a, 64 bits, over the sorted labels), worked out off the hot path because Python is slow at it.
"""

from collections.abc import Mapping
from hashlib import blake2b

import msgspec

FNV_OFFSET, FNV_PRIME, FNV_MASK = 0xCBF29CE484222325, 0x100000001B3, 0xFFFFFFFFFFFFFFFF
FNV_BYTES_MAX = 65_536
"""Beyond this many bytes of labels the short hash is left out: it would cost milliseconds."""

_sorted = msgspec.json.Encoder(order="sorted").encode


def canonical(labels: Mapping[str, str]) -> bytes:
    """The labels as JSON with sorted names: equal labels give equal bytes. Also what is stored."""
    return _sorted(labels)


def of_labels(canonical_labels: bytes) -> bytes:
    """Identity of an alert that is known by its labels."""
    return blake2b(canonical_labels, digest_size=16).digest()


def of_key(dedup_key: str) -> bytes:
    """Identity of an alert that its sender has named. Another space than labels: the two never meet."""
    return blake2b(dedup_key.encode("utf-8", "replace"), digest_size=16, person=b"dedup_key").digest()


def fnv(labels: Mapping[str, str]) -> str:
    """The fingerprint Alertmanager gives these labels, in hex. Empty for labels too long to bother."""
    data = b"".join(
        name.encode() + b"\xff" + value.encode() + b"\xff" for name, value in sorted(labels.items()) if value
    )
    if len(data) > FNV_BYTES_MAX:
        return ""
    number = FNV_OFFSET
    for byte in data:
        number = ((number ^ byte) * FNV_PRIME) & FNV_MASK
    return f"{number:016x}"
