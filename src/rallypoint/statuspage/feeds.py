"""The history of the page as RSS and Atom: one entry an incident, its updates as the text."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from email.utils import format_datetime
from xml.etree.ElementTree import Element, SubElement, tostring

from rallypoint.statuspage.model import Page, StatusIncident
from rallypoint.statuspage.wire import link, moment

ATOM = "http://www.w3.org/2005/Atom"
NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def atom(about: Page, incidents: Sequence[StatusIncident], *, base_url: str) -> str:
    feed = Element("feed", xmlns=ATOM)
    _texts(feed, id=f"urn:rallypoint:status:{about.public_id}", title=f"{about.name}: history")
    SubElement(feed, "link", rel="alternate", type="text/html", href=base_url)
    SubElement(feed, "link", rel="self", type="application/atom+xml", href=f"{base_url}/history.atom")
    _texts(feed, updated=moment(max((i.updated_at for i in incidents), default=about.updated_at)))
    _texts(SubElement(feed, "author"), name=about.name)
    for each in incidents:
        entry = SubElement(feed, "entry")
        _texts(
            entry,
            id=f"urn:rallypoint:status:{about.public_id}:{each.public_id}",
            title=each.title,
            published=moment(each.created_at),
            updated=moment(each.updated_at),
        )
        SubElement(entry, "link", rel="alternate", type="text/html", href=link(each, base_url=base_url))
        _texts(entry, content=body(each))
    return _document(feed)


def rss(about: Page, incidents: Sequence[StatusIncident], *, base_url: str) -> str:
    root = Element("rss", version="2.0")
    channel = SubElement(root, "channel")
    _texts(channel, title=f"{about.name}: history", link=base_url, description=f"Incidents of {about.name}")
    _texts(channel, lastBuildDate=_rfc822(max((i.updated_at for i in incidents), default=about.updated_at)))
    for each in incidents:
        item = SubElement(channel, "item")
        _texts(item, title=each.title, link=link(each, base_url=base_url), pubDate=_rfc822(each.created_at))
        guid = SubElement(item, "guid", isPermaLink="false")
        guid.text = each.public_id
        _texts(item, description=body(each))
    return _document(root)


def body(incident: StatusIncident) -> str:
    """The updates as plain text, newest first."""
    return "\n\n".join(f"{moment(u.created_at)} {u.status.value.capitalize()}: {u.body}" for u in incident.updates)


def _texts(parent: Element, **texts: str | None) -> None:
    for name, text in texts.items():
        SubElement(parent, name).text = NOT_XML.sub("\ufffd", text or "")


def _rfc822(at: datetime) -> str:
    return format_datetime(at.astimezone(UTC), usegmt=True)


def _document(root: Element) -> str:
    return '<?xml version="1.0" encoding="utf-8"?>\n' + tostring(root, encoding="unicode")
