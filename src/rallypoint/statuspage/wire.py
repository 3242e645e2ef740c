"""The JSON that thousands of programs already read: the Statuspage format, version 2. Pure, from model to plain values.

`base_url` is where people read the page, for example https://rallypoint.example.com/status.

Names and words here belong to the format and are not ours to change; what we do not have is null or empty, not absent.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from rallypoint.statuspage import rules
from rallypoint.statuspage.model import Affected, Component, Page, StatusIncident, StatusUpdate


def moment(at: datetime | None) -> str | None:
    """2026-06-01T08:00:00.000Z"""
    return None if at is None else at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def summary(
    about: Page, shown: Sequence[Component], active: Sequence[StatusIncident], *, base_url: str
) -> dict[str, Any]:
    return {
        **components(about, shown, base_url=base_url),
        **incidents(about, active, base_url=base_url),
        **maintenances(about, base_url=base_url),
        **status(about, shown, base_url=base_url),
    }


def page(about: Page, *, base_url: str) -> dict[str, Any]:
    return {
        "id": about.public_id,
        "name": about.name,
        "url": base_url,
        "time_zone": about.time_zone,
        "updated_at": moment(about.updated_at),
    }


def status(about: Page, shown: Sequence[Component], *, base_url: str) -> dict[str, Any]:
    indicator = rules.impact(c.status for c in shown)
    return {
        "page": page(about, base_url=base_url),
        "status": {"indicator": indicator.value, "description": rules.DESCRIPTIONS[indicator]},
    }


def components(about: Page, shown: Sequence[Component], *, base_url: str) -> dict[str, Any]:
    return {"page": page(about, base_url=base_url), "components": [component(c, about) for c in shown]}


def incidents(about: Page, found: Sequence[StatusIncident], *, base_url: str) -> dict[str, Any]:
    return {
        "page": page(about, base_url=base_url),
        "incidents": [incident(i, about, base_url=base_url) for i in found],
    }


def maintenances(about: Page, *, base_url: str) -> dict[str, Any]:
    return {"page": page(about, base_url=base_url), "scheduled_maintenances": []}


def component(c: Component, about: Page) -> dict[str, Any]:
    return {
        "id": c.public_id,
        "name": c.name,
        "status": c.status.value,
        "created_at": moment(c.created_at),
        "updated_at": moment(c.updated_at),
        "position": c.position,
        "description": c.description or None,
        "showcase": True,
        "start_date": c.created_at.astimezone(UTC).date().isoformat(),
        "group_id": None,
        "page_id": about.public_id,
        "group": False,
        "only_show_if_degraded": False,
    }


def incident(i: StatusIncident, about: Page, *, base_url: str) -> dict[str, Any]:
    return {
        "id": i.public_id,
        "name": i.title,
        "status": i.status.value,
        "created_at": moment(i.created_at),
        "updated_at": moment(i.updated_at),
        "monitoring_at": moment(i.monitoring_at),
        "resolved_at": moment(i.resolved_at),
        "impact": i.impact.value,
        "shortlink": link(i, base_url=base_url),
        "started_at": moment(i.started_at),
        "page_id": about.public_id,
        "incident_updates": [update(u, i) for u in i.updates],
        "components": [component(c, about) for c in i.components],
    }


def link(i: StatusIncident, *, base_url: str) -> str:
    """Where people read this incident."""
    return f"{base_url}/incidents/{i.public_id}"


def update(u: StatusUpdate, i: StatusIncident) -> dict[str, Any]:
    return {
        "id": u.public_id,
        "status": u.status.value,
        "body": u.body,
        "incident_id": i.public_id,
        "created_at": moment(u.created_at),
        "updated_at": moment(u.created_at),
        "display_at": moment(u.created_at),
        "affected_components": [affected(a) for a in u.affected] or None,
        "deliver_notifications": False,
        "custom_tweet": None,
        "tweet_id": None,
    }


def affected(a: Affected) -> dict[str, Any]:
    return {"code": a.code, "name": a.name, "old_status": a.old_status.value, "new_status": a.new_status.value}
