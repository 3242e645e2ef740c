"""Every key of the screens, once: the buttons, the palette and the `?` page all read this table."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Key:
    """`press` is one key or two in a row; `to` is an address, or empty when a button on the page carries the key."""

    press: str
    does: str
    where: str
    to: str = ""


KEYS: tuple[Key, ...] = (
    Key("ctrl k", "Jump to a page, an incident or a verb", "Everywhere"),
    Key("?", "Show these keys", "Everywhere", "/help#keys"),
    Key("/", "Jump to", "Everywhere"),
    Key("g n", "Go to Now", "Everywhere", "/"),
    Key("g b", "Go to the board", "Everywhere", "/board"),
    Key("g o", "Go to On call", "Everywhere", "/oncall"),
    Key("g s", "Go to Services", "Everywhere", "/services"),
    Key("g a", "Go to Alerts", "Everywhere", "/alerts"),
    Key("g i", "Go to Insight", "Everywhere", "/insight"),
    Key("d", "Declare an incident", "Everywhere", "/declare"),
    Key("j", "Next row", "Lists"),
    Key("k", "Row before", "Lists"),
    Key("x", "Select the row", "Lists"),
    Key("Enter", "Open the row", "Lists"),
    Key("a", "Acknowledge", "Incident, lists"),
    Key("e", "Escalate", "Incident"),
    Key("r", "Mark restored, then resolve", "Incident"),
    Key("n", "Write a note", "Incident"),
    Key("u", "Write an update", "Incident"),
    Key("c", "Take command", "Incident"),
    Key("y", "Copy as Markdown", "Incident, lists"),
)

BY_PLACE: dict[str, tuple[Key, ...]] = {
    place: tuple(key for key in KEYS if key.where == place) for place in dict.fromkeys(key.where for key in KEYS)
}


def says(press: str) -> str:
    """What a key does, in the table's words; a button may only carry a key that stands in the table."""
    return next(key.does for key in KEYS if key.press == press)
