"""How one mapped field is seen from the other side: `put` makes a raw value of ours, `get` a canonical one of theirs.

Laws, tested for every accepted mapping: what `put` made agrees with where it came from (PutGet on the mapped classes),
and agreeing values are never written again. So a map with fewer words on one side does not bounce.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from rallypoint.sync import people
from rallypoint.sync.equality import NoWay, key, like, same, same_person
from rallypoint.sync.mapping import (
    Direct,
    FieldRule,
    Mapping,
    Pair,
    PeopleMap,
    PersonMap,
    Shape,
    StatusMap,
    TagSet,
    Text,
    ValueMap,
)
from rallypoint.sync.model import Markup, Person, Shadow, Value
from rallypoint.sync.ports import RichText

CUT = "…"
TAIL_KEPT = 24
LONGEST_HERE = {"title": 200, "description": 100_000, "workaround": 10_000, "resolution": 10_000}
"""Characters of the incident's own texts; a longer one from a tool is cut, and its cut form never written back."""
OVERRIDES = re.compile("[\u202a-\u202e\u2066-\u2069]")
"""Marks that turn the direction of what follows: in a title they could make it read as another one."""
CONTROLS, NO_TEXT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]"), re.compile("[\x00\ud800-\udfff]")
"""So many characters at the end of a shortened text must be untouched for the rest of it to be joined on again."""


class Lens(Protocol):
    """One field rule at work. `shadow` is the last agreement: it holds the original behind a converted text."""

    def put(self, value: Value, shadow: Shadow | None) -> Value | NoWay: ...

    def get(self, raw: Value, shadow: Shadow | None) -> Value | NoWay: ...

    def agrees(self, value: Value, raw: Value, shadow: Shadow | None) -> bool:
        """Both say the same, as far as this mapping can tell."""
        ...

    def echoes(self, wrote: Value, found: Value) -> bool:
        """`found` may be what the tool made of what we wrote."""
        ...


class PlainTexts:
    """Rich text where both sides write plain text or Markdown: nothing is converted."""

    def to_markdown(self, raw: str, markup: Markup) -> str:
        return raw

    def from_markdown(self, text: str, markup: Markup, original: str | None = None) -> str:
        return text


@dataclass(frozen=True, slots=True)
class DirectLens:
    rule: Direct

    def put(self, value: Value, shadow: Shadow | None) -> Value | NoWay:
        return value.strip() if isinstance(value, str) else value

    def get(self, raw: Value, shadow: Shadow | None) -> Value | NoWay:
        if not isinstance(raw, str):
            return raw
        text = raw.strip()
        if not text or self.rule.shape is Shape.AS_IS:
            return text
        try:
            return _shaped(text, self.rule.shape)
        except ValueError:
            return NoWay(f"{text[:60]!r} is not a {self.rule.shape.value}.")

    def agrees(self, value: Value, raw: Value, shadow: Shadow | None) -> bool:
        seen = self.get(raw, shadow)
        return not isinstance(seen, NoWay) and same(self._bare(value), self._bare(seen))

    def echoes(self, wrote: Value, found: Value) -> bool:
        return like(wrote, found) or self.agrees(wrote, found, None)

    def _bare(self, value: Value) -> Value:
        """The value in the shape both sides are compared in."""
        if isinstance(value, str) and self.rule.shape is not Shape.AS_IS:
            seen = self.get(value, None)
            return value if isinstance(seen, NoWay) else seen
        return value.strip() if isinstance(value, str) else value


def _shaped(text: str, shape: Shape) -> Value:
    if shape is Shape.NUMBER:
        number = float(text)
        return int(number) if number.is_integer() and "e" not in text.lower() else number
    if shape is Shape.BOOLEAN:
        words = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        if text.lower() not in words:
            raise ValueError(text)
        return words[text.lower()]
    at = datetime.fromisoformat(text)
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(UTC).replace(microsecond=0).isoformat()


@dataclass(frozen=True, slots=True)
class TextLens:
    rule: Text
    texts: RichText
    longest_here: int | None = None

    def put(self, value: Value, shadow: Shadow | None) -> Value | NoWay:
        if isinstance(value, tuple | Person):
            return NoWay("It is not a text.")
        text = "" if value is None else str(value).strip()
        if self.rule.single_line:
            text = " ".join(text.split())
        if shadow is not None and shadow.hub_version > 0 and same(value, shadow.hub_value):
            return shadow.raw
        if shadow is not None and shadow.hub_version > 0 and not self.rule.single_line and self._cut_here(shadow.raw):
            return NoWay("What is here is only the beginning of the text there: writing it would lose the rest.")
        original = shadow.raw if shadow is not None and isinstance(shadow.raw, str) else None
        raw = self._written(text, original)
        return raw if not text or self._short(raw) else self._cut(text, original)

    def get(self, raw: Value, shadow: Shadow | None) -> Value | NoWay:
        if isinstance(raw, tuple | Person):
            return NoWay("It is not a text.")
        text = self._read(raw)
        if shadow is None or shadow.hub_version <= 0:
            return self._fitting(text)
        if same(raw, shadow.raw):
            return shadow.hub_value
        if not self.shortens(shadow):
            return self._fitting(text)
        return self._fitting(self._mended(text, self._read(shadow.raw), str(shadow.hub_value)) or text)

    def agrees(self, value: Value, raw: Value, shadow: Shadow | None) -> bool:
        if isinstance(raw, tuple | Person) or isinstance(value, tuple | Person):
            return False
        ours = self.put(value, shadow)
        if isinstance(ours, NoWay):
            return False
        return same(ours, raw) or same(self._fitting(self._read(raw)), "" if value is None else str(value).strip())

    def echoes(self, wrote: Value, found: Value) -> bool:
        if like(wrote, found):
            return True
        return isinstance(wrote, str) and isinstance(found, str) and like(self._read(wrote), self._read(found))

    def shortens(self, shadow: Shadow) -> bool:
        """What the tool holds is only the beginning of ours."""
        ours, theirs = str(shadow.hub_value or ""), self._read(shadow.raw).rstrip(CUT + ".").rstrip()
        return len(ours) > len(theirs) > 0 and like(ours, theirs) and not like(theirs, ours)

    def loses(self, raw: Value, shadow: Shadow | None) -> bool:
        """Taking this text would lose the part of ours that never fitted there."""
        if shadow is None or shadow.hub_version <= 0 or not self.shortens(shadow) or same(raw, shadow.raw):
            return False
        return self._mended(self._read(raw), self._read(shadow.raw), str(shadow.hub_value)) is None

    def _mended(self, edited: str, shown: str, whole: str) -> str | None:
        """The edited beginning with the rest of ours joined on; None if the seam was edited too."""
        bare = shown.rstrip(CUT).rstrip()
        tail = bare[-TAIL_KEPT:]
        start = edited.rstrip(CUT).rstrip()
        if len(tail) < TAIL_KEPT or not start.endswith(tail) or not whole.startswith(bare):
            return None
        return start + whole[len(bare) :]

    def _read(self, raw: Value) -> str:
        return "" if raw is None else self.texts.to_markdown(str(raw), self.rule.markup).replace("\r\n", "\n").strip()

    def _fitting(self, text: str) -> str:
        """As the incident can hold it. A tool's text is never a reason to have no incident, so it is tidied."""
        if self.rule.single_line:
            text = " ".join(CONTROLS.sub(" ", OVERRIDES.sub("", text)).split())
        text = unicodedata.normalize("NFC", NO_TEXT.sub("", text))
        if self.longest_here is None or len(text) <= self.longest_here:
            return text
        return text[: self.longest_here - len(CUT)].rstrip() + CUT

    def _cut_here(self, raw: Value) -> bool:
        return self.longest_here is not None and len(self._read(raw)) > self.longest_here

    def _written(self, text: str, original: str | None) -> str:
        return self.texts.from_markdown(text, self.rule.markup, original)

    def _short(self, raw: str) -> bool:
        return self.rule.max_length is None or len(raw) <= self.rule.max_length

    def _cut(self, text: str, original: str | None) -> Value | NoWay:
        """The longest beginning that fits once it is converted, found by halving."""
        low, high, best = 0, len(text), None
        while low < high:
            middle = (low + high + 1) // 2
            raw = self._written(text[:middle].rstrip() + CUT, original)
            if self._short(raw):
                low, best = middle, raw
            else:
                high = middle - 1
        return best if best is not None else NoWay(f"The other side allows {self.rule.max_length} characters only.")


@dataclass(frozen=True, slots=True)
class WordsLens:
    """Choices, by two tables. Values are compared by class: what is written the same way is the same."""

    out: dict[str, str]
    into: dict[str, str]
    default_out: str | None = None
    default_in: str | None = None

    def put(self, value: Value, shadow: Shadow | None) -> Value | NoWay:
        if key(value) is None and "" not in self.out:
            return value
        found = self.out.get(str(value), self.default_out)
        return found if found is not None else NoWay(f"No value there stands for {str(value)[:60]!r}.")

    def get(self, raw: Value, shadow: Shadow | None) -> Value | NoWay:
        if key(raw) is None and "" not in self.into:
            return raw
        found = self.into.get(str(raw), self.default_in)
        return found if found is not None else NoWay(f"No value here stands for {str(raw)[:60]!r}.")

    def agrees(self, value: Value, raw: Value, shadow: Shadow | None) -> bool:
        ours, theirs = self.put(value, shadow), self.get(raw, shadow)
        if not isinstance(ours, NoWay) and same(ours, raw):
            return True
        if isinstance(theirs, NoWay):
            return False
        if same(theirs, value):
            return True
        again = self.put(theirs, shadow)
        return not isinstance(ours, NoWay) and not isinstance(again, NoWay) and same(ours, again)

    def echoes(self, wrote: Value, found: Value) -> bool:
        return same(wrote, found)


@dataclass(frozen=True, slots=True)
class PersonLens:
    rule: PeopleMap
    directory: tuple[Person, ...]

    def put(self, value: Value, shadow: Shadow | None) -> Value | NoWay:
        if key(value) is None:
            return None
        if not isinstance(value, Person):
            return value
        return people.outward(value, self.rule, self.directory)

    def get(self, raw: Value, shadow: Shadow | None) -> Value | NoWay:
        return people.inward(raw, self.rule) if isinstance(raw, Person) else raw

    def agrees(self, value: Value, raw: Value, shadow: Shadow | None) -> bool:
        if key(value) is None or key(raw) is None:
            ours = self.put(value, shadow)
            return not isinstance(ours, NoWay) and key(raw) is None and key(ours) is None
        seen, ours = self.get(raw, shadow), self.put(value, shadow)
        if not isinstance(ours, NoWay) and self.echoes(ours, raw):
            return True
        return isinstance(value, Person) and isinstance(seen, Person) and same_person(value, seen)

    def echoes(self, wrote: Value, found: Value) -> bool:
        return like(wrote, found)


@dataclass(frozen=True, slots=True)
class TagsLens:
    """Sets. The planner merges them with tags.merge; here only notation and equality of the managed part."""

    rule: TagSet

    def put(self, value: Value, shadow: Shadow | None) -> Value | NoWay:
        return tuple(sorted(self.managed(value).values()))

    def get(self, raw: Value, shadow: Shadow | None) -> Value | NoWay:
        return tuple(sorted(self.managed(raw).values()))

    def agrees(self, value: Value, raw: Value, shadow: Shadow | None) -> bool:
        return self.managed(value).keys() == self.managed(raw).keys()

    def echoes(self, wrote: Value, found: Value) -> bool:
        return self.managed(wrote).keys() == self.managed(found).keys()

    def managed(self, value: Value) -> dict[str, str]:
        """The tags that are ours to change, spelt as found, by what they are compared by."""
        return {self.fold(one): one for one in all_tags(value) if self.is_managed(one)}

    def is_managed(self, tag: str) -> bool:
        if not self.rule.prefix and not self.rule.managed:
            return True
        folded = self.fold(tag)
        named = any(folded == self.fold(one) for one in self.rule.managed)
        return named or bool(self.rule.prefix and folded.startswith(self.fold(self.rule.prefix)))

    def fold(self, tag: str) -> str:
        """What tags are compared by. Some tools know neither capitals nor blanks, and write "two_words"."""
        return "_".join(tag.casefold().split()) if self.rule.fold_case else tag.strip()


def all_tags(value: Value) -> tuple[str, ...]:
    """The tags of a value: of a tuple its members, of a text itself."""
    if isinstance(value, tuple):
        return value
    return (value,) if isinstance(value, str) and value else ()


def words_of_pairs(pairs: Iterable[Pair], default_out: str | None, default_in: str | None) -> WordsLens:
    """Tables of a value map: of pairs that share a word, the first is used."""
    out: dict[str, str] = {}
    into: dict[str, str] = {}
    for pair in pairs:
        out.setdefault(pair.hub, pair.remote)
        into.setdefault(pair.remote, pair.hub)
    return WordsLens(out, into, default_out, default_in)


def words_of_status(rule: StatusMap) -> WordsLens:
    return WordsLens({one.hub: one.remote for one in rule.out}, {one.remote: one.hub for one in rule.into})


@dataclass(frozen=True, slots=True)
class Seen:
    """A field rule with its lens."""

    rule: FieldRule
    lens: Lens
    status: bool = False


class Lenses:
    """All field rules of one mapping, ready for use. Make it once for a version of a mapping and keep it.

    `texts` converts rich text, `directory` is who the tool knows.
    """

    def __init__(self, mapping: Mapping, *, texts: RichText | None = None, directory: Sequence[Person] = ()) -> None:
        self.mapping = mapping
        self.texts = texts or PlainTexts()
        self.people = tuple(directory)
        self.fields = tuple(Seen(rule, self._lens(rule)) for rule in mapping.fields)
        if mapping.status is not None:
            status = mapping.status
            rule = FieldRule(
                hub=status.hub_field,
                remote=status.field,
                direction=status.direction,
                owner=status.owner,
                ties=status.ties,
            )
            self.fields += (Seen(rule, words_of_status(status), status=True),)

    def of(self, hub_field: str) -> Seen | None:
        return next((one for one in self.fields if one.rule.hub == hub_field), None)

    def _lens(self, rule: FieldRule) -> Lens:
        match rule.transform:
            case Direct() as direct:
                return DirectLens(direct)
            case Text() as text:
                return TextLens(text, self.texts, LONGEST_HERE.get(rule.hub))
            case ValueMap(pairs=pairs, default_out=default_out, default_in=default_in):
                return words_of_pairs(pairs, default_out, default_in)
            case PersonMap():
                return PersonLens(self.mapping.people, self.people)
            case TagSet() as tags:
                return TagsLens(tags)
