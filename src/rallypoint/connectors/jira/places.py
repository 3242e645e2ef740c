"""What a connection may see and do: who we are, which projects there are, which permissions are missing."""

from dataclasses import replace
from typing import Any

from rallypoint.connectors.jira.api import Api, no_interface, segment
from rallypoint.connectors.jira.values import person
from rallypoint.connectors.tracking import clock_findings, refused
from rallypoint.sync.model import Person, Project
from rallypoint.sync.ports import (
    AuthFailed,
    Checked,
    Finding,
    Level,
    MappingBroken,
    PermissionDenied,
    Stale,
    TrackerError,
)

TYPES_OF_MOST = 50
PROJECTS_MOST = 500
RIGHTS = ("BROWSE_PROJECTS", "CREATE_ISSUES", "EDIT_ISSUES", "TRANSITION_ISSUES", "ADD_COMMENTS", "CREATE_ATTACHMENTS")
NEEDED = frozenset({"BROWSE_PROJECTS", "EDIT_ISSUES"})


async def check(api: Api, project: str) -> Checked:
    """Who we are, and what of the project we may see and do."""
    try:
        identity = await _identity(api)
    except AuthFailed as no:
        return await _checked(api, (refused("credentials", no),))
    except TrackerError as no:
        return await _checked(api, (refused("address", no),))
    findings = [Finding(level=Level.OK, about="identity", text=f"Signed in as {identity.name}.")]
    for about, work in (("project", _sees_project), ("permission", _may)):
        try:
            findings.append(await work(api, project))
        except TrackerError as no:
            findings.append(refused(about, no))
            break
    findings += clock_findings("site", api.caller.skew.seconds)
    return replace(await _checked(api, tuple(findings)), identity=identity)


async def _checked(api: Api, findings: tuple[Finding, ...]) -> Checked:
    version = ""
    try:
        edition = await api.edition()
        version = f"{'Cloud' if edition.cloud else 'Data Center'} {edition.version}"
    except TrackerError:
        pass  # the findings say why
    return Checked(findings=findings, version=version, skew_seconds=api.caller.skew.seconds)


async def _identity(api: Api) -> Person:
    answer = await api.call("GET", "myself")
    who = person(answer.data)
    if who is None:
        raise no_interface(answer)
    return who


async def _sees_project(api: Api, project: str) -> Finding:
    if project:
        name = (await one(api, project)).get("name")
        return Finding(level=Level.OK, about="project", text=f"The project {name} can be seen.")
    if not await _all(api, most=1):
        help = "Give the account the permission to browse a project."
        raise PermissionDenied("No project can be seen.", help=help)
    return Finding(level=Level.OK, about="project", text="Projects can be seen.")


async def _may(api: Api, project: str) -> Finding:
    asked = {"permissions": ",".join(RIGHTS)}
    if project:
        asked["projectKey"] = str((await one(api, project)).get("key"))
    told = (await api.get("mypermissions", asked)).get("permissions") or {}
    missing = [name for name in RIGHTS if not (told.get(name) or {}).get("havePermission")]
    if not missing:
        return Finding(level=Level.OK, about="permission", text="Issues can be written, commented and moved on.")
    words = ", ".join(name.replace("_", " ").lower() for name in missing)
    help = "Give the account these permissions in the permission scheme of the project."
    level = Level.ERROR if NEEDED & set(missing) else Level.WARNING
    return Finding(level=level, about="permission", text=f"The account may not: {words}.", help=help)


async def one(api: Api, project: str) -> dict[str, Any]:
    """A project by key or id. Raises MappingBroken when it is not there."""
    try:
        found = await api.get(f"project/{segment(project)}")
    except Stale as no:
        raise MappingBroken(no.said, help="Choose another project.", exchange=no.exchange) from no
    return found if isinstance(found, dict) else {}


async def projects(api: Api, project: str) -> tuple[Project, ...]:
    """By their ids, which stay when keys change; types without those of sub-tasks, which cannot stand alone."""
    rows = [await one(api, project)] if project else await _all(api)
    found: list[Project] = []
    for number, row in enumerate(sorted(rows, key=lambda row: str(row.get("name", "")).casefold())):
        types = row.get("issueTypes")
        if types is None and number < TYPES_OF_MOST:
            types = (await one(api, str(row["id"]))).get("issueTypes")
        names = tuple(str(each.get("name")) for each in types or () if not each.get("subtask"))
        found.append(Project(id=str(row["id"]), name=f"{row.get('name')} ({row.get('key')})", types=names))
    return tuple(found)


async def _all(api: Api, *, most: int = PROJECTS_MOST) -> list[dict[str, Any]]:
    if (await api.edition()).cloud:
        return await api.listed("project/search", {"expand": "issueTypes", "orderBy": "name"}, most=most)
    return await api.listed("project", most=most)
