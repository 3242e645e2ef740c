"""The shape of a domain that an installation begins with: what it_service.py and production.py fill in."""

from dataclasses import dataclass, field, replace

from rallypoint.catalog.model import ClosurePolicy, Impact, StatusCategory, TypeClass, Urgency, Workflow


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A category, with those below it. Without defaults of its own the impact and urgency stay to be asked."""

    key: str
    name: str
    type_class: TypeClass
    impact: Impact | None = None
    urgency: Urgency | None = None
    below: tuple["Leaf", ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    key: str
    name: str
    definition: str
    response: int
    resolution: int
    update: int
    loud: bool
    tells: tuple[str, ...]
    common: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Seed:
    key: str
    name: str
    workflow: Workflow
    closure_policy: ClosurePolicy
    description: str
    statuses: tuple[tuple[str, str, StatusCategory], ...]
    categories: tuple[Leaf, ...]
    levels: tuple[Level, ...]
    matrix: tuple[str, ...]
    """One row per impact from extensive to minor, one digit per urgency from critical to low."""
    settings: dict[str, object] = field(default_factory=dict)


def leaf(name: str, type_class: TypeClass, impact: Impact | None = None, urgency: Urgency | None = None) -> Leaf:
    key = "-".join("".join(c if c.isalnum() else " " for c in name.lower()).split())
    return Leaf(key=key, name=name, type_class=type_class, impact=impact, urgency=urgency)


def branch(name: str, type_class: TypeClass, *below: Leaf) -> Leaf:
    return replace(leaf(name, type_class), below=below)
