"""Every route, asked by every role: who may is what the table of permissions says, and nobody else gets in."""

import re

import httpx2
from fastapi import FastAPI

from rallypoint.access import Permission, Role
from rallypoint.access.permissions import ANYONE, MAY
from rallypoint.db import Database
from tests.api.conftest import Client, key_for


async def test_a_role_gets_in_where_it_may(app: FastAPI, http: httpx2.AsyncClient, db: Database) -> None:
    wrong = []
    for role in Role:
        client = Client(http, await key_for(db, role))
        for route in app.state.guarded:
            path = re.sub(r"\{\w+\}", "999999", route.path_format)
            for method in route.methods:
                status = (await client(method, path, {} if method != "GET" else None)).status_code
                may = route.about.permission in ANYONE or role in MAY[route.about.permission]
                if (status == 403) == may or status in (401, 500):
                    wrong.append((role, method, route.path_format, status))
    assert not wrong


async def test_nobody_gets_in_without_a_key(app: FastAPI, http: httpx2.AsyncClient) -> None:
    for route in app.state.guarded:
        path = re.sub(r"\{\w+\}", "999999", route.path_format)
        for method in route.methods:
            assert (await http.request(method, "/api/v1" + path)).status_code == 401, path


async def test_a_key_without_scopes_for_it_does_nothing(app: FastAPI, http: httpx2.AsyncClient, db: Database) -> None:
    client = Client(http, await key_for(db, Role.ADMIN, scopes=[Permission.PUBLIC]))
    for route in app.state.guarded:
        if route.about.permission in ANYONE:
            continue
        path = re.sub(r"\{\w+\}", "999999", route.path_format)
        for method in route.methods:
            status = (await client(method, path, {} if method != "GET" else None)).status_code
            assert status == 403, (method, path)
