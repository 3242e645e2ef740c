"""RELIABILITY.md names tests. A promise whose test was renamed or removed is empty, so each name is looked up."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "RELIABILITY.md"
NAMED = re.compile(r"`(tests/[^`\s]+\.py)::([^`\s]+)`")
FEWEST = 40


def named() -> list[tuple[str, str]]:
    return NAMED.findall(DOCUMENT.read_text())


def functions(path: Path) -> set[str]:
    """What pytest would collect there: test_x, and TestY::test_x."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        inside = node.body if isinstance(node, ast.ClassDef) else [node]
        before = f"{node.name}::" if isinstance(node, ast.ClassDef) else ""
        found |= {
            before + one.name
            for one in inside
            if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef) and one.name.startswith("test_")
        }
    return found


@pytest.mark.parametrize(("file", "test"), named(), ids=lambda part: part.rpartition("/")[2])
def test_every_test_that_a_promise_names_exists(file: str, test: str) -> None:
    """Name the test that shows it now, or take the promise back."""
    assert (ROOT / file).is_file(), f"RELIABILITY.md names {file}, which is not there"
    assert test in functions(ROOT / file), f"RELIABILITY.md names {test}, which is not in {file}"


def test_every_promise_names_a_test() -> None:
    """A row of a table of promises without a test is a wish."""
    promises, _, _ = DOCUMENT.read_text().partition("\n## Measured")
    rows = [line for line in promises.splitlines() if line.startswith("|")]
    rows = [row for row in rows if not row.startswith(("|---", "| promise"))]
    assert [row for row in rows if not NAMED.search(row)] == []
    assert len(named()) >= FEWEST, "the names are not found any more: has their form changed?"


def test_nothing_is_named_in_a_form_that_is_not_looked_up() -> None:
    loose = re.findall(r"test_\w+\.py::\S+|tests/\S+::\S+", NAMED.sub("", DOCUMENT.read_text()))
    assert loose == []
