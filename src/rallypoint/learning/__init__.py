"""Learning: what an incident teaches, written down while people remember, and what will be done about it.

A resolved incident has a retrospective whose facts the record filled in; people add what only they know. Others use the
verbs of `actions` and the reads of `views`.
"""

from rallypoint.learning.actions import (
    add_action_item,
    draw_up,
    drop,
    finish,
    hold_meeting,
    publish,
    reopen,
    save,
    send_to_review,
    take_back,
    update_action_item,
)
from rallypoint.learning.model import (
    ActionItem,
    Depth,
    Entry,
    Facts,
    Improves,
    ItemState,
    Retrospective,
    RetrospectiveView,
    State,
)
from rallypoint.learning.views import (
    action_item,
    action_items,
    list_retrospectives,
    markdown,
    maybe_retrospective,
    open_action_items,
    retrospective,
    view,
)

__all__ = [
    "ActionItem",
    "Depth",
    "Entry",
    "Facts",
    "Improves",
    "ItemState",
    "Retrospective",
    "RetrospectiveView",
    "State",
    "action_item",
    "action_items",
    "add_action_item",
    "draw_up",
    "drop",
    "finish",
    "hold_meeting",
    "list_retrospectives",
    "markdown",
    "maybe_retrospective",
    "open_action_items",
    "publish",
    "reopen",
    "retrospective",
    "save",
    "send_to_review",
    "take_back",
    "update_action_item",
    "view",
]
