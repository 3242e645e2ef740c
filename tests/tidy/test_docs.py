"""The documents test themselves: what they name is there, and what is there they name."""

import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import click
import pytest

from rallypoint.edges.api.app import create
from rallypoint.edges.cli.main import cli
from rallypoint.settings import Settings

ROOT = Path(__file__).parents[2]
SKIPPED = {".venv", ".git", ".cache", "node_modules", ".rallypoint", ".pytest_cache"}
DOCUMENTS = sorted(
    path
    for path in ROOT.rglob("*.md")
    if not SKIPPED & set(path.relative_to(ROOT).parts) and not path.relative_to(ROOT).parts[0].startswith(".")
)
GUIDE = ROOT / "docs"
PAGES = [path for path in sorted(GUIDE.glob("*.md")) if path.name != "glossary.md"]
"""The guide; the glossary is a table of words and no page to read."""

FENCE = re.compile(r"^(```|~~~).*?^\1\s*$", re.M | re.S)
LINK = re.compile(r"(?<!`)\[[^\]]*\]\(([^)\s]+)\)")
HEADING = re.compile(r"^#{1,6}\s+(.+?)\s*$", re.M)
COMMAND = re.compile(r"(?:^|[`\s(/;&|])rallypoint((?: [a-z][a-z-]*)+)")
SETTING = re.compile(r"RALLYPOINT_[A-Z][A-Z_]*[A-Z]")
LABEL = re.compile(r"(?<![*\w])\*([^*\n]+)\*(?![*\w])")
ROUTE = re.compile(r"^\| (?:GET|POST|PUT|PATCH|DELETE) \| `/.*$", re.M)

NOT_SETTINGS = {"RALLYPOINT_CONFIG", "RALLYPOINT_URL", "RALLYPOINT_KEY"}
"""Read from the environment by themselves: the file of settings, and what `alert send` sends to."""
OF_DEVELOPMENT = {"CONTRIBUTING.md", "RELIABILITY.md"}
"""May name variables of tests and benchmarks as well."""


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def prose(path: Path) -> str:
    """A document without its blocks of code, where a bracket is no link and a # is no heading."""
    return FENCE.sub("", path.read_text("utf-8"))


def anchor(heading: str) -> str:
    """What a heading is called in an address, the way the usual viewers make it."""
    words = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "").replace("*", "").lower()
    return re.sub(r"[^\w\- ]", "", words).strip().replace(" ", "-")


@cache
def anchors(path: Path) -> frozenset[str]:
    seen: Counter[str] = Counter()
    found = set()
    for heading in HEADING.findall(prose(path)):
        plain = anchor(heading)
        found.add(f"{plain}-{seen[plain]}" if seen[plain] else plain)
        seen[plain] += 1
    return frozenset(found)


@cache
def commands() -> frozenset[str]:
    """Every command that can be run: "serve", "incident ack"."""

    def below(group: click.Group, before: tuple[str, ...]) -> list[str]:
        context, found = click.Context(group), list[str]()
        for word in group.list_commands(context):
            command = group.get_command(context, word)
            assert command is not None
            if isinstance(command, click.Group):
                found += below(command, (*before, word))
            else:
                found.append(" ".join((*before, word)))
        return found

    return frozenset(below(cli, ()))


def options(words: str) -> set[str]:
    """The long options of a command."""
    command: click.Command | None = cli
    for word in words.split():
        assert isinstance(command, click.Group)
        command = command.get_command(click.Context(command), word)
    assert command is not None
    return {o for p in command.params if isinstance(p, click.Option) for o in p.opts if o.startswith("--")}


def command_of(said: str) -> str | None:
    """The command that some words after "rallypoint" begin with; None where there is none."""
    words = said.split()
    return next((c for n in (1, 2, 3) if (c := " ".join(words[:n])) in commands()), None)


def groups() -> set[str]:
    return {command.split()[0] for command in commands() if " " in command}


def settings() -> set[str]:
    return {f"RALLYPOINT_{field.upper()}" for field in Settings.model_fields}


@cache
def said_by_the_program() -> str:
    """All words of screens and sources, without markup."""
    files = [path for path in (ROOT / "src" / "rallypoint").rglob("*") if path.suffix in (".html", ".py")]
    return re.sub(r"<[^>]+>", "", "\n".join(path.read_text("utf-8") for path in files))


@cache
def routes() -> tuple[str, ...]:
    """The row of each address, as the API describes itself."""
    told = create().openapi()
    schemas = told["components"]["schemas"]
    return tuple(
        f"| {method.upper()} | `{path}` | `{operation['x-permission']}` | {fields(operation, schemas)} |"
        for path, operations in told["paths"].items()
        for method, operation in operations.items()
    )


def fields(operation: dict[str, Any], schemas: dict[str, Any]) -> str:
    """The fields of a body, or else of the query, the needed ones in bold."""
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    for one in (body, *body.get("anyOf", ())):
        if "$ref" in one:
            schema = schemas[one["$ref"].rsplit("/", 1)[-1]]
            needed = schema.get("required", ())
            return ", ".join(f"**{name}**" if name in needed else name for name in schema.get("properties", {}))
    query = [
        f"**{it['name']}**" if it.get("required") else it["name"]
        for it in operation.get("parameters", ())
        if it["in"] == "query" and it["name"] not in ("cursor", "limit")
    ]
    return f"query: {', '.join(query)}" if query else ""


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_every_link_leads_somewhere(path: Path) -> None:
    """A file that is there, and a heading that is in it. Links to elsewhere are not followed."""
    broken = []
    for target in LINK.findall(prose(path)):
        if re.match(r"[a-z][a-z0-9+.-]*:", target):
            continue
        file, _, at = target.partition("#")
        there = (path.parent / file).resolve() if file else path
        if not there.exists() or (at and (there.suffix != ".md" or at not in anchors(there))):
            broken.append(target)
    assert not broken


@pytest.mark.parametrize("path", DOCUMENTS, ids=name)
def test_every_command_that_is_named_exists(path: Path) -> None:
    """In prose only what stands in backticks is a command; in blocks every line may be."""
    text = path.read_text("utf-8")
    blocks = [m.group() for m in FENCE.finditer(text)]
    code = [*blocks, *(f"`{said}`" for said in re.findall(r"`([^`\n]+)`", FENCE.sub("", text)))]
    said = {words.strip() for piece in code for words in COMMAND.findall(piece)}
    unknown = sorted(words for words in said if command_of(words) is None and words not in groups())
    assert not unknown


@pytest.mark.parametrize("path", sorted(GUIDE.glob("*.md")), ids=name)
def test_every_option_that_follows_a_command_exists(path: Path) -> None:
    """Of one line that begins with a command, in a block or in backticks; lines that go on are one."""
    text = path.read_text("utf-8").replace("\\\n", " ")
    blocks = [line for block in FENCE.finditer(text) for line in block.group().splitlines()]
    wrong = []
    for line in [*blocks, *re.findall(r"`([^`\n]+)`", FENCE.sub("", text))]:
        found = re.search(r"(?:^|[/\s(])rallypoint ((?:[a-z][a-z-]*\s?)+)([^|;>)]*)", line.partition(" #")[0])
        if found and (command := command_of(found.group(1))):
            given = re.findall(r"(?<!\S)--[a-z][a-z-]*", found.group(2))
            wrong += [f"{command} {option}" for option in given if option not in options(command) | {"--help"}]
    assert not wrong


def test_every_command_is_documented() -> None:
    said = {command_of(words) for words in COMMAND.findall((GUIDE / "cli.md").read_text("utf-8"))}
    assert not commands() - said


@pytest.mark.parametrize("path", [p for p in DOCUMENTS if p.name not in OF_DEVELOPMENT], ids=name)
def test_every_setting_that_is_named_exists(path: Path) -> None:
    named = set(SETTING.findall(path.read_text("utf-8")))
    assert not named - settings() - NOT_SETTINGS


def test_every_setting_is_documented() -> None:
    rows = set(re.findall(r"^\| `(RALLYPOINT_[A-Z_]+)` \|", (GUIDE / "operations.md").read_text("utf-8"), re.M))
    assert rows == settings() | {"RALLYPOINT_CONFIG"}


def test_every_address_of_the_api_is_documented_and_no_other() -> None:
    """A row of docs/api.md tells method, address, permission and fields. What is missing can be pasted from here."""
    rows = ROUTE.findall((GUIDE / "api.md").read_text("utf-8"))
    missing, gone = sorted(set(routes()) - set(rows)), sorted(set(rows) - set(routes()))
    assert not missing, "missing in docs/api.md:\n" + "\n".join(missing)
    assert not gone, "no longer so:\n" + "\n".join(gone)
    assert len(rows) == len(set(rows))


def test_every_page_of_the_guide_is_in_its_index() -> None:
    index = (GUIDE / "README.md").read_text("utf-8")
    pages = {path.name for path in GUIDE.glob("*.md")} - {"README.md"}
    assert not {page for page in pages if f"]({page}" not in index}


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_page_of_the_guide_begins_with_what_it_is_good_for(path: Path) -> None:
    first = prose(path).split("\n\n")[1]
    assert first.startswith("After this page you")


@pytest.mark.parametrize("path", [ROOT / "README.md", *PAGES], ids=name)
def test_what_stands_in_italics_is_said_by_the_program(path: Path) -> None:
    """Buttons, pages and words of screens: when one is renamed, the guide says so the same day."""
    text = re.sub(r"`[^`\n]*`", "", prose(path))
    labels = {part for label in LABEL.findall(text) for part in label.split(" › ")}
    assert not {label for label in labels if label not in said_by_the_program()}


def test_every_word_has_one_place_in_the_glossary() -> None:
    """One row for each idea, in the order of the alphabet."""
    rows = re.findall(r"^\| \*\*(.+?)\*\* \|", (GUIDE / "glossary.md").read_text("utf-8"), re.M)
    terms = [term.strip().casefold() for row in rows for term in row.split(",")]
    assert len(terms) > 30
    assert [term for term, times in Counter(terms).items() if times > 1] == []
    assert rows == sorted(rows, key=str.casefold)
