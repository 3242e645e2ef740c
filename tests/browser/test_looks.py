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
LOOKS = ((DESK, "light"), (DESK, "dark"), (PHONE, "light"), (PHONE, "dark"))


@pytest.fixture
def numbers(window: Open) -> dict[str, int]:
    """The incident at the top of the board, and one that has been reviewed."""
    seen = window()
    seen.page.goto("/board")
    worst = seen.page.locator("[data-rows] .title a").first.get_attribute("href") or ""
    seen.page.goto("/learning")
    reviewed = seen.page.locator("[data-rows] .title a").first.get_attribute("href") or ""
    return {"worst": int(worst.split("/")[2]), "reviewed": int(reviewed.split("/")[2])}


def look_at(window: Open, paths: list[str], size: tuple[int, int], scheme: str, *, signed_in: bool) -> list[str]:
    """What is wrong with these pages, in words; empty when nothing is."""
    seen, found, axe = window(size=size, scheme=scheme, signed_in=signed_in), list[str](), Axe()
    for path in paths:
        answer = seen.page.goto(path)
        if answer is None or answer.status != 200:
            found.append(f"{path}: answered {answer.status if answer else 'nothing'}")
            continue
        width = seen.page.evaluate("document.documentElement.scrollWidth")
        if width > size[0]:
            found.append(f"{path}: {width} px wide on a screen of {size[0]}")
        for violation in axe.run(seen.page).response["violations"]:
            nodes = "; ".join(node["html"][:160] for node in violation["nodes"][:3])
            found.append(f"{path}: {violation['id']}: {violation['help']}: {nodes}")
    return found + seen.complaints


@pytest.mark.parametrize(("size", "scheme"), LOOKS)
def test_every_screen_stands_up_to_axe_and_stays_in_its_frame(
    window: Open, numbers: dict[str, int], size: tuple[int, int], scheme: str
) -> None:
    found = look_at(window, [path.format(**numbers) for path in INSIDE], size, scheme, signed_in=True)
    found += look_at(window, list(OUTSIDE), size, scheme, signed_in=False)
    assert not found, "\n".join(found)


def test_nothing_scrolls_sideways_on_the_narrowest_phone(window: Open, numbers: dict[str, int]) -> None:
    seen, found = window(size=(320, 640)), []
    for path in ("/", "/board", f"/i/{numbers['worst']}", "/oncall", "/status", "/declare", "/insight"):
        seen.page.goto(path)
        if (width := seen.page.evaluate("document.documentElement.scrollWidth")) > 320:
            found.append(f"{path}: {width}")
    assert not found
