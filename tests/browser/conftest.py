"""The demo company, really served, and Debian's Chromium to look at it with.

Without Chromium these tests skip and name what to install; with CI=true a missing browser is an error.
"""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

INSTALL = "Chromium is missing: apt-get install -y chromium"
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DESK, PHONE = (1280, 900), (390, 844)
READY_SECONDS = 240


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.timeout(READY_SECONDS + 60))


@dataclass(frozen=True, kw_only=True)
class Demo:
    """The demo as it says of itself when it is ready."""

    url: str
    login_url: str
    api_key: str
    integrations: dict[str, dict[str, str]]
    sandboxes: dict[str, dict[str, Any]]
    environment: dict[str, str]

    def link_for(self, email: str) -> str:
        """A fresh one-time login link, as an admin would make it."""
        command = [sys.executable, "-m", "rallypoint.edges.cli.main", "user", "link", email, "--json"]
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=True, timeout=60)
        return str(json.loads(done.stdout)["login_url"])


@pytest.fixture(scope="package")
def chromium() -> str:
    found = os.environ.get("RALLYPOINT_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    if found:
        return found
    if os.environ.get("CI") == "true":
        pytest.fail(INSTALL)
    pytest.skip(INSTALL)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="package")
def demo(chromium: str) -> Iterator[Demo]:
    """`rallypoint demo --json`, from an empty folder, as a newcomer starts it."""
    folder = Path(tempfile.mkdtemp(prefix="rp-browser-"))
    folder.chmod(0o711)
    port = free_port()
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("RALLYPOINT_")},
        "RALLYPOINT_DATA": str(folder / "data"),
        "RALLYPOINT_PORT": str(port),
        "RALLYPOINT_LOG_LEVEL": "warning",
    }
    log = (folder / "demo.log").open("w")
    command = [sys.executable, "-m", "rallypoint.edges.cli.main", "demo", "--json"]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=log, text=True)
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if '"login_url"' not in line:
            pytest.fail(f"the demo did not start: {line}{(folder / 'demo.log').read_text()[-3000:]}")
        said = json.loads(line)
        yield Demo(
            url=said["url"],
            login_url=said["login_url"],
            api_key=said["api_key"],
            integrations=said["integrations"],
            sandboxes=said["sandboxes"],
            environment=environment,
        )
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
        log.close()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=list(ARGUMENTS))
        yield launched
        launched.close()


@dataclass(kw_only=True)
class Window:
    """A browser window and what went wrong in it: console errors, failures, requests to anywhere else."""

    page: Page
    context: BrowserContext
    complaints: list[str] = field(default_factory=list)

    def sound(self) -> None:
        assert not self.complaints, "\n".join(self.complaints)


Open = Callable[..., Window]


@pytest.fixture(scope="package")
def session_cookie(demo: Demo, browser: Browser) -> dict[str, str]:
    """Ines signs in once, by her one-time link, which shows a button first."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(demo.login_url)
    assert page.get_by_role("heading", name="Sign in as Ines Keller").is_visible()
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(demo.url + "/")
    cookie = next(c for c in context.cookies() if c["name"] == "rallypoint_session")
    context.close()
    return {"name": "rallypoint_session", "value": str(cookie["value"]), "url": demo.url}


@pytest.fixture
def window(demo: Demo, browser: Browser, session_cookie: dict[str, str]) -> Iterator[Open]:
    """Opens windows: `window(size=PHONE, scheme="dark", signed_in=False, script=False)`."""
    opened: list[Window] = []

    def open_window(
        size: tuple[int, int] = DESK, scheme: str = "light", signed_in: bool = True, script: bool = True
    ) -> Window:
        context = browser.new_context(
            viewport={"width": size[0], "height": size[1]},
            color_scheme=scheme,  # type: ignore[arg-type]
            timezone_id="Europe/Berlin",
            locale="en-GB",
            java_script_enabled=script,
            base_url=demo.url,
        )
        if signed_in:
            context.add_cookies([session_cookie])  # type: ignore[list-item]
        page = context.new_page()
        page.set_default_timeout(15_000)
        made = Window(page=page, context=context)
        page.on("console", lambda m: made.complaints.append(f"{page.url}: {m.text}") if m.type == "error" else None)
        page.on("pageerror", lambda problem: made.complaints.append(f"{page.url}: {problem}"))
        page.on(
            "request",
            lambda r: None if r.url.startswith((demo.url, "data:")) else made.complaints.append(f"external: {r.url}"),
        )
        opened.append(made)
        return made

    yield open_window
    for made in opened:
        made.context.close()
