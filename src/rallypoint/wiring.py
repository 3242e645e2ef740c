"""The story of the product: who hears what, what time does, and which loops work.

Read TOGETHER top to bottom: it is what happens when an alert comes in, in one transaction with its cause. AFTERWARDS
is what may wait until after the commit, at least once, in order per subject. Nothing else subscribes to anything.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence

import structlog

from rallypoint import access, alerts, notify, oncall
from rallypoint.access.vault import Vault
from rallypoint.actors import SYSTEM
from rallypoint.alerts.events import AlertAcknowledged, AlertsCleared, AlertsRouted
from rallypoint.connectors.sandbox import Sandbox
from rallypoint.connectors.smtp import Smtp
from rallypoint.connectors.trackers import TOOLS
from rallypoint.connectors.webhook import Webhook
from rallypoint.db import Database, Transaction
from rallypoint.egress import Egress
from rallypoint.engine import store as engine_store
from rallypoint.engine.loop import TimerHandler, Work, drain_outbox, fire_timers
from rallypoint.events import Afterwards, Bus, Fact, Together
from rallypoint.incidents import confirming
from rallypoint.incidents import reactions as incident
from rallypoint.incidents.events import (
    IncidentAcknowledged,
    IncidentCancelled,
    IncidentChanged,
    IncidentClosed,
    IncidentConfirmed,
    IncidentEscalated,
    IncidentHeld,
    IncidentOpened,
    IncidentRejected,
    IncidentReopened,
    IncidentResolved,
    IncidentRestored,
    IncidentResumed,
    IncidentReviewed,
    PriorityChanged,
    UpdatePublished,
)
from rallypoint.learning import reactions as review
from rallypoint.learning import reminders
from rallypoint.learning.following import Following
from rallypoint.notify.events import DeliveryDelivered, DeliveryFailed, DeliveryResent, DeliverySent, PageFailed
from rallypoint.notify.methods import SECRET_BOUND_TO
from rallypoint.notify.ports import Channel
from rallypoint.oncall import reactions as paging
from rallypoint.oncall.events import (
    FallbackAlarmed,
    NobodyToPage,
    PersonLeftOut,
    PersonPaged,
    RunExhausted,
    RunRearmed,
    RunTouched,
    StepSkipped,
)
from rallypoint.settings import Settings
from rallypoint.sla import reactions as targets
from rallypoint.sla.events import ClockTouched, DeadlineMoved, TargetAtRisk, TargetBreached
from rallypoint.statuspage import reactions as public
from rallypoint.sync import reactions as links
from rallypoint.sync.bringing import Bringing
from rallypoint.sync.lanes import Lanes
from rallypoint.sync.setting_up import SetUp
from rallypoint.sync.texts import Texts
from rallypoint.sync.tools import Tools

log = structlog.get_logger()

TOGETHER: Mapping[type[Fact], Sequence[Together]] = {
    # Signals become incidents.
    AlertsRouted: [incident.open_or_join],
    AlertsCleared: [incident.alerts_cleared],
    AlertAcknowledged: [incident.alert_acknowledged],
    # An incident opens: its targets run, somebody is paged, those who must know are told.
    IncidentOpened: [targets.start_clocks, paging.start_run, incident.tell_stakeholders, links.offer],
    # It moves on: paging stops or starts again, and the clocks hear of it.
    IncidentAcknowledged: [paging.stop_run, targets.note, links.changed],
    IncidentHeld: [targets.note, links.changed],
    IncidentResumed: [targets.note, links.changed],
    IncidentRestored: [paging.stop_run, targets.note, links.changed],
    IncidentResolved: [paging.stop_run, targets.note, links.changed],
    IncidentConfirmed: [targets.note, links.changed],
    IncidentRejected: [paging.restart_run, targets.note, links.changed],
    IncidentReopened: [paging.restart_run, targets.note, links.changed],
    IncidentReviewed: [targets.note, links.changed],
    IncidentClosed: [paging.stop_run, targets.note, links.changed],
    IncidentCancelled: [paging.stop_run, targets.note, links.changed],
    PriorityChanged: [
        targets.retarget,
        paging.priority_changed,
        incident.tell_stakeholders,
        links.changed,
        links.offer,
    ],
    UpdatePublished: [targets.updated, incident.tell_stakeholders, links.changed],
    IncidentEscalated: [links.changed, links.offer],
    IncidentChanged: [links.changed],
    # Paging tells its part of the story; a page that reached nobody moves it on at once.
    RunTouched: [incident.hold_still],
    PersonPaged: [incident.on_person_paged],
    StepSkipped: [incident.on_step_skipped],
    PersonLeftOut: [incident.on_person_left_out],
    RunExhausted: [incident.on_run_exhausted],
    FallbackAlarmed: [incident.on_fallback_alarmed],
    NobodyToPage: [incident.on_nobody_to_page],
    RunRearmed: [incident.on_run_rearmed],
    PageFailed: [paging.page_failed],
    DeliverySent: [incident.on_delivery],
    DeliveryDelivered: [incident.on_delivery],
    DeliveryResent: [incident.on_delivery],
    DeliveryFailed: [incident.on_delivery],
    # Targets come near and pass: the story says so, and a person of authority is told.
    ClockTouched: [incident.hold_still],
    DeadlineMoved: [incident.on_deadline_moved],
    TargetAtRisk: [incident.on_target_at_risk],
    TargetBreached: [incident.on_target_breached],
}

AFTERWARDS: Mapping[type[Fact], Sequence[Afterwards]] = {
    UpdatePublished: [public.render],
    IncidentResolved: [public.render, review.draft],
    IncidentCancelled: [public.render],
    IncidentConfirmed: [review.draft],
    IncidentClosed: [review.draft],
}

TIMERS: Mapping[str, TimerHandler] = {
    "paging.step": paging.step_due,
    "sla.warn": targets.look,
    "sla.breach": targets.look,
    confirming.CONFIRMATION: confirming.on_silence,
    confirming.MONITOR_CONFIRMS: confirming.on_healthy,
    confirming.CLOSES_ITSELF: confirming.on_enough_days,
    reminders.REMINDER: reminders.on_time,
}


def bus() -> Bus:
    """The story table, ready to be announced to."""
    return Bus(TOGETHER, AFTERWARDS)


def channels(settings: Settings, db: Database, egress: Egress) -> dict[str, Channel]:
    """Every way out to people. In the demo without a mail server, mails are shown on the sandbox phone too."""
    mail: Channel
    if settings.demo and not settings.smtp_url:
        mail = Sandbox(db, kind="email")
    else:
        mail = Smtp(settings.smtp_url, sender=settings.mail_from, replies=bool(settings.smtp_listen))
    return {channel.kind: channel for channel in (mail, Webhook(egress), Sandbox(db))}


def works(
    db: Database, ways_out: Mapping[str, Channel], *, settings: Settings, vault: Vault, egress: Egress
) -> list[Work]:
    """Every loop of the engine, in the order in which an alert meets them."""

    def unseal(sealed: bytes) -> str:
        return vault.unseal(sealed, SECRET_BOUND_TO)

    linking = lanes(db, settings=settings, vault=vault, egress=egress)
    return [
        *alerts.works(db),
        Work("timers", "timer", lambda: fire_timers(db, TIMERS, set_aside), engine_store.next_due),
        Work("outbox", "outbox", lambda: drain_outbox(db, set_aside), engine_store.next_due),
        *notify.works(db, ways_out, base_url=settings.base_url, unseal=unseal),
        *linking.works,
        *Bringing(db, linking, texts=Texts()).works,
        *Following(db, linking, texts=Texts(), base_url=settings.base_url).works,
        *access.works(db),
    ]


def lanes(db: Database, *, settings: Settings, vault: Vault, egress: Egress) -> Lanes:
    """What keeps linked items in step with their incidents."""
    return Lanes(
        db, TOOLS, vault, egress, base_url=settings.base_url, texts=Texts(), alarm=tell_fallback,
        largest_file=settings.largest_file,
    )  # fmt: skip


def tools() -> Tools:
    """Every tool whose items can be linked with incidents."""
    return TOOLS


def set_up(db: Database, known: Tools, *, settings: Settings, vault: Vault, egress: Egress) -> SetUp:
    """What people set connections and mappings up with, from whichever edge."""
    return SetUp(db, known, vault, egress, texts=Texts(), base_url=settings.base_url)


async def tell_fallback(tx: Transaction, subject: str, what: str) -> None:
    """Something needs a person, and belongs to no incident: the fallback contact is told."""
    log.error("needs a person", subject=subject, what=what)
    contact = await oncall.fallback(tx)
    if contact is not None and (contact.person_id or contact.address):
        await notify.alarm(
            tx, title=f"Rallypoint: {subject}", text=what, person_id=contact.person_id, address=contact.address
        )


async def set_aside(tx: Transaction, subject: str, what: str) -> None:
    """Something failed too often and was put aside: a person must know, because the program gave up on it."""
    log.error("set aside", subject=subject, what=what)
    contact = await oncall.fallback(tx)
    if contact is None or not (contact.person_id or contact.address):
        return
    await notify.alarm(
        tx,
        title=f"Rallypoint set aside a {subject}",
        text=f"It failed again and again: {what}\n\nRun `rallypoint doctor` for what is waiting.",
        person_id=contact.person_id,
        address=contact.address,
    )


def watch(db: Database) -> Callable[[], Awaitable[None]]:
    """What the engine looks after between its works: no paging run may have lost its timer (invariant I3)."""

    async def look() -> None:
        async with db.transaction(SYSTEM) as tx:
            if found := await oncall.guard_orphans(tx):
                log.error("paging runs without a timer were set going again", runs=found)

    return look
