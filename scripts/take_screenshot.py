"""Starts the demo company in an empty folder, does what a responder does first, and takes the picture of the README."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, expect, sync_playwright

HERE = Path(__file__).parent.parent
PICTURE = HERE / "docs" / "images" / "incident.png"
WIDTH, HEIGHT = 1280, 945
LARGEST_BYTES = 300_000
STOP_SECONDS = 30
TITLE = "Card payments fail at checkout"


def main() -> None:
    expect.set_options(timeout=20_000)
    chromium = (
        os.environ.get("RALLYPOINT_TEST_CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    )
    if not chromium:
        sys.exit("Chromium is missing: apt-get install -y chromium")
    folder = Path(tempfile.mkdtemp(prefix="rallypoint-screenshot-"))
    folder.chmod(0o711)  # as root, the server under it runs as somebody else
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("RALLYPOINT_")},
        "RALLYPOINT_DATA": str(folder / "data"),
        "RALLYPOINT_PORT": "0",
        "RALLYPOINT_LOG_LEVEL": "warning",
    }
    command = [sys.executable, "-m", "rallypoint.edges.cli.main", "demo", "--json"]
    with subprocess.Popen(command, env=environment, cwd=HERE, stdout=subprocess.PIPE, text=True) as demo:
        try:
            assert demo.stdout is not None
            said = json.loads(demo.stdout.readline())
            if "login_url" not in said:
                sys.exit(f"the demo did not start: {said}")
            take(chromium, said["login_url"])
        finally:
            demo.terminate()
            try:
                demo.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                demo.kill()
            shutil.rmtree(folder, ignore_errors=True)
    size = PICTURE.stat().st_size
    if size > LARGEST_BYTES:
        sys.exit(f"{PICTURE} has {size:,} bytes, more than {LARGEST_BYTES:,}")
    print(f"{PICTURE.relative_to(HERE)}: {WIDTH} px wide, {size // 1000} kB")


def take(chromium: str, login_url: str) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        context = browser.new_context(
            viewport={"width": WIDTH, "height": HEIGHT},
            color_scheme="light",
            reduced_motion="reduce",
            timezone_id="Europe/Berlin",
            locale="en-GB",
        )
        page = context.new_page()
        page.goto(login_url)
        page.get_by_role("button", name="Sign in").click()
        page.get_by_role("link", name=TITLE).first.click()
        work(page)
        page.mouse.move(0, 0)
        page.screenshot(path=PICTURE)
        browser.close()


def work(page: Page) -> None:
    """Take command, suspect something, give out a task, tell the public: a page in use, nobody left waiting."""
    page.get_by_role("button", name="Take command").first.click()
    expect(page.locator("#head")).to_contain_text("commanded by")
    say(page, "Hypothesis", "The pool of database connections is exhausted since the last release.")
    say(page, "Decision", "Roll payments back to the release before; it takes six minutes.")
    say(page, "Update", "Some card payments fail. Paying by invoice works.", private=False)
    page.goto(page.url.partition("?")[0].partition("#")[0])
    expect(page.locator("#story")).to_contain_text("Public update")


def say(page: Page, kind: str, text: str, *, private: bool = True) -> None:
    page.locator(".composer label", has_text=kind).first.click()
    page.get_by_label("What happened").fill(text)
    if not private:
        page.get_by_label("Private to responders").uncheck()
    page.get_by_role("button", name="Add to timeline").click()
    expect(page.get_by_label("What happened")).to_have_value("")


if __name__ == "__main__":
    main()
