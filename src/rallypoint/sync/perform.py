"""Does the effects of steps.py that go to the tool, through its port, and says what came of them as the next event."""

from collections.abc import Collection

from rallypoint.sync.calls import Call, DeleteComment, EditComment, SendComment, TakeStep, WriteFields, WriteRelation
from rallypoint.sync.model import Capabilities, Gone, Visibility
from rallypoint.sync.ports import (
    CommentDraft,
    MappingBroken,
    RateLimited,
    Relates,
    Tracker,
    TrackerError,
    ValidationFailed,
)
from rallypoint.sync.steps import Did, Do, Event, Failed, Found, ListTransitions, Offered, Read
from rallypoint.sync.vetting import vetted


async def perform(
    tracker: Tracker, remote_id: str, effect: Read | ListTransitions | Do, filled: Collection[str] = ()
) -> Event:
    """The event that answers an effect. Files are carried by carrying.py. `filled` is what held something before."""
    call = effect.call if isinstance(effect, Do) else None
    try:
        if isinstance(effect, Read):
            found = await tracker.read(remote_id)
            return Found(item=found if isinstance(found, Gone) else await vetted(tracker, found, filled))
        if isinstance(effect, ListTransitions):
            return Offered(transitions=await tracker.transitions(remote_id))
        return Did(call=effect.call, revision=await _call(tracker, remote_id, effect.call))
    except TrackerError as problem:
        return failed(problem, call)


def failed(problem: TrackerError, call: Call | None) -> Failed:
    """The event for a failure of the port."""
    fields: frozenset[str] = frozenset()
    if isinstance(problem, ValidationFailed):
        fields = frozenset(problem.fields)
    elif isinstance(problem, MappingBroken) and problem.field:
        fields = frozenset({problem.field})
    return Failed(
        cause=problem.cause,
        said=str(problem),
        call=call,
        unknown=problem.unknown,
        retry_after=problem.retry_after if isinstance(problem, RateLimited) else None,
        bucket=problem.bucket if isinstance(problem, RateLimited) else "",
        fields=fields,
    )


async def _call(tracker: Tracker, remote_id: str, call: Call) -> str:
    able: Capabilities = tracker.capabilities
    match call:
        case WriteRelation(op=op, relation=relation, gone=gone):
            if not isinstance(tracker, Relates):
                raise ValidationFailed("This tool's relations cannot be written from here.")
            await (tracker.unrelate if gone else tracker.relate)(remote_id, relation, op)
            return ""
        case WriteFields(op=op, changes=changes, base_revision=base):
            return (await tracker.write(remote_id, changes, base, op)).revision
        case TakeStep(op=op, transition=step, fields=fields, base_revision=base):
            return (await tracker.transition(remote_id, step, fields, base, op)).revision
        case SendComment(op=op, body=body, visibility=visibility, author=author):
            shown = _shown_there(visibility, able)
            draft = CommentDraft(body=body, markup=able.comment_markup, visibility=shown, author=author)
            return await tracker.comment(remote_id, draft, op)
        case EditComment(op=op, remote_id=id, body=body, visibility=visibility):
            draft = CommentDraft(body=body, markup=able.comment_markup, visibility=_shown_there(visibility, able))
            await tracker.edit_comment(remote_id, id, draft, op)
            return ""
        case DeleteComment(op=op, remote_id=id):
            await tracker.delete_comment(remote_id, id, op)
            return ""
    raise AssertionError(call)


def _shown_there(visibility: Visibility, able: Capabilities) -> Visibility:
    """A tool with one kind of comments gets that one: what must stay here the planner never lets come this far."""
    one_kind = able.public_comments and not able.private_comments
    return Visibility.PUBLIC if one_kind and visibility is Visibility.PRIVATE else visibility
