"""Every category, every verb, every role: written out as tables, so that a changed rule shows as a changed line."""

import itertools

import pytest

from rallypoint.access import Role
from rallypoint.catalog.model import ClosurePolicy, StatusCategory, Workflow
from rallypoint.errors import Invalid, Refused
from rallypoint.incidents.lifecycle import NEEDS_REASON, Decision, Verb, allowed, decide
from tests.unit.incidents.make import COMMANDER, NOW, OWNER, REPORTER, actor, domain, incident

CATEGORIES = list(StatusCategory)

# Rows: verb. Columns: triage active on_hold restored resolved review closed cancelled merged. "-" is refused.
SRE = """
acknowledge  active    active    on_hold   restored  -       -       -       -       -
hold         -         on_hold   -         -         -       -       -       -       -
resume       -         -         active    -         -       -       -       -       -
restore      restored  restored  restored  -         -       -       -       -       -
resolve      resolved  resolved  resolved  resolved  -       -       -       -       -
confirm      -         -         -         -         resolved review -       -       -
reject       -         -         -         -         active  active  -       -       -
review       -         -         -         -         review  -       -       -       -
close        -         -         -         -         closed  closed  -       -       -
reopen       -         -         -         active    active  active  active  active  -
cancel       cancelled cancelled cancelled -         -       -       -       -       -
"""
ITSM = SRE.replace("hold         - ", "hold         on_hold ")


def cells(table: str) -> list[tuple[Verb, StatusCategory, str]]:
    rows = [line.split() for line in table.strip().splitlines()]
    return [(Verb(row[0]), category, to) for row in rows for category, to in zip(CATEGORIES, row[1:], strict=True)]


@pytest.mark.parametrize(
    ("workflow", "verb", "category", "to"),
    [(w, *cell) for w, table in ((Workflow.SRE, SRE), (Workflow.ITSM, ITSM)) for cell in cells(table)],
)
def test_where_each_verb_leads(workflow: Workflow, verb: Verb, category: StatusCategory, to: str) -> None:
    one = incident(category, confirmed_at=NOW)
    home = domain(workflow)
    if to == "-":
        with pytest.raises(Refused) as refused:
            decide(verb, one, domain=home, by=actor(Role.ADMIN), reason="because")
        assert refused.value.guard == "status"
        assert refused.value.who_may
        assert refused.value.help
        assert verb not in allowed(one, domain=home)
    else:
        decision = decide(verb, one, domain=home, by=actor(Role.ADMIN), reason="because")
        assert (decision.was, decision.to) == (category, StatusCategory(to))
        assert verb in allowed(one, domain=home)


HANDS = {Role.ADMIN, Role.MANAGER, Role.DESK1, Role.DESK2, Role.DESK3, Role.RESPONDER}
DESK = HANDS - {Role.RESPONDER}

WHO = {
    Verb.ACKNOWLEDGE: (StatusCategory.TRIAGE, HANDS),
    Verb.HOLD: (StatusCategory.ACTIVE, HANDS),
    Verb.RESUME: (StatusCategory.ON_HOLD, HANDS),
    Verb.RESTORE: (StatusCategory.ACTIVE, HANDS),
    Verb.RESOLVE: (StatusCategory.ACTIVE, HANDS),
    Verb.CONFIRM: (StatusCategory.RESOLVED, DESK),
    Verb.REJECT: (StatusCategory.RESOLVED, DESK),
    Verb.REVIEW: (StatusCategory.RESOLVED, HANDS),
    Verb.CLOSE: (StatusCategory.RESOLVED, DESK),
    Verb.REOPEN: (StatusCategory.RESOLVED, HANDS),
    Verb.CANCEL: (StatusCategory.ACTIVE, HANDS),
}


@pytest.mark.parametrize(("workflow", "verb", "role"), list(itertools.product(Workflow, Verb, Role)))
def test_who_may(workflow: Workflow, verb: Verb, role: Role) -> None:
    category, may = WHO[verb]
    one = incident(category, confirmed_at=NOW)
    if role in may:
        assert isinstance(decide(verb, one, domain=domain(workflow), by=actor(role), reason="because"), Decision)
    else:
        with pytest.raises(Refused) as refused:
            decide(verb, one, domain=domain(workflow), by=actor(role), reason="because")
        assert refused.value.permission
        assert refused.value.who_may


@pytest.mark.parametrize("category", [StatusCategory.CLOSED, StatusCategory.CANCELLED])
@pytest.mark.parametrize("role", list(Role))
def test_what_is_over_is_opened_again_by_the_desk_only(category: StatusCategory, role: Role) -> None:
    if role in DESK:
        assert decide(Verb.REOPEN, incident(category), domain=domain(), by=actor(role), reason="back").to == "active"
    else:
        with pytest.raises(Refused):
            decide(Verb.REOPEN, incident(category), domain=domain(), by=actor(role), reason="back")


def test_what_nobody_took_up_goes_back_to_triage() -> None:
    one = incident(StatusCategory.RESTORED, acknowledged_at=None)
    assert decide(Verb.REOPEN, one, domain=domain(), by=actor(Role.RESPONDER), reason="back").to == "triage"


def test_a_person_answers_for_what_they_reported() -> None:
    one = incident(StatusCategory.RESOLVED)
    mine = actor(Role.REPORTER, person_id=REPORTER)
    assert decide(Verb.CONFIRM, one, domain=domain(), by=mine).to == "resolved"
    assert decide(Verb.REJECT, one, domain=domain(), by=mine, reason="still broken").to == "active"
    with pytest.raises(Refused) as refused:
        decide(Verb.CONFIRM, one, domain=domain(), by=actor(Role.RESPONDER))
    assert refused.value.guard == "reporter"
    assert "Wanda" in refused.value.who_may
    assert decide(Verb.CONFIRM, one, domain=domain(), by=actor(Role.VIEWER), as_reporter=True).to == "resolved"


@pytest.mark.parametrize("verb", sorted(NEEDS_REASON))
def test_words_are_asked_for(verb: Verb) -> None:
    category = WHO[verb][0]
    with pytest.raises(Invalid) as missing:
        decide(verb, incident(category), domain=domain(), by=actor(Role.ADMIN))
    assert missing.value.problems[0].field == "reason"
    assert missing.value.problems[0].example


def test_resolving_needs_the_resolution_and_a_jump_says_so() -> None:
    with pytest.raises(Invalid):
        decide(Verb.RESOLVE, incident(), domain=domain(), by=actor(Role.DESK1))
    decision = decide(
        Verb.RESOLVE, incident(StatusCategory.TRIAGE), domain=domain(), by=actor(Role.DESK1), reason="new toner"
    )
    assert decision.jump == "straight from triage to resolved"


# Closing: policy, confirmed or not, who, note -> the guard that refuses, or "" where it closes.
CLOSING = [
    (ClosurePolicy.SERVICE_DESK, True, actor(Role.DESK1), "", ""),
    (ClosurePolicy.SERVICE_DESK, False, actor(Role.DESK1), "", "confirmation"),
    (ClosurePolicy.SERVICE_DESK, False, actor(Role.DESK1), "she has left the company", ""),
    (ClosurePolicy.SERVICE_DESK, True, actor(Role.RESPONDER), "", "closure_policy"),
    (ClosurePolicy.SERVICE_DESK, True, actor(Role.RESPONDER, OWNER), "", "closure_policy"),
    (ClosurePolicy.SERVICE_DESK, True, actor(Role.REPORTER, REPORTER), "", "closure_policy"),
    (ClosurePolicy.OWNER_AFTER_CONFIRMATION, True, actor(Role.RESPONDER, OWNER), "", ""),
    (ClosurePolicy.OWNER_AFTER_CONFIRMATION, True, actor(Role.RESPONDER, COMMANDER), "", ""),
    (ClosurePolicy.OWNER_AFTER_CONFIRMATION, True, actor(Role.MANAGER), "", ""),
    (ClosurePolicy.OWNER_AFTER_CONFIRMATION, True, actor(Role.RESPONDER), "", "closure_policy"),
    (ClosurePolicy.OWNER_AFTER_CONFIRMATION, False, actor(Role.RESPONDER, OWNER), "no answer", "confirmation"),
    (ClosurePolicy.OWNER_AFTER_CONFIRMATION, False, actor(Role.ADMIN), "no answer", "confirmation"),
    (ClosurePolicy.AUTO_AFTER_N_BUSINESS_DAYS, True, actor(Role.DESK2), "", ""),
    (ClosurePolicy.AUTO_AFTER_N_BUSINESS_DAYS, True, actor(Role.RESPONDER, OWNER), "", "closure_policy"),
]


@pytest.mark.parametrize(("policy", "confirmed", "by", "note", "guard"), CLOSING)
def test_who_closes_and_when(policy, confirmed, by, note, guard) -> None:  # type: ignore[no-untyped-def]
    one = incident(StatusCategory.RESOLVED, confirmed_at=NOW if confirmed else None)
    home = domain(Workflow.ITSM, policy)
    if not guard:
        assert decide(Verb.CLOSE, one, domain=home, by=by, reason=note).to == "closed"
        return
    with pytest.raises(Refused) as refused:
        decide(Verb.CLOSE, one, domain=home, by=by, reason=note)
    assert refused.value.guard == guard
    assert refused.value.who_may


def test_closing_needs_a_resolution_text() -> None:
    one = incident(StatusCategory.RESOLVED, confirmed_at=NOW, resolution="")
    with pytest.raises(Refused) as refused:
        decide(Verb.CLOSE, one, domain=domain(), by=actor(Role.ADMIN))
    assert refused.value.guard == "resolution"
