"""Jinja for the pages: autoescape on, undefined names are errors, and the few helpers that templates speak in."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from rallypoint.edges.web import assets, forms, keys, markdown, words
from rallypoint.edges.web.screen import SCREEN
from rallypoint.ids import incident_name
from rallypoint.incidents import size_words


def icon(name: str, size: int = 16) -> Markup:
    """A mark from the sprite, beside a word and hidden from those who listen."""
    return Markup('<svg width="{0}" height="{0}" aria-hidden="true" class="i"><use href="{1}#i-{2}"/></svg>').format(
        size, assets.href("sprite.svg"), name
    )


def moment(at: datetime | None, form: str = "short", absent: str = "") -> Markup:
    screen = SCREEN.get()
    return words.time_element(at, screen.zone, screen.now, form, absent)


def ago(at: datetime | None, absent: str = "never") -> str:
    return absent if at is None else words.ago_words(at, SCREEN.get().now)


def span(start: datetime | None, end: datetime | None = None) -> str:
    """How long from `start` to `end`, or until now."""
    return words.duration_words(None if start is None else (end or SCREEN.get().now) - start)


def tick(at: datetime, way: str = "up") -> Markup:
    return words.ticking(at, SCREEN.get().now, way)


def local(at: datetime | None) -> str:
    """An instant as a datetime-local field wants it, in the viewer's zone."""
    return "" if at is None else at.astimezone(SCREEN.get().zone).strftime("%Y-%m-%dT%H:%M")


def capitalize_first(text: str) -> str:
    return text[:1].upper() + text[1:]


def human(value: Any) -> str:
    """An enum's value or a name in code as words: on_hold is on hold."""
    return str(value).replace("_", " ")


def delivery(state: Any) -> str:
    """How a message fared, after the name of its method: "e-mail on its way"."""
    return {"pending": "on its way", "sending": "on its way", "voided": "no longer needed"}.get(str(state), str(state))


def times(count: int) -> str:
    """once, twice, 3 times."""
    return {1: "once", 2: "twice"}.get(count, words.counted(count, "time"))


def minutes(value: float | timedelta | None) -> str:
    return words.duration_words(timedelta(minutes=value) if isinstance(value, int | float) else value)


def pairs(items: Iterable[Any], value: str, name: str) -> list[tuple[Any, Any]]:
    """Options of a select from objects: (value, name)."""
    return [(getattr(item, value), getattr(item, name)) for item in items]


def zip_same(items: Iterable[Any]) -> list[tuple[Any, Any]]:
    return [(item, item) for item in items]


def zip_human(items: Iterable[Any]) -> list[tuple[str, str]]:
    return [(str(item), human(item)) for item in items]


class _Seen:
    """`screen` in templates and macros: whatever the request at hand sees."""

    def __getattr__(self, name: str) -> Any:
        return getattr(SCREEN.get(), name)


def build() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.globals.update(
        icon=icon,
        t=moment,
        ago=ago,
        span=span,
        tick=tick,
        local=local,
        static=assets.href,
        inc=incident_name,
        sprite=assets.href("sprite.svg"),
        keys=keys.KEYS,
        keys_by_place=keys.BY_PLACE,
        initials=words.initials,
        counted=words.counted,
        digits=words.digits,
        screen=_Seen(),
        blank=forms.of,
        zone_of=ZoneInfo,
    )
    environment.filters.update(
        duration=words.duration_words,
        minutes=minutes,
        human=human,
        delivery=delivery,
        times=times,
        capitalize_first=capitalize_first,
        number=words.number_words,
        size=size_words,
        markdown=markdown.to_html,
        pairs=pairs,
        zip_same=zip_same,
        zip_human=zip_human,
        minutes_of=minutes,
    )
    return environment


ENVIRONMENT = build()


def page(template: str, **context: Any) -> str:
    """A template as HTML, seen through the screen of this request."""
    return ENVIRONMENT.get_template(template).render(**context)
