"""Connections, mappings, previews and linked items, as the API shows them."""

from datetime import datetime
from typing import Any, Self

from pydantic import Field

from rallypoint.edges.api.words import View
from rallypoint.sync import codec
from rallypoint.sync.hooks import Registered
from rallypoint.sync.mapping import Mapping
from rallypoint.sync.model import Conflict, Schema
from rallypoint.sync.ports import Checked
from rallypoint.sync.preview import FieldLine, Preview
from rallypoint.sync.setting_up import Effect, Health, Reviewed, bare_rules
from rallypoint.sync.tools import Tool
from rallypoint.sync.work import OpenConflict

Rules = dict[str, Any]


class AskedView(View):
    name: str
    label: str
    help: str
    secret: bool = Field(description="It is sealed at once and never shown again.")
    required: bool
    example: str
    address: bool = Field(description="Secrets are sent there: another one needs them again.")
    group: str = Field(description="Another way to sign in, named by it; empty for what is asked first.")


class ToolView(View):
    kind: str
    name: str
    example_url: str
    asked: list[AskedView]

    @classmethod
    def of(cls, tool: Tool) -> Self:
        return cls(
            kind=tool.kind, name=tool.name, example_url=tool.example_url,
            asked=[AskedView.model_validate(one) for one in tool.asked],
        )  # fmt: skip


class ConnectionView(View):
    key: str
    name: str
    tool: str
    base_url: str
    settings: dict[str, Any]
    state: str = Field(description="on, paused, or refused: the tool does not let us in.")
    state_reason: str
    succeeded_at: datetime | None
    failed_at: datetime | None
    failure: str
    failures: int = Field(description="So many in a row.")
    closed_until: datetime | None = Field(description="Nothing is sent before: the tool asked for it, or is broken.")
    polled_at: datetime | None
    skew_seconds: float = Field(description="How far the tool's clock is ahead of ours.")
    created_at: datetime


class NewConnectionView(View):
    connection: ConnectionView
    hook_url: str = Field(description="Where the tool may tell us of changes; shown this once.")


class FindingView(View):
    level: str
    about: str
    text: str
    help: str


class CheckedView(View):
    ok: bool
    identity: str | None = Field(description="Who we are there.")
    version: str
    skew_seconds: float
    findings: list[FindingView]

    @classmethod
    def of(cls, checked: Checked) -> Self:
        who = checked.identity
        return cls(
            ok=checked.ok, identity=(who.name or who.email or who.remote_id) if who else None, version=checked.version,
            skew_seconds=checked.skew_seconds, findings=[FindingView.model_validate(one) for one in checked.findings],
        )  # fmt: skip


class ProjectView(View):
    id: str
    name: str
    types: list[str]


class ChoiceView(View):
    id: str
    name: str
    category: str
    active: bool


class FieldView(View):
    id: str
    name: str
    kind: str
    custom: bool
    required: bool
    writable: bool
    multiple: bool
    max_length: int | None
    markup: str
    choices: list[ChoiceView]


class SchemaView(View):
    project: str
    type: str
    fields: list[FieldView]

    @classmethod
    def of(cls, schema: Schema) -> Self:
        fields = [FieldView.model_validate(one) for one in schema.fields]
        return cls(project=schema.project, type=schema.type, fields=fields)


class WebhookView(View):
    state: str
    url: str = Field(description="Shown this once.")
    secret: str = Field(description="What the tool signs with, where a person has to enter it; shown this once.")
    expires_at: datetime | None
    instructions: str
    detail: str

    @classmethod
    def of(cls, made: Registered) -> Self:
        hook = made.webhook
        return cls(
            state=hook.state.value, url=made.url, secret=hook.secret, expires_at=hook.expires_at,
            instructions=hook.instructions, detail=hook.detail,
        )  # fmt: skip


class QuotaView(View):
    bucket: str = Field(description="The tool's own name of the budget; empty where it has one.")
    most: int | None
    remaining: int | None
    resets_at: datetime | None
    rests_until: datetime | None = Field(description="The tool asked to be left alone until then.")
    noted_at: datetime


class HealthView(View):
    connection: ConnectionView
    credentials: str = Field(description="accepted, refused or not tried.")
    links: dict[str, int] = Field(description="active, creating, gone, due, failed; offers and conflicts that wait.")
    lag_seconds: float | None = Field(description="How long the most patient due link has waited.")
    heard_at: datetime | None = Field(description="When the tool last told us something by itself.")
    webhook: dict[str, Any]
    webhook_checked_at: datetime | None
    webhook_trouble: str = Field(description="What is wrong with the webhook; empty where all is well.")
    quotas: list[QuotaView] = Field(description="What the tool last said of its budgets.")

    @classmethod
    def of(cls, health: Health) -> Self:
        return cls(
            connection=ConnectionView.model_validate(health.connection), links=dict(health.links),
            lag_seconds=health.lag_seconds, heard_at=health.heard_at, webhook=dict(health.webhook),
            credentials=health.credentials, webhook_checked_at=health.care.checked_at,
            webhook_trouble=health.hook_trouble, quotas=[QuotaView.model_validate(one) for one in health.quotas],
        )  # fmt: skip


class RemarkView(View):
    level: str
    field: str
    kind: str
    text: str


class MappingView(View):
    id: int = Field(description="0 for one that is not saved.")
    version: int
    connection: str
    name: str
    rules: Rules

    @classmethod
    def of(cls, mapping: Mapping, connection: str) -> Self:
        rules = bare_rules(mapping)
        return cls(id=mapping.id, version=mapping.version, connection=connection, name=mapping.name, rules=rules)


class ReviewedView(View):
    ok: bool
    remarks: list[RemarkView] = Field(description="An error refuses the mapping; a warning tells what it loses.")
    left_out: list[str] = Field(description="Our fields for which a suggestion found nothing there.")
    mapping: MappingView

    @classmethod
    def of(cls, reviewed: Reviewed, connection: str) -> Self:
        return cls(
            ok=reviewed.ok, remarks=[RemarkView.model_validate(one) for one in reviewed.remarks],
            left_out=list(reviewed.left_out), mapping=MappingView.of(reviewed.mapping, connection),
        )  # fmt: skip


class VersionView(View):
    version: int
    active: bool
    created_at: datetime
    created_by: str
    changed: list[str] = Field(description="What it changed against the version before: fields, then other members.")


class FieldLineView(View):
    field: str
    remote_field: str
    here: Any
    there: Any
    act: str
    why: str
    takes: bool
    to_here: Any = Field(description="What the incident would get, where `takes`.")
    pushes: bool
    to_there: Any = Field(description="What the item would get, as the tool writes it, where `pushes`.")
    refused: str = Field(description="Why this house would not take the value.")
    note: str

    @classmethod
    def of(cls, line: FieldLine) -> Self:
        return cls(**codec.to_json(line))


class CommentLineView(View):
    act: str
    why: str
    text: str
    visibility: str
    author: str


class RelationLineView(View):
    """What another incident is to this one; `act` is take or drop here, write or erase there."""

    act: str
    kind: str
    incident: int
    remote_id: str


class FileLineView(View):
    act: str
    why: str
    name: str


class DraftView(View):
    project: str
    type: str
    fields: dict[str, Any]
    url: str


class ClashView(View):
    field: str
    here: Any
    there: Any
    here_by: str
    there_by: str
    here_at: datetime | None
    there_at: datetime | None
    winner: str | None = Field(description="hub or remote; null waits for a person.")
    rule: str

    @classmethod
    def parts(cls, body: Conflict) -> dict[str, Any]:
        by = body.remote_by
        return {
            "field": body.field, "here": codec.to_json(body.hub_value), "there": codec.to_json(body.remote_value),
            "here_by": body.hub_by, "there_by": (by.name or by.email or by.remote_id) if by else "",
            "here_at": body.hub_at, "there_at": body.remote_at, "winner": body.winner, "rule": body.rule,
        }  # fmt: skip


class ConflictView(ClashView):
    id: int
    incident: int
    item: int
    connection: str
    remote_key: str
    url: str
    at: datetime
    settled_at: datetime | None
    settled_by: str
    kept: str | None = Field(description="hub or remote: whose value was kept, by the last decision.")
    overtaken: bool = Field(description="Over without a decision: both agreed since, or a later conflict came.")
    now: Any = Field(description="What the incident holds, where it was edited after the decision; else null.")

    @classmethod
    def of(cls, one: OpenConflict) -> Self:
        return cls(
            kept=one.standing, overtaken=one.overtaken,
            now=codec.to_json(one.now_value) if one.edited_since else None,
            id=one.id, incident=one.incident, item=one.link_id, connection=one.connection_name, at=one.at,
            remote_key=one.remote_key, url=one.url, settled_at=one.settled_at, settled_by=one.settled_by,
            **cls.parts(one.body),
        )  # fmt: skip


class PreviewView(View):
    incident: int | None
    remote_id: str
    remote_key: str
    url: str
    linked: bool
    idle: bool = Field(description="Nothing would be written on either side.")
    fits_here: bool | None = Field(description="The incident is in the mapping's scope.")
    fits_there: bool | None = Field(description="The item is in the mapping's scope.")
    by_itself: bool = Field(description="It would happen without anybody asking.")
    fields: list[FieldLineView]
    comments: list[CommentLineView]
    files: list[FileLineView]
    relations: list[RelationLineView]
    conflicts: list[ClashView]
    writes: dict[str, Any] = Field(description="The first write to the item: raw values by field.")
    step: str = Field(description="The step of the tool's workflow that would be taken.")
    blocked: str = Field(description="Why the wanted status cannot be reached.")
    creates: DraftView | None
    opens: dict[str, Any] | None = Field(description="The incident that would be opened.")

    @classmethod
    def of(cls, one: Preview) -> Self:
        draft = one.creates
        return cls(
            incident=one.incident, remote_id=one.remote_id, remote_key=one.remote_key, url=one.url, linked=one.linked,
            idle=one.idle, fits_here=one.fits_here, fits_there=one.fits_there, by_itself=one.by_itself,
            fields=[FieldLineView.of(line) for line in one.fields],
            comments=[CommentLineView.model_validate(line) for line in one.comments],
            files=[FileLineView.model_validate(line) for line in one.files],
            relations=[RelationLineView.model_validate(line) for line in one.relations],
            conflicts=[ClashView(**ClashView.parts(body)) for body in one.conflicts],
            writes=codec.to_json(one.writes), step=one.step, blocked=one.blocked,
            creates=None if draft is None else DraftView(
                project=draft.project, type=draft.type, fields=codec.to_json(draft.fields), url=draft.url
            ),
            opens=None if one.opens is None else codec.to_json(one.opens),
        )  # fmt: skip


class EffectView(View):
    links: int
    looked_at: int = Field(description="So many of them, the newest, were read and compared.")
    changed: list[PreviewView]
    unreadable: list[str]

    @classmethod
    def of(cls, effect: Effect) -> Self:
        return cls(
            links=effect.links, looked_at=effect.looked_at, changed=[PreviewView.of(one) for one in effect.changed],
            unreadable=list(effect.unreadable),
        )  # fmt: skip


class BacklogView(View):
    fitting: int = Field(description="Open incidents in the mapping's scope.")
    without_item: int
    creating: int
    linked: int
    failed: int
    ordered: int = Field(description="So many were ordered now.")
    looked_through: int
    more: bool = Field(description="There are more open incidents than were looked through.")


class HeldBackView(View):
    field: str = Field(description="The incident's field; empty for a file.")
    reason: str


class ItemView(View):
    id: int
    incident: int
    connection: str
    connection_name: str
    tool: str
    mapping_id: int
    mapping_version: int
    remote_key: str
    url: str
    project: str
    type: str
    state: str
    state_reason: str
    agreed_at: datetime | None = Field(description="When both sides last said the same.")
    due_at: datetime | None
    rests_until: datetime | None = Field(description="The tool limits this one item until then.")
    error: dict[str, Any] | None = Field(description="cause, said and at; it waits for a person.")
    missed_reads: int = Field(description="So often in a row it could not be read: deleted there, or hidden from us.")
    held_back: list[HeldBackView] = Field(description="What does not go across, and why; the rest does.")
    conflicts: int
