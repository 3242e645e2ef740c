"""INTERIM while rooms land: the story table by name, missing names left out. Becomes plain imports."""

from importlib import import_module

from rallypoint.events import Bus

TOGETHER_NAMES = {
    "alerts.events.AlertsRouted": ["incidents.reactions.open_or_join"],
    "alerts.events.AlertsCleared": ["incidents.reactions.alerts_cleared"],
    "alerts.events.AlertAcknowledged": ["incidents.reactions.alert_acknowledged"],
    "incidents.events.IncidentOpened": [
        "sla.reactions.start_clocks", "oncall.reactions.start_run", "incidents.reactions.tell_stakeholders",
    ],
    "incidents.events.IncidentAcknowledged": ["oncall.reactions.stop_run", "sla.reactions.note"],
    "incidents.events.IncidentRestored": ["oncall.reactions.stop_run", "sla.reactions.note"],
    "incidents.events.IncidentResolved": ["oncall.reactions.stop_run", "sla.reactions.note"],
    "incidents.events.IncidentCancelled": ["oncall.reactions.stop_run", "sla.reactions.note"],
    "incidents.events.IncidentClosed": ["oncall.reactions.stop_run", "sla.reactions.note"],
    "incidents.events.IncidentConfirmed": ["sla.reactions.note"],
    "incidents.events.IncidentHeld": ["sla.reactions.note"],
    "incidents.events.IncidentResumed": ["sla.reactions.note"],
    "incidents.events.IncidentReopened": ["oncall.reactions.restart_run", "sla.reactions.note"],
    "incidents.events.IncidentRejected": ["oncall.reactions.restart_run", "sla.reactions.note"],
    "incidents.events.PriorityChanged": ["sla.reactions.retarget", "oncall.reactions.priority_changed"],
    "incidents.events.UpdatePublished": ["sla.reactions.updated", "incidents.reactions.tell_stakeholders"],
    "incidents.events.IncidentReviewed": ["sla.reactions.note"],
    "sla.events.ClockTouched": ["incidents.reactions.hold_still"],
    "sla.events.DeadlineMoved": ["incidents.reactions.on_deadline_moved"],
    "oncall.events.PersonPaged": ["incidents.reactions.on_person_paged"],
    "oncall.events.StepSkipped": ["incidents.reactions.on_step_skipped"],
    "oncall.events.RunExhausted": ["incidents.reactions.on_run_exhausted"],
    "oncall.events.FallbackAlarmed": ["incidents.reactions.on_fallback_alarmed"],
    "oncall.events.NobodyToPage": ["incidents.reactions.on_nobody_to_page"],
    "oncall.events.RunTouched": ["incidents.reactions.hold_still"],
    "oncall.events.RunRearmed": ["incidents.reactions.on_run_rearmed"],
    "notify.events.PageFailed": ["oncall.reactions.page_failed"],
    "notify.events.DeliverySent": ["incidents.reactions.on_delivery"],
    "notify.events.DeliveryDelivered": ["incidents.reactions.on_delivery"],
    "notify.events.DeliveryResent": ["incidents.reactions.on_delivery"],
    "notify.events.DeliveryFailed": ["incidents.reactions.on_delivery"],
    "sla.events.TargetAtRisk": ["incidents.reactions.on_target_at_risk", "oncall.reactions.escalate_at_risk"],
    "sla.events.TargetBreached": ["incidents.reactions.on_target_breached", "oncall.reactions.escalate_breached"],
}
AFTERWARDS_NAMES = {
    "incidents.events.UpdatePublished": ["statuspage.reactions.render"],
    "incidents.events.IncidentResolved": ["statuspage.reactions.render", "learning.reactions.draft"],
}


def _find(dotted):  # type: ignore[no-untyped-def]
    module, _, name = dotted.rpartition(".")
    try:
        return getattr(import_module(f"rallypoint.{module}"), name, None)
    except ModuleNotFoundError as problem:
        if problem.name and problem.name.startswith("rallypoint."):
            return None
        raise


def _table(names):  # type: ignore[no-untyped-def]
    table = {}
    for fact, handlers in names.items():
        if (found := _find(fact)) is not None:
            table[found] = [h for h in map(_find, handlers) if h is not None]
    return table


def bus() -> Bus:
    """Who hears what."""
    return Bus(_table(TOGETHER_NAMES), _table(AFTERWARDS_NAMES))
