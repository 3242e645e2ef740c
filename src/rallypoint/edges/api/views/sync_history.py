"""Historical syncs, as the API shows them."""

from datetime import datetime
from typing import Any, Self

from pydantic import Field

from rallypoint.edges.api.words import View
from rallypoint.sync import codec
from rallypoint.sync.history_model import History, Progress


class HistoryView(View):
    id: int
    mapping_id: int
    direction: str
    state: str = Field(description="planning, planned, running, paused, done or cancelled.")
    since: datetime | None
    conditions: list[dict[str, Any]]
    match: str
    looked_at: int = Field(description="So many were read by the plan, to say what would come of them.")
    total: int = Field(description="So many were listed.")
    done: int
    failed: int
    under_way: int = Field(description="Items that were ordered there and are being made.")
    share: float = Field(description="How far it is, from 0 to 1.")
    outcomes: dict[str, int] = Field(description="What came of them; before the start, of those that were looked at.")
    error: str = Field(description="Why it has to wait now; empty if it does not.")
    created_at: datetime
    created_by: str
    started_at: datetime | None
    ended_at: datetime | None

    @classmethod
    def of(cls, history: History, progress: Progress) -> Self:
        return cls(
            id=history.id, mapping_id=history.mapping_id, direction=history.direction, state=history.state,
            since=history.since, conditions=[codec.to_json(one) for one in history.conditions], match=history.match,
            looked_at=history.looked_at, total=progress.total, done=progress.done, failed=progress.failed,
            under_way=progress.under_way, share=round(progress.share, 4), outcomes=dict(progress.outcomes),
            error=history.error, created_at=history.created_at, created_by=history.created_by,
            started_at=history.started_at, ended_at=history.ended_at,
        )  # fmt: skip


class HistoryPieceView(View):
    key: str = Field(description="The item's id there, or the incident's number.")
    name: str
    title: str
    url: str
    state: str = Field(description="waiting, done or failed.")
    outcome: str = Field(description="What came of it, or would.")
    incident: int | None
    detail: str
    attempts: int
