"""What faces outward, as code: integrations (without their keys) and the public status page."""

from rallypoint import alerts, catalog, statuspage
from rallypoint.db import Transaction
from rallypoint.edges.code.document import Component, Integration, StatusPage
from rallypoint.edges.code.kinds import Kind
from rallypoint.errors import Invalid, NotFound


class Integrations(Kind[Integration]):
    """Known by name. A new one gets a key, which is shown once, in the change."""

    section, word, part, names = "integrations", "integration", Integration, "name"

    async def current(self, tx: Transaction) -> list[Integration]:
        services = {service.id: service.key for service in await catalog.services(tx)}
        return [
            Integration(
                name=one.name, kind=one.kind, service=services[one.service_id] if one.service_id else "",
                group_by=list(one.group_by), group_minutes=one.group_minutes, disabled=one.disabled,
            )
            for one in await alerts.integrations(tx)
        ]  # fmt: skip

    async def create(self, tx: Transaction, wanted: Integration) -> str:
        made = await alerts.create_integration(
            tx, name=wanted.name, kind=wanted.kind, service=wanted.service or None, group_by=wanted.group_by,
            group_minutes=wanted.group_minutes,
        )  # fmt: skip
        if wanted.disabled:
            await alerts.update_integration(tx, made.integration.id, disabled=True)
        return made.key

    async def update(self, tx: Transaction, before: Integration, wanted: Integration) -> None:
        if wanted.kind != before.kind:
            raise Invalid("kind", "of an integration cannot be changed; make another one")
        await alerts.update_integration(
            tx, await _id(tx, before.name), service=wanted.service or None, group_by=wanted.group_by,
            group_minutes=wanted.group_minutes, disabled=wanted.disabled, name=wanted.name,
        )  # fmt: skip

    async def remove(self, tx: Transaction, before: Integration) -> str:
        if before.disabled:
            return ""
        await alerts.update_integration(tx, await _id(tx, before.name), disabled=True)
        return "disable"


class Components(Kind[Component]):
    """Public services are components by themselves; here they are renamed and ordered, and others added."""

    section, word, part = "components", "component", Component

    async def current(self, tx: Transaction) -> list[Component]:
        services = {service.id: service.key for service in await catalog.services(tx)}
        return [
            Component(
                key=one.key, name=one.name, service=services.get(one.service_id or 0, ""),
                description=one.description, position=one.position,
            )
            for one in await statuspage.components(tx)
        ]  # fmt: skip

    async def create(self, tx: Transaction, wanted: Component) -> str:
        try:
            await statuspage.update_component(tx, wanted.key, hidden=False)
        except NotFound:
            await statuspage.add_component(tx, key=wanted.key, name=wanted.name, service=wanted.service or None)
        await self._place(tx, wanted)
        return ""

    async def update(self, tx: Transaction, before: Component, wanted: Component) -> None:
        if before.service != wanted.service:
            raise Invalid("service", "of a component cannot be changed; make another component")
        await self._place(tx, wanted)

    async def remove(self, tx: Transaction, before: Component) -> str:
        await statuspage.update_component(tx, before.key, hidden=True)
        return "hide"

    async def _place(self, tx: Transaction, wanted: Component) -> None:
        await statuspage.update_component(
            tx, wanted.key, name=wanted.name, description=wanted.description, position=wanted.position
        )


class Status(Kind[StatusPage]):
    section, word, part, names = "status_page", "status page", StatusPage, "name"

    async def current(self, tx: Transaction) -> list[StatusPage]:
        page = await statuspage.about(tx)
        return [StatusPage(name=page.name, time_zone=page.time_zone)]

    async def update(self, tx: Transaction, before: StatusPage, wanted: StatusPage) -> None:
        await statuspage.configure(tx, name=wanted.name, time_zone=wanted.time_zone)


async def _id(tx: Transaction, name: str) -> int:
    return next(one.id for one in await alerts.integrations(tx) if one.name == name)
