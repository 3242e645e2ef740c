"""Tags of two sides and their last agreement become one set: what either added stays, what either removed goes."""

from collections.abc import Mapping
from dataclasses import dataclass

from rallypoint.sync.lenses import TagsLens, all_tags
from rallypoint.sync.model import Shadow, Value


@dataclass(frozen=True, slots=True)
class Merged:
    """What each side should hold. Tags that are not managed stay where they are."""

    hub: tuple[str, ...]
    remote: tuple[str, ...]


def merge(lens: TagsLens, hub: Value, raw: Value, shadow: Shadow | None) -> Merged:
    """Three-way and add-wins. Without an agreement both sides' tags stay: nothing was removed as far as we know."""
    ours, theirs = lens.managed(hub), lens.managed(raw)
    known = shadow is not None and shadow.hub_version > 0
    were_ours = lens.managed(shadow.hub_value) if shadow is not None and known else {}
    were_theirs = lens.managed(shadow.raw) if shadow is not None and known else {}
    added = (ours.keys() - were_ours.keys()) | (theirs.keys() - were_theirs.keys())
    removed = (were_ours.keys() - ours.keys()) | (were_theirs.keys() - theirs.keys())
    keys = (ours.keys() | theirs.keys()) - (removed - added)
    return Merged(
        hub=_joined(lens, hub, keys, ours, theirs),
        remote=_joined(lens, raw, keys, theirs, ours),
    )


def _joined(
    lens: TagsLens, value: Value, keys: set[str], own: Mapping[str, str], other: Mapping[str, str]
) -> tuple[str, ...]:
    """A side's unmanaged tags as they were, then the managed ones: its own spelling where it has one."""
    unmanaged = [one for one in all_tags(value) if not lens.is_managed(one)]
    return tuple(unmanaged + sorted(own.get(one, other.get(one, "")) for one in keys))
