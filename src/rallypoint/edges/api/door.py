"""Who is asking: the holder of an API key, or, to look at things only, a person with a session in the browser."""

from starlette.requests import Request

from rallypoint import access
from rallypoint.actors import ANONYMOUS, Actor
from rallypoint.edges.api.problems import NotKnown
from rallypoint.house import House

SESSION_COOKIE = "rallypoint_session"
SAFE = ("GET", "HEAD")


def house_of(request: Request) -> House:
    house: House = request.app.state.house
    return house


async def who(request: Request) -> Actor:
    """The actor behind a request. Raises NotKnown, in the same words whatever is wrong with the key."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    cookie = request.cookies.get(SESSION_COOKIE, "") if request.method in SAFE else ""
    if scheme:
        found = await _look_up(request, token.strip(), cookie="") if scheme.lower() == "bearer" else None
        if found is None:
            raise NotKnown("This is not a key that works here.")
        return found
    found = await _look_up(request, "", cookie=cookie) if cookie else None
    if found is None:
        raise NotKnown("Send an API key: `Authorization: Bearer <key>`.")
    return found


async def _look_up(request: Request, token: str, *, cookie: str) -> Actor | None:
    if not (token or cookie).isascii():
        return None
    async with house_of(request).db.transaction(ANONYMOUS) as tx:
        return await access.session_actor(tx, cookie) if cookie else await access.key_actor(tx, token)
