"""The first ten minutes of a newcomer, step by step, with nothing but a browser and one message sent by a monitor."""

import re
from datetime import UTC, datetime

import httpx2
from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE, Demo, Open


def incident_waiting(page: Page) -> str:
    """The open P1 that nobody has taken: its address."""
    page.goto("/board?priority=P1")
    row = page.locator("[data-rows] tr").filter(has_text="Card payments fail at checkout")
    return str(row.locator(".title a").get_attribute("href"))


def test_a_seeded_page_is_acknowledged_on_a_phone(window: Open) -> None:
    desk = window()
    address = incident_waiting(desk.page)
    desk.page.goto("/sandbox/phone")
    people = desk.page.get_by_role("navigation", name="Whose phone").get_by_role("link")
    links = None
    for index in range(people.count()):
        people.nth(index).click()
        links = desk.page.locator(".bubble", has_text="Card payments fail at checkout").locator("a[href*='/p/']")
        if links.count():
            break
    assert links is not None
    link = str(links.first.get_attribute("href"))

    phone = window(size=PHONE, signed_in=False)
    phone.page.goto(link)
    expect(phone.page.get_by_role("heading", name="Why you")).to_be_visible()
    desk.page.goto(address)
    expect(desk.page.locator("#f-pages")).to_contain_text("waiting")  # looking at the page told nobody anything
    phone.page.get_by_text("Add a note").click()
    phone.page.get_by_label("Note", exact=True).fill("On my way")
    phone.page.get_by_role("button", name="Add to timeline").click()
    expect(phone.page.locator(".flash")).to_contain_text("stands on the timeline")
    expect(desk.page.locator("#story")).to_contain_text("On my way", timeout=10_000)
    button = phone.page.get_by_role("button", name="Acknowledge")
    box = button.bounding_box()
    assert box is not None
    assert box["height"] >= 60
    button.click()
    expect(phone.page.locator("#answer")).to_contain_text("You acknowledged this")
    expect(desk.page.locator("#clocks")).to_contain_text(
        "Response, met", timeout=10_000
    )  # by itself, on the other screen
    phone.sound()
    desk.sound()


def test_a_monitor_is_connected_and_the_line_turns_green(window: Open, demo: Demo) -> None:
    seen = window()
    page = seen.page
    page.goto("/alerts/integrations")
    page.get_by_label("Name").fill("Alertmanager in Frankfurt")
    page.get_by_label("What sends").select_option("alertmanager")
    page.get_by_role("button", name="Make its key").click()
    expect(page.locator("#waiting")).to_contain_text("Waiting for the first event")
    pasted = page.locator("#paste-1").inner_text()
    address = re.search(r"http\S+/alertmanager", pasted)
    assert address is not None
    message = {
        "version": "4",
        "status": "firing",
        "groupKey": '{}:{alertname="SearchIsSlow"}',
        "receiver": "rallypoint",
        "groupLabels": {"alertname": "SearchIsSlow"},
        "commonLabels": {"alertname": "SearchIsSlow", "service": "search", "severity": "warning"},
        "commonAnnotations": {"summary": "Search answers in four seconds"},
        "externalURL": "http://alertmanager.example",
        "alerts": [
            {
                "status": "firing",
                "labels": {"alertname": "SearchIsSlow", "service": "search", "severity": "warning"},
                "annotations": {"summary": "Search answers in four seconds"},
                "startsAt": datetime.now(UTC).isoformat(),
                "endsAt": "0001-01-01T00:00:00Z",
                "generatorURL": "http://prometheus.example/graph",
                "fingerprint": "a1b2c3d4e5f60718",
            }
        ],
    }
    assert httpx2.post(address[0], json=message, timeout=10).status_code == 200
    expect(page.locator("#waiting")).to_contain_text("Connected", timeout=10_000)
    page.goto("/alerts")
    expect(page.locator("#alerts")).to_contain_text("Search answers in four seconds")
    page.get_by_role("link", name="Search answers in four seconds").click()
    expect(page.locator("#alert")).to_contain_text("Belongs to INC-", timeout=10_000)
    seen.sound()


def test_a_rotation_of_three_and_who_is_paged_on_sunday(window: Open) -> None:
    seen = window()
    page = seen.page
    page.goto("/oncall/new")
    page.get_by_label("Name", exact=True).fill("Storefront, first line")
    page.get_by_label("Short name").fill("storefront")
    for turn, person in enumerate(("Maren Vogt", "Tomás Ferreira", "Adaeze Obi"), start=1):
        page.get_by_label(f"Turn {turn}").select_option(label=person)
    page.get_by_role("button", name="Make the rotation").click()
    page.wait_for_url("**/oncall/storefront")
    expect(page.locator("main")).to_contain_text("Maren Vogt, Tomás Ferreira, Adaeze Obi")

    page.get_by_label("Who takes it").select_option(label="Ines Keller")
    page.get_by_label("From").fill("2030-01-05T10:00")
    page.get_by_label("Until").fill("2030-01-05T08:00")
    page.get_by_label("Why", exact=True).fill("swap with Maren")
    page.get_by_role("button", name="Save the override").click()
    expect(page.get_by_label("Why", exact=True)).to_have_value("swap with Maren")  # refused, and nothing typed is lost
    page.get_by_label("Until").fill("2030-01-05T18:00")
    page.get_by_role("button", name="Save the override").click()
    expect(page.locator("main")).to_contain_text("swap with Maren")

    page.goto("/oncall/dry-run")
    page.get_by_label("If this fails").select_option(label="postgres-eu")
    page.get_by_role("button", name="Dry run").click()
    expect(page.get_by_role("heading", name=re.compile("From Sun"))).to_be_visible()
    expect(page.locator("ol.rows li").first).to_contain_text("first step of the policy")
    page.goto("/")
    expect(page.get_by_role("link", name="Ask who would be paged Sunday 03:00")).to_have_count(0)  # ticked off


def test_an_update_reaches_the_public_page(window: Open) -> None:
    desk, public = window(), window(signed_in=False)
    desk.page.goto(incident_waiting(desk.page))
    public.page.goto("/status")
    desk.page.get_by_text("Update", exact=True).click()
    desk.page.get_by_label("What happened").fill("We found the cause and are undoing a change.")
    desk.page.get_by_label("Private to responders").first.uncheck()  # of the update; files have one of their own
    desk.page.get_by_label("Public status").select_option("identified")
    desk.page.get_by_role("button", name="Add to timeline").click()
    expect(desk.page.locator("#story")).to_contain_text("Public update: identified")
    expect(public.page.locator("#updates")).to_contain_text("undoing a change", timeout=10_000)
    answer = public.page.request.get("/status/api/v2/summary.json").json()
    assert any("undoing a change" in update["body"] for i in answer["incidents"] for update in i["incident_updates"])
    section = desk.page.locator("#f-public")
    expect(section.get_by_role("link")).to_be_visible(timeout=10_000)  # published after the commit, told to this page
    section.get_by_text("Title", exact=True).click()
    section.get_by_label("Title on the status page").fill("Some cards are refused")
    section.get_by_role("button", name="Save").click()
    expect(public.page.locator("#verdict, #updates")).to_contain_text(["Some cards are refused"], timeout=10_000)
    desk.sound()
    public.sound()


def test_from_a_report_to_a_closed_record_and_its_retrospective(window: Open) -> None:
    reporter, desk = window(size=PHONE, signed_in=False), window()
    page = reporter.page
    page.goto("/report")
    page.get_by_label("What do you see").fill("Order mails do not arrive")
    page.get_by_label("Where").select_option(label="mail")
    page.get_by_label("Your name").fill("Ada Novak")
    page.get_by_label("E-mail or phone").fill("ada@example.org")
    page.get_by_role("button", name="Send the report").click()
    page.wait_for_url("**/r/*")
    expect(page.locator("main")).to_contain_text("Received")

    work = desk.page
    work.goto("/board?q=Order+mails")
    work.get_by_role("link", name="Order mails do not arrive").click()
    number = work.url.rsplit("/", 1)[1]
    work.get_by_role("button", name="Acknowledge").click()
    expect(work.locator(".flash")).to_contain_text("Acknowledged")
    work.locator("#head .menu > summary").click()
    work.locator("summary", has_text="Resolve").click()
    work.locator("form[action$='/resolve'] textarea").fill("Restarted the queue; all mails went out.")
    work.locator("form[action$='/resolve'] button").click()
    expect(work.locator("#notices")).to_contain_text("Restarted the queue")

    expect(page.locator("#report")).to_contain_text("Restarted the queue", timeout=10_000)  # by itself
    expect(work.locator("#notices")).to_contain_text("has not confirmed yet")  # looking confirmed nothing
    page.get_by_role("button", name="Yes, it works").click()
    expect(page.locator("main")).to_contain_text("confirmed by the reporter", ignore_case=True)

    work.goto(f"/i/{number}")
    work.locator("summary", has_text="Close").click()
    work.locator("form[action$='/close'] button").click()
    expect(work.locator("#head")).to_contain_text("Closed")
    work.goto(f"/i/{number}/retrospective")
    expect(work.locator("main")).to_contain_text("What happened")
    work.get_by_label(re.compile("Summary")).fill("The mail queue stood still for an hour.")
    work.get_by_role("button", name="Save", exact=True).click()
    expect(work.get_by_label(re.compile("Summary"))).to_have_value("The mail queue stood still for an hour.")
    reporter.sound()
    desk.sound()
