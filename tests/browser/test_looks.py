"""Every screen at 390 and 1280 px, light and dark: nothing sideways, nothing from outside, and axe finds nothing."""

import pytest
from axe_playwright_python.sync_playwright import Axe

from tests.browser.conftest import DESK, PHONE, Open

INSIDE = (
    "/",
    "/board",
    "/board?open=0",
    "/declare",
    "/i/{worst}",
    "/i/{worst}?show=all",
    "/i/{reviewed}",
    "/i/{reviewed}/retrospective",
    "/oncall",
    "/oncall/new",
    "/oncall/commerce",
    "/oncall/dry-run?service=payments",
    "/oncall/policies",
    "/services",
    "/services/payments",
    "/alerts",
    "/alerts/1",
    "/alerts/integrations",
    "/alerts/integrations/1",
    "/learning",
    "/insight",
    "/me",
    "/admin",
    "/admin/domains",
    "/admin/status",
    "/admin/keys",
    "/admin/audit?verify=1",
    "/sandbox/phone",
    "/help",
)
OUTSIDE = ("/signin", "/report", "/status")
FEW_ROWS = """() => document.querySelectorAll("tbody > tr:nth-child(n + 13), .rows > li:nth-child(n + 25)")
    .forEach((row) => row.remove())"""
"""Rows after the first dozen are like those before them; axe looks at each for as long as at the first."""


@pytest.fixture
def numbers(window: Open) -> dict[str, int]:
    """The incident at the top of the board, and one that has been reviewed."""
    seen = window()
    seen.page.goto("/board")
    worst = seen.page.locator("[data-rows] .title a").first.get_attribute("href") or ""
    seen.page.goto("/learning")
    reviewed = seen.page.locator("[data-rows] .title a").first.get_attribute("href") or ""
    return {"worst": int(worst.split("/")[2]), "reviewed": int(reviewed.split("/")[2])}


ONLY_ON_A_DESK = ".desk, .off, thead, .top"
CONTRAST = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
ASK = """([options, parts]) => {
  const looked = parts ? document.querySelectorAll(parts) : document;
  window.asked = axe.run(looked, {resultTypes: ["violations"], ...options});
}"""
TELL = "() => window.asked.then((results) => results.violations)"


def look_at(window: Open, paths: list[str], *, signed_in: bool) -> list[str]:
    """What is wrong with these pages, in words; empty when nothing is.

    Everything is asked on a desk by day and on a phone by night, side by side: asking is slow. Of axe's rules only
    contrast can tell day from night, so what only a desk has is asked that one again in the dark.
    """
    seen = {size: window(size=size, signed_in=signed_in) for size in (DESK, PHONE)}
    found, axe = list[str](), Axe()

    def hear(size: tuple[int, int], scheme: str) -> None:
        for violation in seen[size].page.evaluate(TELL):
            nodes = "; ".join(node["html"][:160] for node in violation["nodes"][:3])
            found.append(f"{path}, {size[0]} px, {scheme}: {violation['id']}: {violation['help']}: {nodes}")

    for path in paths:
        answered = []
        for size, shown in seen.items():
            answer = shown.page.goto(path)
            answered.append(answer.status if answer else 0)
            width = shown.page.evaluate("document.documentElement.scrollWidth")
            if width > size[0]:
                found.append(f"{path}: {width} px wide on a screen of {size[0]}")
        if answered != [200, 200]:
            found.append(f"{path}: answered {answered}")
            continue
        for size, scheme in ((DESK, "light"), (PHONE, "dark")):
            shown = seen[size]
            shown.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            shown.page.evaluate(FEW_ROWS)
            shown.page.evaluate(axe.axe_script)
            shown.page.evaluate(ASK, [{}, ""])
        hear(DESK, "light")
        seen[DESK].page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        seen[DESK].page.evaluate(ASK, [CONTRAST, ONLY_ON_A_DESK])
        hear(PHONE, "dark")
        hear(DESK, "dark")
    return found + [complaint for shown in seen.values() for complaint in shown.complaints]


def test_axe_would_see_pale_words_in_the_dark(window: Open) -> None:
    """The short cuts of look_at still see: a word that can be read by day only is found, and nothing else."""
    page, axe = window().page, Axe()
    page.goto("/help")
    page.evaluate("document.querySelector('h1').style.color = 'light-dark(#000, #222)'")
    page.evaluate(axe.axe_script)
    counted = []
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        page.evaluate(ASK, [CONTRAST, ""])
        counted.append(len(page.evaluate(TELL)))
    assert counted == [0, 1]


@pytest.mark.parametrize(("paths", "signed_in"), [(INSIDE, True), (OUTSIDE, False)], ids=["inside", "outside"])
def test_every_screen_stands_up_to_axe_and_stays_in_its_frame(
    window: Open, numbers: dict[str, int], paths: tuple[str, ...], signed_in: bool
) -> None:
    found = look_at(window, [path.format(**numbers) for path in paths], signed_in=signed_in)
    assert not found, "\n".join(found)


def test_nothing_scrolls_sideways_on_the_narrowest_phone(window: Open, numbers: dict[str, int]) -> None:
    seen, found = window(size=(320, 640)), []
    for path in ("/", "/board", f"/i/{numbers['worst']}", "/oncall", "/status", "/declare", "/insight"):
        seen.page.goto(path)
        if (width := seen.page.evaluate("document.documentElement.scrollWidth")) > 320:
            found.append(f"{path}: {width}")
    assert not found
