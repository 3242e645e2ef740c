"""Service hooks that lead to us: made, renewed and looked after. They have no signature, so each has a password."""

from dataclasses import replace
from typing import Any

from rallypoint.connectors.azure_devops import hook
from rallypoint.connectors.azure_devops.api import Api, no_interface, segment
from rallypoint.connectors.tracking import house_of
from rallypoint.sync.ports import PermissionDenied, Webhook, WebhookState

NO_PUSH = """\
The account may not subscribe to service hooks. A project administrator can, in Project settings > Service hooks:
make a subscription "Web Hooks" for each of Work item created, updated, deleted, restored and commented on, with
URL {url}, basic authentication user name {user} and as its password the secret shown beside, resource details "All".
"""


class Registrar:
    """Subscriptions of one organisation."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def register(self, url: str, secret: str, project_id: str) -> Webhook:
        """One service hook for each kind of event. Those with this address are renewed, which also enables them."""
        try:
            before = await self._hooks_to(url, project_id)
            ids: list[str] = []
            for event in hook.EVENTS:
                wanted = hook.subscription(event, url, secret, project_id)
                known = before.get(event, [])
                for spare in known[1:]:
                    await self._api.send("DELETE", f"/_apis/hooks/subscriptions/{segment(spare)}")
                ids.append(await self._subscribe(wanted, known[0] if known else ""))
        except PermissionDenied as no:
            instructions = NO_PUSH.format(url=url, user=hook.USER)
            return Webhook(state=WebhookState.BY_HAND, secret=secret, instructions=instructions, detail=no.said)
        return Webhook(state=WebhookState.ACTIVE, id=",".join(ids), secret=secret)

    async def _hooks_to(self, url: str, project_id: str) -> dict[str, list[str]]:
        """Ids of our subscriptions by event, also those with an earlier address of ours."""
        rows = await self._api.listed("/_apis/hooks/subscriptions", {"publisherId": "tfs", "consumerId": "webHooks"})
        found: dict[str, list[str]] = {}
        for one in rows:
            inputs, published = one.get("consumerInputs") or {}, one.get("publisherInputs") or {}
            if (
                house_of(str(inputs.get("url") or "")) == house_of(url)
                and (published.get("projectId") or "") == project_id
            ):
                found.setdefault(str(one.get("eventType")), []).append(str(one.get("id")))
        return found

    async def _subscribe(self, wanted: dict[str, Any], known: str) -> str:
        method, path = ("PUT", f"/_apis/hooks/subscriptions/{segment(known)}") if known else (
            "POST", "/_apis/hooks/subscriptions"
        )  # fmt: skip
        body = {**wanted, **({"id": known, "status": "enabled"} if known else {})}
        answer = await self._api.call(method, path, body=body, secret=True)
        if not isinstance(answer.data, dict) or not answer.data.get("id"):
            raise no_interface(answer)
        return str(answer.data["id"])

    async def state(self, webhook: Webhook) -> Webhook:
        """Disabled also while on probation: events are lost then, and registering anew ends it."""
        if webhook.state is WebhookState.BY_HAND or not webhook.id:
            return webhook
        told: list[str] = []
        state = WebhookState.ACTIVE
        for id in webhook.id.split(","):
            answer = await self._api.send("GET", f"/_apis/hooks/subscriptions/{segment(id)}", secret=True)
            if answer.status == 404 and answer.data is not None:
                return replace(webhook, state=WebhookState.MISSING, detail=f"The subscription {id} is not there.")
            self._api.judge(answer)
            status = str(answer.data.get("status", ""))
            if status != "enabled":
                state = WebhookState.DISABLED
                told.append(f"{answer.data.get('eventType')}: {status}")
        return replace(webhook, state=state, detail="; ".join(told))
