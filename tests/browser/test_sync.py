"""A tool connected, a mapping tried and turned on, an item made and a conflict decided, with an emulated ServiceNow."""

import base64
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PHONE, Demo, Open
from tests.browser.test_looks import ASK, TELL, look_at

SLOW = 30_000
"""Milliseconds until a change must have come over from the tool, or gone there."""

TRIES = 6


@dataclass(frozen=True, kw_only=True)
class Instance:
    """An emulated ServiceNow and somebody who works there."""

    url: str
    user: str
    accounts: dict[str, str]

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
        known = base64.b64encode(f"admin:{self.accounts['admin']}".encode()).decode()
        headers = {"authorization": f"Basic {known}", "accept": "application/json", "content-type": "application/json"}
        data = json.dumps(body).encode() if body is not None else None
        with urlopen(Request(self.url + path, data=data, headers=headers, method=method), timeout=20) as answer:
            return json.load(answer)["result"]

    def records(self, title: str) -> list[dict[str, Any]]:
        found = self.call("GET", "/api/now/table/incident?sysparm_limit=50")
        return [one for one in found if one["short_description"] == title]


@pytest.fixture(scope="module")
def instance() -> Iterator[Instance]:
    command = [sys.executable, "-m", "rallypoint.emulators.servicenow", "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        yield Instance(url=said["url"], user=said["user"], accounts=said["accounts"])
    finally:
        process.terminate()
        process.wait(20)
        if process.stdout is not None:
            process.stdout.close()


@pytest.fixture(scope="module")
def mapping(demo: Demo, browser: Browser, session_cookie: dict[str, str], instance: Instance) -> str:
    """ServiceNow connected and a mapping turned on, all without any script: the way a newcomer goes."""
    context = browser.new_context(base_url=demo.url, java_script_enabled=False)
    context.add_cookies([session_cookie])  # type: ignore[list-item]
    page = context.new_page()
    page.set_default_timeout(SLOW)
    page.goto("/admin")
    page.get_by_role("link", name="Connections").click()
    page.get_by_role("link", name="Connect a tool").click()
    page.get_by_role("link", name="ServiceNow").click()
    page.get_by_label("Address").fill(instance.url)
    page.get_by_label("User", exact=True).fill(instance.user)
    page.get_by_label("Password", exact=True).fill("not this one")
    page.get_by_role("button", name="Save and try it").click()
    expect(page.get_by_role("alert")).to_contain_text("does not let us in yet")
    page.get_by_label("Password", exact=True).fill(instance.accounts[instance.user])
    page.get_by_role("button", name="Save and try it").click()
    expect(page.locator(".flash")).to_contain_text("ServiceNow lets us in")
    page.get_by_role("link", name="Make a mapping").click()
    page.get_by_role("button", name="Suggest a mapping").click()
    expect(page.get_by_label("Title is linked with")).to_have_value("short_description")
    page.get_by_label("Who wins on Title").select_option("ask")
    page.get_by_role("button", name="Turn on").click()
    expect(page.locator(".flash")).to_contain_text("It is on")
    path = page.url.removeprefix(demo.url)
    context.close()
    return path


def declare(page: Page, title: str) -> str:
    page.goto("/declare")
    page.get_by_label("What is broken").fill(title)
    page.get_by_label("Impact", exact=True).select_option("minor")
    page.get_by_label("Urgency", exact=True).select_option("low")
    page.get_by_role("button", name="Declare it").click()
    page.wait_for_url(re.compile(r"/i/\d+$"))
    return page.url


def under_ours(page: Page) -> None:
    """The demo has mappings of its own; those of this test's instance are named after it."""
    where = page.locator("#f-elsewhere details[open]").get_by_label("Where")
    ours = where.locator("option", has_text="ServiceNow incident").get_attribute("value")
    where.select_option(str(ours))


def make_an_item(page: Page) -> None:
    here = page.locator("#f-elsewhere")
    here.locator("summary", has_text="Create").click()
    under_ours(page)
    here.get_by_role("button", name="Create an item").click()
    expect(page.locator("#f-elsewhere")).to_contain_text("in step", timeout=SLOW)


def comes(page: Page, path: str, where: str, text: str) -> None:
    """Open a page until it shows this: what happens while a page is being opened is not heard by it."""
    for _ in range(TRIES):
        page.goto(path)
        try:
            expect(page.locator(where).filter(has_text=text).first).to_be_visible(timeout=SLOW / TRIES)
        except AssertionError:
            continue
        return
    pytest.fail(f"{path} never showed {text!r}")


def pause(page: Page) -> None:
    page.goto("/admin/connections/servicenow")
    page.locator("summary", has_text="Pause").click()
    page.get_by_role("button", name="Pause it").click()
    expect(page.locator(".flash")).to_contain_text("Paused")


def test_a_mapping_is_tried_on_an_incident_and_refusals_keep_what_was_typed(window: Open, mapping: str) -> None:
    page = window().page
    number = declare(page, "Gift cards are declined").rpartition("/")[2]
    page.goto(mapping)
    page.get_by_label("Incident", exact=True).fill(f"INC-{number}")
    page.get_by_role("button", name="Show what would be written").click()
    tried = page.locator("#rehearsal")
    expect(tried).to_contain_text("An item would be made")
    expect(tried.locator(".will").first).to_have_text("Gift cards are declined")
    page.get_by_label("Who wins on Description").select_option("remote")
    page.get_by_label("Incidents, condition 1, field").select_option("priority")
    page.get_by_role("button", name="Turn on as version 2").click()
    expect(page.get_by_role("alert")).to_contain_text("has to change")
    expect(page.get_by_label("Incidents, condition 1, values")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_label("Who wins on Description")).to_have_value("remote")
    page.get_by_label("Incidents, condition 1, values").fill("P1, P2")
    page.get_by_role("button", name="Turn on as version 2").click()
    expect(page.locator(".flash")).to_contain_text("Version 2 is on")
    page.get_by_role("button", name="Back to this").click()
    expect(page.locator(".flash")).to_contain_text("version 1 are on, as version 3")
    expect(page.get_by_label("Incidents, condition 1, values")).to_have_value("")


def test_what_else_follows_is_set_on_a_phone_at_night_and_stands_up_to_axe(window: Open, mapping: str) -> None:
    page = window(size=PHONE, scheme="dark").page
    page.goto(mapping)
    page.get_by_label("At most, in MB").fill("5")
    page.get_by_label("Who is who").fill("noor@example.com = Beth Anglin")
    page.get_by_label("Somebody who is not known there").select_option("as text")
    page.get_by_label("When an item is deleted in ServiceNow").select_option("cancel")
    page.locator("summary", has_text="How values change on their way").click()
    page.get_by_label("Title, at most so many characters").fill("80")
    page.get_by_role("button", name="Send some elsewhere").click()
    expect(page.get_by_label("Rule 1, goes to")).to_be_visible()
    page.locator("summary", has_text="How values change on their way").click()
    expect(page.get_by_label("Title, at most so many characters")).to_have_value("80")
    page.evaluate(Axe().axe_script)
    page.evaluate(ASK, [{}, ""])
    assert page.evaluate(TELL) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    page.get_by_role("button", name=re.compile("Turn on as version")).click()
    expect(page.locator(".flash")).to_contain_text("is on")
    page.goto(mapping)
    expect(page.get_by_label("At most, in MB")).to_have_value("5")
    expect(page.get_by_label("Somebody who is not known there")).to_have_value("as text")
    expect(page.get_by_label("When an item is deleted in ServiceNow")).to_have_value("cancel")


def test_an_item_is_made_and_what_is_said_there_stands_on_the_timeline(
    window: Open, mapping: str, instance: Instance
) -> None:
    seen = window()
    page = seen.page
    incident = declare(page, "Vouchers print blank")
    make_an_item(page)
    [record] = instance.records("Vouchers print blank")
    expect(page.locator("#f-elsewhere")).to_contain_text(record["number"])
    instance.call("PATCH", f"/api/now/table/incident/{record['sys_id']}", {"comments": "The toner was empty."})
    page.goto("/admin/connections/servicenow")
    page.get_by_role("button", name="Check now").click()
    expect(page.get_by_role("status")).to_contain_text("Signed in as")
    page.goto(f"{incident}?show=tools")
    pause(page)
    page.get_by_role("button", name="Resume").click()
    comes(page, f"{incident}?show=tools", "#story", "The toner was empty.")
    expect(page.locator("#story")).to_contain_text("in ServiceNow")
    seen.sound()


def test_an_item_that_is_there_is_linked_by_its_number(window: Open, mapping: str, instance: Instance) -> None:
    page = window().page
    record = instance.call("POST", "/api/now/table/incident", {"short_description": "Returns hang"})
    incident = declare(page, "Returns hang")
    page.locator("#f-elsewhere summary", has_text="Link").click()
    under_ours(page)
    page.get_by_label("Its id or key").fill("INC9999999")
    page.get_by_role("button", name="Link the item").click()
    expect(page.get_by_role("alert").first).to_contain_text("no record that we may read has this number")
    expect(page.get_by_label("Its id or key")).to_have_value("INC9999999")
    page.get_by_label("Its id or key").fill(record["number"])
    page.get_by_role("button", name="Link the item").click()
    expect(page.locator("#f-elsewhere")).to_contain_text(record["number"])
    page.goto(incident)
    page.locator("#f-elsewhere summary", has_text="Part").click()
    page.get_by_role("button", name="Part them").click()
    expect(page.locator("#f-elsewhere")).to_contain_text("parted by Ines Keller")


def test_what_was_there_before_is_planned_and_brought_over(window: Open, mapping: str, instance: Instance) -> None:
    seen = window()
    page = seen.page
    for n in range(3):
        instance.call("POST", "/api/now/table/incident", {"short_description": f"From long ago {n}"})
    page.goto(f"{mapping}/history")
    page.get_by_label("Join an incident that says the same in").select_option(label="Title")
    page.get_by_role("button", name="Plan it").click()
    expect(page.locator("#pieces")).to_contain_text("From long ago 2", timeout=SLOW)  # by itself, as it goes on
    expect(page.locator("#progress")).to_contain_text("becomes an incident")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "100", timeout=SLOW)
    page.goto("/board?q=From+long+ago")
    expect(page.locator("main")).to_contain_text("From long ago 1")
    seen.sound()


def test_a_conflict_stands_in_the_menu_and_is_decided(window: Open, mapping: str, instance: Instance) -> None:
    page = window().page
    incident = declare(page, "Invoices arrive twice")
    make_an_item(page)
    [record] = instance.records("Invoices arrive twice")
    pause(page)
    page.goto(incident)
    page.locator("#f-record summary", has_text="Edit").click()
    page.locator("#f-record").get_by_label("Title").fill("Invoices arrive three times")
    page.locator("#f-record").get_by_role("button", name="Save").first.click()
    expect(page.locator("h1")).to_have_text("Invoices arrive three times")
    instance.call("PATCH", f"/api/now/table/incident/{record['sys_id']}", {"short_description": "Invoices arrive late"})
    page.goto("/admin/connections/servicenow")
    page.get_by_role("button", name="Resume").click()
    comes(page, "/conflicts", "article", "Invoices arrive")
    both = page.locator("article", has_text="Invoices arrive")
    expect(both.locator("ins")).to_have_text(["three times", "late"])
    page.reload()
    expect(page.get_by_role("navigation", name="Main").get_by_role("link", name="Conflicts 1")).to_be_visible()
    found = look_at(window, ["/conflicts", incident], signed_in=True)
    assert not found, "\n".join(found)
    both.get_by_role("button", name="Take theirs").click()
    expect(page.locator(".flash")).to_contain_text("Theirs is taken")
    page.goto(incident)
    expect(page.locator("h1")).to_have_text("Invoices arrive late")
    page.goto("/conflicts?show=settled")
    expect(page.locator("article", has_text="Invoices arrive")).to_contain_text("Decided by Ines Keller")


def test_the_address_of_a_webhook_is_shown_once_with_what_to_do_there(window: Open, mapping: str) -> None:
    page = window(size=PHONE).page
    page.goto("/admin/connections/servicenow")
    page.get_by_role("button", name=re.compile("Set up a webhook|Register anew")).click()
    expect(page.locator("#hook-url")).to_contain_text("/told/")
    expect(page.locator("#hook-how")).to_contain_text("Business Rules")
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
    page.goto("/admin/connections/servicenow")
    assert "/told/" not in page.content()


def test_the_screens_of_sync_stand_up_to_axe(window: Open, mapping: str) -> None:
    place = "/admin/connections/servicenow/mappings/new"
    paths = ["/admin/connections", "/admin/connections/new", "/admin/connections/new?tool=servicenow",
             "/admin/connections/servicenow", place, f"{place}?place=%5B%22incident%22%2C%22incident%22%5D", mapping,
             f"{mapping}/history", f"{mapping}/history?way=send", "/conflicts?show=settled"]  # fmt: skip
    found = look_at(window, paths, signed_in=True)
    assert not found, "\n".join(found)
