"""What Atlassian documents, line by line: the emulator does it, or nothing said about the connector would count."""

from datetime import timedelta

import httpx2

from rallypoint.clock import ManualClock
from rallypoint.emulators.jira import CLIENT, CUSTOMER, DESK, ENGINEER, INTEGRATION, LEAD
from rallypoint.emulators.jira.definitions import ROOT_CAUSE
from tests.connectors.jira.asking import api, ask, opened, read, refused, text
from tests.connectors.jira.bench import document
from tests.connectors.jira.conftest import Served

HOOK = "https://rp.example/told/key"
NO_CHECK = {"x-atlassian-token": "no-check"}


# Who asks.


async def test_wrong_credentials_make_a_stranger_on_cloud_and_a_header_tells(cloud: Served) -> None:
    id = await opened(cloud)
    async with httpx2.AsyncClient(base_url=cloud.url, auth=("rallypoint.sync@lantern.example", "wrong")) as stranger:
        seen = await stranger.get("/rest/api/3/project/search")
        assert (seen.status_code, seen.json()["values"]) == (200, [])
        assert seen.headers["x-seraph-loginreason"] == "AUTHENTICATED_FAILED"
        hidden = await stranger.get(f"/rest/api/3/issue/{id}")
        assert hidden.status_code == 404
        assert "does not exist or you do not have permission" in hidden.json()["errorMessages"][0]
        assert (await stranger.get("/rest/api/3/myself")).status_code == 401
        assert (await stranger.get("/rest/api/3/serverInfo")).json()["deploymentType"] == "Cloud"


async def test_wrong_credentials_are_refused_on_data_center(data_center: Served) -> None:
    async with httpx2.AsyncClient(base_url=data_center.url, auth=("noor", "wrong")) as stranger:
        no = await stranger.get("/rest/api/2/myself")
        assert (no.status_code, no.headers["x-seraph-loginreason"]) == (401, "AUTHENTICATED_FAILED")
        assert no.headers["content-type"].startswith("text/html")
    data_center.emulator.interface.captcha.add("noor")
    no = await refused(data_center, "GET", "myself")
    assert no.status_code == 403
    assert no.headers["x-authentication-denied-reason"].startswith("CAPTCHA_CHALLENGE")
    async with httpx2.AsyncClient(base_url=data_center.url) as nobody:
        assert (await nobody.get("/rest/api/2/issue/PAY-1")).json()["errorMessages"][-1] == "Login Required"
        token = {"authorization": f"Bearer {data_center.emulator.tokens[ENGINEER]}"}
        assert (await nobody.get("/rest/api/2/myself", headers=token)).json()["name"] == ENGINEER
        assert (await nobody.get("/rest/api/2/myself", headers={"authorization": "Bearer x"})).status_code == 401


async def test_each_edition_lacks_what_the_other_has(cloud: Served, data_center: Served) -> None:
    gone = await refused(cloud, "GET", "/rest/api/2/search?jql=project=PAY")
    assert (gone.status_code, "removed" in gone.text) == (410, True)
    for path in (
        "/rest/api/3/myself",
        "/rest/api/2/search/jql?jql=x",
        "/rest/api/2/webhook",
        "/rest/api/2/project/search",
    ):
        assert (await refused(data_center, "GET", path)).status_code == 404
    strange = await refused(data_center, "POST", "search", {"jql": "", "properties": ["x"]})
    assert 'Unrecognized field "properties"' in strange.json()["errorMessages"][0]


async def test_an_application_signs_in_behind_the_gateway(cloud: Served, clock: ManualClock) -> None:
    emulator, site = cloud.emulator, cloud.emulator.site
    form = {"client_id": CLIENT, "client_secret": emulator.client_secret, "grant_type": "client_credentials"}
    async with httpx2.AsyncClient(base_url=cloud.url) as app:
        token = (await app.post("/oauth/token", json=form)).json()["access_token"]
        signed = {"authorization": f"Bearer {token}"}
        [resource] = (await app.get("/oauth/token/accessible-resources", headers=signed)).json()
        assert (resource["id"], resource["url"]) == (site.cloud_id, cloud.url)
        here = f"/ex/jira/{site.cloud_id}/rest/api/3/myself"
        assert (await app.get(here, headers=signed)).json()["displayName"] == "Rallypoint Sync"
        assert (await app.get(f"/ex/jira/{'0' * 8}/rest/api/3/myself", headers=signed)).status_code == 401
        clock.advance(timedelta(hours=1, seconds=1))
        assert (await app.get(here, headers=signed)).status_code == 401
        assert (await app.post("/oauth/token", json={**form, "client_secret": "x"})).status_code == 401


async def test_refresh_tokens_change_with_every_use(cloud: Served, clock: ManualClock) -> None:
    first = cloud.emulator.oauth.consent(CLIENT)
    form = {"client_id": CLIENT, "client_secret": cloud.emulator.client_secret, "grant_type": "refresh_token"}
    async with httpx2.AsyncClient(base_url=cloud.url) as app:
        second = (await app.post("/oauth/token", json={**form, "refresh_token": first})).json()["refresh_token"]
        assert second != first
        clock.advance(timedelta(minutes=5))
        assert (await app.post("/oauth/token", json={**form, "refresh_token": first})).status_code == 200
        clock.advance(timedelta(minutes=6))
        worn = await app.post("/oauth/token", json={**form, "refresh_token": first})
        assert (worn.status_code, worn.json()["error"]) == (403, "invalid_grant")
        assert (await app.post("/oauth/token", json={**form, "refresh_token": second})).status_code == 200
        clock.advance(timedelta(days=91))
        assert (await app.post("/oauth/token", json={**form, "refresh_token": second})).status_code == 403


# Issues.


async def test_times_are_in_the_zone_of_whoever_asks(jira: Served) -> None:
    id = await opened(jira)
    assert (await read(jira, id))["fields"]["created"] == "2026-06-01T04:00:00.000-0400"
    theirs = await ask(jira, "GET", f"issue/{id}", name=LEAD)
    assert theirs["fields"]["created"] == "2026-06-01T08:00:00.000+0000"


async def test_a_put_ignores_a_transition_and_answers_nothing(jira: Served) -> None:
    id = await opened(jira)
    assert await ask(jira, "PUT", f"issue/{id}", {"fields": {"summary": "x"}, "transition": {"id": "11"}}) is None
    fields = (await read(jira, id))["fields"]
    assert (fields["summary"], fields["status"]["name"]) == ("x", "To Do")


async def test_what_is_wrong_with_fields_is_told_by_field(jira: Served) -> None:
    id = await opened(jira)
    for fields, name, words in (
        ({"summary": ""}, "summary", "You must specify a summary"),
        ({"summary": "x" * 256}, "summary", "can't exceed 255"),
        ({"priority": {"id": "77"}}, "priority", "priority selected is invalid"),
        ({"labels": ["a b"]}, "labels", "contains spaces"),
        ({"status": {"id": "3"}}, "status", "not on the appropriate screen"),
        ({"customfield_99999": 1}, "customfield_99999", "or unknown"),
        ({"components": [{"name": "Nothing"}]}, "components", "is not valid"),
        ({"assignee": {"accountId" if jira.cloud else "name": "nobody"}}, "assignee", "does not exist"),
        ({"duedate": "tomorrow"}, "duedate", "Error parsing date"),
    ):
        no = await refused(jira, "PUT", f"issue/{id}", {"fields": fields})
        assert no.status_code == 400
        assert words in no.json()["errors"][name], no.text
    both = await refused(jira, "PUT", f"issue/{id}", {"fields": {"labels": ["a b"], "duedate": "x", "summary": "late"}})
    assert set(both.json()["errors"]) == {"labels", "duedate"}
    assert (await read(jira, id))["fields"]["summary"] == "Payments fail", "all or nothing"


async def test_version_three_wants_documents_and_two_wants_text(cloud: Served) -> None:
    id = await opened(cloud)
    no = await refused(cloud, "PUT", f"/rest/api/3/issue/{id}", {"fields": {"description": "text"}})
    assert "must be an Atlassian Document" in no.json()["errors"]["description"]
    for content in ([{"type": "strange"}], [{"type": "bulletList", "content": []}], [{"type": "text", "text": "x"}],
                    [{"type": "paragraph", "content": [{"type": "text", "text": ""}]}]):  # fmt: skip
        bad = {"type": "doc", "version": 1, "content": content}
        no = await refused(cloud, "PUT", f"/rest/api/3/issue/{id}", {"fields": {"description": bad}})
        assert no.json()["errors"]["description"] == "INVALID_INPUT"
    mention = {"type": "mention", "attrs": {"id": "557059:x", "text": "@Noor"}}
    good = {"type": "doc", "version": 1, "content": [{"type": "paragraph", "content": [
        {"type": "text", "text": "bold", "marks": [{"type": "strong"}]}, {"type": "hardBreak"}, mention]}]}  # fmt: skip
    await ask(cloud, "PUT", f"/rest/api/3/issue/{id}", {"fields": {"description": good}})
    seen = (await read(cloud, id))["fields"]["description"]
    assert seen["content"][0]["content"][2]["attrs"]["accessLevel"] == "", "what it adds is read back"
    wiki = await ask(cloud, "GET", f"/rest/api/2/issue/{id}")
    assert wiki["fields"]["description"] == "*bold*\n[~accountid:557059:x]"
    await ask(cloud, "PUT", f"/rest/api/2/issue/{id}", {"fields": {"description": "* one\n* two"}})
    assert (await read(cloud, id))["fields"]["description"]["content"][0]["type"] == "bulletList"


async def test_each_change_is_in_the_history_with_who_and_what(jira: Served) -> None:
    id = await opened(jira, components=[{"name": "Checkout"}])
    metadata = {"type": "x", "generator": {"id": "op-1", "type": "us"}}
    changes = {"summary": "Cards fail", "components": [{"name": "Ledger"}], "description": text(jira, "It *hurts*")}
    await ask(jira, "PUT", f"issue/{id}", {"fields": changes, "historyMetadata": metadata})
    [entry] = (await read(jira, id, expand="changelog"))["changelog"]["histories"]
    assert entry["author"]["displayName"] == "Noor Haddad"
    assert entry["historyMetadata"] == metadata
    told = [(one["field"], one["fromString"], one["toString"]) for one in entry["items"]]
    assert told == [
        ("summary", "Payments fail", "Cards fail"), ("Component", "Checkout", None), ("Component", None, "Ledger"),
        ("description", None, "It *hurts*"),
    ]  # fmt: skip
    assert ("fieldId" in entry["items"][0]) is jira.cloud
    await ask(jira, "PUT", f"issue/{id}", {"fields": {"summary": "Cards fail"}})
    assert (await read(jira, id, expand="changelog"))["changelog"]["total"] == 1, "nothing changed"


async def test_the_history_of_cloud_comes_newest_first_and_in_pages(cloud: Served) -> None:
    id = await opened(cloud)
    for number in range(105):
        await ask(cloud, "PUT", f"issue/{id}", {"fields": {"summary": f"Title {number}"}})
    embedded = (await read(cloud, id, expand="changelog"))["changelog"]
    assert (len(embedded["histories"]), embedded["total"]) == (100, 105)
    assert embedded["histories"][0]["items"][0]["toString"] == "Title 104"
    page = await ask(cloud, "GET", f"issue/{id}/changelog?startAt=100")
    assert (len(page["values"]), page["isLast"]) == (5, True)
    assert page["values"][-1]["items"][0]["toString"] == "Title 104"
    first = await ask(cloud, "GET", f"issue/{id}/changelog?maxResults=2")
    assert "startAt=2" in first["nextPage"]


async def test_the_workflow_its_screens_and_what_follows_from_a_step(jira: Served) -> None:
    id = await opened(jira)
    no = await refused(jira, "POST", f"issue/{id}/transitions", {"transition": {"id": "31"}})
    assert no.status_code == 400
    await ask(jira, "POST", f"issue/{id}/transitions", {"transition": {"id": "11"}})
    steps = await ask(jira, "GET", f"issue/{id}/transitions?expand=transitions.fields")
    assert [one["to"]["name"] for one in steps["transitions"]] == ["In Review", "Done", "To Do"]
    assert steps["transitions"][1]["fields"]["resolution"]["allowedValues"][0]["name"] == "Done"
    off = {"transition": {"id": "21"}, "fields": {"resolution": {"name": "Done"}}}
    no = await refused(jira, "POST", f"issue/{id}/transitions", off)
    assert "not on the appropriate screen" in no.json()["errors"]["resolution"]
    said = {"transition": {"id": "31"}, "fields": {"resolution": {"name": "Duplicate"}, ROOT_CAUSE: text(jira, "Disk")},
            "update": {"comment": [{"add": {"body": text(jira, "Done with it")}}]}}  # fmt: skip
    await ask(jira, "POST", f"issue/{id}/transitions", said)
    fields = (await read(jira, id))["fields"]
    assert (fields["resolution"]["name"], fields["comment"]["total"]) == ("Duplicate", 1)
    assert fields["resolutiondate"] is not None
    jira.emulator.site.users[ENGINEER].writes = False
    assert (await ask(jira, "GET", f"issue/{id}/transitions"))["transitions"] == []


async def test_a_step_with_a_condition_is_shown_to_those_it_is_for(jira: Served) -> None:
    id = await opened(jira, place=DESK)
    await ask(
        jira,
        "POST",
        f"issue/{id}/transitions",
        {"transition": {"id": "761"}, "fields": {"resolution": {"id": "10000"}}},
    )
    assert {one["name"] for one in (await ask(jira, "GET", f"issue/{id}/transitions"))["transitions"]} == {
        "Back to work"
    }
    theirs = await ask(jira, "GET", f"issue/{id}/transitions", name=INTEGRATION)
    assert {one["name"] for one in theirs["transitions"]} == {"Back to work", "Close"}


async def test_a_hidden_issue_looks_like_a_missing_one_and_a_hidden_field_like_none(jira: Served) -> None:
    id = await opened(jira)
    jira.emulator.site.issues[int(id)].hidden_from.add(ENGINEER)
    hidden, missing = await refused(jira, "GET", f"issue/{id}"), await refused(jira, "GET", "issue/99999")
    assert (hidden.status_code, hidden.json()) == (missing.status_code, missing.json())
    other = await opened(jira)
    assert (await read(jira, other))["fields"]["description"] is None
    jira.emulator.site.fields["description"].hidden = True
    assert "description" not in (await read(jira, other))["fields"]
    meta = await ask(jira, "GET", f"issue/{other}/editmeta")
    assert "description" not in meta["fields"]


async def test_a_moved_issue_keeps_its_id_and_old_keys_lead_there(jira: Served) -> None:
    id = await opened(jira)
    site = jira.emulator.site
    site.move(site.issues[int(id)], jira.emulator.desk, site.users[LEAD])
    moved = await read(jira, "PAY-1", expand="changelog")
    assert (moved["id"], moved["key"]) == (id, "HELP-1")
    assert {one["field"] for one in moved["changelog"]["histories"][0]["items"]} >= {"project", "Key"}
    site.rename(jira.emulator.desk, "CARE")
    assert (await read(jira, "HELP-1"))["key"] == "CARE-1"
    assert (await ask(jira, "GET", "project/HELP"))["key"] == "CARE"


# Comments.


async def test_internal_comments_stay_internal_when_they_are_edited(jira: Served) -> None:
    id = await opened(jira, place=DESK)
    jira.emulator.site.issues[int(id)].fields["reporter"] = CUSTOMER
    internal = [{"key": "sd.public.comment", "value": {"internal": True}}]
    made = await ask(jira, "POST", f"issue/{id}/comment", {"body": text(jira, "Inside"), "properties": internal})
    await ask(jira, "POST", f"issue/{id}/comment", {"body": text(jira, "Outside")})
    await ask(jira, "PUT", f"issue/{id}/comment/{made['id']}", {"body": text(jira, "Inside still")})
    portal = f"/rest/servicedeskapi/request/{id}/comment"
    assert [one["body"] for one in (await ask(jira, "GET", portal, name=CUSTOMER))["values"]] == ["Outside"]
    agents = await ask(jira, "GET", portal)
    assert [(one["body"], one["public"]) for one in agents["values"]] == [("Inside still", False), ("Outside", True)]
    said = await ask(jira, "POST", portal, {"body": "Help!", "public": False}, name=CUSTOMER)
    assert said["public"] is True, "a customer can only speak in public"
    rows = (await ask(jira, "GET", f"issue/{id}/comment?expand=properties"))["comments"]
    if jira.cloud:
        assert [one["jsdPublic"] for one in rows] == [False, True, True]
        assert "properties" not in rows[0], "another resource has them"
        listed = await ask(jira, "POST", "comment/list?expand=properties", {"ids": [int(made["id"])]})
        assert listed["values"][0]["properties"] == internal
    else:
        assert "jsdPublic" not in rows[0]
        assert rows[0]["properties"] == internal
    assert (await refused(jira, "GET", f"issue/{id}", name=CUSTOMER)).status_code in (401, 404)


async def test_comments_limited_to_a_role(jira: Served) -> None:
    id = await opened(jira)
    limited = {"body": text(jira, "Between us"), "visibility": {"type": "role", "value": "Developers"}}
    await ask(jira, "POST", f"issue/{id}/comment", limited)
    jira.emulator.site.users[LEAD].roles = frozenset()
    seen = await ask(jira, "GET", f"issue/{id}/comment", name=LEAD)
    assert (seen["comments"], seen["total"]) == ([], 0)
    no = await refused(jira, "POST", f"issue/{id}/comment", limited, name=LEAD)
    assert "not a member" in no.json()["errors"]["commentLevel"]
    made = (await ask(jira, "GET", f"issue/{id}/comment"))["comments"][0]
    assert made["visibility"]["value"] == "Developers"
    assert (await refused(jira, "DELETE", f"issue/{id}/comment/{made['id']}", name=LEAD)).status_code == 404


async def test_cloud_embeds_only_the_newest_comments(cloud: Served) -> None:
    id = await opened(cloud)
    for number in range(25):
        await ask(cloud, "POST", f"issue/{id}/comment", {"body": document(f"Number {number}")})
    embedded = (await read(cloud, id))["fields"]["comment"]
    assert (len(embedded["comments"]), embedded["total"]) == (20, 25)
    page = await ask(cloud, "GET", f"issue/{id}/comment?startAt=20&maxResults=50")
    assert (len(page["comments"]), page["total"]) == (5, 25)
    long = await refused(cloud, "POST", f"issue/{id}/comment", {"body": document("x" * 32768)})
    assert "32,767" in long.json()["errors"]["comment"]


# Files.


async def test_files_need_a_header_and_lie_elsewhere(jira: Served) -> None:
    id = await opened(jira)
    part = {"file": ("a b.txt", b"\x00\xff")}
    no = await jira.people[ENGINEER].post(f"{api(jira)}/issue/{id}/attachments", files=part)
    assert (no.status_code, no.text) == (403, "XSRF check failed")
    [made] = await ask(jira, "POST", f"issue/{id}/attachments", files=part, headers=NO_CHECK)
    [twin] = await ask(jira, "POST", f"issue/{id}/attachments", files=part, headers=NO_CHECK)
    assert (made["filename"], made["size"]) == (twin["filename"], 2)
    assert made["id"] != twin["id"]
    got = await jira.people[ENGINEER].get(made["content"])
    if jira.cloud:
        assert got.status_code == 303
        assert httpx2.URL(got.headers["location"]).host != httpx2.URL(jira.url).host
        async with httpx2.AsyncClient() as nobody:
            assert (await nobody.get(got.headers["location"])).content == b"\x00\xff"
        got = await jira.people[ENGINEER].get(made["content"], params={"redirect": "false"})
    assert got.content == b"\x00\xff"
