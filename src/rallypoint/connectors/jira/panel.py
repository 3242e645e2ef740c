"""The way back to the incident: one remote link on the issue, found by its global id and rewritten in place."""

from typing import Any
from urllib.parse import urlsplit

from rallypoint.connectors.jira.api import Api
from rallypoint.connectors.tracking import cut
from rallypoint.sync.ports import Panel, Stale

TITLE_LONGEST = 255


async def show(api: Api, issue: str, panel: Panel) -> None:
    """Nothing is written when it shows this already: every write would move the issue's clock."""
    name = f"system=rallypoint&incident={urlsplit(panel.url).path}"
    wanted: dict[str, Any] = {
        "globalId": name,
        "application": {"type": "rallypoint", "name": "Rallypoint"},
        "relationship": "incident",
        "object": {
            "url": panel.url,
            "title": cut(" ".join(panel.title.split()), TITLE_LONGEST),
            "summary": cut(" · ".join(part for part in (panel.status, *panel.lines) if part), TITLE_LONGEST),
            "status": {"resolved": panel.resolved},
        },
    }
    if _same(await _known(api, issue, name), wanted):
        return
    await api.call("POST", f"issue/{issue}/remotelink", body=wanted, item=issue)


async def _known(api: Api, issue: str, name: str) -> Any:
    try:
        return await api.get(f"issue/{issue}/remotelink", {"globalId": name})
    except Stale:
        return None


def _same(known: Any, wanted: dict[str, Any]) -> bool:
    """As far as it is what we say; Jira adds to it."""
    if not isinstance(known, dict) or not isinstance(known.get("object"), dict):
        return False
    shown = known["object"]
    return all(shown.get(part) == wanted["object"][part] for part in ("url", "title", "summary")) and bool(
        (shown.get("status") or {}).get("resolved")
    ) is bool(wanted["object"]["status"]["resolved"])
