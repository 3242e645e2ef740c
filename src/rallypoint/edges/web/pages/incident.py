"""The incident: one column of story, one of facts. Everything on it is read in one transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from rallypoint import access, catalog, incidents, learning, notify, oncall, sla, statuspage
from rallypoint.access import Permission
from rallypoint.catalog import Impact, StatusCategory, Urgency
from rallypoint.edges.web import faces, forms, story, sync_words, visit
from rallypoint.edges.web.furniture import render
from rallypoint.edges.web.incident_verbs import verbs
from rallypoint.edges.web.markdown_copy import as_markdown
from rallypoint.edges.web.routing import page
from rallypoint.edges.web.screen import Copy, NavItem
from rallypoint.incidents import Incident, TimelineEntry
from rallypoint.sync import store

SHOWS = (
    ("key", "Key events"),
    ("all", "Everything"),
    ("diagnosis", "Diagnosis"),
    ("pages", "Pages"),
    ("tools", "From other tools"),
)
COMPOSER = (
    ("note", "Note"),
    ("update", "Update"),
    ("hypothesis", "Hypothesis"),
    ("decision", "Decision"),
    ("call", "Call"),
    ("projection", "Projection"),
)
PUBLIC_STATES = ("investigating", "identified", "monitoring", "resolved")
OUTCOMES = ("supported", "ruled out", "fixed", "did not help")
ENTRIES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything beside the story, as the rooms say it."""

    roles: Sequence[Any] = ()
    tasks: Sequence[Any] = ()
    hypotheses: Sequence[Any] = ()
    alerts: Sequence[Any] = ()
    pages: Sequence[Any] = ()
    runs: Sequence[Any] = ()
    links: Sequence[Any] = ()
    related: Sequence[Any] = ()
    runbooks: Sequence[Any] = ()
    needs: Sequence[Any] = ()
    people: Sequence[Any] = ()
    policies: Sequence[Any] = ()
    components: Sequence[Any] = ()
    public: Any = None
    categories: Sequence[Any] = ()
    category: str = ""
    domain: Any = None
    retrospective: Any = None
    handover: Any = None
    nobody: str = ""
    elsewhere: Sequence[Any] = ()
    files: Sequence[Any] = ()
    fields: Sequence[Any] = ()
    """(field, its value in words), those that are filled in though retired included."""
    tags: Sequence[str] = ()
    ties: Sequence[Any] = ()
    """(what the other one is, from here; the other one), in the order of Tie."""
    mappings: Sequence[Any] = ()


def tabs(number: int, shown: str, entries: Sequence[TimelineEntry]) -> list[NavItem]:
    counts = story.counts(entries)
    return [
        NavItem(
            name=name,
            to=f"/i/{number}" + (f"?show={key}" if key != "key" else "") + "#h-story",
            here=key == shown,
            count=counts[key],
        )
        for key, name in SHOWS
    ]


async def gather(tx: Any, incident: Incident) -> Facts:
    number, service = incident.number, incident.service_id
    domain = await catalog.domain_by_id(tx, incident.domain_id)
    runs = await oncall.runs_of(tx, number)
    categories = await catalog.categories(tx, incident.domain_id)
    mappings = await store.mappings(tx)
    names = {one.id: one.name for one in await store.connections(tx)} if mappings else {}
    return Facts(
        nobody=next((run.why for run in runs if run.live and not run.heard and run.alarmed_at), ""),
        roles=await incidents.roles(tx, number),
        tasks=await incidents.tasks(tx, number),
        hypotheses=await incidents.hypotheses(tx, number),
        alerts=await incidents.alerts_of(tx, number),
        pages=await notify.pages_of(tx, number),
        runs=runs,
        links=await incidents.links(tx, number),
        files=await incidents.files(tx, number),
        fields=await _fields(tx, incident),
        tags=await incidents.known_tags(tx),
        ties=_ties(await incidents.relations(tx, number)),
        related=await incidents.related(tx, number),
        runbooks=await catalog.runbooks(tx, service, incident.category_id) if service else (),
        needs=await catalog.needs(tx, service) if service else (),
        people=await access.people(tx),
        policies=await oncall.policies(tx),
        components=await statuspage.components(tx),
        public=await statuspage.of_incident(tx, number),
        categories=categories,
        category=next((kind.key for kind in categories if kind.id == incident.category_id), ""),
        domain=domain,
        handover=await incidents.offered_command(tx, number),
        retrospective=await learning.maybe_retrospective(tx, number),
        elsewhere=[(link, sync_words.of_link(link)) for link in await store.links_of(tx, number)],
        mappings=[(mapping.id, names.get(mapping.connection, ""), mapping.name) for mapping in mappings],
    )


def _ties(found: Sequence[incidents.Related]) -> list[tuple[str, incidents.Related]]:
    order = list(incidents.Tie)
    ties = sorted(((incidents.tie_of(one), one) for one in found), key=lambda tie: (order.index(tie[0]), tie[1].number))
    return [(tie.value, one) for tie, one in ties]


async def _fields(tx: Any, incident: Incident) -> list[tuple[Any, str]]:
    known = await catalog.custom_fields(tx, incident.domain_id, retired=True)
    found = [(one, await incidents.in_words(tx, one, incident.custom.get(one.key))) for one in known]
    return [(one, words) for one, words in found if words or not one.retired]


async def shown(request: Request, number: int, *, failed: forms.Form | None = None, status: int = 200) -> Response:
    """The page; `failed` is the form of an act that did not go through, with everything typed still in it."""
    show = request.query_params.get("show", "key")
    show = show if show in dict(SHOWS) else "key"
    async with visit.transaction(request) as tx:
        incident = await incidents.incident(tx, number)
        entries, _ = await incidents.timeline(tx, number, limit=ENTRIES)
        clocks = await sla.clocks_of(tx, number)
        facts = await gather(tx, incident)
        ranked = await incidents.rank_of(tx, number) if StatusCategory(incident.status_category).open else None
    screen = visit.of(request)
    main, rest = verbs(incident, facts.domain, screen.actor)
    now_calm, now_says = story.right_now(incident)
    return await render(
        request,
        "incident.html",
        status=status,
        live=f"incident:{number},statuspage",
        copies=(Copy(name="Markdown", to=f"/i/{number}.md"), Copy(name="API call", to=f"/api/v1/incidents/{number}")),
        i=incident,
        faces=faces.of(incident, clocks, screen.now),
        stops=story.story(incident, entries, show),
        tabs=tabs(number, show, entries),
        show=show,
        f=facts,
        ranked=ranked,
        main=main,
        rest=rest,
        may_work=access.allows(screen.actor, Permission.WORK_INCIDENT),
        may_publish=access.allows(screen.actor, Permission.PUBLISH_UPDATE),
        now_calm=now_calm,
        now_says=now_says,
        composer=COMPOSER,
        roles=[role for role in incidents.ROLES if role != "commander"],
        public_states=PUBLIC_STATES,
        outcomes=OUTCOMES,
        kinds_of_tie=[tie.value for tie in incidents.Tie],
        largest_file=incidents.size_words(visit.house(request).settings.largest_file),
        impacts=list(Impact),
        urgencies=list(Urgency),
        failed=failed or forms.of("none"),
        opened=failed.name if failed else "",
    )


def number_of(request: Request) -> int:
    return int(request.path_params["number"])


@page("/i/{number:int}", permission=Permission.READ_INCIDENT)
async def show(request: Request) -> Response:
    return await shown(request, number_of(request))


@page("/i/{number:int}.md", permission=Permission.READ_INCIDENT)
async def markdown(request: Request) -> Response:
    async with visit.transaction(request) as tx:
        incident = await incidents.incident(tx, number_of(request))
        entries, _ = await incidents.timeline(tx, incident.number, limit=ENTRIES)
        fields = [(field.name, words) for field, words in await _fields(tx, incident) if words]
    here = visit.of(request)
    return PlainTextResponse(as_markdown(incident, entries, here.zone, here.now, fields))
