"""The sections of a document, in the order in which they build on each other."""

from typing import Any

from rallypoint.edges.code.domains import Domains
from rallypoint.edges.code.kinds import Kind
from rallypoint.edges.code.outward import Components, Integrations, Status
from rallypoint.edges.code.paging import LastResort, Policies, Schedules
from rallypoint.edges.code.people import People, Teams
from rallypoint.edges.code.services import Services
from rallypoint.edges.code.sync import Connections, Mappings

KINDS: tuple[Kind[Any], ...] = (
    People(),
    Teams(),
    Domains(),
    Schedules(),
    Policies(),
    Services(),
    LastResort(),
    Integrations(),
    Connections(),
    Mappings(),
    Status(),
    Components(),
)
SINGLE = frozenset({LastResort.section, Status.section})
"""Sections that are one table rather than a list."""
