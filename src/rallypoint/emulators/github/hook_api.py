"""The part of the interface about webhooks, which only administrators of a repository see."""

from starlette.responses import JSONResponse, Response

from rallypoint.emulators.github.call import HOOKS, Call, Row, listed
from rallypoint.emulators.github.hooks import Hooks
from rallypoint.emulators.github.people import Right, User
from rallypoint.emulators.github.refusals import not_found, out_of_scope


class HookInterface:
    """Turns requests about webhooks into acts on them."""

    def __init__(self, hooks: Hooks) -> None:
        self.hooks = hooks

    def table(self) -> tuple[Row, ...]:
        id = r"(\d+)"
        return (
            ("GET", r"hooks", self._hooks),
            ("POST", r"hooks", self._hook_up),
            ("GET", rf"hooks/{id}", self._hook),
            ("PATCH", rf"hooks/{id}", self._change_hook),
            ("DELETE", rf"hooks/{id}", self._unhook),
            ("POST", rf"hooks/{id}/pings", self._ping),
            ("GET", rf"hooks/{id}/deliveries", self._deliveries),
            ("GET", rf"hooks/{id}/deliveries/{id}", self._delivery),
            ("POST", rf"hooks/{id}/deliveries/{id}/attempts", self._redeliver),
        )

    def _admin(self, call: Call) -> User:
        """Whoever may not administer a repository does not see that there are webhooks."""
        who = call.who
        if HOOKS not in who.scopes:
            raise out_of_scope(HOOKS)
        if call.where.right(who) < Right.ADMIN:
            raise not_found()
        return who

    async def _hooks(self, call: Call) -> Response:
        self._admin(call)
        rows = [one for one in self.hooks.hooks.values() if one.repository == call.where.id]
        return listed(call, rows, lambda one: self.hooks.shown(one, call.where), "hooks")

    async def _hook_up(self, call: Call) -> Response:
        who = self._admin(call)
        return JSONResponse(self.hooks.shown(self.hooks.add(call.where, await call.body(), who), call.where), 201)

    async def _hook(self, call: Call) -> Response:
        self._admin(call)
        return JSONResponse(self.hooks.shown(self.hooks.find(call.where, int(call.parts[0])), call.where))

    async def _change_hook(self, call: Call) -> Response:
        self._admin(call)
        hook = self.hooks.find(call.where, int(call.parts[0]))
        self.hooks.change(hook, await call.body())
        return JSONResponse(self.hooks.shown(hook, call.where))

    async def _unhook(self, call: Call) -> Response:
        self._admin(call)
        del self.hooks.hooks[self.hooks.find(call.where, int(call.parts[0])).id]
        return Response(status_code=204)

    async def _ping(self, call: Call) -> Response:
        who = self._admin(call)
        self.hooks.ping(self.hooks.find(call.where, int(call.parts[0])), call.where, who)
        return Response(status_code=204)

    async def _deliveries(self, call: Call) -> Response:
        self._admin(call)
        hook = self.hooks.find(call.where, int(call.parts[0]))
        rows = self.hooks.deliveries(hook)
        return listed(call, rows, lambda one: self.hooks.delivery(one, whole=False), f"hooks/{hook.id}/deliveries")

    async def _delivery(self, call: Call) -> Response:
        self._admin(call)
        hook = self.hooks.find(call.where, int(call.parts[0]))
        one = self.hooks.sent.get(int(call.parts[1]))
        if one is None or one.hook != hook.id:
            raise not_found()
        return JSONResponse(self.hooks.delivery(one, whole=True))

    async def _redeliver(self, call: Call) -> Response:
        self._admin(call)
        self.hooks.again(self.hooks.find(call.where, int(call.parts[0])), int(call.parts[1]))
        return JSONResponse({}, 202)
