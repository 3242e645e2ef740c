"""Six weeks of Lantern, lived through: monitors fire, people are paged, fix things, say what they did.

The acts are drawn from scenes.py with a fixed seed and laid on one line of time; between two acts the program runs
as it always does, so pages time out, targets come near and reviews are drafted by themselves.
"""

import heapq
import itertools
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import msgspec

from rallypoint import access, alerts, incidents, learning, notify
from rallypoint.actors import ANONYMOUS, SYSTEM, Actor, ActorKind
from rallypoint.connectors.prometheus import Prometheus
from rallypoint.demo.lessons import LESSONS, Lesson
from rallypoint.demo.scenes import AWAITING, OPEN_NOW, P1_NOW, SCENES, Scene
from rallypoint.simulation import Simulation

SEED = 20260604
INCIDENTS = 50
QUIET_BEFORE_THE_END = timedelta(hours=3)

Act = Callable[[], Awaitable[None]]


@dataclass
class Story:
    """One incident on its way: what it is, which alert stands behind it, and its number once it has one."""

    scene: Scene
    name: str
    fires_at: datetime
    number: int = 0
    lead: str = ""
    extra: dict[str, str] = field(default_factory=dict)


class History:
    """Lays acts on a line of time and lives through them."""

    def __init__(self, simulation: Simulation, people: dict[str, access.Person], *, ends_at: datetime) -> None:
        self.simulation, self.people, self.ends_at = simulation, people, ends_at
        self.db = simulation.house.db
        self.random = random.Random(SEED)
        self._acts: list[tuple[datetime, int, Act]] = []
        self._order = itertools.count()
        self._integration: alerts.Integration | None = None
        self._learned: set[str] = set()

    async def live(self) -> int:
        """Play everything; returns how many incidents there are."""
        async with self.db.transaction(SYSTEM) as tx:
            every = await alerts.integrations(tx)
        self._integration = next(i for i in every if i.kind == "prometheus")
        self._lay_out()
        while self._acts:
            at, _, act = heapq.heappop(self._acts)
            if at > self.ends_at:
                break
            await self.simulation.until(at)
            await act()
            await self.simulation.settle()
        await self.simulation.until(self.ends_at)
        return self.count

    count = 0

    def _at(self, at: datetime, act: Act) -> None:
        heapq.heappush(self._acts, (at, next(self._order), act))

    def _in(self, minutes: float, act: Act) -> None:
        self._at(self.simulation.now + timedelta(minutes=minutes), act)

    def _around(self, minutes: float) -> float:
        """A draw around the middle value, skewed to the long side as real durations are."""
        return minutes * min(6.0, max(0.25, self.random.lognormvariate(0, 0.55)))

    def _lay_out(self) -> None:
        begin = self.simulation.now + timedelta(days=1)
        last = self.ends_at - QUIET_BEFORE_THE_END - timedelta(days=1)
        weights = [scene.weight for scene in SCENES]
        for number in range(INCIDENTS):
            scene = self.random.choices(SCENES, weights)[0]
            at = begin + (last - begin) * ((number + self.random.random()) / INCIDENTS)
            self._begin(Story(scene, f"{scene.alert or 'report'}-{number}", at), until="closed")
        for scene, hours_ago, until in OPEN_NOW:
            at = self.ends_at - timedelta(hours=hours_ago)
            self._begin(Story(scene, f"{scene.alert or 'report'}-open", at), until=until)
        self._begin(Story(AWAITING, "awaiting", self.ends_at - timedelta(hours=5)), until="resolved")
        self._page_right_now(Story(P1_NOW, "p1", self.ends_at - timedelta(minutes=2)))

    def _page_right_now(self, story: Story) -> None:
        """The P1 that is being paged when a visitor comes: three pods fail, the desk says what customers feel."""
        self._begin(story, until="paged")
        for seconds, pod in ((12, "pod-2"), (25, "pod-3")):
            at = story.fires_at + timedelta(seconds=seconds)
            self._at(at, partial(self._fire, story, "firing", instance=f"payments-{pod}"))
        self._at(story.fires_at + timedelta(seconds=50), lambda: self._assess(story))
        said = "Nine customers have called in three minutes. Their cards are not charged."
        self._at(story.fires_at + timedelta(seconds=65), lambda: self._desk_says(story, said))

    async def _desk_says(self, story: Story, text: str) -> None:
        async with self.db.transaction(self._person("dana")) as tx:
            await incidents.note(tx, story.number, text=text)

    def _begin(self, story: Story, *, until: str) -> None:
        async def begin() -> None:
            if story.scene.alert:
                await self._fire(story, "firing")
            else:
                await self._report(story)
            self.count += 1
            if until != "paged":
                self._in(self._around(story.scene.ack), lambda: self._acknowledge(story, until))

        self._at(story.fires_at, begin)

    # -- the monitor and the reporter

    async def _fire(self, story: Story, status: str, *, instance: str = "") -> None:
        """Prometheus says it, in its own words, through the receiver's own parser."""
        assert self._integration is not None
        now = self.simulation.now
        body = [
            {
                "labels": {
                    "alertname": story.scene.alert,
                    "service": story.scene.service,
                    "severity": story.scene.severity,
                    "instance": instance or f"{story.scene.service}-{story.name}",
                },
                "annotations": {
                    "summary": story.scene.title,
                    "runbook_url": f"https://wiki.lantern.example/{story.scene.service}",
                },
                "startsAt": story.fires_at.isoformat(),
                "endsAt": (now if status == "resolved" else now + timedelta(days=60)).isoformat(),
            }
        ]
        raw = msgspec.json.encode(body)
        (batch,) = Prometheus().read(raw, now=now, known=lambda _: None)
        accepted = await self.simulation.house.batcher.accept(self._integration, batch, raw, receiver="prometheus")
        await self.simulation.settle()
        if not story.number and status == "firing":
            async with self.db.transaction(SYSTEM) as tx:
                (alert_id,) = accepted.ids
                assert alert_id is not None
                number = await incidents.number_of_alert(tx, alert_id)
                assert number is not None
                story.number = number

    async def _report(self, story: Story) -> None:
        scene = story.scene
        name, contact = scene.reporter
        async with self.db.transaction(ANONYMOUS) as tx:
            incident = await incidents.open_incident(
                tx,
                title=scene.title,
                service=scene.service,
                impact=scene.impact,
                urgency=scene.urgency,
                affected_people=scene.people,
                reporter_name=name,
                reporter_contact=contact,
                impact_started_at=self.simulation.now - timedelta(minutes=self._around(25)),
            )
        story.number = incident.number

    # -- the people

    def _person(self, key: str, *, origin: str = "web") -> Actor:
        person = self.people[key]
        return Actor(
            kind=ActorKind.PERSON,
            name=person.name,
            origin=origin,
            person_id=person.id,
            roles=frozenset(str(role) for role in person.roles),
        )

    async def _paged(self, story: Story) -> str:
        """Who was paged last: the one whose phone rang is the one who answers."""
        async with self.db.transaction(SYSTEM) as tx:
            views = await notify.pages_of(tx, story.number)
        ids = [view.page.person_id for view in views]
        by_id = {person.id: key for key, person in self.people.items()}
        return by_id.get(ids[-1], "dana") if ids else "lukas"

    async def _acknowledge(self, story: Story, until: str) -> None:
        story.lead = await self._paged(story)
        async with self.db.transaction(self._person(story.lead)) as tx:
            state = await incidents.incident(tx, story.number)
            if state.acknowledged_at is None and state.status_category.open:
                await incidents.acknowledge(tx, story.number, via="phone")
        await self._file(story)
        if until == "acknowledged":
            await self._assess(story)
            if story.scene.public:
                self._in(5, lambda: self._publish(story, 0))
            for text in story.scene.notes:
                self._in(4, partial(self._say, story, "note", text=text))
            return
        self._in(1, lambda: self._work(story, until))

    async def _work(self, story: Story, until: str) -> None:
        scene = story.scene
        big = scene.impact in ("extensive", "significant")
        if big:
            await self._say(story, "take_command")
        await self._assess(story)
        minute = 2.0
        for text in scene.notes:
            self._in(self._around(minute), partial(self._say, story, "note", text=text))
            minute += 4
        for text, outcome in scene.hypotheses:
            self._in(self._around(minute), partial(self._suspect, story, text, outcome))
            minute += 5
        if scene.decision:
            self._in(minute, lambda: self._say(story, "note", kind="decision", text=scene.decision))
        if scene.public:
            self._in(self._around(6), lambda: self._publish(story, 0))
        if scene.workaround:
            self._in(self._around(minute), lambda: self._say(story, "set_workaround", text=scene.workaround))
        if until == "on hold":
            self._in(self._around(20), lambda: self._say(story, "hold", reason="Waiting for the vendor."))
        if until in ("closed", "resolved"):
            self._in(self._around(scene.restore), lambda: self._restore(story, until))

    async def _say(self, story: Story, verb: str, **words: str) -> None:
        async with self.db.transaction(self._person(story.lead)) as tx:
            await getattr(incidents, verb)(tx, story.number, **words)

    async def _file(self, story: Story) -> None:
        async with self.db.transaction(self._person("lukas")) as tx:
            state = await incidents.incident(tx, story.number)
            if state.category_id is None:
                await incidents.set_category(tx, story.number, category=story.scene.category)
                await incidents.change_tags(tx, story.number, add=story.scene.tags)

    async def _assess(self, story: Story) -> None:
        scene = story.scene
        if scene.impact is None and scene.people is None:
            return
        async with self.db.transaction(self._person("dana")) as tx:
            if scene.alert and scene.impact and scene.urgency:
                await incidents.set_priority(
                    tx, story.number, impact=scene.impact, urgency=scene.urgency, reason="Measured by the desk."
                )
            await incidents.set_impact(
                tx,
                story.number,
                affected_people=scene.people,
                impact_started_at=story.fires_at - timedelta(minutes=self.random.randint(1, 9)),
            )

    async def _suspect(self, story: Story, text: str, outcome: str) -> None:
        async with self.db.transaction(self._person(story.lead)) as tx:
            hypothesis = await incidents.add_hypothesis(tx, story.number, text=text)
        if outcome:
            self._in(self._around(6), lambda: self._settle(story, hypothesis.id, outcome))

    async def _settle(self, story: Story, hypothesis: int, outcome: str) -> None:
        async with self.db.transaction(self._person(story.lead)) as tx:
            await incidents.settle_hypothesis(tx, hypothesis, outcome=outcome)

    async def _publish(self, story: Story, index: int) -> None:
        status, text = story.scene.public[index]
        async with self.db.transaction(self._person("sofia")) as tx:
            components = {
                story.scene.service: "partial_outage" if story.scene.impact == "extensive" else "degraded_performance"
            }
            if status == "resolved":
                components = {story.scene.service: "operational"}
            await incidents.publish_update(
                tx, story.number, text=text, audience="public", public_status=status, components=components
            )
        if index + 2 < len(story.scene.public):
            self._in(self._around(10), lambda: self._publish(story, index + 1))

    # -- the end

    async def _restore(self, story: Story, until: str) -> None:
        async with self.db.transaction(self._person(story.lead)) as tx:
            state = await incidents.incident(tx, story.number)
            if state.status_category in ("triage", "active", "on_hold"):
                await incidents.restore(tx, story.number, note="Customers are served again.")
        if story.scene.alert:
            self._in(2, lambda: self._fire(story, "resolved"))
        self._in(self._around(story.scene.resolve), lambda: self._resolve(story, until))

    async def _resolve(self, story: Story, until: str) -> None:
        if story.scene.public:  # first the last word to the public, so that the page need not find one of its own
            await self._publish(story, len(story.scene.public) - 1)
        async with self.db.transaction(self._person(story.lead)) as tx:
            state = await incidents.incident(tx, story.number)
            if state.status_category not in ("resolved", "closed"):
                text = story.scene.resolution or "Back to normal after a restart."
                await incidents.resolve(tx, story.number, resolution=text, workaround=bool(story.scene.workaround))
        if until == "closed":
            self._in(self._around(90), lambda: self._answer(story))

    async def _answer(self, story: Story) -> None:
        """The reporter says yes, or first says no; a monitor's silence speaks for itself."""
        async with self.db.transaction(ANONYMOUS) as tx:
            state = await incidents.incident(tx, story.number)
            if state.status_category == "resolved" and state.reporter_contact and state.confirmed_at is None:
                token = await incidents.reporter_token(tx, story.number)
                if story.scene.rejected and "rejected" not in story.extra:
                    story.extra["rejected"] = "yes"
                    await incidents.reject_by_reporter(tx, token, reason=story.scene.rejected)
                    self._in(self._around(30), lambda: self._acknowledge(story, "closed"))
                    return
                await incidents.confirm_by_reporter(tx, token)
        self._in(self._around(60), lambda: self._close(story))

    async def _close(self, story: Story) -> None:
        closer = "lukas"
        async with self.db.transaction(SYSTEM) as tx:
            state = await incidents.incident(tx, story.number)
        if not state.status_category.open:
            return
        if state.domain_key != "it-service":
            closer = story.lead
        async with self.db.transaction(self._person(closer)) as tx:
            if state.confirmed_at is None:
                await incidents.confirm(tx, story.number, note="The monitor has stayed quiet since.")
            await incidents.close(tx, story.number)
        lesson = LESSONS.get(story.scene.title)
        if lesson is not None and story.scene.title not in self._learned:
            self._learned.add(story.scene.title)
            self._in(self._around(20 * 60), lambda: self._review(story, lesson))

    # -- what was learned

    async def _review(self, story: Story, lesson: Lesson) -> None:
        """They meet, write down what came together, promise something, and let everyone read it."""
        async with self.db.transaction(self._person(story.lead)) as tx:
            await learning.save(tx, story.number, version=None, **lesson.texts)
            await learning.hold_meeting(tx, story.number)
            for promise in lesson.promises:
                item = await learning.add_action_item(
                    tx,
                    story.number,
                    title=promise.title,
                    owner_id=self.people[promise.owner].id,
                    due_on=(tx.now + timedelta(days=promise.within_days)).date(),
                    improves=promise.improves,
                )
                if promise.done_after_days is not None:
                    self._in(promise.done_after_days * 24 * 60, partial(self._keep, promise.owner, item.id))
            await learning.publish(tx, story.number)

    async def _keep(self, owner: str, item: int) -> None:
        async with self.db.transaction(self._person(owner)) as tx:
            await learning.finish(tx, item)
