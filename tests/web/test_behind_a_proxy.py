"""Who called, where a proxy stands between: wrong passwords count towards the caller, and nobody chooses an address."""

import json
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx2
import pytest
from pydantic import ValidationError

from rallypoint import access
from rallypoint.access.rules import FREE_FAILURES_OF_ADDRESS
from rallypoint.actors import SYSTEM
from rallypoint.db import Database
from rallypoint.edges.ops.roles import web_config
from rallypoint.edges.web.app import create_app
from rallypoint.house import House
from rallypoint.settings import Settings
from tests.web.conftest import browser

Served = Callable[[str], AbstractAsyncContextManager[httpx2.AsyncClient]]
HELD_OFF = "too many failed tries"


@pytest.fixture
def served(house: House) -> Served:
    """A browser on this machine, the place of the proxy, calling what the web server would call."""

    @asynccontextmanager
    async def served(trusted: str) -> AsyncIterator[httpx2.AsyncClient]:
        config = web_config(Settings(trusted_proxies=trusted), lambda: create_app(house))
        config.load()
        async with browser(config.loaded_app) as client:
            yield client

    return served


async def guess(client: httpx2.AsyncClient, number: int, forwarded: str) -> str:
    """A wrong password for one of many accounts, so that only the address is what they have in common."""
    fields = {"email": f"nobody{number}@example.com", "password": "not this one"}
    answer = await client.post("/signin", data=fields, headers={"x-forwarded-for": forwarded})
    assert answer.status_code == 403
    return answer.text


async def test_failures_count_towards_the_caller_and_not_towards_the_proxy(served: Served) -> None:
    async with served("127.0.0.1") as client:
        for number in range(FREE_FAILURES_OF_ADDRESS + 1):
            assert HELD_OFF not in await guess(client, number, "203.0.113.7")
        assert HELD_OFF in await guess(client, 90, "203.0.113.7")
        assert HELD_OFF not in await guess(client, 91, "203.0.113.8"), "somebody else"
        # a proxy that appends: what the caller wrote before it changes nothing
        assert HELD_OFF in await guess(client, 92, "198.51.100.1, 203.0.113.7")


async def test_what_is_no_address_is_one_stranger_and_breaks_nothing(served: Served) -> None:
    async with served("127.0.0.1") as client:
        for number in range(FREE_FAILURES_OF_ADDRESS + 1):
            assert HELD_OFF not in await guess(client, number, f"{number}" + "x" * 20_000)
        assert HELD_OFF in await guess(client, 90, "me")


@pytest.mark.parametrize("trusted", ["", "10.0.0.5", "10.0.0.0/8"])
async def test_who_is_not_trusted_is_not_believed(served: Served, trusted: str) -> None:
    async with served(trusted) as client:
        for number in range(FREE_FAILURES_OF_ADDRESS + 1):
            assert HELD_OFF not in await guess(client, number, f"203.0.113.{number}")
        assert HELD_OFF in await guess(client, 90, "203.0.113.90")


async def test_the_audit_names_the_caller(served: Served, db: Database) -> None:
    async with db.transaction(SYSTEM) as tx:
        bea = await access.create_person(tx, name="Bea", email="bea@example.com", roles=[], password="a long one")
    async with served("127.0.0.1") as client:
        fields = {"email": "bea@example.com", "password": "a long one"}
        answer = await client.post(
            "/signin", data=fields, headers={"x-forwarded-for": "203.0.113.7", "x-forwarded-proto": "https"}
        )
    assert answer.status_code == 303
    assert "secure" in answer.headers["set-cookie"].lower(), "the proxy said that it was over TLS"
    async with db.transaction(SYSTEM) as tx:
        entries, _ = await access.audit_entries(tx)
    (signed_in,) = (e for e in entries if e.action == "signed in")
    assert signed_in.subject == f"person:{bea.id}"
    assert json.loads(signed_in.detail)["address"] == "203.0.113.7"


@pytest.mark.parametrize("wrong", ["*", "the proxy", "10.0.0.5;10.0.0.6", "10.0.0.1/8"])
def test_a_setting_that_names_no_address_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError, match="neither an address nor a network"):
        Settings(trusted_proxies=wrong)
    assert Settings(trusted_proxies=" 10.0.0.5 , ::1,10.0.0.0/8").trusted_proxies == "10.0.0.5,::1,10.0.0.0/8"
