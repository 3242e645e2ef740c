"""What is sent to change a work item: steps of a JSON patch (RFC 6902), refused here where Azure DevOps would."""

from typing import Any

from rallypoint.connectors.azure_devops.shape import TAGS_FIELD, Shape, check_choice
from rallypoint.connectors.azure_devops.values import outward
from rallypoint.sync.model import TAGS, FieldKind, RemoteField, Value
from rallypoint.sync.ports import MappingBroken, ValidationFailed


def operation(shape: Shape, name: str, value: Value) -> dict[str, Any]:
    """One step of a JSON patch. Tags are replaced: to add them would keep the old ones."""
    field = shape.field(name)
    if field is None or not field.writable:
        raise MappingBroken(
            f"{shape.schema.type} has no field {name} that can be written.",
            field=name,
            help="Choose another field in the mapping.",
        )
    if name == TAGS:
        text = "; ".join(value) if isinstance(value, tuple) else str(value or "")
        return {"op": "replace", "path": f"/fields/{TAGS_FIELD}", "value": text}
    sent = outward(field, value, number=name in shape.numbers)
    if field.choices and sent is not None:
        check_choice(field, str(sent))
    _demand_length(field, sent)
    path = f"/fields/{name}"
    if sent is not None:
        return {"op": "add", "path": path, "value": sent}
    cleared = field.kind in (FieldKind.NUMBER, FieldKind.BOOLEAN, FieldKind.TIME) or name in shape.numbers
    return {"op": "remove", "path": path} if cleared else {"op": "add", "path": path, "value": ""}


def _demand_length(field: RemoteField, sent: Any) -> None:
    if field.max_length is not None and isinstance(sent, str) and len(sent) > field.max_length:
        why = f"has {len(sent)} characters; Azure DevOps keeps {field.max_length}"
        raise ValidationFailed(f"{field.name} {why}.", fields={field.id: why})
