"""The demo's P1 in two other tools, and a newcomer who plays both sides."""

from playwright.sync_api import Page, expect

from tests.browser.conftest import Demo, Open

P1 = "Card payments fail at checkout"


def the_p1(page: Page) -> None:
    page.goto("/board?priority=P1")
    page.locator("[data-rows] tr").filter(has_text=P1).locator(".title a").click()
    page.wait_for_url("**/i/*")


def test_what_people_said_elsewhere_stands_on_the_timeline(window: Open, demo: Demo) -> None:
    seen = window()
    page = seen.page
    the_p1(page)
    elsewhere = page.locator("#f-elsewhere")
    for tool in ("ServiceNow", "Azure DevOps"):
        row = elsewhere.get_by_role("listitem").filter(has_text=tool)
        expect(row).to_contain_text("in step", timeout=60_000)  # linked after the first page, and shown by itself
    page.get_by_role("link", name="From other tools").click()
    expect(page.locator("#story")).to_contain_text("Beth Anglin in ServiceNow", timeout=30_000)
    expect(page.locator("#story")).to_contain_text("Noor Haddad in Azure DevOps")
    page.goto("/admin/connections")
    for tool in ("ServiceNow", "Azure DevOps"):
        expect(page.get_by_role("row").filter(has_text=tool).first).to_contain_text("on")
    seen.sound()
    assert {kind: one["login"]["user"] for kind, one in demo.sandboxes.items()} == {
        "servicenow": "beth.anglin", "azure_devops": "noor@fabrikam.example",
    }  # fmt: skip


def test_both_sides_are_played_by_one_person(window: Open, demo: Demo) -> None:
    here, there = window(), window(signed_in=False)
    the_p1(here.page)
    link = here.page.locator("#f-elsewhere").get_by_role("link", name="#")
    expect(link.first).to_be_visible(timeout=60_000)
    address = str(link.first.get_attribute("href"))
    assert address.startswith(demo.sandboxes["azure_devops"]["url"])

    there.page.goto(address)
    expect(there.page.get_by_role("heading", level=1)).to_contain_text(P1)
    there.page.get_by_label("Comment").fill("Rolled back on one pod, it looks better.")
    there.page.get_by_role("button", name="Save").click()
    expect(there.page.get_by_role("main")).to_contain_text("Rolled back on one pod")
    expect(here.page.locator("#story")).to_contain_text("Rolled back on one pod", timeout=15_000)

    here.page.get_by_label("What happened").fill("Then roll back all of them.")
    here.page.get_by_role("button", name="Add to timeline").click()
    expect(here.page.locator("#story")).to_contain_text("Then roll back all")
    desk = here.page.locator("#f-elsewhere").get_by_role("link", name="INC").first
    there.page.goto(str(desk.get_attribute("href")))
    for _ in range(40):
        if there.page.get_by_text("Then roll back all of them.").count():
            break
        there.page.wait_for_timeout(250)
        there.page.reload()
    expect(there.page.get_by_role("main")).to_contain_text("Then roll back all of them.")
    expect(there.page.get_by_role("main")).to_contain_text("Rolled back on one pod")  # the engineer's words as well
    here.sound()
