"""How instants, durations and numbers read on a screen. Pure: the zone and `now` are handed in."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from markupsafe import Markup

MINUTE, HOUR, DAY = 60, 3600, 86400


def clock_words(at: datetime, zone: ZoneInfo, now: datetime, form: str = "short") -> str:
    """An instant in the viewer's zone.

    `short`: 03:14 today, else with the day. `time`: always 03:14. `long`: always with the day. `day`: only the day.
    """
    local, today = at.astimezone(zone), now.astimezone(zone)
    day = f"{local:%a} {local.day} {local:%B}" + (f" {local.year}" if local.year != today.year else "")
    if form == "day":
        return day
    if form == "time" or (form == "short" and local.date() == today.date()):
        return f"{local:%H:%M}"
    if form == "short" and abs(local.date() - today.date()) < timedelta(days=6):
        return f"{local:%a} {local:%H:%M}"
    return f"{day} {local:%H:%M}" if form == "long" else f"{local.day} {local:%b} {local:%H:%M}"


def time_element(at: datetime | None, zone: ZoneInfo, now: datetime, form: str = "short", absent: str = "") -> Markup:
    """A `<time>`: the viewer's zone to read, UTC on hover, the exact instant for machines."""
    if at is None:
        return Markup('<span class="muted">{}</span>').format(absent) if absent else Markup("")
    utc = at.astimezone(UTC)
    title = f"{utc:%H:%M:%S} UTC, {utc:%a} {utc.day} {utc:%B} {utc.year}"
    stamp = at.astimezone(zone).isoformat(timespec="seconds")
    return Markup('<time datetime="{}" title="{}">{}</time>').format(stamp, title, clock_words(at, zone, now, form))


def duration_words(span: timedelta | float | None, absent: str = "unknown") -> str:
    """How long, in the two units that matter: 40 s, 26 min, 1 h 19, 18 h, 2 d 4 h."""
    if span is None:
        return absent
    seconds = span.total_seconds() if isinstance(span, timedelta) else float(span)
    sign, rest = ("−" if seconds < 0 else ""), round(abs(seconds))
    if rest < MINUTE:
        return f"{sign}{rest} s"
    if rest < HOUR:
        return f"{sign}{rest // MINUTE} min"
    if rest < DAY:
        hours, minutes = divmod(rest // MINUTE, 60)
        return f"{sign}{hours} h {minutes:02d}" if minutes and hours < 12 else f"{sign}{hours} h"
    days, hours = divmod(rest // HOUR, 24)
    return f"{sign}{days} d {hours} h" if hours and days < 3 else f"{sign}{days} d"


def ago_words(at: datetime, now: datetime) -> str:
    """How far an instant is from now: 4 min ago, in 26 min, just now."""
    seconds = (now - at).total_seconds()
    if abs(seconds) < 1:
        return "just now"
    return f"{duration_words(seconds)} ago" if seconds > 0 else f"in {duration_words(-seconds)}"


def digits(seconds: float) -> str:
    """A running clock: 33:13, 3:30:08, −0:05."""
    rest = int(abs(seconds))
    hours, minutes, secs = rest // HOUR, rest % HOUR // MINUTE, rest % MINUTE
    body = f"{hours}:{minutes:02d}:{secs:02d}" if hours else f"{minutes}:{secs:02d}"
    return ("−" if seconds < 0 else "") + body


def ticking(at: datetime, now: datetime, way: str = "up") -> Markup:
    """A clock that script keeps running; without script it shows the time the page was made."""
    seconds = (now - at).total_seconds() if way == "up" else (at - now).total_seconds()
    return Markup('<span data-clock="{}" data-seconds="{}">{}</span>').format(way, int(seconds), digits(seconds))


def number_words(value: float | int | None, absent: str = "unknown") -> str:
    """1140 as 1,140; a fraction to one place."""
    if value is None:
        return absent
    return f"{value:,}" if isinstance(value, int) or (float(value).is_integer() and abs(value) < 1) else f"{value:,.1f}"


def initials(name: str) -> str:
    """Two letters for a person: the first of the first and of the last word."""
    words = [word for word in name.replace("-", " ").split() if word[0].isalpha()]
    return (words[0][0] + (words[-1][0] if len(words) > 1 else "")).upper() if words else "?"


def counted(count: int, one: str, many: str = "") -> str:
    """1 incident, 2 incidents."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"
