"""What `make bench` makes of measured values, and how it prints them."""

import json
import random

import pytest
from benchmarks import figures
from benchmarks.load import bodies
from benchmarks.tables import Table, text_of


@pytest.mark.parametrize(
    ("values", "share", "found"),
    [
        ([7.0], 0.99, 7.0),
        ([1.0, 2.0], 0.5, 1.0),
        ([3.0, 1.0, 2.0], 0.5, 2.0),
        (list(range(1, 101)), 0.99, 99),
        (list(range(1, 101)), 0.5, 50),
        (list(range(1, 101)), 1.0, 100),
        (list(range(1, 101)), 0.0, 1),
        (list(range(1, 201)), 0.99, 198),
    ],
)
def test_a_percentile_is_a_value_that_was_measured(values: list[float], share: float, found: float) -> None:
    random.Random(1).shuffle(values)
    assert figures.percentile(values, share) == found


def test_nothing_measured_is_an_error_and_not_a_zero() -> None:
    for make in (figures.median, figures.spread):
        with pytest.raises(ValueError, match="nothing was measured"):
            make([])
    with pytest.raises(ValueError, match="between 0 and 1"):
        figures.percentile([1.0], 99)


def test_a_spread_is_ordered() -> None:
    found = figures.spread([5.0, 1.0, 3.0, 2.0, 4.0])
    assert (found.count, found.p50, found.p99, found.worst) == (5, 3.0, 5.0, 5.0)


def test_a_ratio_says_how_many_times_theirs_ours_is() -> None:
    assert figures.ratio(30.0, 20.0) == 1.5
    assert figures.ratio(30.0, None) is None


def test_one_round_is_no_range() -> None:
    assert figures.lowest_and_highest([1000.0]) == "one round"
    assert figures.lowest_and_highest([2000.4, 1000.0]) == "1,000-2,000"


def test_figures_as_people_read_them() -> None:
    assert [text_of(value) for value in (None, 1234567, 1234.5, 12.345, "x")] == [
        "-",
        "1,234,567",
        "1,234",
        "12.35",
        "x",
    ]


def test_a_row_that_does_not_fit_its_table_is_refused() -> None:
    with pytest.raises(ValueError, match="1 values for 2 columns"):
        Table("Speed", ("system", "alerts/s")).add("ours")


@pytest.mark.parametrize(("distinct", "names"), [(True, 12), (False, 5)])
def test_the_sender_sends_as_many_different_alerts_as_it_says(distinct: bool, names: int) -> None:
    order = {"path": "/x", "batch": 4, "requests": 3, "distinct": distinct, "pool": 5}
    alerts = [one for body in bodies(order) for one in json.loads(body.partition(b"\r\n\r\n")[2])]
    assert len(alerts) == 12
    assert len({one["labels"]["instance"] for one in alerts}) == names
