"""Documents as text: what is written reads back the same, and what cannot be read says why."""

import tomllib
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rallypoint.edges.code import files, toml
from rallypoint.errors import Invalid

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=20)
SCALARS = st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXT | st.dates()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4), max_leaves=15
)


@given(st.dictionaries(TEXT, VALUES, max_size=5))
def test_what_is_written_reads_back_the_same(document: dict[str, Any]) -> None:
    assert tomllib.loads(toml.dumps(document)) == document


def test_it_reads_well() -> None:
    document = {
        "version": 1,
        "people": [{"email": "bea@example.com", "roles": ["admin"]}, {"email": "bob@example.com", "roles": []}],
        "status_page": {"name": 'Say "hi"'},
        "schedules": [{"key": "a", "rotations": [{"starts_on": date(2026, 1, 5)}]}],
    }
    assert toml.dumps(document) == (
        'version = 1\n\n[[people]]\nemail = "bea@example.com"\nroles = ["admin"]\n\n'
        '[[people]]\nemail = "bob@example.com"\nroles = []\n\n[status_page]\nname = "Say \\"hi\\""\n\n'
        '[[schedules]]\nkey = "a"\n\n[[schedules.rotations]]\nstarts_on = 2026-01-05\n'
    )


def test_toml_and_json_by_the_name_of_the_file(tmp_path: Path) -> None:
    document = {"version": 1, "teams": [{"key": "a", "members": ["x"]}]}
    for name in ("set-up.toml", "set-up.json", "set-up.JSON"):
        kind = "json" if name.lower().endswith("json") else "toml"
        (tmp_path / name).write_text(files.write(document, kind))
        assert files.read(tmp_path / name) == document


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.toml", b"people = ["),
        ("a.json", b"{"),
        ("a.json", b"[]"),
        ("a.json", b"[" * 100_000),
        ("a.toml", b"\xff\xfe"),
        ("a.toml", b'a = "x\x00"'),
        ("missing.toml", None),
    ],
)
def test_what_cannot_be_read_says_so(tmp_path: Path, name: str, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(Invalid):
        files.read(tmp_path / name)
