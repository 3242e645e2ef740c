"""Keys, palette, theme, refusals that say why, and a whole incident without any script."""

import json
import re
import urllib.request

import pytest
from playwright.sync_api import Page, expect

from rallypoint.edges.web import app
from rallypoint.edges.web.routing import PERMISSIONS
from rallypoint.edges.web.screen import PLACES
from tests.browser.conftest import Demo, Open


def newest_incident(page: Page) -> str:
    page.goto("/board")
    return str(page.locator("[data-rows] .title a").last.get_attribute("href"))


def test_keys_walk_the_board_and_open_the_palette(window: Open) -> None:
    seen = window()
    page = seen.page
    page.goto("/board")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.locator("[data-rows] > tr").nth(1)).to_have_class(re.compile("is-here"))
    page.keyboard.press("x")
    expect(page.locator("[data-rows] > tr").nth(1).get_by_role("checkbox")).to_be_checked()
    expect(page.get_by_role("group", name="With the ticked incidents")).to_be_visible()
    page.keyboard.press("Control+k")
    field = page.get_by_role("searchbox", name="Search or command")
    field.fill("services")
    page.keyboard.press("Enter")
    page.wait_for_url("**/services")
    page.keyboard.press("g")
    page.keyboard.press("o")
    page.wait_for_url("**/oncall")
    page.keyboard.press("?")
    page.wait_for_url("**/help#keys")
    seen.sound()


def test_the_theme_is_chosen_and_kept(window: Open) -> None:
    seen = window()
    seen.page.goto("/")
    seen.page.get_by_role("button", name="Dark").click()
    assert seen.page.evaluate("document.documentElement.dataset.theme") == "dark"
    seen.page.goto("/board")
    assert seen.page.locator("html").get_attribute("data-theme") == "dark"


def test_a_refusal_says_why_and_keeps_what_was_typed(window: Open) -> None:
    seen = window()
    page = seen.page
    page.goto("/declare")
    page.evaluate("document.querySelector('form.stack-form').noValidate = true")
    page.get_by_label("Service", exact=True).select_option(label="search")
    page.get_by_role("button", name="Declare it").click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.get_by_label("Service", exact=True)).to_have_value("search")
    expect(page.get_by_label("What is broken")).to_have_attribute("aria-invalid", "true")


def test_an_incident_is_worked_without_any_script(window: Open) -> None:
    seen = window(script=False)
    page = seen.page
    page.goto("/declare")
    page.get_by_label("What is broken").fill("Prices show without tax")
    page.get_by_label("Service", exact=True).select_option(label="catalogue")
    page.get_by_label("Impact", exact=True).select_option("minor")
    page.get_by_label("Urgency", exact=True).select_option("low")
    page.get_by_role("button", name="Declare it").click()
    page.wait_for_url(re.compile(r"/i/\d+$"))
    expect(page.locator("main")).to_contain_text("P4")
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.locator(".flash")).to_contain_text("Acknowledged")
    page.get_by_label("What happened").fill("The tax table was empty after the import.")
    page.get_by_role("button", name="Add to timeline").click()
    page.goto(page.url + "?show=all")
    expect(page.locator("#story")).to_contain_text("The tax table was empty after the import.")
    page.goto(page.url.partition("?")[0])
    page.locator("summary", has_text="Mark restored").click()
    page.locator("form[action$='/restore'] button").click()
    expect(page.locator("#head")).to_contain_text("Restored")


def test_a_form_from_elsewhere_is_refused(window: Open) -> None:
    seen = window()
    answer = seen.page.request.post(
        "/me/test", headers={"origin": "http://evil.example", "sec-fetch-site": "cross-site"}
    )
    assert answer.status == 409
    assert "not sent from a page of ours" in answer.text()


def test_what_needs_a_session_asks_for_one_and_comes_back(window: Open) -> None:
    seen = window(signed_in=False)
    seen.page.goto("/insight")
    seen.page.wait_for_url("**/signin?next=/insight")
    answer = seen.page.goto("/i/1")
    assert answer is not None
    assert "/signin" in seen.page.url
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


def test_a_note_that_is_too_long_or_not_answered_is_kept(window: Open) -> None:
    page = window().page
    page.goto(newest_incident(page))
    typed = page.get_by_label("What happened")
    typed.evaluate("(field) => { field.value = 'x'.repeat(1_200_000); }")
    page.get_by_role("button", name="Add to timeline").click()
    expect(page.locator(".composer").get_by_role("alert")).to_contain_text("too long to send")
    assert len(typed.input_value()) == 1_200_000
    typed.fill("Short enough")
    page.context.set_offline(True)
    page.get_by_role("button", name="Add to timeline").click()
    expect(page.locator(".composer").get_by_role("alert")).to_contain_text("cannot be reached")
    expect(typed).to_have_value("Short enough")
    page.context.set_offline(False)
    page.get_by_role("button", name="Add to timeline").click()
    expect(page.locator("#story")).to_contain_text("Short enough")


def test_without_script_too_much_is_answered_413_with_a_way_out(window: Open) -> None:
    page = window().page
    page.goto("/declare")
    page.get_by_label("What is broken").fill("A very long story")
    page.locator("textarea[name=description]").evaluate("(field) => { field.value = 'x'.repeat(3_000_000); }")
    with page.expect_response(lambda answer: answer.request.method == "POST") as answered:
        page.get_by_role("button", name="Declare it").click()
    assert answered.value.status == 413
    expect(page.locator("main")).to_contain_text("A form may hold 1 MB")
    page.go_back()
    expect(page.get_by_label("What is broken")).to_have_value("A very long story")


def test_a_sheet_opens_by_key_takes_the_focus_and_gives_it_back(window: Open) -> None:
    seen = window()
    page = seen.page
    page.goto(newest_incident(page))
    page.keyboard.press("e")
    expect(page.get_by_label("Kind", exact=True)).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("details.pop[open]")).to_have_count(0)
    expect(page.locator("#head summary", has_text="Escalate")).to_be_focused()
    seen.sound()


def test_a_reporter_is_shown_what_reporters_may_open(window: Open, demo: Demo) -> None:
    page = window(signed_in=False).page
    page.goto(demo.link_for("wanda@lantern.example"))
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/report")
    expect(page.get_by_role("navigation", name="Main").get_by_role("link")).to_have_text(["Report", "Status page"])
    answer = page.goto("/board")
    assert answer is not None
    assert answer.status == 403
    expect(page.locator("main")).to_contain_text("Who may: admin")


def test_the_public_history_of_the_demo_says_once_that_something_is_over(demo: Demo) -> None:
    with urllib.request.urlopen(demo.url + "/status/api/v2/incidents.json", timeout=30) as answer:
        told = json.load(answer)["incidents"]
    over = [[u["body"] for u in one["incident_updates"] if u["status"] == "resolved"] for one in told
            if one["status"] == "resolved"]  # fmt: skip
    assert len(over) > 10
    assert [texts for texts in over if len(texts) != 1] == []


def test_the_main_list_asks_for_what_its_pages_ask_for() -> None:
    assert app.routes()
    assert {to: needed for _, to, _, needed in PLACES} == {to: PERMISSIONS["GET", to] for _, to, _, _ in PLACES}


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/i/99999999999999999999999", 404),
        ("/alerts/9999999999999999999", 404),
        ("/oncall/commerce?week=9999-12-31", 200),
        ("/oncall/dry-run?service=payments&at=9999-12-31T23:00", 422),
        ("/oncall/dry-run?service=payments&at=0001-01-01T00:00", 422),
        ("/sandbox/phone?person=²", 200),
        ("/board?cursor=nonsense", 422),
    ],
)
def test_addresses_that_nobody_meant_are_told_so(window: Open, path: str, status: int) -> None:
    assert window().page.request.get(path).status == status
