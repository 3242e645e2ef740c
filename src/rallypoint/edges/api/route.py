"""How a route comes to be: through `Routes`, with a permission, or not at all.

A request then walks one way: who asks, may they, what did they send, was it sent before; and everything it does, with
the remembered reply to its Idempotency-Key, is one transaction.
"""

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

import msgspec
from fastapi import APIRouter, Depends
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from rallypoint import access, incidents
from rallypoint.access import Permission
from rallypoint.actors import Actor
from rallypoint.db import Transaction
from rallypoint.edges.api import problems
from rallypoint.edges.api.door import house_of, who
from rallypoint.edges.api.reading import idempotency_key, leaves, read_json, request_hash
from rallypoint.errors import Invalid, NotFound, Problem

FILE_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "The bytes of the file, and nothing around them.",
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary", "minLength": 1}}},
    }
}

Endpoint = TypeVar("Endpoint", bound=Callable[..., Awaitable[Any]])
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a route says of itself: who may call it, whether it changes anything, whether its reply holds a secret.

    `outside`: it asks a tool, which may take long, so it runs outside any transaction and opens its own.
    `file`: the body is a file of whatever type; it is kept, and its SHA-256 is in `request.state.body`.
    `answers`: the kind of answer where it is not JSON.
    """

    permission: Permission
    writes: bool
    secret: bool = False
    outside: bool = False
    file: bool = False
    answers: type[Response] | None = None


_ABOUT: dict[Callable[..., Any], About] = {}


def about(endpoint: Callable[..., Any]) -> About:
    """Raises TypeError for an endpoint that nobody declared a permission for."""
    found = _ABOUT.get(endpoint)
    if found is None:
        raise TypeError(f"{endpoint.__module__}.{endpoint.__qualname__} has no permission: register it through Routes.")
    return found


class GuardedRoute(APIRoute):
    """A route that cannot be made without a permission."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        self.about = about(endpoint)
        super().__init__(path, endpoint, **options)

    def get_route_handler(self) -> Handler:
        inner, mine = super().get_route_handler(), self.about

        async def handle(request: Request) -> Response:
            try:
                return await _walk(request, mine, inner)
            except NotFound as problem:
                return problems.answer(await _blamed(request, problem))
            except Exception as problem:
                return problems.answer(problem)

        return handle


async def _walk(request: Request, mine: About, inner: Handler) -> Response:
    house = house_of(request)
    actor = await who(request)
    access.require(actor, mine.permission)
    if mine.file:
        async with incidents.held(request.stream(), largest=house.settings.largest_file) as whole:
            request.state.body = await incidents.keep(house.db, whole)
        body = request.state.body.encode()
    else:
        body = await read_json(request)
    key = idempotency_key(request) if mine.writes else ""
    same = request_hash(request, body)
    bound_to = f"idempotency:{key}"
    request.state.actor = actor

    async def earlier(tx: Transaction) -> Response | None:
        if not key or (before := await access.claim_idempotency(tx, key, same)) is None:
            return None
        text = house.vault.unseal(before.body, bound_to).encode() if mine.secret else before.body
        headers = {"idempotent-replay": "true"}
        return Response(text, before.status, headers=headers, media_type="application/json" if text else None)

    async def remember(tx: Transaction, response: Response) -> Response:
        if key:
            said = bytes(response.body)
            kept = house.vault.seal(said.decode(), bound_to) if mine.secret else said
            await access.remember_reply(tx, key, same, response.status_code, kept)
        return response

    async def work(tx: Transaction) -> Response:
        if (before := await earlier(tx)) is not None:
            return before
        request.state.tx = tx
        return await remember(tx, await inner(request))

    if not mine.outside:
        return await house.db.run(actor, work)

    async def only_look(tx: Transaction) -> None:
        raise _Told(await earlier(tx))  # the claim itself is undone: nothing holds it while the tool is asked

    try:
        await house.db.run(actor, only_look)
    except _Told as told:
        if told.before is not None:
            return told.before
    response = await inner(request)

    async def first_reply(tx: Transaction) -> Response:
        return await earlier(tx) or await remember(tx, response)

    return await house.db.run(actor, first_reply) if key else response


class _Told(Exception):
    """Ends a look at what was answered before."""

    def __init__(self, before: Response | None) -> None:
        self.before = before


async def _blamed(request: Request, problem: NotFound) -> NotFound | Invalid:
    """What the path names and is not there is not found; what a field names and is not there is a wrong field."""
    if problem.name in request.path_params.values():
        return problem
    sent = [(f"query.{name}", value) for name, value in request.query_params.items()]
    is_file = hasattr(request.state, "body")
    body = b"" if is_file else await request.body()
    sent += leaves(msgspec.json.decode(body)) if body else []
    named = [name for name, value in sent if value == problem.name]
    alike = [name for name in named if any(word in name.rpartition(".")[2] for word in problem.kind.split())]
    return Invalid([Problem(name, str(problem)) for name in alike or named]) if named else problem


async def _transaction(request: Request) -> Transaction:
    tx: Transaction = request.state.tx
    return tx


Tx = Annotated[Transaction, Depends(_transaction)]
"""What an endpoint takes to get the open transaction; it commits after the endpoint has answered without an error."""


async def _asker(request: Request) -> Actor:
    actor: Actor = request.state.actor
    return actor


Asker = Annotated[Actor, Depends(_asker)]
"""What an endpoint outside a transaction takes to know who asks."""


class Routes:
    """Registers endpoints. `permission` has no default, on purpose."""

    def __init__(self, tag: str) -> None:
        self.router = APIRouter(route_class=GuardedRoute, tags=[tag])

    def get(
        self, path: str, *, permission: Permission, outside: bool = False, answers: type[Response] | None = None
    ) -> Callable[[Endpoint], Endpoint]:
        mine = About(permission=_checked(permission), writes=False, outside=outside, answers=answers)
        return self._add("GET", path, mine, 200)

    def post(
        self,
        path: str,
        *,
        permission: Permission,
        status: int = 200,
        secret: bool = False,
        outside: bool = False,
        file: bool = False,
    ) -> Callable[[Endpoint], Endpoint]:
        mine = About(permission=_checked(permission), writes=True, secret=secret, outside=outside, file=file)
        return self._add("POST", path, mine, status)

    def patch(self, path: str, *, permission: Permission) -> Callable[[Endpoint], Endpoint]:
        return self._add("PATCH", path, About(permission=_checked(permission), writes=True), 200)

    def put(self, path: str, *, permission: Permission, outside: bool = False) -> Callable[[Endpoint], Endpoint]:
        return self._add("PUT", path, About(permission=_checked(permission), writes=True, outside=outside), 200)

    def delete(self, path: str, *, permission: Permission) -> Callable[[Endpoint], Endpoint]:
        return self._add("DELETE", path, About(permission=_checked(permission), writes=True), 204)

    def _add(self, method: str, path: str, mine: About, status: int) -> Callable[[Endpoint], Endpoint]:
        def register(endpoint: Endpoint) -> Endpoint:
            _ABOUT[endpoint] = mine
            other: dict[str, Any] = {"openapi_extra": FILE_BODY} if mine.file else {}
            if mine.answers is not None:
                other |= {"response_class": mine.answers, "response_model": None}
            self.router.add_api_route(
                path, endpoint, methods=[method], status_code=status, name=endpoint.__name__, **other
            )
            return endpoint

        return register


def _checked(permission: Permission) -> Permission:
    if not isinstance(permission, Permission):
        raise TypeError("A route needs a Permission.")
    return permission
