"""Retrospectives and action items as the API shows them."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, Self

import msgspec
from pydantic import Field

from rallypoint.edges.api.views.sync import HeldBackView
from rallypoint.edges.api.words import View
from rallypoint.learning import ActionItem
from rallypoint.learning import RetrospectiveView as ViewOfRoom
from rallypoint.sync.follower_store import Standing


class FollowedView(View):
    """The work item elsewhere that an action item follows, or followed last, and how that stands."""

    id: int
    connection: str
    connection_name: str
    tool: str
    mapping_id: int
    remote_key: str
    url: str
    project: str
    type: str
    state: str = Field(description="creating, active, ended (parted) or tombstone (gone there).")
    state_reason: str
    missed_reads: int
    agreed_at: datetime | None = Field(description="When both sides last said the same.")
    due_at: datetime | None
    error: dict[str, Any] | None = Field(description="cause, said and at; without due_at it waits for a person.")
    held_back: list[HeldBackView] = Field(description="What does not go across, and why; the rest does.")


class ActionItemView(View):
    id: int
    incident: int
    title: str
    improves: str
    owner_id: int
    owner_name: str
    due_on: date
    state: str
    reason: str
    created_at: datetime
    created_by: str
    finished_at: datetime | None
    finished_by: str
    elsewhere: FollowedView | None = None

    @classmethod
    def of(cls, item: ActionItem, elsewhere: Mapping[int, Standing]) -> Self:
        made, found = cls.model_validate(item), elsewhere.get(item.id)
        return made if found is None else made.model_copy(update={"elsewhere": FollowedView.model_validate(found)})


class EntryView(View):
    """A retrospective in a list."""

    incident: int
    name: str
    title: str
    service: str
    priority: str
    depth: str
    state: str
    drill: bool
    resolved_at: datetime
    meeting_due_at: datetime | None
    meeting_held_at: datetime | None
    open_items: int
    done_items: int


class RetrospectiveView(View):
    """Facts that the record tells by itself, and texts that only people can write."""

    incident: int
    title: str
    depth: str = Field(description="`full` for P1 and P2, `light` for the others.")
    state: str
    version: int
    facts: dict[str, Any]
    texts: dict[str, str]
    missing: list[str] = Field(description="What still stands between it and publishing.")
    action_items: list[ActionItemView]
    resolved_at: datetime
    meeting_due_at: datetime | None
    meeting_held_at: datetime | None
    published_at: datetime | None
    published_by: str

    @classmethod
    def of(cls, view: ViewOfRoom) -> Self:
        found = view.retrospective
        return cls(
            **{name: getattr(found, name) for name in _SAME},
            facts=msgspec.to_builtins(found.facts),
            texts={section.key: section.text for section in view.sections},
            missing=list(view.missing),
            action_items=[ActionItemView.of(item, view.elsewhere) for item in view.items],
        )


_SAME = ("incident", "title", "depth", "state", "version", "resolved_at", "meeting_due_at", "meeting_held_at",
         "published_at", "published_by")  # fmt: skip
