"""Registering webhooks: an application makes its own, which last thirty days; an account with the right makes an
administrator's; anybody else is told what an administrator does."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from rallypoint.connectors.jira import hook
from rallypoint.connectors.jira.api import Api, no_interface
from rallypoint.connectors.tracking import house_of
from rallypoint.sync.ports import AuthFailed, PermissionDenied, Stale, ValidationFailed, Webhook, WebhookState

ADMIN = "/rest/webhooks/1.0/webhook"
SECTION = "issue-related-events-section"
APP = "app:"
"""Before the ids of an application's webhooks."""

PROJECTS_MOST = 100
SOON = timedelta(days=10)


async def register(api: Api, url: str, secret: str, *, project: str) -> Webhook:
    """Makes ours, or renews it where there is one."""
    jql = f'project = "{project}"' if project else ""
    if api.entrance.renewable:
        return await _of_application(api, url, secret, jql)
    edition = await api.edition()
    wanted = {
        "name": _name(project),
        "url": url if edition.cloud else hook.with_secret(url, secret),
        "events": list(hook.EVENTS),
        "filters": {SECTION: jql},
        "excludeBody": False,
        "enabled": True,
    }
    if edition.cloud:
        wanted["secret"] = secret
    try:
        known = await _ours(api, url, project)
        for spare in known[1:]:
            await api.call("DELETE", f"{ADMIN}/{spare}", secret=True)
        path, method = (f"{ADMIN}/{known[0]}", "PUT") if known else (ADMIN, "POST")
        answer = await api.call(method, path, body=wanted, secret=True)
    except (PermissionDenied, AuthFailed) as no:
        told = hook.instructions(url, cloud=edition.cloud, jql=jql)
        return Webhook(state=WebhookState.BY_HAND, secret=secret, instructions=told, detail=no.said)
    id = _id(answer.data)
    if not id:
        raise no_interface(answer)
    return Webhook(state=WebhookState.ACTIVE, id=id, secret=secret)


def _name(project: str) -> str:
    return f"{hook.NAME} {project}".strip()


async def _ours(api: Api, url: str, project: str) -> list[str]:
    """Ids of webhooks of this name that lead to the same house: the last part of our address is new each time."""
    answer = await api.call("GET", ADMIN, secret=True)
    rows = answer.data if isinstance(answer.data, list) else []
    return [_id(one) for one in rows if isinstance(one, dict) and one.get("name") == _name(project) and
            house_of(str(one.get("url", ""))) == house_of(url)]  # fmt: skip


def _id(row: Any) -> str:
    """The number at the end of its address."""
    address = str(row.get("self", "")) if isinstance(row, dict) else ""
    found = address.rstrip("/").rpartition("/")[2]
    return found if found.isdigit() else ""


async def _of_application(api: Api, url: str, secret: str, jql: str) -> Webhook:
    """A new one takes the place of those before, for its address cannot be changed."""
    before = await api.listed("webhook")
    if not jql:
        # A filter is demanded: then it is every project we see.
        seen = await api.listed("project/search", most=PROJECTS_MOST)
        jql = f"project in ({', '.join(str(one['id']) for one in seen)})"
    body = {"url": url, "webhooks": [{"events": list(hook.EVENTS), "jqlFilter": jql}]}
    answer = await api.call("POST", "webhook", body=body)
    results = answer.data.get("webhookRegistrationResult") if isinstance(answer.data, dict) else None
    made = [one.get("createdWebhookId") for one in results or () if isinstance(one, dict)]
    if not made or None in made:
        said = "; ".join(str(why) for one in results or () for why in one.get("errors") or ())
        raise ValidationFailed(f"Jira registers no webhook: {said}", exchange=answer.exchange)
    old = [one["id"] for one in before if house_of(str(one.get("url", ""))) == house_of(url)]
    if old:
        await api.call("DELETE", "webhook", body={"webhookIds": old})
    until = await api.call("PUT", "webhook/refresh", body={"webhookIds": made})
    ids = ",".join(str(one) for one in made)
    return Webhook(state=WebhookState.ACTIVE, id=APP + ids, secret=secret, expires_at=_moment(until.data))


def _moment(data: Any) -> datetime | None:
    stamp = data.get("expirationDate") if isinstance(data, dict) else None
    return datetime.fromtimestamp(stamp / 1000, UTC) if isinstance(stamp, int) else None


async def state(api: Api, webhook: Webhook, now: datetime) -> Webhook:
    """As the site tells. An application's that ends soon is renewed for another thirty days by looking."""
    if webhook.state is WebhookState.BY_HAND or not webhook.id:
        return webhook
    if webhook.id.startswith(APP):
        return await _state_of_application(api, webhook, now)
    try:
        told = (await api.call("GET", f"{ADMIN}/{webhook.id}", secret=True)).data
    except Stale:
        return replace(webhook, state=WebhookState.MISSING, detail=f"The webhook {webhook.id} is not there.")
    if not isinstance(told, dict) or not told.get("enabled", True):
        return replace(webhook, state=WebhookState.DISABLED, detail="It is switched off.")
    return replace(webhook, state=WebhookState.ACTIVE, detail="")


async def _state_of_application(api: Api, webhook: Webhook, now: datetime) -> Webhook:
    ids = {int(one) for one in webhook.id.removeprefix(APP).split(",") if one.isdigit()}
    rows = [one for one in await api.listed("webhook") if one.get("id") in ids]
    if {one.get("id") for one in rows} != ids:
        return replace(webhook, state=WebhookState.MISSING, detail="It ran out, or was taken away.")
    ends = min((moment for one in rows if (moment := _moment(one)) is not None), default=None)
    if ends is not None and ends - now < SOON:
        renewed = await api.call("PUT", "webhook/refresh", body={"webhookIds": sorted(ids)})
        ends = _moment(renewed.data) or ends
    expiring = ends is not None and ends - now < SOON
    return replace(
        webhook, state=WebhookState.EXPIRING if expiring else WebhookState.ACTIVE, expires_at=ends, detail=""
    )
