"""The business rules and data policies of the incident process, as a new instance has them."""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from rallypoint.emulators.servicenow import definitions as d
from rallypoint.emulators.servicenow.people import SYSTEM, User
from rallypoint.emulators.servicenow.refusals import aborted, data_policy

if TYPE_CHECKING:
    from rallypoint.emulators.servicenow.instance import Instance, Row

NEW, IN_PROGRESS, ON_HOLD, RESOLVED, CLOSED, CANCELED = "1", "2", "3", "6", "7", "8"
FINAL = (CLOSED, CANCELED)
AWAITING_CALLER = "1"
CASCADING = (IN_PROGRESS, ON_HOLD, RESOLVED)


def mandatory(instance: "Instance", table: str, new: "Row", names: Iterable[str]) -> None:
    """Raises Refusal naming the labels of what is empty."""
    if missing := [instance.columns[table][name].label for name in names if not new[name]]:
        raise data_policy(missing)


def before_insert(
    instance: "Instance", new: "Row", sent: Mapping[str, str], journal: Mapping[str, str], user: User
) -> None:
    now = instance.stamp()
    new["opened_at"] = new["opened_at"] or now
    new["opened_by"] = new["opened_by"] or user.sys_id
    if not user.agent:
        new["caller_id"] = new["caller_id"] or user.sys_id
    _mirror(new, {}, sent)
    _priority(new)
    _demand(instance, {}, new, journal)
    _stamp_state(instance, {"state": NEW}, new, user)


def before_update(instance: "Instance", old: "Row", new: "Row", journal: Mapping[str, str], user: User) -> None:
    """Everything that a save changes or refuses besides what was sent. Raises Refusal."""
    _mirror(new, old, new)
    if old["state"] in FINAL and new["state"] != old["state"]:
        raise aborted("Closed incidents stay closed")
    if old["state"] == RESOLVED and new["state"] in (NEW, ON_HOLD):
        raise aborted("Reopen into In Progress")
    if (
        user.sys_id == old["caller_id"]
        and journal.get("comments")
        and (old["state"], old["hold_reason"]) == (ON_HOLD, AWAITING_CALLER)
        and new["state"] == ON_HOLD
    ):
        new["state"] = new["incident_state"] = IN_PROGRESS
    if new["state"] != ON_HOLD:
        new["hold_reason"] = ""
    _priority(new)
    _demand(instance, old, new, journal)
    _stamp_state(instance, old, new, user)


def after_update(instance: "Instance", old: "Row", row: "Row") -> None:
    """What the state of a parent does to its children. Closing one does nothing to them."""
    if row["state"] == old["state"] or row["state"] not in CASCADING:
        return
    passed = {name: row[name] for name in ("state", "hold_reason", "close_code", "close_notes")}
    for child in list(instance.tables["incident"].values()):
        if child["parent_incident"] == row["sys_id"] and child["state"] not in (*FINAL, RESOLVED, row["state"]):
            note = "The state of the parent incident was copied." if row["hold_reason"] == AWAITING_CALLER else ""
            instance.update("incident", child, {**passed, "comments": note}, SYSTEM)


def _mirror(new: "Row", old: Mapping[str, str], sent: Mapping[str, str]) -> None:
    """state and incident_state are one; whichever was written leads."""
    state, mirrored = sent.get("state", ""), sent.get("incident_state", "")
    if mirrored and mirrored != old.get("incident_state", NEW) and state in ("", old.get("state", NEW)):
        new["state"] = mirrored
    new["incident_state"] = new["state"]


def _priority(new: "Row") -> None:
    new["priority"] = d.PRIORITY.get((new["impact"], new["urgency"]), new["priority"])


def _demand(instance: "Instance", old: Mapping[str, str], new: "Row", journal: Mapping[str, str]) -> None:
    if new["state"] in (RESOLVED, CLOSED):
        mandatory(instance, "incident", new, ("close_code", "close_notes"))
    if new["state"] == ON_HOLD:
        mandatory(instance, "incident", new, ("hold_reason",))
        begins = (old.get("state"), old.get("hold_reason")) != (ON_HOLD, AWAITING_CALLER)
        if new["hold_reason"] == AWAITING_CALLER and begins and not journal.get("comments"):
            raise data_policy([instance.columns["incident"]["comments"].label])


def _stamp_state(instance: "Instance", old: Mapping[str, str], new: "Row", user: User) -> None:
    before, after, now = old["state"], new["state"], instance.stamp()
    if after == before:
        return
    if after == RESOLVED:
        new |= {"resolved_at": now, "resolved_by": user.sys_id}
    if before == RESOLVED and after == IN_PROGRESS:
        new |= {"resolved_at": "", "resolved_by": "", "reopened_by": user.sys_id, "reopened_time": now}
        new["reopen_count"] = str(int(new["reopen_count"] or 0) + 1)
    if after in FINAL:
        new |= {"active": "false", "closed_at": now, "closed_by": user.sys_id}
