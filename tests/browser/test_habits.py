"""Keys, palette, theme, refusals that say why, and a whole incident without any script."""

import re

from playwright.sync_api import expect

from tests.browser.conftest import Open


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
