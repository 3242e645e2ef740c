"""docs/connectors, done as they say: what is to be pasted is pasted, what is to be tried is tried."""

import json
import re
import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rallypoint.connectors.signals import SOURCES
from rallypoint.connectors.trackers import TOOLS
from rallypoint.connectors.webhook import signature
from tests.live import until
from tests.partners.conftest import Place
from tests.partners.programs import program

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs" / "connectors"
PAGES = sorted(FOLDER.glob("*.md"))
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```\n(?:Answer: `(\d+)`)?", re.MULTILINE | re.DOTALL)
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def blocks(page: Path, language: str) -> list[tuple[str, str]]:
    """The blocks of a page in this language, each with the answer that it promises."""
    return [(text, answer) for tag, text, answer in BLOCK.findall(page.read_text()) if tag == language]


def to_try() -> Iterator[Any]:
    for page in PAGES:
        for number, (text, answer) in enumerate(blocks(page, "sh"), 1):
            yield pytest.param(page.stem, text, answer, id=f"{page.stem}-{number}")


def filled(place: Place, kind: str, text: str) -> str:
    """What a reader does: the own address and the own key instead of the examples."""
    text = text.replace("https://rallypoint.example.org", place.live.url).replace("<key>", place.key(kind))
    return text.replace("rallypoint.example.org", place.live.url.partition("://")[2])


@pytest.mark.parametrize(("kind", "text", "promised"), list(to_try()))
def test_what_is_to_be_tried_answers_as_promised(place: Place, kind: str, text: str, promised: str) -> None:
    assert promised, "each block to be tried says what is answered"
    words = [program("curl", "curl"), *shlex.split(filled(place, kind, text.strip()))[1:]]
    words += ["-sS", "--noproxy", "*", "-m", "20", "-o", "-", "-w", r"\n%{http_code}"]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    said, _, status = done.stdout.rpartition("\n")
    assert status == promised, said


def test_the_prometheus_page_and_the_readme_hold_a_good_configuration(place: Place, tmp_path: Path) -> None:
    promtool = program("promtool", "prometheus")
    [(config, _), (rules, _)] = blocks(FOLDER / "prometheus.md", "yaml")
    [readme] = [text for text, _ in blocks(ROOT / "README.md", "yaml") if "path_prefix" in text]
    (tmp_path / "rules.yml").write_text(rules)
    for text in (filled(place, "prometheus", config), readme.replace("<key>", place.key("prometheus"))):
        (tmp_path / "prometheus.yml").write_text(text + "rule_files: [rules.yml]\n")
        done = subprocess.run(
            [promtool, "check", "config", str(tmp_path / "prometheus.yml")], capture_output=True, text=True, timeout=20
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert "1 rules found" in done.stdout


def test_the_alertmanager_page_holds_a_good_configuration(place: Place, tmp_path: Path) -> None:
    amtool = program("amtool", "prometheus-alertmanager")
    [(config, _)] = blocks(FOLDER / "alertmanager.md", "yaml")
    (tmp_path / "alertmanager.yml").write_text(filled(place, "alertmanager", config))
    command = [amtool, "check-config", str(tmp_path / "alertmanager.yml")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=20)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_webhook_page_shows_the_message_that_is_sent(place: Place) -> None:
    [(example, _)] = blocks(FOLDER / "webhook.md", "json")
    shown = json.loads(example)
    assert place.live.alert("docs").status_code == 202
    [page] = until(lambda: place.ledger.of("docs"), within=20, what="a page")
    assert _form(page.body) == _form(shown)
    assert list(page.body["data"]) == list(shown["data"])
    for name in ("url", "ack_url"):
        real, example = page.body["data"][name], shown["data"][name]
        assert _path(real) == _path(example), name


def _form(value: Any) -> Any:
    return {name: _form(one) for name, one in value.items()} if isinstance(value, dict) else type(value)


def _path(address: str) -> str:
    """The address without host, number and token."""
    return re.sub(r"\d+$|[a-z0-9]{32}$", "…", address.partition("://")[2].partition("/")[2])


def test_the_example_on_the_webhook_page_verifies_what_we_sign() -> None:
    [(code, _)] = blocks(FOLDER / "webhook.md", "python")
    names: dict[str, Any] = {}
    exec(compile(code, "webhook.md", "exec"), names)
    verify, now, body = names["verify"], int(names["time"].time()), '{"title": "Größe"}'.encode()

    def headers(at: int, of: bytes = body) -> dict[str, str]:
        signed = signature(SECRET, message_id="rp-1", timestamp=at, body=of)
        return {"webhook-id": "rp-1", "webhook-timestamp": str(at), "webhook-signature": f"v1,b3RoZXI= {signed}"}

    verify(SECRET, headers(now), body)
    for bad in (headers(now - 400), headers(now + 400), headers(now, b"{}"), {**headers(now), "webhook-id": "rp-2"}):
        with pytest.raises(ValueError):
            verify(SECRET, bad, body)


def test_every_connector_has_the_page_it_names() -> None:
    for page in [*(one.about.teaches for one in SOURCES.values()), *(one.teaches for one in TOOLS.values())]:
        assert (ROOT / page).is_file(), page
    listed = set(re.findall(r"\]\(([\w-]+\.md)\)", (FOLDER / "README.md").read_text()))
    assert listed == {page.name for page in PAGES} - {"README.md"}
