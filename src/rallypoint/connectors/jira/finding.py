"""Finding a new issue again whose answer was lost: by a property that it was made with."""

from collections.abc import Mapping
from typing import Any

from rallypoint.connectors.jira.api import Api
from rallypoint.sync.ports import Stale

PROPERTY = "rallypoint"
MOST, PAGE = 500, 100
ONE_BY_ONE_MOST = 50
"""Data Center tells properties with no list, so each candidate is asked for."""


def mark(key: str, url: str, op: str) -> dict[str, Any]:
    """The property of a new issue."""
    return {"key": PROPERTY, "value": {"key": key, "url": url, "op": op}}


async def find(api: Api, project: str, natural_key: str) -> str | None:
    """The id, or None: also when the search index does not know of it yet."""
    if not natural_key:
        return None
    edition = await api.edition()
    place = f'project = "{project}" AND ' if project else ""
    asked = {"jql": f"{place}creator = currentUser() ORDER BY created DESC", "fields": "created"}
    if not edition.cloud:
        return await _among(api, {**asked, "maxResults": str(ONE_BY_ONE_MOST)}, natural_key)
    asked |= {"properties": PROPERTY, "maxResults": str(PAGE)}
    for _ in range(MOST // PAGE):
        found = await api.get("search/jql", asked)
        for one in found.get("issues") or ():
            if _key_of((one.get("properties") or {}).get(PROPERTY)) == natural_key:
                return str(one["id"])
        if not found.get("nextPageToken"):
            break
        asked["nextPageToken"] = str(found["nextPageToken"])
    return None


async def _among(api: Api, asked: Mapping[str, str], natural_key: str) -> str | None:
    found = await api.get("search", asked)
    for one in found.get("issues") or ():
        try:
            told = await api.get(f"issue/{one['id']}/properties/{PROPERTY}")
        except Stale:
            continue
        if _key_of(told.get("value") if isinstance(told, dict) else None) == natural_key:
            return str(one["id"])
    return None


def _key_of(value: Any) -> str:
    return str(value.get("key", "")) if isinstance(value, Mapping) else ""
