"""The kill loop: a server is killed again and again, at named places and at random, while clients post and respond.

Two ledgers outside the program are compared afterwards: what clients were promised, and what really reached the people.
The seed is printed; RALLYPOINT_KILL_SEED repeats a run's dice (not its timing).
"""

import itertools
import os
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from rallypoint.clock import ANCHOR_LIFETIME_SECONDS, monotonic, pause, process_time
from tests.crash.clients import Answers, Clients
from tests.crash.conftest import hits
from tests.live import Furniture, LedgerAtHand, Live, Receipt, furnish, scratch, until
from tests.live.processes import Process, end, kill, roles_of, serve

pytestmark = [pytest.mark.crash, pytest.mark.timeout(420)]

SECONDS = 240.0
"""How long kills go on at most; on an idle machine a quarter of it is enough."""
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


class Plan:
    """The places at which processes are to die, in the order of the dice."""

    def __init__(self, file: Path, dice: random.Random) -> None:
        self.file, self._dice = file, dice
        self._places = [("web", place) for place in WEB] + [("engine", place) for place in ENGINE]
        dice.shuffle(self._places)
        self._write(self._places)

    def missing(self) -> list[tuple[str, str]]:
        hit = hits(self.file)
        return [one for one in self._places if one[1] not in hit]

    def ask_again(self) -> None:
        """A process that was killed otherwise takes its place along: once all are taken, hand out the missing ones."""
        if not self.file.read_text():
            self._write(self.missing())

    def end(self) -> None:
        self.file.write_text("")

    def _write(self, places: list[tuple[str, str]]) -> None:
        self.file.write_text("".join(f"{role} {place}:{self._dice.randint(1, 3)}\n" for role, place in places))


@dataclass
class Chaos:
    """Kills, and notes when something died: by its own plan, or by us."""

    live: Live
    dice: random.Random
    environment: dict[str, str]
    deaths: list[tuple[float, str]] = field(default_factory=list)
    jumps: list[float] = field(default_factory=list)
    _second: Process | None = None
    _alive: dict[int, str] = field(default_factory=dict)

    def watch(self) -> None:
        """Notice who has died. Beside the supervised engine there is a second one, as on another machine."""
        living = roles_of(self.live.data)
        self.deaths += [(now(), role) for pid, role in self._alive.items() if pid not in living]
        self._alive = living
        if self._second is None or self._second.poll() is not None:
            self._second = serve(self.live.data, "--role", "engine", log=self.live.log, **self.environment)

    def kill_one(self) -> None:
        if self._alive:
            kill(self.dice.choice(sorted(self._alive)))

    def close(self) -> None:
        if self._second is not None:
            end(self._second)

    def kill_database(self) -> None:
        if kill(self.live.postmaster):
            self.deaths.append((now(), "database"))

    def kill_supervisor(self) -> None:
        """Nobody tells the children; they must notice. Another supervisor starts as soon as it can."""
        self.deaths.append((now(), "supervisor"))
        self.live.kill_supervisor()
        until(self.live.starts, within=30, what="another supervisor on the same folder and port")

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
    plan: "Plan"

    def excused(self, first: Receipt, second: Receipt) -> bool:
        """Whether something happened between two receipts that explains the second one."""
        killed = any(first.at - 0.5 <= at <= second.at for at, _ in self.chaos.deaths)
        return killed or any(first.at - ANCHOR_LIFETIME_SECONDS - 1 <= at <= second.at for at in self.chaos.jumps)


@pytest.fixture(scope="module")
def aftermath(request: pytest.FixtureRequest) -> Iterator[Aftermath]:
    seed = int(os.environ.get("RALLYPOINT_KILL_SEED", "") or random.SystemRandom().randrange(1_000_000))
    dice = random.Random(seed)
    with scratch() as data:
        ledger = LedgerAtHand(data.parent / "ledger")
        plan = Plan(data.parent / "plan", dice)
        given = furnish(data, Furniture(steps=((0, "Ada", ledger.address("ada")), (1, "Bo", ledger.address("bo")))))
        live = Live(data, given, RALLYPOINT_CRASHPLAN=str(plan.file))
        live.make_clock_movable()
        live.start()
        chaos = Chaos(live, dice, {"RALLYPOINT_CRASHPLAN": str(plan.file)})
        clients = Clients(live, ledger, seed, pause_seconds=0.12)
        try:
            clients.start()
            began = monotonic()
            _rage(chaos, plan)
            raged = monotonic() - began
            plan.end()
            clients.stop()
            until(live.ready, within=30, what="a server that is ready again")
            _settle(live, ledger, clients.answers)
            receipts = ledger.receipts()
            after = Aftermath(live, clients.answers, receipts, chaos, plan)
            _tell(request, seed, after, raged, monotonic() - began)
            yield after
        finally:
            clients.stop()
            if request.session.testsfailed:
                print(live.tail(80))
            chaos.close()
            live.close()
            ledger.close()


def _rage(chaos: Chaos, plan: Plan) -> None:
    """Kill until the plan is done, everything was killed once, and there were enough deaths; SECONDS at most."""
    dice, began = chaos.dice, monotonic()
    strokes = [(12.0, chaos.kill_database), (24.0, chaos.kill_supervisor)]
    strokes += [(at, lambda: chaos.jump(61)) for at in (8.0, 18.0, 34.0, 44.0, 54.0, 64.0, 80.0)]
    strokes.sort(key=lambda stroke: stroke[0])
    next_random, asked_again = 5.0, 0.0
    while (since := monotonic() - began) < SECONDS:
        chaos.watch()
        if strokes and since > strokes[0][0]:
            strokes.pop(0)[1]()
        elif since > next_random:
            chaos.kill_one()
            next_random = since + dice.uniform(5, 9)
        elif since > 28 and not plan.missing() and len(chaos.deaths) >= KILLS:
            return
        elif since > asked_again + 5:
            plan.ask_again()
            asked_again = since
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
    capture = request.config.pluginmanager.get_plugin("capturemanager")
    with capture.global_and_fixture_disabled():
        print("", *lines, sep="\n")


def test_every_named_place_was_hit_and_there_were_enough_kills(aftermath: Aftermath) -> None:
    assert aftermath.plan.missing() == []
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
            assert aftermath.excused(first, second), f"{page} came twice for no reason"
    assert extra <= len(aftermath.chaos.deaths) + len(aftermath.chaos.jumps), "more duplicates than faults"


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
