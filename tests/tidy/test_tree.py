"""The tree tests itself: each check names the better alternative."""

import ast
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "rallypoint"
FILES = sorted(SOURCE.rglob("*.py"))

CLOCK_CALLS = {
    ("datetime", "now"), ("datetime", "utcnow"), ("datetime", "today"), ("date", "today"),
    ("time", "time"), ("time", "monotonic"), ("time", "perf_counter"), ("time", "sleep"),
}  # fmt: skip
SQL_CLOCK = re.compile(
    r"(?<!\w)(now\(\)|current_timestamp|clock_timestamp\(\)|localtimestamp|transaction_timestamp\(\))"
)
SQL_START = re.compile(r"^\s*(select|insert\s+into|update\s+\w+|delete\s+from|with\s+\w+\s+as|create\s+table)\b", re.I)


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def strings(tree: ast.AST) -> list[tuple[int, str]]:
    """Every string of a file that is not a docstring."""
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }
    return [
        (node.lineno, node.value)
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
    ]


@pytest.mark.parametrize("path", FILES, ids=name)
def test_only_clock_py_asks_what_time_it_is(path: Path) -> None:
    """Take `now` as an argument, or `tx.now`; wait with clock.sleep, measure with clock.monotonic."""
    if path.name == "clock.py":
        return
    found = [
        f"{name(path)}:{node.lineno} {node.func.value.id}.{node.func.attr}"
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and (node.func.value.id, node.func.attr) in CLOCK_CALLS
    ]
    assert not found


@pytest.mark.parametrize("path", [*FILES, *sorted(SOURCE.rglob("*.sql"))], ids=name)
def test_no_sql_reads_a_clock(path: Path) -> None:
    """Hand `:now` to the statement; a default that reads a clock cannot be fast-forwarded."""
    if path.name == "clock.py":
        return
    if path.suffix == ".sql":
        texts = [(1, re.sub(r"--.*", "", path.read_text()))]
    else:
        texts = strings(ast.parse(path.read_text()))
    found = [f"{name(path)}:{line} {text.strip()[:60]}" for line, text in texts if SQL_CLOCK.search(text.lower())]
    assert not found


@pytest.mark.parametrize("path", FILES, ids=name)
def test_sql_lives_in_store_files_only(path: Path) -> None:
    """Move the statement to the room's store.py (or a store_<idea>.py); db/ and doctor's probes are the exception."""
    allowed = "store" in path.name or path.parent.name == "db" or path.name == "clock.py"
    if allowed:
        return
    found = [
        f"{name(path)}:{line} {text.strip()[:60]!r}"
        for line, text in strings(ast.parse(path.read_text()))
        if SQL_START.match(text) and " " in text.strip() and re.search(r"\b(from|into|set|table|as)\b", text, re.I)
        if not text.startswith("SELECT [System.")  # Azure DevOps has a query language of its own
    ]
    assert not found


@pytest.mark.parametrize("path", FILES, ids=name)
def test_every_module_says_why_it_exists(path: Path) -> None:
    tree = ast.parse(path.read_text())
    assert not tree.body or ast.get_docstring(tree), f"{name(path)} has no docstring"


def test_user_patterns_never_meet_stdlib_re() -> None:
    """A pattern from a user goes through RE2. Our own patterns are literals: re.compile of a variable is refused."""
    found = []
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and isinstance(node.func.value, ast.Name)
                and node.func.value.id == "re"
                and node.args
                and not isinstance(node.args[0], ast.Constant | ast.JoinedStr | ast.BinOp)
            ):
                found.append(f"{name(path)}:{node.lineno}")
    assert not found


def test_nothing_names_this_machine_or_a_registry() -> None:
    """Lock files and documents carry no host names of registries and no paths of the machine they were made on."""
    words = ("files.pythonhosted", "registry.npmjs", "/work/", "--index-url")
    found = []
    for path in [
        *ROOT.glob("*"),
        *ROOT.glob("requirements/*"),
        *ROOT.glob("docs/**/*"),
        *ROOT.glob("scripts/*"),
        *FILES,
    ]:
        if path.is_file() and path.suffix not in {".png", ".svg"}:
            text = path.read_text(errors="replace")
            found += [f"{name(path)}: {word}" for word in words if word in text]
    assert not found
