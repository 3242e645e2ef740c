"""What to paste into a sender, per kind, with its key already in it: the connectors' own words. Pure."""

from dataclasses import dataclass

from rallypoint.alerts.ports import About
from rallypoint.connectors.signals import SOURCES

TRY = "in a shell: one alert of low urgency; this page turns green"


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    title: str
    where: str
    text: str


def blocks(kind: str, base: str, key: str) -> tuple[Block, ...]:
    """What to paste for a kind, and a line to try it with. A kind that is no sender's gets a block of each sender."""
    generic = SOURCES["generic"].about
    if kind == generic.kind or kind not in SOURCES:
        configs = [one.about for one in SOURCES.values() if one.about is not generic] if kind != generic.kind else []
        tried = generic
    else:
        tried = SOURCES[kind].about
        configs = [tried]
    pasted = [_block(about.name, about, about.config, f"in {about.config_file}", base, key) for about in configs]
    return (*pasted, _block("Try it", tried, tried.curl, TRY, base, key))


def _block(title: str, about: About, text: str, where: str, base: str, key: str) -> Block:
    return Block(title=title, where=where, text=about.for_key(text, base=base, key=key).rstrip())
