"""`incident`: from open to closed, from the command line."""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import click

from rallypoint.edges.cli.at_home import act, actor, at_home, person
from rallypoint.edges.cli.command import AS, command
from rallypoint.edges.cli.output import Out, pick

if TYPE_CHECKING:
    from rallypoint.db import Transaction
    from rallypoint.house import House
    from rallypoint.incidents import Incident, Related

group = click.Group("incident", help="List, show and work on incidents.")

NUMBER = click.argument("number", type=click.IntRange(1, 2**53 - 1))
SAME = ("number", "title", "kind", "status", "status_category", "priority", "priority_reason", "impact", "urgency",
        "description", "reporter_name", "logged_by", "created_at", "acknowledged_at", "restored_at", "resolved_at",
        "confirmed_at", "closed_at", "resolution", "workaround", "custom", "reopened", "origin",
        "drill")  # fmt: skip

FILE = ("id", "incident", "name", "content_type", "size", "sha256", "visibility", "about", "added_at", "added_by",
        "origin")  # fmt: skip


def row(incident: "Incident") -> dict[str, Any]:
    """The names that the API uses as well."""
    return pick(incident, SAME) | {
        "tags": list(incident.tags),
        "service": incident.service_key or None,
        "owner": incident.owner_name or None,
        "commander": incident.commander_name or None,
    }


@command(group, "list")
@click.option("--all", "everything", is_flag=True, help="Also those that are over.")
@click.option("--service", default="", help="A service's key.")
@click.option("--priority", default="")
@click.option("--tag", default="", help="Only those with this tag.")
@click.option("--search", "q", default="", help="Words, or a number.")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True)
def list_(out: Out, everything: bool, service: str, priority: str, tag: str, q: str, limit: int) -> None:
    """Open incidents, the most pressing first."""

    async def work(tx: "Transaction") -> list[dict[str, Any]]:
        from rallypoint import incidents

        wanted = incidents.BoardFilter(q=q, service=service, priority=priority, tag=tag, open_only=not everything)
        found, _ = await incidents.board(tx, filter=wanted, cursor=None, limit=limit)
        return [row(r.incident) | {"rank": r.rank, "rank_reason": r.rank_reason} for r in found]

    columns = {"rank": "#", "number": "INC", "priority": "Prio", "status": "Status", "service": "Service",
               "title": "Title", "commander": "Commander", "created_at": "Opened"}  # fmt: skip
    out.table(act(work), columns, empty="No incident is open.")


@command(group, "attach")
@NUMBER
@click.argument("path", type=click.Path(exists=True, dir_okay=False, readable=True))
@click.option("--public", is_flag=True, help="The reporter sees it, too; otherwise it is private to responders.")
@click.option("--about", default="", help="What it shows.")
@click.option("--called", default="", metavar="NAME", help="Another name than that of the file.")
@AS
def attach(out: Out, number: int, path: str, public: bool, about: str, called: str, acting: str | None) -> None:
    """Attach a file."""

    async def work(house: "House") -> dict[str, Any]:
        from rallypoint import incidents

        me = await person(house, acting) if acting else actor()
        with open(path, "rb") as opened:  # noqa: ASYNC230 - nobody else waits in a command of one shell
            sha256 = await incidents.keep(
                house.db, incidents.held_file(opened, largest=house.settings.largest_file)
            )  # fmt: skip
        added = await house.db.run(
            me,
            lambda tx: incidents.attach(
                tx, number, sha256=sha256, name=called or path, visibility="public" if public else "internal",
                about=about,
            ),
        )  # fmt: skip
        return pick(added, FILE)

    added = at_home(work)
    who = "everybody who may see the incident" if public else "responders"
    out.result(added, f"INC-{number}: {added['name']} is file {added['id']}, for {who}.")


@command(group, "files")
@NUMBER
def files(out: Out, number: int) -> None:
    """The files of an incident."""

    async def work(tx: "Transaction") -> list[dict[str, Any]]:
        from rallypoint import incidents

        await incidents.incident(tx, number)
        found = await incidents.files(tx, number)
        return [pick(one, FILE) | {"is": incidents.size_words(one.size)} for one in found]

    columns = {"id": "File", "name": "Name", "is": "Size", "visibility": "For", "added_at": "Added", "added_by": "By"}
    out.table(act(work), columns, empty="It has no files.")


@command(group, "fetch")
@NUMBER
@click.argument("file", type=click.IntRange(1, 2**53 - 1))
@click.option("--out", "to", type=click.Path(), help="Where to; otherwise its own name, in this folder.")
def fetch(out: Out, number: int, file: int, to: str | None) -> None:
    """Save a file of an incident."""

    async def work(house: "House") -> dict[str, Any]:
        from rallypoint import incidents

        async with house.db.transaction(actor()) as tx:
            found = await incidents.file(tx, number, file)
        with open(to or found.name, "xb") as target:  # noqa: ASYNC230 - as above
            async for piece in incidents.stream(house.db, found.sha256):
                target.write(piece)
        return pick(found, FILE) | {"path": to or found.name}

    saved = at_home(work)
    out.result(saved, f"Saved as {saved['path']}.")


@command(group, "detach")
@NUMBER
@click.argument("file", type=click.IntRange(1, 2**53 - 1))
@click.option("--reason", required=True, help="Why; it is kept.")
@AS
def detach(out: Out, number: int, file: int, reason: str, acting: str | None) -> None:
    """Remove a file for good; the history keeps that it was there."""

    async def work(tx: "Transaction") -> dict[str, Any]:
        from rallypoint import incidents

        return pick(await incidents.remove_file(tx, number, file, reason=reason), FILE)

    gone = act(work, acting=acting)
    out.result(gone, f"INC-{number}: {gone['name']} is removed.")


@command(group, "show")
@NUMBER
def show(out: Out, number: int) -> None:
    """The record and its history."""

    async def work(tx: "Transaction") -> dict[str, Any]:
        from rallypoint import incidents

        entries, _ = await incidents.timeline(tx, number, cursor=None, limit=1000)
        lines = [pick(e, ("occurred_at", "kind", "text", "reason", "actor_name", "origin")) for e in entries]
        return row(await incidents.incident(tx, number)) | {"timeline": lines}

    found = act(work)
    if out.as_json:
        out.result(found)
        return
    out.result(None, _heading(found))
    columns = {"occurred_at": "When", "actor_name": "Who", "text": "What", "reason": "Why"}
    out.table(found["timeline"], columns, empty="")


def _heading(found: dict[str, Any]) -> str:
    first = f"INC-{found['number']}  {found['priority']}  {found['status']}  {found['title']}"
    facts = [f"{name}: {found[name]}" for name in ("service", "commander", "owner", "resolution") if found[name]]
    return "\n".join([first, found["priority_reason"], *facts, ""])


@command(group, "open")
@click.option("--title", required=True)
@click.option("--description", default="")
@click.option("--service", help="A service's key.")
@click.option("--impact", help="extensive, significant, moderate or minor; leave out what you do not know.")
@click.option("--urgency", help="critical, high, medium or low.")
@click.option("--reporter", "reporter_name", default="")
@click.option("--contact", "reporter_contact", default="")
@click.option("--drill", is_flag=True, help="An exercise: out of all figures.")
@click.option("--tag", "tags", multiple=True, help="May be given several times.")
@click.option("--field", "fields", multiple=True, metavar="KEY=VALUE", help="A field of its domain; several times.")
@AS
def open_(out: Out, acting: str | None, fields: tuple[str, ...], **values: Any) -> None:
    """Log an incident; paging starts at once."""

    async def work(tx: "Transaction") -> dict[str, Any]:
        from rallypoint import incidents

        return row(await incidents.open_incident(tx, **_checked(values), custom=_pairs(fields)))

    opened = act(work, acting=acting)
    out.result(opened, f"INC-{opened['number']} is open as {opened['priority']}: {opened['priority_reason']}")


def _pairs(typed: tuple[str, ...]) -> dict[str, str]:
    """KEY=VALUE words; an empty value clears."""
    for one in typed:
        if "=" not in one:
            raise click.UsageError(f"{one!r} is no KEY=VALUE.")
    return {key.strip(): value for key, _, value in (one.partition("=") for one in typed)}


@command(group, "tag")
@NUMBER
@click.argument("tags", nargs=-1)
@click.option("--remove", multiple=True, help="Take this one off; may be given several times.")
@AS
def tag(out: Out, number: int, tags: tuple[str, ...], remove: tuple[str, ...], acting: str | None) -> None:
    """Put tags on, take tags off."""

    async def work(tx: "Transaction") -> dict[str, Any]:
        from rallypoint import incidents

        return row(await incidents.change_tags(tx, number, add=tags, remove=remove))

    after = act(work, acting=acting)
    out.result(after, f"INC-{number}: {', '.join(after['tags']) or 'no tags'}.")


@command(group, "set")
@NUMBER
@click.argument("fields", nargs=-1, required=True, metavar="KEY=VALUE...")
@AS
def set_(out: Out, number: int, fields: tuple[str, ...], acting: str | None) -> None:
    """Fill in fields of its domain; an empty value clears one."""
    values = _pairs(fields)

    async def work(tx: "Transaction") -> dict[str, Any]:
        from rallypoint import incidents

        return row(await incidents.set_fields(tx, number, values=values))

    after = act(work, acting=acting)
    out.result(after, f"INC-{number}: {', '.join(f'{key} {value}' for key, value in after['custom'].items())}.")


TIES = ("parent", "child", "related", "duplicate of", "duplicated by", "blocks", "blocked by")
"""Written out: the help must not import the room that has them. A test compares."""

TO = click.option("--to", type=click.IntRange(1, 2**53 - 1), required=True, help="The other incident.")


def _hanging(related: "Related") -> dict[str, Any]:
    from rallypoint import incidents

    names = ("id", "number", "title", "priority", "status", "created_at", "created_by")
    return {"tie": incidents.tie_of(related).value, **pick(related, names)}


RELATED = {"tie": "It is", "number": "INC", "priority": "Prio", "status": "Status", "title": "Title"}


@command(group, "relate")
@NUMBER
@TO
@click.option("--tie", type=click.Choice(TIES), default="related", help="What the other one is to this one.")
@AS
def relate(out: Out, number: int, to: int, tie: str, acting: str | None) -> None:
    """Say how two incidents hang together."""

    async def work(tx: "Transaction") -> list[dict[str, Any]]:
        from rallypoint import incidents

        return [_hanging(one) for one in await incidents.relate(tx, number, to=to, tie=tie)]

    out.table(act(work, acting=acting), RELATED, empty="")


@command(group, "relations")
@NUMBER
def relations(out: Out, number: int) -> None:
    """What hangs together with an incident."""

    async def work(tx: "Transaction") -> list[dict[str, Any]]:
        from rallypoint import incidents

        await incidents.incident(tx, number)
        return [_hanging(one) for one in await incidents.relations(tx, number)]

    out.table(act(work), RELATED, empty="Nothing hangs together with it.")


@command(group, "unrelate")
@NUMBER
@TO
@AS
def unrelate(out: Out, number: int, to: int, acting: str | None) -> None:
    """Take all relations between two incidents away."""

    async def work(tx: "Transaction") -> list[dict[str, Any]]:
        from rallypoint import incidents

        for one in await incidents.relations(tx, number):
            if one.number == to:
                await incidents.unrelate(tx, number, one.id)
        return [_hanging(one) for one in await incidents.relations(tx, number)]

    out.table(act(work, acting=acting), RELATED, empty="Nothing hangs together with it.")


def _checked(values: dict[str, Any]) -> dict[str, Any]:
    from rallypoint.catalog import Impact, Urgency
    from rallypoint.errors import Invalid

    for name, kind in (("impact", Impact), ("urgency", Urgency)):
        if values[name] is not None:
            if values[name] not in set(kind):
                raise Invalid(name, f"must be one of {', '.join(kind)}")
            values[name] = kind(values[name])
    return values


def _verb(name: str, help: str, call: Callable[..., Awaitable[Any]], *options: Any) -> None:
    """A command that does one thing to one incident, then says how it stands."""

    def body(out: Out, number: int, acting: str | None, **values: Any) -> None:
        async def work(tx: "Transaction") -> dict[str, Any]:
            from rallypoint import incidents

            await call(tx, number, **values)
            return row(await incidents.incident(tx, number))

        after = act(work, acting=acting)
        out.result(after, f"INC-{number}: {after['status']}.")

    for option in (NUMBER, AS, *options):
        body = option(body)
    command(group, name, help=help)(body)


def _call(verb: str) -> Callable[..., Awaitable[Any]]:
    async def call(tx: "Transaction", number: int, **values: Any) -> None:
        from rallypoint import incidents

        await getattr(incidents, verb)(tx, number, **values)

    return call


NOTE = click.option("--note", default="", help="For the record.")
REASON = click.option("--reason", required=True, help="Why; it is kept.")
TEXT = click.option("--text", required=True)
RESOLUTION = click.option("--resolution", required=True, help="What was wrong and what was done.")
WORKAROUND = click.option("--workaround", is_flag=True, help="It is a workaround.")
KIND = click.option("--kind", type=click.Choice(["functional", "hierarchical"]), default="functional")
POLICY = click.option("--to-policy", help="A policy's key; otherwise the next step comes at once.")

_verb("ack", "Somebody works on it: paging stops.", _call("acknowledge"))
_verb("escalate", "Bring in the next step, or another policy.", _call("escalate"), KIND, POLICY, NOTE)
_verb("note", "A line for the timeline.", _call("note"), TEXT)
_verb("hold", "Wait for something outside.", _call("hold"), REASON)
_verb("resume", "Work goes on.", _call("resume"))
_verb("restore", "Users have their service back.", _call("restore"), NOTE)
_verb("resolve", "It is fixed; the reporter is asked.", _call("resolve"), RESOLUTION, WORKAROUND)
_verb("confirm", "The reporter says it works.", _call("confirm"), NOTE)
_verb("reject", "The reporter says it does not: open again.", _call("reject"), REASON)
_verb("close", "File it.", _call("close"), NOTE)
_verb("reopen", "It is not over.", _call("reopen"), REASON)
_verb("cancel", "It was none.", _call("cancel"), REASON)
