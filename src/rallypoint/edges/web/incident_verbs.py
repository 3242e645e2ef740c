"""What can be done with an incident next: which buttons stand at its head, and in which order.

This only chooses what to offer, by the category of the status; a refusal still comes with its reason from the room.
"""

from dataclasses import dataclass, field

from rallypoint import incidents
from rallypoint.access import Permission, allows
from rallypoint.actors import Actor
from rallypoint.catalog import Domain
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
    name="restore",
    label="Mark restored",
    key="r",
    asks=(NOTE,),
    lead="Customers are served again. The cause may still be open.",
)
RESOLVE = Verb(
    name="resolve",
    label="Resolve",
    key="r",
    lead="The reporter is asked to confirm.",
    asks=(
        Ask(key="resolution", label="What fixed it", hint="Read by the reporter and by whoever has this next."),
        Ask(
            key="workaround",
            label="This is a workaround, the permanent fix is tracked elsewhere",
            kind="tick",
            required=False,
        ),
    ),
)
CONFIRM = Verb(
    name="confirm",
    label="Confirm for the reporter",
    permission=Permission.CONFIRM_FOR_REPORTER,
    asks=(NOTE,),
    lead="You say that the people affected agree that it works.",
)
REJECT = Verb(
    name="reject",
    label="Reject",
    permission=Permission.CONFIRM_FOR_REPORTER,
    asks=(Ask(key="reason", label="What still does not work"),),
)
CONFIRM_MINE = Verb(
    name="confirm",
    label="It works again",
    permission=Permission.OWN_ACCOUNT,
    asks=(NOTE,),
    lead="You reported it, so your answer counts.",
)
REJECT_MINE = Verb(
    name="reject",
    label="It does not work",
    permission=Permission.OWN_ACCOUNT,
    asks=(Ask(key="reason", label="What still does not work"),),
)
"""The same for who reported it: they answer for themselves, whatever their role."""
CLOSE = Verb(name="close", label="Close", asks=(NOTE,), lead="The record is complete. It can be reopened.")
RECOVER = Verb(
    name="recover", label="Fully recovered", asks=(NOTE,), lead="Backlogs are worked off and data is repaired."
)
REVIEW = Verb(name="review", label="Put into review")
REOPEN = Verb(name="reopen", label="Reopen", asks=(REASON,))
CANCEL = Verb(
    name="cancel",
    label="Cancel",
    asks=(REASON,),
    lead="For what was no incident. Stays on the record, leaves the metrics.",
)
HOLD = Verb(
    name="hold",
    label="Put on hold",
    asks=(Ask(key="reason", label="Who or what are we waiting for"),),
    lead="Pauses the SLA, never the customers' clock.",
)
RESUME = Verb(name="resume", label="Resume")
ESCALATE = Verb(
    name="escalate",
    label="Escalate",
    permission=Permission.ESCALATE,
    key="e",
    lead="Everything gathered so far goes with it.",
    asks=(
        Ask(key="kind", label="Kind", kind="escalation"),
        Ask(key="to_policy", label="To the escalation policy", kind="policy", required=False),
        Ask(key="to_person", label="or to a person", kind="person", required=False),
        Ask(key="note", label="What is asked for", required=False),
    ),
)
COMMAND = Verb(name="command", label="Take command", key="c")
HAND_OVER = Verb(
    name="hand-over",
    label="Hand over",
    lead="Counts once they accept.",
    asks=(
        Ask(key="to", label="To", kind="person"),
        Ask(key="brief", label="Brief", hint="What is known, what is tried, what comes next."),
    ),
)
ACCEPT = Verb(name="accept-command", label="Accept command")
PRIORITY = Verb(
    name="priority",
    label="Change priority",
    asks=(
        Ask(key="impact", label="Impact", kind="impact", required=False),
        Ask(key="urgency", label="Urgency", kind="urgency", required=False),
        REASON,
    ),
)

STEPS: dict[str, tuple[Verb, ...]] = {
    "triage": (ACKNOWLEDGE, ESCALATE, COMMAND, RESTORE, RESOLVE, HOLD, PRIORITY, CANCEL),
    "active": (ACKNOWLEDGE, RESTORE, ESCALATE, COMMAND, HAND_OVER, RESOLVE, HOLD, PRIORITY, CANCEL),
    "on_hold": (ACKNOWLEDGE, RESUME, ESCALATE, RESTORE, RESOLVE, HAND_OVER, PRIORITY, CANCEL),
    "restored": (RESOLVE, RECOVER, ESCALATE, HAND_OVER, REOPEN, PRIORITY),
    "resolved": (CONFIRM, CLOSE, REJECT, REVIEW, REOPEN),
    "review": (CLOSE, CONFIRM, REJECT, REOPEN),
    "closed": (REOPEN,),
    "cancelled": (REOPEN,),
    "merged": (),
}
"""In which order what is offered, per category. Whether the workflow knows the verb there is the room's to say."""

AT_HEAD = 3


def verbs(incident: Incident, domain: Domain, actor: Actor) -> tuple[tuple[Verb, ...], tuple[Verb, ...]]:
    """(at the head, in the menu): the first is the next step. What is done or not allowed is not offered."""
    moves = {verb.value for verb in incidents.allowed(incident, domain=domain)}
    known = {verb.value for verb in incidents.Verb}
    reported = actor.person_id is not None and incident.reporter_person_id == actor.person_id
    own = {CONFIRM.name: CONFIRM_MINE, REJECT.name: REJECT_MINE} if reported else {}
    steps = [own.get(verb.name, verb) for verb in STEPS.get(str(incident.status_category), ())]
    offered = [
        verb for verb in steps if allows(actor, verb.permission) and (verb.name not in known or verb.name in moves)
    ]
    mine = actor.person_id is not None and incident.commander_id == actor.person_id
    done = {
        ACKNOWLEDGE.name: incident.taken_up_at is not None,
        CONFIRM.name: incident.confirmed_at is not None,
        RECOVER.name: incident.recovered_at is not None,
        COMMAND.name: incident.commander_id is not None,
        HAND_OVER.name: not mine,
    }
    offered = [verb for verb in offered if not done.get(verb.name)]
    return tuple(offered[:AT_HEAD]), tuple(offered[AT_HEAD:])
