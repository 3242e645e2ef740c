"""The planner by itself: how many fields it decides a second, for items on which nothing, something or all changed."""

import time
from collections.abc import Mapping

from rallypoint.sync.lenses import Lenses
from rallypoint.sync.mapping import CreateRule, FieldRule, Owner, Pair, Text, ValueMap
from rallypoint.sync.mapping import Mapping as Rules
from rallypoint.sync.model import HubField, HubItem, Link, Markup, RemoteItem, Shadow
from rallypoint.sync.planner import plan
from rallypoint.sync.texts import Texts

FIELDS = 12
ITEMS = 1500
SECONDS = 1.5
BODY = "The pool is exhausted since **noon**.\n\n- 498 of 500\n- every pod\n"


def fields_a_second() -> Mapping[str, float]:
    """By what changed: fields decided in a second of this process."""
    rules, lenses = _rules(html=True)
    plain, simple = _rules(html=False)
    return {
        "nothing changed": _rate(rules, lenses, here=0, there=0),
        "one field changed there": _rate(rules, lenses, here=0, there=1),
        "all changed on both sides": _rate(plain, simple, here=FIELDS, there=FIELDS),
        "the same, a third in HTML": _rate(rules, lenses, here=FIELDS, there=FIELDS),
    }


def _rules(*, html: bool) -> tuple[Rules, Lenses]:
    """Titles, choices, and texts, as mappings have them."""
    words = ValueMap(pairs=tuple(Pair(hub=f"w{n}", remote=str(n)) for n in range(5)))
    kinds = (Text(max_length=160, single_line=True), words, Text(markup=Markup.HTML if html else Markup.PLAIN))
    fields = tuple(
        FieldRule(hub=f"h{n}", remote=f"r{n}", owner=Owner.NEWEST, transform=kinds[n % 3]) for n in range(FIELDS)
    )
    rules = Rules(id=1, version=1, connection=1, name="Bench", create=CreateRule(project="p", type="t"), fields=fields)
    return rules, Lenses(rules, texts=Texts())


def _rate(rules: Rules, lenses: Lenses, *, here: int, there: int) -> float:
    """Each item has values of its own, so that no cache of texts answers for the planner."""
    items = [_item(lenses, number, here, there) for number in range(ITEMS)]
    done, began = 0, time.process_time()
    while (took := time.process_time() - began) < SECONDS:
        hub, remote, shadows = items[done % len(items)]
        link = Link(id=1, incident=1, connection=1, mapping=1, mapping_version=1, remote_id="r")
        plan(hub, remote, shadows, {}, rules, link=link, lenses=lenses)
        done += 1
    return done * FIELDS / took


def _item(lenses: Lenses, number: int, here: int, there: int) -> tuple[HubItem, RemoteItem, dict[str, Shadow]]:
    hub: dict[str, HubField] = {}
    raw: dict[str, object] = {}
    shadows: dict[str, Shadow] = {}
    for n, seen in enumerate(lenses.fields):
        before, ours, theirs = (_value(n, number, turn) for turn in range(3))
        agreed = seen.lens.put(before, None)
        name = seen.rule.hub
        hub[name] = HubField(value=ours if n < here else before, version=2 if n < here else 1)
        raw[seen.rule.remote] = seen.lens.put(theirs, None) if n < there else agreed
        shadows[name] = Shadow(field=name, raw=agreed, hub_value=before, hub_version=1, remote=seen.rule.remote)  # type: ignore[arg-type]
    return HubItem(incident=1, fields=hub), RemoteItem(id="r", revision="2", fields=raw), shadows  # type: ignore[arg-type]


def _value(n: int, number: int, turn: int) -> str:
    match n % 3:
        case 0:
            return f"Checkout is slow in region {number}, seen {turn} times"
        case 1:
            return f"w{(number + turn) % 5}"
    return f"{BODY}\nSeen in region {number}, {turn} times."
