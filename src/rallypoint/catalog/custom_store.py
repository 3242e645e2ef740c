"""SQL of the fields that domains have besides ours. Saving adds, or changes what has the key; nothing is deleted."""

from typing import Any

from rallypoint.catalog.model import CustomField
from rallypoint.db import Transaction

FIELD = "f.id, f.domain_id, f.key, f.name, f.kind, f.choices, f.hint, f.position, f.retired"


async def custom_fields(tx: Transaction, domain_id: int | None = None) -> list[CustomField]:
    """Of one domain or of all, the retired ones too, in their order on screens."""
    return await tx.fetch(
        CustomField,
        f"""select {FIELD} from custom_field f where :domain_id::bigint is null or domain_id = :domain_id
             order by domain_id, position, id""",
        domain_id=domain_id,
    )


async def save(tx: Transaction, **values: Any) -> CustomField:
    return await tx.one(
        CustomField,
        f"""
        insert into custom_field as f (domain_id, key, name, kind, choices, hint, position, retired)
        values (:domain_id, :key, :name, :kind, :choices, :hint, :position, :retired)
            on conflict (domain_id, key) do update
           set name = excluded.name, choices = excluded.choices, hint = excluded.hint, position = excluded.position,
               retired = excluded.retired returning {FIELD}""",
        missing=("field", values["key"]),
        **values,
    )
