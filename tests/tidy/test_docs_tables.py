"""Tables of the guide against the rules they tell of: a table that lags behind is worse than none."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from rallypoint.access import Permission, Role
from rallypoint.access.permissions import ANYONE, MAY
from rallypoint.catalog import Impact, Urgency, domain_settings
from rallypoint.catalog.it_service import IT_SERVICE
from rallypoint.catalog.production import PRODUCTION
from rallypoint.catalog.seeds import Seed
from rallypoint.edges.cli.exits import MEANINGS
from rallypoint.edges.code.document import Part
from rallypoint.edges.code.sections import KINDS
from rallypoint.learning.durations import DEFINITIONS
from rallypoint.notify.model import DeliveryState

ROOT = Path(__file__).parents[2]
GUIDE, SOURCE = ROOT / "docs", ROOT / "src" / "rallypoint"
PRIORITIES = ("P1", "P2", "P3", "P4")


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    text = (GUIDE / page).read_text("utf-8")
    below = text.partition(f"\n{heading}\n")[2]
    assert below, f"{page} has no heading {heading!r}"
    table = re.search(r"(?:^\|.*\n)+", below, re.M)
    assert table, f"{page} has no table below {heading!r}"
    lines = [line.strip()[1:-1].split("|") for line in table.group().splitlines()]
    return [[cell.strip() for cell in line] for line in lines if not set("".join(line)) <= set("-: ")][1:]


def words(cell: str) -> list[str]:
    """What stands in backticks in a cell."""
    return re.findall(r"`([^`]+)`", cell)


def test_who_may_do_what_is_the_table_that_decides() -> None:
    columns: tuple[tuple[Role, ...], ...] = (
        (Role.ADMIN,), (Role.MANAGER,), (Role.DESK1,), (Role.DESK2, Role.DESK3), (Role.RESPONDER,),
        (Role.STAKEHOLDER,), (Role.VIEWER,), (Role.REPORTER,),
    )  # fmt: skip
    said: dict[Permission, set[Role]] = {}
    for names, *marks in rows("security.md", "## Who may do what"):
        held = {role for those, mark in zip(columns, marks, strict=True) for role in those if mark == "x"}
        said |= {Permission(each): held for each in words(names)}
    open_to_all = (ANYONE - {Permission.REPORT}) | {Permission.OWN_ACCOUNT}
    assert said == {permission: set(roles) for permission, roles in MAY.items() if permission not in open_to_all}


def test_the_matrix_is_the_one_that_is_seeded() -> None:
    said = {row[0]: "".join(level.removeprefix("P") for level in row[1:]) for row in rows("concepts.md", "## Priority")}
    assert said == dict(zip(Impact, PRODUCTION.matrix, strict=True))
    other = dict(zip(Impact, IT_SERVICE.matrix, strict=True))
    differs = {
        (impact, urgency): other[impact][place]
        for impact in Impact
        for place, urgency in enumerate(Urgency)
        if other[impact][place] != said[impact][place]
    }
    assert differs == {(Impact.EXTENSIVE, Urgency.LOW): "3", (Impact.SIGNIFICANT, Urgency.MEDIUM): "3"}


@pytest.mark.parametrize("seed", [PRODUCTION, IT_SERVICE], ids=lambda seed: seed.key)
def test_targets_are_the_ones_that_are_seeded(seed: Seed) -> None:
    row = next(cells for cells in rows("concepts.md", "## Targets") if cells[0].startswith(f"{seed.name}:"))
    told = {
        level.key: " / ".join(map(minutes, (level.response, level.resolution, level.update))) for level in seed.levels
    }
    assert dict(zip(PRIORITIES, row[1:], strict=True)) == told


def minutes(many: int) -> str:
    """90 -> "1.5 h": in the largest unit that leaves no remainder."""
    span = timedelta(minutes=many)
    for unit, short in ((timedelta(days=1), "d"), (timedelta(hours=1), "h")):
        if span % unit == timedelta(0):
            return f"{span // unit} {short}"
    return f"{many} min"


def test_every_setting_of_a_domain_is_told_and_every_seeded_one_is_read() -> None:
    source = (SOURCE / "incidents" / "closure.py").read_text("utf-8")
    read = set(re.findall(r'said\.get\("([a-z_]+)"', source))
    told = {name for row in rows("configuration-as-code.md", "## Settings of a domain") for name in words(row[0])}
    assert read
    assert told == read == set(domain_settings.KNOWN)
    assert {*PRODUCTION.settings, *IT_SERVICE.settings} <= read


def test_every_section_of_a_file_is_told_with_its_fields() -> None:
    fields = {words(row[0])[0].strip("[]"): plain(row[2]) for row in rows("configuration-as-code.md", "## Sections")}
    for kind in KINDS:
        part: type[Part] = kind.part
        missing = set(part.__struct_fields__) - fields[kind.section]
        assert not missing, f"{kind.section}: {missing}"


def plain(cell: str) -> set[str]:
    """The names in a list of fields, without what is explained in parentheses."""
    return set(re.findall(r"[a-z_]+", re.sub(r"\([^)]*\)", "", cell)))


def test_exit_codes_are_those_of_the_program() -> None:
    assert rows("cli.md", "## Exit codes") == [[str(int(code)), meaning] for code, meaning in MEANINGS.items()]


def test_every_figure_of_the_metrics_endpoint_is_told() -> None:
    """Counters end in _total on the wire, and only there."""
    source = (SOURCE / "edges" / "ops" / "metrics.py").read_text("utf-8")
    counters = set(re.findall(r'CounterMetricFamily\(\s*"(rallypoint_[a-z_]+)"', source))
    shown = {f"{name}_total" if name in counters else name for name in re.findall(r'"(rallypoint_[a-z_]+)"', source)}
    told = {
        name.partition("{")[0]
        for row in rows("metrics.md", "## The metrics endpoint")
        for name in words(row[0])
        if name.startswith("rallypoint_")
    }
    assert told == shown


def test_every_time_is_told_by_its_full_name() -> None:
    said = [(row[0], row[1]) for row in rows("metrics.md", "## Times")]
    assert said == [(definition.short, definition.name.lower()) for definition in DEFINITIONS]


def test_every_state_of_a_delivery_is_told() -> None:
    assert [row[0] for row in rows("paging.md", "## Delivery states")] == list(DeliveryState)
