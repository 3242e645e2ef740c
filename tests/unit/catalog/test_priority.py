"""The seeded matrices cell by cell, and the laws that hold for any matrix: in doubt the higher one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rallypoint.catalog.it_service import IT_SERVICE
from rallypoint.catalog.model import Impact, PriorityLevel, PriorityModel, Urgency
from rallypoint.catalog.priority import decide, is_higher
from rallypoint.catalog.production import PRODUCTION
from rallypoint.catalog.seed import matrix_of
from rallypoint.catalog.seeds import Seed


def model(matrix: dict[tuple[Impact, Urgency], str]) -> PriorityModel:
    levels = tuple(
        PriorityLevel(
            domain_id=1, key=f"P{n}", name="", rank=n, definition="", response_minutes=1, resolution_minutes=1,
            update_minutes=1, urgency="high", tells=(), common=n,
        )
        for n in range(1, 5)
    )  # fmt: skip
    return PriorityModel(levels=levels, matrix=matrix)


def rank(of: PriorityModel, key: str) -> int:
    return of.level(key).rank


CELLS = [(i, u) for i in Impact for u in Urgency]
MATRICES = st.lists(st.sampled_from(["P1", "P2", "P3", "P4"]), min_size=16, max_size=16).map(
    lambda levels: model(dict(zip(CELLS, levels, strict=True)))
)
IMPACTS, URGENCIES = st.sampled_from(Impact), st.sampled_from(Urgency)
IT, SRE = model(matrix_of(IT_SERVICE)), model(matrix_of(PRODUCTION))


@pytest.mark.parametrize(
    ("impact", "urgency", "it", "sre"),
    [
        ("extensive", "critical", "P1", "P1"), ("extensive", "high", "P1", "P1"),
        ("extensive", "medium", "P2", "P2"), ("extensive", "low", "P3", "P2"),
        ("significant", "critical", "P1", "P1"), ("significant", "high", "P2", "P2"),
        ("significant", "medium", "P3", "P2"), ("significant", "low", "P3", "P3"),
        ("moderate", "critical", "P2", "P2"), ("moderate", "high", "P3", "P3"),
        ("moderate", "medium", "P3", "P3"), ("moderate", "low", "P4", "P4"),
        ("minor", "critical", "P3", "P3"), ("minor", "high", "P3", "P3"),
        ("minor", "medium", "P4", "P4"), ("minor", "low", "P4", "P4"),
    ],
)  # fmt: skip
def test_the_seeded_matrices(impact: str, urgency: str, it: str, sre: str) -> None:
    for matrix, key in ((IT, it), (SRE, sre)):
        decision = decide(matrix, impact=Impact(impact), urgency=Urgency(urgency))
        assert decision.priority == key
        assert decision.reason == f"{key}: impact {impact} and urgency {urgency}"


@pytest.mark.parametrize(
    ("given_", "default", "priority", "reason"),
    [
        ((None, None), (None, None), "P1",
         "P1: impact unknown, counted as extensive and urgency unknown, counted as critical"),
        ((Impact.MINOR, None), (None, None), "P3", "P3: impact minor and urgency unknown, counted as critical"),
        ((None, Urgency.LOW), (None, None), "P3", "P3: impact unknown, counted as extensive and urgency low"),
        ((None, None), (Impact.MINOR, Urgency.LOW), "P4",
         "P4: impact unknown, minor by its category and urgency unknown, low by its category"),
        ((Impact.EXTENSIVE, None), (Impact.MINOR, Urgency.HIGH), "P1",
         "P1: impact extensive and urgency unknown, high by its category"),
    ],
)  # fmt: skip
def test_what_is_unknown(
    given_: tuple[Impact | None, Urgency | None],
    default: tuple[Impact | None, Urgency | None],
    priority: str,
    reason: str,
) -> None:
    decision = decide(IT, impact=given_[0], urgency=given_[1], default_impact=default[0], default_urgency=default[1])
    assert (decision.priority, decision.reason) == (priority, reason)


@given(MATRICES, IMPACTS, URGENCIES)
def test_not_knowing_never_counts_as_less_than_knowing(m: PriorityModel, impact: Impact, urgency: Urgency) -> None:
    known = rank(m, decide(m, impact=impact, urgency=urgency).priority)
    for i, u in ((None, urgency), (impact, None), (None, None)):
        assert rank(m, decide(m, impact=i, urgency=u).priority) <= known


@given(MATRICES, st.none() | IMPACTS, st.none() | URGENCIES)
def test_the_counted_cell_is_the_one_decided(m: PriorityModel, impact: Impact | None, urgency: Urgency | None) -> None:
    decision = decide(m, impact=impact, urgency=urgency)
    assert m.matrix[decision.impact_counted, decision.urgency_counted] == decision.priority
    assert impact in (None, decision.impact_counted)
    assert urgency in (None, decision.urgency_counted)
    assert ("unknown" in decision.reason) is (impact is None or urgency is None)


@pytest.mark.parametrize("matrix", [IT, SRE])
@given(data=st.data())
def test_the_seeded_matrices_never_fall_when_things_get_worse(matrix: PriorityModel, data: st.DataObject) -> None:
    impacts = sorted((data.draw(IMPACTS), data.draw(IMPACTS)), key=list(Impact).index)
    urgencies = sorted((data.draw(URGENCIES), data.draw(URGENCIES)), key=list(Urgency).index)
    worse = decide(matrix, impact=impacts[0], urgency=urgencies[0]).priority
    better = decide(matrix, impact=impacts[1], urgency=urgencies[1]).priority
    assert not is_higher(matrix, better, worse)


@pytest.mark.parametrize("seed", [IT_SERVICE, PRODUCTION])
def test_targets_of_the_seeds_are_ordered_and_defined(seed: Seed) -> None:
    for graver, milder in zip(seed.levels, seed.levels[1:], strict=False):
        assert graver.response <= milder.response
        assert graver.resolution <= milder.resolution
        assert graver.update <= milder.update
        assert graver.loud >= milder.loud
    assert all(level.response <= level.resolution and len(level.definition) > 40 for level in seed.levels)
    assert seed.levels[0].response == {"it-service": 15, "production": 5}[seed.key]
    keys = [key for key, _, _ in seed.statuses]
    assert len(set(keys)) == len(keys)
