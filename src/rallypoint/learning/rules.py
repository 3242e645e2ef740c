"""How deep to look back, by when to meet, and what a retrospective needs before others may read it as done. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from rallypoint.errors import Refused
from rallypoint.learning.model import ActionItem, Depth, Retrospective, Section, State

FULL_UP_TO = 2
"""On the common scale of priorities: P1 and P2 get a full retrospective."""

MEET_WITHIN = timedelta(hours=24)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """A section before anyone wrote in it. Prompts ask about circumstances, never about who was at fault."""

    key: str
    title: str
    question: str
    depths: frozenset[Depth]
    needed: frozenset[Depth]


BOTH, FULL, NEVER = frozenset(Depth), frozenset({Depth.FULL}), frozenset[Depth]()

PROMPTS = (
    Prompt(
        key="summary", title="Summary", depths=BOTH, needed=BOTH,
        question="What happened, in three sentences that somebody who was not there understands?",
    ),
    Prompt(
        key="customer_impact", title="Impact", depths=FULL, needed=FULL,
        question="Who could not do what, for how long, and how many were they? Give numbers where you have them.",
    ),
    Prompt(
        key="contributing_factors", title="Contributing factors", depths=BOTH, needed=FULL,
        question="Which circumstances came together: changes, load, dependencies, alerts that were late or missing, "
        "documents that did not help? There is rarely only one.",
    ),
    Prompt(
        key="what_went_well", title="What went well", depths=BOTH, needed=NEVER,
        question="What made this shorter or smaller than it could have been? Keep doing that.",
    ),
    Prompt(
        key="what_went_badly", title="What was hard", depths=FULL, needed=NEVER,
        question="Where did we wait, search, or not know? What would have helped at that moment?",
    ),
    Prompt(
        key="where_we_were_lucky", title="Where we were lucky", depths=FULL, needed=NEVER,
        question="What could as well have gone otherwise? Luck will not be there next time.",
    ),
    Prompt(
        key="discussion", title="Discussion", depths=FULL, needed=NEVER,
        question="What was said in the meeting, and what was not agreed?",
    ),
)  # fmt: skip

TEXTS = tuple(prompt.key for prompt in PROMPTS)


def depth(priority_common: int) -> Depth:
    return Depth.FULL if priority_common <= FULL_UP_TO else Depth.LIGHT


def meeting_due(depth: Depth, resolved_at: datetime) -> datetime | None:
    """A full retrospective is talked over within a day of the resolution, while people remember."""
    return resolved_at + MEET_WITHIN if depth is Depth.FULL else None


def sections(depth: Depth, texts: Mapping[str, str]) -> tuple[Section, ...]:
    """What to write for this depth; a text written earlier stays visible when the depth has become less."""
    return tuple(
        Section(key=p.key, title=p.title, prompt=p.question, text=texts[p.key], needed=depth in p.needed)
        for p in PROMPTS
        if depth in p.depths or texts[p.key]
    )


def missing(depth: Depth, texts: Mapping[str, str], *, meeting_held: bool) -> tuple[str, ...]:
    """What still has to be there before it can be published."""
    wanted = [f"{p.title} is not written yet." for p in PROMPTS if depth in p.needed and not texts[p.key].strip()]
    if depth is Depth.FULL and not meeting_held:
        wanted.append("The meeting has not been held yet.")
    return tuple(wanted)


def may_publish(retrospective: Retrospective) -> None:
    """Raises Refused, saying what is missing."""
    if retrospective.state is State.PUBLISHED:
        raise Refused("This retrospective is published already.", guard="state", help="Take it back to change it.")
    wanted = missing(retrospective.depth, texts(retrospective), meeting_held=retrospective.meeting_held_at is not None)
    if wanted:
        raise Refused("It is not complete.", guard="complete", help=" ".join(wanted))


def may_edit(retrospective: Retrospective) -> None:
    if retrospective.state is State.PUBLISHED:
        raise Refused(
            "A published retrospective is not changed under its readers.", guard="state", help="Take it back first."
        )


def may_reopen(item: ActionItem, *, owner_active: bool) -> None:
    """An action item is open for somebody. Raises Refused."""
    if not owner_active:
        raise Refused(
            f"{item.owner_name} is not with us any more, and an action item without an owner is a wish.",
            guard="owner", help="Give it to somebody first.",
        )  # fmt: skip


def changes(was: ActionItem, now: ActionItem) -> tuple[str, ...]:
    """What is different about an action item, a phrase each."""
    found = []
    if now.title != was.title:
        found.append(f"now: {now.title}")
    if now.owner_id != was.owner_id:
        found.append(f"{now.owner_name} instead of {was.owner_name}")
    if now.due_on != was.due_on:
        found.append(f"due {now.due_on} instead of {was.due_on}")
    return tuple(found)


def texts(retrospective: Retrospective) -> dict[str, str]:
    return {key: getattr(retrospective, key) for key in TEXTS}
