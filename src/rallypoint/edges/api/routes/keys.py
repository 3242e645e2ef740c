"""API keys, and the audit trail that remembers who made them."""

from typing import Annotated

from pydantic import Field

from rallypoint import access
from rallypoint.access import Permission, Role
from rallypoint.edges.api.route import Routes, Tx
from rallypoint.edges.api.views.house import AuditView, KeyView, NewKeyView
from rallypoint.edges.api.words import Id, Input, Line, Listed, Page, PathId, paged

routes = Routes("keys and audit")


class NewKey(Input):
    name: Line
    roles: Annotated[list[Role], Field(max_length=20)] = []
    scopes: Annotated[list[Permission], Field(max_length=50)] | None = Field(
        None, description="What it may do at most; null: all that its roles allow."
    )
    person_id: Id | None = Field(None, description="Acts for this person, with at most their roles.")


@routes.get("/keys", permission=Permission.MANAGE_KEYS)
async def list_keys(tx: Tx, query: Listed) -> Page[KeyView]:
    shown, next_cursor = paged(await access.keys(tx), query, lambda key: key.id)
    return Page(items=[KeyView.model_validate(key) for key in shown], next_cursor=next_cursor)


@routes.post("/keys", permission=Permission.MANAGE_KEYS, status=201, secret=True)
async def create_key(tx: Tx, body: NewKey) -> NewKeyView:
    """A new key. Its token is shown this once."""
    return NewKeyView.model_validate(await access.create_key(tx, **body.model_dump()))


@routes.post("/keys/{id}/revoke", permission=Permission.MANAGE_KEYS)
async def revoke_key(tx: Tx, id: PathId) -> KeyView:
    """It stops working at once."""
    return KeyView.model_validate(await access.revoke_key(tx, id))


@routes.get("/audit", permission=Permission.READ_AUDIT)
async def list_audit(tx: Tx, query: Listed) -> Page[AuditView]:
    """The audit trail, the latest first."""
    entries, next_cursor = await access.audit_entries(tx, cursor=query.cursor, limit=query.limit)
    return Page(items=[AuditView.model_validate(entry) for entry in entries], next_cursor=next_cursor)
