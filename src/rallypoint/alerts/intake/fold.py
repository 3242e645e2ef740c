"""Many signals into few writes: what concurrent messages say about one alert becomes one row's change.

Order is kept. What cannot be merged into the alert's last change (fired, resolved, fired again) goes into a later
round of the same transaction.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from rallypoint.alerts.fingerprint import canonical, of_key, of_labels
from rallypoint.alerts.model import Batch, Repeat, Signal, Status

FIRING, ACKNOWLEDGED, RESOLVED = Status.FIRING.value, Status.ACKNOWLEDGED.value, Status.RESOLVED.value


class Change(msgspec.Struct, gc=False):
    """One write about one alert. `key` is integration and identity in one sortable value; `alert_id` is its answer."""

    key: bytes
    integration_id: int
    kind: str
    signal: Signal
    labels: bytes
    starts_at: datetime
    ends_at: datetime | None
    round: int = 0
    count: int = 1
    alert_id: int | None = None
    is_new: bool = False


class Beat(msgspec.Struct):
    """Repeats of one open alert: how many, until when, and one of them in full should the alert be closed by now."""

    alert_id: int
    count: int
    ends_at: datetime | None
    signals: list[tuple[int, Batch, Repeat]]


@dataclass(slots=True)
class Plan:
    """What a commit will write, and which change answers which signal."""

    rounds: list[dict[bytes, Change]] = field(default_factory=list)
    beats: dict[int, Beat] = field(default_factory=dict)
    answers: list[list[Change | Beat]] = field(default_factory=list)
    last: dict[bytes, Change] = field(default_factory=dict)
    settles: bool = False
    """Something is acknowledged or resolved."""

    def add(self, integration_id: int, signal: Signal, now: datetime) -> Change:
        """Merge a signal into the last change of its alert, or make the next one."""
        labels = canonical(signal.labels)
        key = integration_id.to_bytes(8, "big") + (of_key(signal.dedup_key) if signal.dedup_key else of_labels(labels))
        last = self.last.get(key)
        if last is not None and last.kind == signal.status:
            _merge(last, signal, labels, now)
            return last
        made = Change(
            key, integration_id, signal.status, signal, labels, signal.starts_at or now, signal.ends_at,
            0 if last is None else last.round + 1,
        )  # fmt: skip
        if made.round == len(self.rounds):
            self.rounds.append({})
        self.rounds[made.round][key] = self.last[key] = made
        return made

    def beat(self, integration_id: int, batch: Batch, repeat: Repeat) -> Beat:
        found = self.beats.get(repeat.alert_id)
        if found is None:
            found = self.beats[repeat.alert_id] = Beat(repeat.alert_id, 0, None, [])
        found.count += 1
        found.ends_at = _later(found.ends_at, repeat.ends_at)
        if not found.signals:
            found.signals.append((integration_id, batch, repeat))
        return found


def fold(messages: Sequence[tuple[int, Batch]], now: datetime) -> Plan:
    """The plan for these messages of (integration id, batch), in their order."""
    plan = Plan()
    changing = {one for one, batch in messages if any(_settles(signal) for signal in batch.signals)}
    for integration_id, batch in messages:
        plan.answers.append(list(_answers(plan, integration_id, batch, now, whole=integration_id in changing)))
    plan.settles = bool(changing)
    return plan


def _answers(plan: Plan, integration_id: int, batch: Batch, now: datetime, *, whole: bool) -> Iterable[Change | Beat]:
    """`whole`: something is resolved or acknowledged beside it, so repeats are read in full to keep the order."""
    add = plan.add
    for signal in batch.signals:
        if isinstance(signal, Repeat):
            if whole and batch.reread is not None:
                yield add(integration_id, batch.reread(signal.member), now)
            else:
                yield plan.beat(integration_id, batch, signal)
        else:
            yield add(integration_id, signal, now)


def _settles(signal: Signal | Repeat) -> bool:
    return type(signal) is Signal and signal.status != FIRING


def _merge(change: Change, signal: Signal, labels: bytes, now: datetime) -> None:
    """The latest words win; the earliest start and the latest end are kept."""
    change.count += 1
    change.signal, change.labels = signal, labels
    change.starts_at = min(change.starts_at, signal.starts_at or now)
    if change.ends_at is not None:
        change.ends_at = None if signal.ends_at is None else max(change.ends_at, signal.ends_at)


def _later(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((at for at in (one, other) if at is not None), default=None)
