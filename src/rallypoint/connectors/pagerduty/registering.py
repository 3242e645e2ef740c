"""Webhook subscriptions that lead to us: made, replaced, looked after; one for each service, or one for the account."""

from collections.abc import Sequence
from dataclasses import replace

from rallypoint.connectors.calling import Answer
from rallypoint.connectors.pagerduty import hook
from rallypoint.connectors.pagerduty.api import Api, Row, demand_id, no_interface, unwrapped
from rallypoint.connectors.tracking import house_of
from rallypoint.sync.ports import PermissionDenied, ValidationFailed, Webhook, WebhookState

PAGES_MOST = 10
NO_PUSH = """\
The key may not make webhook subscriptions. Use the key of an administrator, or ask regularly and leave it at that. An
administrator can also make one in Integrations > Generic Webhooks (v3) > New Webhook, with {url}; but
PagerDuty makes the secret, so it has to be given to this connection then.
"""


class Registrar:
    """Subscriptions of one account."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def register(self, services: Sequence[str], url: str) -> Webhook:
        """A subscription for each service, or one for the account. PagerDuty makes the secret, and tells it only then:
        so those that lead to us are replaced."""
        try:
            for one in await self._api.all("webhook_subscriptions", "/webhook_subscriptions", most=PAGES_MOST):
                about = str((one.get("filter") or {}).get("id") or "")  # another connection may follow other services
                there = str((one.get("delivery_method") or {}).get("url") or "")
                if house_of(there) == house_of(url) and about in services:
                    await self._api.send("DELETE", f"/webhook_subscriptions/{demand_id(str(one.get('id')))}")
            made = [await self._subscribed(url, service) for service in services]
        except PermissionDenied as no:
            return Webhook(state=WebhookState.BY_HAND, instructions=NO_PUSH.format(url=url), detail=no.said)
        secrets = hook.BETWEEN.join(str(one["delivery_method"]["secret"]) for one in made)
        return Webhook(state=WebhookState.ACTIVE, id=",".join(str(one["id"]) for one in made), secret=secrets)

    async def _subscribed(self, url: str, service: str) -> Row:
        async def ask(events: tuple[str, ...]) -> Answer:
            body = {"webhook_subscription": hook.subscription(url, service, events)}
            return await self._api.call("POST", "/webhook_subscriptions", body=body, secret=True)

        try:
            answer = await ask((*hook.EVENTS, *hook.NEWER))
        except ValidationFailed:
            answer = await ask(hook.EVENTS)
        row = unwrapped(answer, "webhook_subscription")
        method = row.get("delivery_method")
        if not row.get("id") or not isinstance(method, dict) or not method.get("secret"):
            raise no_interface(answer)
        return row

    async def state(self, webhook: Webhook) -> Webhook:
        """Switched off also for the day that follows on three events we did not take; registering anew ends it."""
        if webhook.state is WebhookState.BY_HAND or not webhook.id:
            return webhook
        state, told = WebhookState.ACTIVE, list[str]()
        for id in webhook.id.split(","):
            answer = await self._api.send("GET", f"/webhook_subscriptions/{demand_id(id)}", secret=True)
            if answer.status == 404:
                return replace(webhook, state=WebhookState.MISSING, detail=f"The subscription {id} is not there.")
            self._api.judge(answer)
            row = unwrapped(answer, "webhook_subscription")
            if not row.get("active"):
                state = WebhookState.DISABLED
                told.append(f"{id} is switched off")
            elif (row.get("delivery_method") or {}).get("temporarily_disabled"):
                state = WebhookState.DISABLED
                told.append(f"{id} is switched off for a day, because events were refused")
        return replace(webhook, state=state, detail="; ".join(told))
