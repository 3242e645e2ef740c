"""Files by the API: bytes in, bytes out, as something to save; limits; sent twice and there once."""

import hashlib

import httpx2

from rallypoint import incidents
from rallypoint.access import Role
from rallypoint.actors import SYSTEM
from rallypoint.db import Database
from tests.api.conftest import Client, key_for

SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"


async def opened(db: Database) -> int:
    async with db.transaction(SYSTEM) as tx:
        return (await incidents.open_incident(tx, title="Checkout is slow")).number


async def send(client: Client, path: str, body: bytes, **headers: str) -> httpx2.Response:
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.http.post(
        "/api/v1" + path, content=body, headers={"authorization": f"Bearer {client.token}"} | names
    )


async def test_a_file_goes_in_and_comes_out_as_something_to_save(admin: Client, db: Database) -> None:
    number = await opened(db)
    path = f"/incidents/{number}/files?name=tr%C3%BCb%22.svg&about=What+Tom+saw"
    sent = await send(admin, path, SVG, idempotency_key="one")
    assert sent.status_code == 201, sent.text
    file = sent.json()
    assert (file["name"], file["visibility"], file["size"], file["sha256"], file["content_type"]) == (
        'trüb".svg', "internal", len(SVG), hashlib.sha256(SVG).hexdigest(), "image/svg+xml",
    )  # fmt: skip
    again = await send(admin, path, SVG, idempotency_key="one")
    assert (again.json(), again.headers["idempotent-replay"]) == (file, "true")
    assert (await send(admin, path, b"other", idempotency_key="one")).status_code == 409
    listed = (await admin("GET", f"/incidents/{number}/files")).json()["items"]
    assert listed == [file]
    assert (await admin("GET", f"/incidents/{number}/files/{file['id']}")).json() == file
    got = await admin("GET", f"/incidents/{number}/files/{file['id']}/content")
    assert got.content == SVG
    assert got.headers["content-disposition"] == (
        "attachment; filename=\"tr_b_.svg\"; filename*=UTF-8''tr%C3%BCb%22.svg"
    )
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["content-security-policy"].startswith("sandbox;")
    gone = await admin("POST", f"/incidents/{number}/files/{file['id']}/remove", {"reason": "A password."})
    assert gone.status_code == 200
    for path in ("", "/content"):
        assert (await admin("GET", f"/incidents/{number}/files/{file['id']}{path}")).status_code == 404


async def test_what_is_refused(admin: Client, db: Database) -> None:
    number = await opened(db)
    path = f"/incidents/{number}/files?name=x.bin"
    reader = Client(admin.http, await key_for(db, Role.VIEWER))
    assert (await send(admin, path, b"")).status_code == 422
    assert (await send(admin, path, bytes(50_000_001))).status_code == 413
    assert (await send(admin, f"/incidents/{number}/notes", bytes(1_000_001))).status_code == 413
    assert (await send(admin, path + "&visibility=secret", b"x")).status_code == 422
    assert (await send(admin, "/incidents/999/files?name=x", b"x")).status_code == 404
    assert (await send(reader, path, b"x")).status_code == 403
    assert (await send(admin, path, b"x" * 2_000_000)).status_code == 201, "a file may be larger than a form"
