"""Services as code, with what they need, their runbooks and their escalation policy."""

from typing import Any

from rallypoint import access, catalog, oncall
from rallypoint.db import Transaction
from rallypoint.edges.code.document import Runbook, Service
from rallypoint.edges.code.kinds import Kind
from rallypoint.errors import Invalid


class Services(Kind[Service]):
    section, word, part = "services", "service", Service
    sets = ("needs",)
    lists = {"runbooks": ("url", "category")}

    async def current(self, tx: Transaction) -> list[Service]:
        teams = {team.id: team.key for team in await access.teams(tx)}
        domains = {domain.id: domain.key for domain in await catalog.domains(tx)}
        services = await catalog.services(tx)
        keys = {service.id: service.key for service in services}
        policies, needs = await oncall.assignments(tx), await catalog.dependencies(tx)
        return [
            Service(
                key=one.key, name=one.name, domain=domains[one.domain_id], description=one.description,
                team=teams[one.team_id] if one.team_id else "", tier=one.tier, hosting=one.hosting.value,
                layer=one.layer.value, public=one.public, retired=one.retired, policy=policies.get(one.id, ""),
                needs=sorted(keys[d.needs_id] for d in needs if d.service_id == one.id),
                runbooks=sorted(await _runbooks(tx, one), key=_place),
            )
            for one in services
        ]  # fmt: skip

    def merged(self, before: Service | None, raw: dict[str, Any], *, prune: bool) -> Service:
        wanted = super().merged(before, raw, prune=prune)
        wanted.runbooks.sort(key=_place)
        return wanted

    async def create(self, tx: Transaction, wanted: Service) -> str:
        await catalog.create_service(
            tx, key=wanted.key, name=wanted.name, domain=wanted.domain, team=wanted.team or None, tier=wanted.tier,
            hosting=wanted.hosting, layer=wanted.layer, description=wanted.description, public=wanted.public,
        )  # fmt: skip
        if wanted.retired:
            await catalog.update_service(tx, wanted.key, retired=True)
        return ""

    async def update(self, tx: Transaction, before: Service, wanted: Service) -> None:
        await catalog.update_service(
            tx, before.key, name=wanted.name, domain=wanted.domain, team=wanted.team or None, tier=wanted.tier,
            hosting=wanted.hosting, layer=wanted.layer, description=wanted.description, public=wanted.public,
            retired=wanted.retired,
        )  # fmt: skip

    async def link(self, tx: Transaction, before: Service | None, wanted: Service) -> None:
        had = set(before.needs) if before else set()
        for key in sorted(had - set(wanted.needs)):
            await catalog.remove_dependency(tx, wanted.key, key)
        for key in sorted(set(wanted.needs) - had):
            await catalog.add_dependency(tx, wanted.key, key)
        await _link_runbooks(tx, before.runbooks if before else [], wanted)
        if wanted.policy != (before.policy if before else ""):
            if not wanted.policy:
                raise Invalid("policy", "cannot be taken from a service; give it another one")
            await oncall.assign_policy(tx, wanted.key, wanted.policy)

    async def remove(self, tx: Transaction, before: Service) -> str:
        if before.retired:
            return ""
        await catalog.update_service(tx, before.key, retired=True)
        return "retire"


def _place(runbook: Runbook) -> tuple[str, str]:
    """What a runbook is known by."""
    return runbook.url, runbook.category


async def _runbooks(tx: Transaction, service: catalog.Service) -> list[Runbook]:
    found = []
    for one in await catalog.runbooks(tx, service.id):
        category = (await catalog.category_by_id(tx, one.category_id)).key if one.category_id else ""
        found.append(Runbook(title=one.title, url=one.url, category=category))
    return found


async def _link_runbooks(tx: Transaction, before: list[Runbook], wanted: Service) -> None:
    stays = {_place(one) for one in wanted.runbooks}
    if any(_place(one) not in stays for one in before):
        service = await catalog.service(tx, wanted.key)
        for stored, one in zip(await catalog.runbooks(tx, service.id), await _runbooks(tx, service), strict=True):
            if _place(one) not in stays:
                await catalog.remove_runbook(tx, stored.id)
    for one in wanted.runbooks:
        if one not in before:
            await catalog.add_runbook(tx, wanted.key, one.title, one.url, one.category or None)
