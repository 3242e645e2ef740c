"""Webhooks that lead to us: made, renewed and looked after, one for each repository."""

from collections.abc import Sequence
from dataclasses import replace

from rallypoint.connectors.github import hook
from rallypoint.connectors.github.api import Api, no_interface, row_of
from rallypoint.connectors.github.shape import Place
from rallypoint.connectors.tracking import house_of
from rallypoint.sync.ports import PermissionDenied, Stale, ValidationFailed, Webhook, WebhookState

PAGES_MOST = 10
NO_PUSH = """\
The token may not manage webhooks. An administrator of the repository can, in Settings > Webhooks > Add webhook:
Payload URL {url}, content type application/json, the secret shown beside, and of the events "Issues" and
"Issue comments".
"""


class Registrar:
    """Webhooks of some repositories."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def register(self, places: Sequence[Place], url: str, secret: str) -> Webhook:
        """One for each repository. Those that lead to us are renewed, which also enables them."""
        ids: list[str] = []
        try:
            for place in places:
                ids.append(f"{place.id}/{await self._registered(place, url, secret)}")
        except (PermissionDenied, Stale) as no:
            # Whoever may not administer a repository does not even see that there are webhooks.
            instructions = NO_PUSH.format(url=url)
            return Webhook(state=WebhookState.BY_HAND, secret=secret, instructions=instructions, detail=no.said)
        return Webhook(state=WebhookState.ACTIVE, id=",".join(ids), secret=secret)

    async def _registered(self, place: Place, url: str, secret: str) -> str:
        rows, _ = await self._api.all(f"{place.path}/hooks", most=PAGES_MOST)
        ours = [one for one in rows if house_of(str((one.get("config") or {}).get("url") or "")) == house_of(url)]
        for spare in ours[1:]:
            await self._api.send("DELETE", f"{place.path}/hooks/{spare['id']}")
        wanted = hook.registration(url, secret)
        method, path = ("PATCH", f"/hooks/{ours[0]['id']}") if ours else ("POST", "/hooks")
        answer = await self._api.call(method, place.path + path, body=wanted, secret=True)
        row = row_of(answer)
        if not isinstance(row.get("id"), int):
            raise no_interface(answer)
        return str(row["id"])

    async def state(self, webhook: Webhook) -> Webhook:
        """GitHub tries each delivery once, so a failed one is said; the poll has what was in it."""
        if webhook.state is WebhookState.BY_HAND or not webhook.id:
            return webhook
        told: list[str] = []
        state = WebhookState.ACTIVE
        for id in webhook.id.split(","):
            place, _, number = id.partition("/")
            if not (place.isdigit() and number.isdigit()):
                raise ValidationFailed(f"{id[:40]!r} is no webhook of ours.")
            answer = await self._api.send("GET", f"/repositories/{place}/hooks/{number}", secret=True)
            if answer.status == 404 and answer.data is not None:
                return replace(webhook, state=WebhookState.MISSING, detail=f"The webhook {number} is not there.")
            self._api.judge(answer)
            row = row_of(answer)
            last = row.get("last_response") or {}
            if not row.get("active"):
                state = WebhookState.DISABLED
                told.append(f"{number} is switched off")
            elif last.get("status") not in (None, "unused", "active"):
                told.append(f"{number}: the last delivery was answered {last.get('code') or 'by nobody'}")
        return replace(webhook, state=state, detail="; ".join(told))
