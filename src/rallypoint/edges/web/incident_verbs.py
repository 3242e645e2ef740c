"""What can be done with an incident next: which buttons stand at its head, in which order. The rooms decide whether it is done.

This only chooses what to offer, by the category of the status; a refusal still comes with its reason from the room.
"""

from dataclasses import dataclass, field

from rallypoint.access import Permission, allows
from rallypoint.actors import Actor
from rallypoint.incidents import Incident


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """One field of a verb's form. `kind` is text, area, person, policy, impact, urgency or tick."""

    key: str
    label: str
    kind: str = "area"
    required: bool = True
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verb:
    """A button; with `asks` it opens a small form first."""

    name: str
    label: str
    permission: Permission = Permission.WORK_INCIDENT
    asks: tuple[Ask, ...] = field(default=())
    key: str = ""
    go: str = ""
    lead: str = ""


NOTE = Ask(key="note", label="Anything to add", required=False)
REASON = Ask(key="reason", label="Why")

ACKNOWLEDGE = Verb(name="acknowledge", label="Acknowledge", permission=Permission.ACKNOWLEDGE, key="a")
RESTORE = Verb(
    name="restore", label="Mark restored", key="r", asks=(NOTE,), lead="Customers are served again. The cause may still be open."
)
RESOLVE = Verb(
    name="resolve", label="Resolve", key="r", lead="The reporter is asked to confirm.",
    asks=(
        Ask(key="resolution", label="What fixed it", hint="Read by the reporter and by whoever has this next."),
        Ask(key="workaround", label="This is a workaround, the permanent fix is tracked elsewhere", kind="tick", required=False),
    ),
)  # fmt: skip
CONFIRM = Verb(
    name="confirm", label="Confirm for the reporter", permission=Permission.CONFIRM_FOR_REPORTER, asks=(NOTE,),
    lead="You say that the people affected agree that it works.",
)  # fmt: skip
REJECT = Verb(
    name="reject", label="Reject", permission=Permission.CONFIRM_FOR_REPORTER, asks=(Ask(key="reason", label="What still does not work"),)
)
CLOSE = Verb(name="close", label="Close", asks=(NOTE,), lead="The record is complete. It can be reopened.")
REOPEN = Verb(name="reopen", label="Reopen", asks=(REASON,))
CANCEL = Verb(name="cancel", label="Cancel", asks=(REASON,), lead="For what was no incident. Stays on the record, leaves the metrics.")
HOLD = Verb(name="hold", label="Put on hold", asks=(Ask(key="reason", label="Who or what are we waiting for"),), lead="Pauses the SLA, never the customers' clock.")
RESUME = Verb(name="resume", label="Resume")
ESCALATE = Verb(
    name="escalate", label="Escalate", permission=Permission.ESCALATE, key="e", lead="Everything gathered so far goes with it.",
    asks=(
        Ask(key="kind", label="Kind", kind="escalation"),
        Ask(key="to_policy", label="To the escalation policy", kind="policy", required=False),
        Ask(key="to_person", label="or to a person", kind="person", required=False),
        Ask(key="note", label="What is asked for", required=False),
    ),
)  # fmt: skip
COMMAND = Verb(name="command", label="Take command", key="c")
HAND_OVER = Verb(
    name="hand-over", label="Hand over", lead="Counts once they accept.",
    asks=(Ask(key="to", label="To", kind="person"), Ask(key="brief", label="Brief", hint="What is known, what is tried, what comes next.")),
)  # fmt: skip
ACCEPT = Verb(name="accept-command", label="Accept command")
PRIORITY = Verb(
    name="priority", label="Change priority",
    asks=(
        Ask(key="impact", label="Impact", kind="impact", required=False),
        Ask(key="urgency", label="Urgency", kind="urgency", required=False),
        REASON,
    ),
)  # fmt: skip

STEPS: dict[str, tuple[Verb, ...]] = {
    "triage": (ACKNOWLEDGE, ESCALATE, COMMAND, RESTORE, RESOLVE, HOLD, PRIORITY, CANCEL),
    "active": (RESTORE, ESCALATE, COMMAND, HAND_OVER, RESOLVE, HOLD, PRIORITY, CANCEL),
    "on_hold": (RESUME, ESCALATE, RESOLVE, PRIORITY, CANCEL),
    "restored": (RESOLVE, ESCALATE, REOPEN, PRIORITY),
    "resolved": (CLOSE, CONFIRM, REJECT, REOPEN),
    "review": (CLOSE, REOPEN),
    "closed": (REOPEN,),
    "cancelled": (REOPEN,),
    "merged": (),
}

BY_NAME: dict[str, Verb] = {
    verb.name: verb
    for verb in (ACKNOWLEDGE, RESTORE, RESOLVE, CONFIRM, REJECT, CLOSE, REOPEN, CANCEL, HOLD, RESUME, ESCALATE, COMMAND, HAND_OVER, ACCEPT, PRIORITY)
}  # fmt: skip

AT_HEAD = 3


def verbs(incident: Incident, actor: Actor) -> tuple[tuple[Verb, ...], tuple[Verb, ...]]:
    """(at the head, in the menu): the first is the next step. Not offered: what is done already, or what the asker may not do."""
    offered = [verb for verb in STEPS.get(str(incident.status_category), ()) if allows(actor, verb.permission)]
    if incident.acknowledged_at is not None:
        offered = [verb for verb in offered if verb is not ACKNOWLEDGE]
    elif ACKNOWLEDGE not in offered and str(incident.status_category) in ("active", "on_hold") and allows(actor, ACKNOWLEDGE.permission):
        offered.insert(0, ACKNOWLEDGE)
    mine = actor.person_id is not None and incident.commander_id == actor.person_id
    offered = [verb for verb in offered if not (verb is COMMAND and mine) and not (verb is HAND_OVER and not mine)]
    if str(incident.status_category) == "resolved" and incident.confirmed_at is None and CONFIRM in offered:
        offered.sort(key=lambda verb: verb is not CONFIRM)
    return tuple(offered[:AT_HEAD]), tuple(offered[AT_HEAD:])
