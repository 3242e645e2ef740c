"""The script that administrators paste into ServiceNow is run with what an instance gives it, and its call believed."""

import base64
import hashlib
import hmac
import json
from typing import Any

import pytest
from playwright.sync_api import Browser

from rallypoint.clock import ManualClock
from rallypoint.connectors.servicenow.hook import SIGNATURE, instructions, verify
from rallypoint.emulators.servicenow import ADMIN, Hook, ServiceNow
from rallypoint.emulators.servicenow.hooks import SIGNATURE_HEADER
from tests.conftest import MONDAY_MORNING

SECRET = "a secret of the webhook"
ITEM, FILE_OF = "a" * 32, "b" * 32

INSTANCE = """
([script, secret]) => {
    const call = {headers: {}};
    const fields = {
        sys_mod_count: '3', sys_updated_on: '2026-06-01 08:00:00', sys_updated_by: 'beth', table_sys_id: 'b'.repeat(32),
    };
    const current = {
        operation: () => 'update', getUniqueValue: () => 'a'.repeat(32), getValue: (name) => fields[name],
    };
    const gs = {
        generateGUID: () => 'guid-1',
        getProperty: (name) => ({
            'rallypoint.webhook.url': 'https://rp.example/in/key', 'rallypoint.webhook.secret': secret,
        })[name],
    };
    const GlideStringUtil = {base64Encode: (text) => btoa(text)};
    const sn_ws = {RESTMessageV2: function () { return {
        setEndpoint: (url) => { call.url = url; },
        setHttpMethod: (method) => { call.method = method; },
        setRequestHeader: (name, value) => { call.headers[name.toLowerCase()] = value; },
        setRequestBody: (body) => { call.body = body; },
        executeAsync: () => { call.sent = true; },
    }; }};
    function GlideCertificateEncryption() {
        this.generateMac = (key, algorithm, data) => { call.mac = [key, algorithm, data]; return 'made below'; };
    }
    new Function('current', 'previous', 'gs', 'GlideStringUtil', 'sn_ws', 'GlideCertificateEncryption', script)(
        current, null, gs, GlideStringUtil, sn_ws, GlideCertificateEncryption);
    return call;
}
"""


def scripts() -> list[str]:
    """Both rules, as they stand in the instructions."""
    begin, end = "(function executeRule", "})(current, previous);"
    told = instructions("https://rp.example/in/key", "incident")
    return [begin + part[: part.index(end)] + end for part in told.split(begin)[1:]]


@pytest.mark.parametrize(("place", "remote_id", "revision"), [(0, ITEM, "3"), (1, FILE_OF, "")])
def test_what_the_rule_posts_is_believed(browser: Browser, place: int, remote_id: str, revision: str) -> None:
    page = browser.new_page()
    try:
        call: dict[str, Any] = page.evaluate(INSTANCE, [scripts()[place], SECRET])
    finally:
        page.close()
    assert (call["url"], call["method"], call["sent"]) == ("https://rp.example/in/key", "POST", True)
    key, algorithm, data = call["mac"]
    assert algorithm == "HmacSHA256"
    assert call["headers"][SIGNATURE] == "made below"
    mac = hmac.new(base64.b64decode(key), data.encode(), hashlib.sha256).digest()
    told = verify(call["body"].encode(), {SIGNATURE: base64.b64encode(mac).decode()}, SECRET, "incident")
    assert told.delivery == "guid-1"
    assert [(one.remote_id, one.revision, one.deleted) for one in told.hints] == [(remote_id, revision, False)]


def test_the_emulator_posts_the_same_members(browser: Browser) -> None:
    page = browser.new_page()
    try:
        call = page.evaluate(INSTANCE, [scripts()[0], SECRET])
    finally:
        page.close()
    emulator = ServiceNow(ManualClock(MONDAY_MORNING))
    emulator.deliveries.hold, emulator.rule.hook = True, Hook("https://rp.example/in/key", SECRET)
    emulator.instance.insert("incident", {"short_description": "x"}, emulator.instance.users[ADMIN])
    [sent] = emulator.deliveries.held
    assert set(json.loads(sent.body)) == set(json.loads(call["body"]))
    assert {name.lower() for name in sent.headers} == set(call["headers"])
    assert SIGNATURE_HEADER.lower() == SIGNATURE
