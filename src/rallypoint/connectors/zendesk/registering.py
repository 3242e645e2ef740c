"""Our webhook and our trigger at the account: made, renewed in place, looked after."""

from dataclasses import replace
from typing import Any
from urllib.parse import quote

from rallypoint.connectors.calling import Answer
from rallypoint.connectors.zendesk import hook
from rallypoint.connectors.zendesk.api import Api, no_interface
from rallypoint.sync.ports import Outage, PermissionDenied, ValidationFailed, Webhook, WebhookState

WELL = frozenset({"success", "pending", "sent"})


async def register(api: Api, name: str, url: str, secret: str, us: str) -> Webhook:
    """Both by this name. `us` is our own user there, whose updates need not be told."""
    try:
        id = await _webhook(api, name, url)
        answer = await api.call("GET", f"/webhooks/{quote(id, safe='')}/signing_secret", secret=True)
        trigger = await _trigger(api, name, id, us)
    except PermissionDenied as no:
        instructions = hook.instructions(name, url)
        return Webhook(state=WebhookState.BY_HAND, secret=secret, instructions=instructions, detail=no.said)
    key = answer.data.get("signing_secret") if isinstance(answer.data, dict) else None
    if not isinstance(key, dict) or not key.get("secret"):
        raise Outage("Zendesk does not tell the secret it signs with.")
    return Webhook(state=WebhookState.ACTIVE, id=f"{id},{trigger}", secret=str(key["secret"]))


async def _webhook(api: Api, name: str, url: str) -> str:
    rows, _ = await api.listed("/webhooks", "webhooks", {"filter[name_contains]": name}, most=500)
    known = next((str(one["id"]) for one in rows if one.get("name") == name), "")
    body = {"webhook": hook.webhook(name, url)}
    if known:
        await api.call("PUT", f"/webhooks/{quote(known, safe='')}", body=body, secret=True)
        return known
    return _id(await api.call("POST", "/webhooks", body=body, secret=True), "webhook")


async def _trigger(api: Api, name: str, webhook_id: str, us: str) -> str:
    rows, _ = await api.listed("/triggers", "triggers", most=2000)
    known = next((str(one["id"]) for one in rows if one.get("title") == name), "")
    method, path = ("PUT", f"/triggers/{quote(known, safe='')}") if known else ("POST", "/triggers")
    try:
        answer = await api.call(method, path, body={"trigger": hook.trigger(name, webhook_id, us)})
    except ValidationFailed:
        # It does without the condition that leaves out our own updates: then there are more deliveries, no more.
        answer = await api.call(method, path, body={"trigger": hook.trigger(name, webhook_id, "")})
    return _id(answer, "trigger")


def _id(answer: Answer, name: str) -> str:
    made = answer.data.get(name) if isinstance(answer.data, dict) else None
    if not isinstance(made, dict) or not made.get("id"):
        raise no_interface(answer)
    return str(made["id"])


async def state_of(api: Api, webhook: Webhook) -> Webhook:
    """Whether both are there and on, and how the last delivery went."""
    if webhook.state is WebhookState.BY_HAND or not webhook.id:
        return webhook
    id, trigger = (quote(part, safe="") for part in webhook.id.partition(",")[::2])
    state, detail = WebhookState.ACTIVE, ""
    for path, name in ((f"/webhooks/{id}", "webhook"), (f"/triggers/{trigger}", "trigger")):
        answer = await api.send("GET", path, secret=True)
        if answer.status == 404 and answer.data is not None:
            return replace(webhook, state=WebhookState.MISSING, detail=f"The {name} is not there any more.")
        api.judge(answer)
        if not _is_on(answer.data.get(name) if isinstance(answer.data, dict) else None):
            state, detail = WebhookState.DISABLED, f"The {name} was switched off."
    last = await api.perhaps(f"/webhooks/{id}/invocations", "invocations", {"page[size]": "1"}, most=1)
    if last is not None and last[0] and last[0][0].get("status") not in WELL:
        detail = detail or f"The last delivery: {last[0][0].get('status')}."
    return replace(webhook, state=state, detail=detail)


def _is_on(row: Any) -> bool:
    """Webhooks have a status, triggers are active or not."""
    return isinstance(row, dict) and (row.get("status") == "active" or row.get("active") is True)
