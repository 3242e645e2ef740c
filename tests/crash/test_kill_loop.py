"""The kill loop: a server is killed again and again, at named places and at random, while clients post and respond.

Two ledgers outside the program are compared afterwards: what clients were promised, and what really reached the people.
The seed is printed; RALLYPOINT_KILL_SEED repeats a run's dice (not its timing).
"""

import itertools
import os
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from rallypoint.clock import monotonic, pause, process_time
from tests.crash.clients import Answers, Clients
from tests.crash.conftest import hits
from tests.live import Furniture, LedgerAtHand, Live, NotInTime, Receipt, furnish, kill, scratch, until

pytestmark = [pytest.mark.crash, pytest.mark.timeout(180)]

SECONDS = 75.0
"""How long kills go on at most; settling comes after."""
SETTLED_WITHIN = 40.0
QUIET_AFTER = 2.0
KILLS = 20

WEB = (
    "alerts_folded", "alerts_before_commit", "alerts_committed",
    "IncidentAcknowledged.before_commit", "IncidentAcknowledged.after_commit",
    "IncidentResolved.before_commit", "IncidentResolved.after_commit",
)  # fmt: skip
ENGINE = (
    "alerts_routed_before_commit", "alerts_routed", "IncidentOpened.before_commit", "IncidentOpened.after_commit",
    "PersonPaged.before_commit", "delivery_claimed", "delivery_before_send", "delivery_sent_before_record",
    "delivery_recorded", "DeliveryDelivered.before_commit", "timers_claimed", "timers_fired_before_commit",
    "timers_fired", "followup_done_before_record",
)  # fmt: skip


@dataclass
class Chaos:
    """Kills, and notes when something died: by its own plan, or by us."""

    live: Live
    dice: random.Random
    deaths: list[tuple[float, str]] = field(default_factory=list)
    jumps: list[float] = field(default_factory=list)
    _alive: dict[str, int] = field(default_factory=dict)

    def watch(self) -> None:
        """Notice children that are another process than a moment ago."""
        living = self.live.roles()
        for role, pid in self._alive.items():
            if living.get(role) != pid:
                self.deaths.append((now(), role))
        self._alive = living

    def kill_role(self, role: str) -> None:
        kill(self.live.roles().get(role))

    def kill_database(self) -> None:
        if kill(self.live.postmaster):
            self.deaths.append((now(), "database"))

    def kill_supervisor(self) -> None:
        """Nobody tells the children; they must notice. Another supervisor starts as soon as it can."""
        self.deaths.append((now(), "supervisor"))
        self._alive = {}
        self.live.kill_supervisor()
        until(self._starts, within=30, what="another supervisor on the same folder and port")

    def _starts(self) -> bool:
        try:
            self.live.start()
        except NotInTime:
            pause(0.2)
            return False
        return True

    def jump(self, seconds: float) -> None:
        """Time passes for everyone: escalations fall due, leases run out."""
        self.live.move_clock(seconds)
        self.jumps.append(now())


def now() -> float:
    return process_time().timestamp()


@dataclass
class Aftermath:
    """What is known when the dust has settled."""

    live: Live
    answers: Answers
    receipts: list[Receipt]
    chaos: Chaos
    planned: Sequence[str]
    hit: list[str]

    @property
    def faults(self) -> list[float]:
        return sorted([at for at, _ in self.chaos.deaths] + self.chaos.jumps)


@pytest.fixture(scope="module")
def aftermath(request: pytest.FixtureRequest) -> Iterator[Aftermath]:
    seed = int(os.environ.get("RALLYPOINT_KILL_SEED", "") or random.SystemRandom().randrange(1_000_000))
    dice = random.Random(seed)
    with scratch() as data:
        ledger = LedgerAtHand(data.parent / "ledger")
        plan = data.parent / "plan"
        planned = [("web", place) for place in WEB] + [("engine", place) for place in ENGINE]
        dice.shuffle(planned)
        plan.write_text("".join(f"{role} {place}:{dice.randint(1, 4)}\n" for role, place in planned))
        given = furnish(data, Furniture(steps=((0, "Ada", ledger.address("ada")), (1, "Bo", ledger.address("bo")))))
        live = Live(data, given, RALLYPOINT_CRASHPLAN=str(plan))
        live.make_clock_movable()
        live.start()
        chaos, clients = Chaos(live, dice), Clients(live, ledger, seed, pause_seconds=0.12)
        try:
            clients.start()
            began = monotonic()
            _rage(chaos, lambda: len(hits(plan)) == len(planned))
            raged = monotonic() - began
            clients.stop()
            plan.write_text("")
            until(live.ready, within=30, what="a server that is ready again")
            _settle(live, ledger, clients.answers)
            receipts = ledger.receipts()
            after = Aftermath(live, clients.answers, receipts, chaos, [place for _, place in planned], hits(plan))
            _tell(request, seed, after, raged, monotonic() - began)
            yield after
        finally:
            clients.stop()
            if request.session.testsfailed:
                print(live.tail(80))
            live.close()
            ledger.close()


def _rage(chaos: Chaos, plan_is_done) -> None:  # type: ignore[no-untyped-def]
    """Kill until the plan is done, everything was killed once, and there were enough deaths; SECONDS at most."""
    dice, began = chaos.dice, monotonic()
    strokes = [(12.0, chaos.kill_database), (26.0, chaos.kill_supervisor)]
    strokes += [(at, lambda: chaos.jump(61)) for at in (8.0, 18.0, 34.0, 44.0, 54.0, 64.0)]
    strokes.sort(key=lambda stroke: stroke[0])
    next_random = 5.0
    while (since := monotonic() - began) < SECONDS:
        chaos.watch()
        if strokes and since > strokes[0][0]:
            strokes.pop(0)[1]()
        elif since > next_random:
            chaos.kill_role(dice.choice(("web", "engine")))
            next_random = since + dice.uniform(4, 8)
        elif since > 36 and plan_is_done() and len(chaos.deaths) >= KILLS:
            return
        pause(0.03)


def _settle(live: Live, ledger: LedgerAtHand, answers: Answers) -> None:
    """Until every incident was paged and nothing is on its way any more."""

    def over() -> bool:
        missing = set(answers.accepted) - {r.title.rpartition(" ")[2] for r in ledger.receipts("ada")}
        return not missing and not live.sql(
            "select count(*) from delivery where purpose = 'page' and state in ('pending', 'sending')"
        )

    until(over, within=SETTLED_WITHIN, what="every incident is paged", every=0.5)


def _tell(request: pytest.FixtureRequest, seed: int, after: Aftermath, raged: float, whole: float) -> None:
    deaths = Counter(role for _, role in after.chaos.deaths)
    extra = len(after.receipts) - len({receipt.id for receipt in after.receipts})
    lines = [
        f"kill loop, seed {seed}: {sum(deaths.values())} kills in {raged:.0f} s "
        f"({', '.join(f'{role} {count}' for role, count in sorted(deaths.items()))}), {whole:.0f} s until settled",
        f"  {len(after.answers.accepted)} alerts promised, {after.answers.retries} retries, "
        f"{len(after.answers.acknowledged)} acknowledged, {len(after.answers.resolved)} resolved",
        f"  {len(after.receipts)} pages arrived, {extra} of them a second time",
    ]
    reporter = request.config.pluginmanager.get_plugin("terminalreporter")
    for line in lines:
        reporter.write_line(f"\n{line}" if line is lines[0] else line)


def test_every_named_place_was_hit_and_there_were_enough_kills(aftermath: Aftermath) -> None:
    assert sorted(aftermath.hit) == sorted(aftermath.planned)
    assert len(aftermath.chaos.deaths) >= KILLS
    assert {"web", "engine", "supervisor", "database"} <= {who for _, who in aftermath.chaos.deaths}
    assert aftermath.answers.problems == []


def test_every_alert_that_was_answered_with_2xx_is_there_once_with_one_incident(aftermath: Aftermath) -> None:
    kept = Counter(alert["dedup_key"] for alert in aftermath.live.everything("/alerts"))
    opened = Counter(i["title"].rpartition(" ")[2] for i in aftermath.live.everything("/incidents"))
    promised = set(aftermath.answers.accepted)
    assert promised <= set(kept)
    assert {case: count for case, count in kept.items() if count != 1} == {}
    assert opened == kept


def test_every_incident_was_paged(aftermath: Aftermath) -> None:
    reached = {receipt.title.rpartition(" ")[2] for receipt in aftermath.receipts if receipt.to == "/ada"}
    assert set(aftermath.answers.accepted) - reached == set()


def test_a_page_arrives_twice_only_where_something_was_killed_in_between(aftermath: Aftermath) -> None:
    arrived: dict[tuple[int, int, str], list[Receipt]] = defaultdict(list)
    for receipt in aftermath.receipts:
        arrived[(receipt.incident, receipt.step, receipt.to)].append(receipt)
    extra = 0
    for page, receipts in arrived.items():
        assert len({receipt.id for receipt in receipts}) == 1, f"{page} was made twice"
        for first, second in itertools.pairwise(receipts):
            extra += 1
            assert any(first.at - 0.5 <= at <= second.at for at in aftermath.faults), f"{page} came twice for no reason"
    assert extra <= len(aftermath.faults), "more duplicates than faults"


def test_nobody_is_paged_any_more_after_the_acknowledgement_was_answered(aftermath: Aftermath) -> None:
    answered = aftermath.answers.acknowledged
    late = [r for r in aftermath.receipts if r.incident in answered and r.at > answered[r.incident] + QUIET_AFTER]
    assert late == []


def test_what_was_acknowledged_and_resolved_stands(aftermath: Aftermath) -> None:
    found = {i["number"]: i for i in aftermath.live.everything("/incidents")}
    assert [n for n in aftermath.answers.acknowledged if not found[n]["acknowledged_at"]] == []
    assert [n for n in aftermath.answers.resolved if not found[n]["resolved_at"]] == []


def test_no_open_run_is_without_a_timer_and_nothing_was_set_aside(aftermath: Aftermath) -> None:
    assert aftermath.live.metric("rallypoint_orphaned_runs") == 0
    assert aftermath.live.metric("rallypoint_timers_quarantined") == 0
    assert aftermath.live.metric("rallypoint_followups_quarantined") == 0
