"""`sync`: connections to other tools, mappings with their previews, linked items and conflicts."""

import json
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from rallypoint.edges.cli.at_home import act, actor, at_home
from rallypoint.edges.cli.command import AS, command
from rallypoint.edges.cli.commands import sync_history
from rallypoint.edges.cli.output import Out, pick

if TYPE_CHECKING:
    from rallypoint.actors import Actor
    from rallypoint.db import Transaction
    from rallypoint.house import House
    from rallypoint.sync.preview import Preview
    from rallypoint.sync.setting_up import Reviewed, SetUp
    from rallypoint.sync.work import OpenConflict

T = TypeVar("T")

group = click.Group("sync", help="Work items in other tools, kept in step.")
group.add_command(sync_history.group)

CONNECTION = ("key", "name", "tool", "base_url", "state", "state_reason", "succeeded_at", "failure", "failures",
              "closed_until")  # fmt: skip
FILE = click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
FROM = click.option("--connection", required=True, help="The connection's key.")
SECRET = click.option("--secret", "asked", multiple=True, metavar="NAME", help="Asked for, unseen. Again for more.")
STDIN = click.option("--stdin", is_flag=True, help="Read secrets from standard input, NAME=VALUE a line.")
SET = click.option("--set", "given", multiple=True, metavar="NAME=VALUE", help="A setting. Again for more.")


def outside(work: "Callable[[SetUp, Actor], Awaitable[T]]") -> T:
    """Run `work`, which asks a tool, outside any transaction."""

    async def whole(house: "House") -> T:
        return await work(house.set_up, actor())

    return at_home(whole)


def _pairs(given: Sequence[str], what: str) -> dict[str, str]:
    found = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise click.UsageError(f"Write a {what} as NAME=VALUE, not {one!r}.")
        found[name] = value
    return found


def _secrets(asked: Sequence[str], stdin: bool) -> dict[str, str]:
    read = [line.strip() for line in sys.stdin] if stdin else []
    found = _pairs([line for line in read if line], "secret")
    return found | {name: click.prompt(name, hide_input=True, err=True) for name in asked}


def _rules(file: Path) -> dict[str, Any]:
    from rallypoint.errors import Invalid

    try:
        found = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as problem:
        raise Invalid(file.name, f"is not JSON: {problem}") from problem
    if not isinstance(found, dict):
        raise Invalid(file.name, "must be an object")
    return found


# Connections.


@command(group, "tools")
def tools(out: Out) -> None:
    """What can be connected, and what each asks for."""

    async def work(house: "House") -> list[dict[str, Any]]:
        found = [house.tools[kind] for kind in sorted(house.tools.keys())]
        return [
            {
                "tool": one.kind,
                "name": one.name,
                "url": one.example_url,
                "settings": [asked.name for asked in one.asked if not asked.secret],
                "secrets": [asked.name for asked in one.asked if asked.secret],
            }
            for one in found
        ]

    columns = {"tool": "Tool", "name": "Name", "url": "Address", "settings": "Settings", "secrets": "Secrets"}
    out.table(at_home(work), columns, empty="No tool can be connected.")


@command(group, "connections")
def connections(out: Out) -> None:
    """All of them, and how they are."""

    async def work(tx: "Transaction") -> list[dict[str, Any]]:
        from rallypoint.sync import store

        return [pick(one, CONNECTION) for one in await store.connections(tx)]

    columns = {"key": "Key", "name": "Name", "tool": "Tool", "base_url": "Address", "state": "State",
               "succeeded_at": "Last success", "failure": "Last failure"}  # fmt: skip
    out.table(act(work), columns, empty="Nothing is connected yet.")


@command(group, "connect")
@click.argument("key")
@click.option("--tool", required=True, help="What kind: see `sync tools`.")
@click.option("--url", required=True, help="The tool's address.")
@click.option("--name", default="", help="What people call it.")
@SET
@SECRET
@STDIN
def connect(
    out: Out, key: str, tool: str, url: str, name: str, given: tuple[str, ...], asked: tuple[str, ...], stdin: bool
) -> None:
    """Connect a tool. Its secrets are sealed; the address where it may tell us of changes is shown this once."""
    settings, secrets = _pairs(given, "setting"), _secrets(asked, stdin)

    async def whole(house: "House") -> dict[str, Any]:
        from rallypoint.sync import connecting

        async def work(tx: "Transaction") -> connecting.NewConnection:
            return await connecting.connect(
                tx, house.tools, house.vault, key=key, tool=tool, base_url=url, name=name, settings=settings,
                secrets_=secrets,
            )  # fmt: skip

        made = await house.db.run(actor(), work)
        told = f"{house.settings.base_url}/told/{made.hook_key}"
        return {"hook_url": told} | pick(made.connection, CONNECTION)

    made = at_home(whole)
    said = f"Connected as {made['key']}. The tool may tell us of changes at\n{made['hook_url']}"
    out.result(made, f"{said}\nNext: rallypoint sync check {key}")


@command(group, "change")
@click.argument("key")
@click.option("--url", help="Another address; it needs its secrets again.")
@click.option("--name", default="")
@SET
@SECRET
@STDIN
def change(
    out: Out, key: str, url: str | None, name: str, given: tuple[str, ...], asked: tuple[str, ...], stdin: bool
) -> None:
    """Another name, address, settings or secrets. A refused connection is tried again."""
    settings, secrets = _pairs(given, "setting"), _secrets(asked, stdin)

    async def whole(house: "House") -> dict[str, Any]:
        from rallypoint.sync import connecting, store

        async def work(tx: "Transaction") -> dict[str, Any]:
            known = (await store.connection(tx, key)).settings
            changed = await connecting.new_credentials(
                tx, house.tools, house.vault, key, base_url=url, settings=known | settings, secrets_=secrets, name=name
            )
            return pick(changed, CONNECTION)

        return await house.db.run(actor(), work)

    made = at_home(whole)
    out.result(made, f"{made['name']} is {made['state']}.")


@command(group, "check")
@click.argument("key")
def check(out: Out, key: str) -> int:
    """Try it: credentials, identity, permissions, clock. Ends with 1 where something is wrong."""
    found = outside(lambda desk, me: desk.check(me, key))
    rows = [pick(one, ("level", "about", "text", "help")) for one in found.findings]
    if out.as_json:
        out.result({"ok": found.ok, "findings": rows, "skew_seconds": found.skew_seconds})
    else:
        out.table(rows, {"level": "", "about": "About", "text": "Found", "help": "What helps"}, empty="All is well.")
    return 0 if found.ok else 1


@command(group, "pause")
@click.argument("key")
@click.option("--reason", default="")
def pause(out: Out, key: str, reason: str) -> None:
    """Nothing is read or written; what changes meanwhile is caught up afterwards."""

    async def work(tx: "Transaction") -> dict[str, Any]:
        from rallypoint.sync import connecting

        return pick(await connecting.pause(tx, key, reason=reason), CONNECTION)

    out.result(act(work), "Paused.")


@command(group, "resume")
@click.argument("key")
def resume(out: Out, key: str) -> None:
    """Go on, and catch up."""

    async def work(tx: "Transaction") -> dict[str, Any]:
        from rallypoint.sync import connecting

        return pick(await connecting.resume(tx, key), CONNECTION)

    out.result(act(work), "It goes on.")


@command(group, "webhook")
@click.argument("key")
def webhook(out: Out, key: str) -> None:
    """Have the tool tell us of changes, at a new address. The old one works for a day more."""
    made = outside(lambda desk, me: desk.register_webhook(me, key))
    hook = made.webhook
    data = {"state": hook.state.value, "url": made.url, "secret": hook.secret, "instructions": hook.instructions}
    secret = f"secret: {hook.secret}\n" if hook.secret else ""
    out.result(data, f"{hook.state.value}: {made.url}\n{secret}{hook.instructions}".rstrip())


@command(group, "health")
@click.argument("key")
def health(out: Out, key: str) -> None:
    """Links by state, what waits, what failed, and the items that need a person."""

    async def whole(house: "House") -> dict[str, Any]:
        from rallypoint.sync import setup_store

        async def work(tx: "Transaction") -> dict[str, Any]:
            found = await house.set_up.health(tx, key)
            trouble = await setup_store.links_page(tx, found.connection.id, after=0, limit=50, trouble=True)
            return {
                "connection": pick(found.connection, CONNECTION), "links": dict(found.links),
                "lag_seconds": found.lag_seconds, "heard_at": found.heard_at, "webhook": dict(found.webhook),
                "credentials": found.credentials, "webhook_trouble": found.hook_trouble, "quotas": list(found.quotas),
                "trouble": [_item(one) for one in trouble],
            }  # fmt: skip

        return await house.db.run(actor(), work)

    found = at_home(whole)
    if out.as_json:
        out.result(found)
        return
    state = found["connection"]
    out.result(None, f"{state['name']}: {state['state']} {state['state_reason']}".rstrip())
    out.result(None, ", ".join(f"{count} {name}" for name, count in found["links"].items()))
    if found["webhook_trouble"]:
        out.result(None, f"webhook: {found['webhook_trouble']}")
    for one in found["quotas"]:
        left = "" if one["remaining"] is None else f"{one['remaining']} of {one['most']} left"
        rests = f"rests until {one['rests_until']:%H:%M:%S} UTC" if one["rests_until"] else ""
        out.result(None, f"budget {one['bucket']}: {', '.join(part for part in (left, rests) if part)}")
    out.table(found["trouble"], ITEM, empty="No item needs a person.")


# Mappings.


@command(group, "mappings")
def mappings(out: Out) -> None:
    """The active version of each."""

    async def work(tx: "Transaction") -> list[dict[str, Any]]:
        from rallypoint.sync import store
        from rallypoint.sync.setting_up import bare_rules

        keys = {one.id: one.key for one in await store.connections(tx)}
        return [
            {"id": one.id, "version": one.version, "connection": keys[one.connection], "name": one.name,
             "send": one.trigger.send, "receive": one.trigger.receive, "rules": bare_rules(one)}
            for one in await store.mappings(tx)
        ]  # fmt: skip

    columns = {"id": "Id", "name": "Name", "connection": "Connection", "version": "Version", "send": "Sends",
               "receive": "Receives"}  # fmt: skip
    out.table(act(work), columns, empty="There is no mapping yet.")


@command(group, "suggest")
@click.argument("key")
@click.option("--project", default="", help="Project, table or queue there.")
@click.option("--type", "kind", default="", help="Type of item there.")
@click.option("--name", default="", help="What the mapping is to be called.")
@click.option("--to", type=click.Path(dir_okay=False, path_type=Path), help="A file for the mapping.")
def suggest(out: Out, key: str, project: str, kind: str, name: str, to: Path | None) -> None:
    """A mapping to start from, by names and kinds of fields, with what it would lose."""
    found = outside(lambda desk, me: desk.suggest(me, key, project=project, type=kind, name=name))
    from rallypoint.sync.setting_up import bare_rules

    rules = bare_rules(found.mapping)
    if to is not None:
        to.write_text(json.dumps(rules, indent=2, ensure_ascii=False) + "\n", "utf-8")
    data = _reviewed(found) | {"rules": rules, "left_out": list(found.left_out)}
    if out.as_json:
        out.result(data)
        return
    if to is None:
        out.result(None, json.dumps(rules, indent=2, ensure_ascii=False))
    _remarks(out, found)
    out.say(f"Not mapped: {', '.join(found.left_out)}." if found.left_out else "Every field is mapped.")


@command(group, "review")
@FILE
@FROM
def review(out: Out, file: Path, connection: str) -> int:
    """What would be said if it were saved. Ends with 1 where it would be refused."""
    rules = _rules(file)
    found = outside(lambda desk, me: desk.review(me, connection, rules))
    if out.as_json:
        out.result(_reviewed(found))
    else:
        _remarks(out, found)
    return 0 if found.ok else 1


@command(group, "save")
@FILE
@FROM
@click.option("--mapping", "id", type=int, help="Save it as the next version of this one.")
def save(out: Out, file: Path, connection: str, id: int | None) -> None:
    """Save a mapping, or the next version of one: then its links follow at once."""
    rules = _rules(file)

    async def work(desk: "SetUp", me: "Actor") -> "Reviewed":
        if id is None:
            return await desk.save(me, connection, rules)
        return await desk.save_next(me, id, rules, based_on=await desk.version_of(me, id))

    found = outside(work)
    data = _reviewed(found) | {"id": found.mapping.id, "version": found.mapping.version}
    out.result(data, f"Saved: mapping {found.mapping.id}, version {found.mapping.version}.")


@command(group, "versions")
@click.argument("id", type=int)
def versions(out: Out, id: int) -> None:
    """Every version of a mapping, the newest first."""

    async def work(tx: "Transaction") -> list[dict[str, Any]]:
        from rallypoint.sync import store

        await store.mapping(tx, id)
        return await store.versions(tx, id)

    columns = {
        "version": "Version",
        "active": "Active",
        "created_at": "Saved",
        "created_by": "By",
        "changed": "Changed",
    }
    out.table(act(work), columns, empty="There is none.")


@command(group, "roll-back")
@click.argument("id", type=int)
@click.option("--to", "version", type=int, required=True, help="The version whose rules are wanted.")
def roll_back(out: Out, id: int, version: int) -> None:
    """Make an old version the next one."""

    async def work(tx: "Transaction") -> dict[str, Any]:
        from rallypoint.sync import setting_up

        return pick(await setting_up.roll_back(tx, id, version), ("id", "version", "name"))

    made = act(work)
    out.result(made, f"Version {made['version']} has the rules of version {version}.")


@command(group, "preview")
@FILE
@FROM
@click.option("--incident", type=int)
@click.option("--item", "remote_id", default="", help="An item there, by its id.")
@click.option("--mapping", "id", type=int, default=0, help="The saved mapping of which the file is another version.")
def preview(out: Out, file: Path, connection: str, incident: int | None, remote_id: str, id: int) -> None:
    """What would be written where, both ways, and why. Nothing is written."""
    rules = _rules(file)
    shown = outside(
        lambda desk, me: desk.preview(me, connection, rules, incident=incident, remote_id=remote_id, id=id)
    )  # fmt: skip
    if out.as_json:
        out.result(_previewed(shown))
    else:
        _show(out, shown)


@command(group, "effect")
@click.argument("id", type=int)
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--version", type=int, help="The rules of this version, as a roll-back would bring them.")
def effect(out: Out, id: int, file: Path | None, version: int | None) -> None:
    """Which links of a mapping other rules would change, those of FILE or of a version. Nothing is written."""
    if (file is None) == (version is None):
        raise click.UsageError("Name a file with rules, or a version of the mapping.")
    rules = None if file is None else _rules(file)
    found = outside(lambda desk, me: desk.effect(me, id, data=rules, version=version))
    if out.as_json:
        out.result(
            {"links": found.links, "looked_at": found.looked_at, "unreadable": list(found.unreadable),
             "changed": [_previewed(one) for one in found.changed]}
        )  # fmt: skip
        return
    for shown in found.changed:
        _show(out, shown)
    out.result(None, f"{len(found.changed)} of {found.looked_at} links that were read would change.")


@command(group, "backlog")
@click.argument("id", type=int)
@click.option("--order", type=click.IntRange(0, 500), default=0, help="Have so many items created in the background.")
def backlog(out: Out, id: int, order: int) -> None:
    """Open incidents in a mapping's scope that have no item yet, and how far the others are."""

    async def work(tx: "Transaction") -> dict[str, Any]:
        from rallypoint.sync import setting_up

        found = await setting_up.backlog(tx, id, order=order)
        return pick(found, ("fitting", "without_item", "creating", "linked", "failed", "ordered", "more"))

    found = act(work)
    said = ", ".join(f"{found[name]} {name.replace('_', ' ')}" for name in found if name != "more")
    out.result(found, said)


# Items and conflicts.

ITEM = {"id": "Id", "incident": "Incident", "connection_name": "In", "remote_key": "Item", "state": "State",
        "said": "Because", "conflicts": "Conflicts", "agreed_at": "In step at"}  # fmt: skip


@command(group, "items")
@click.argument("number", type=int)
def items(out: Out, number: int) -> None:
    """The items elsewhere that are kept in step with an incident."""

    async def work(tx: "Transaction") -> list[dict[str, Any]]:
        from rallypoint import incidents
        from rallypoint.sync import store

        await incidents.incident(tx, number)
        return [_item(one) for one in await store.links_of(tx, number)]

    out.table(act(work), ITEM, empty=f"INC-{number} has no item elsewhere.")


@command(group, "link")
@click.argument("number", type=int)
@click.option("--mapping", "id", type=int, required=True, help="By which mapping.")
@click.option("--item", "remote_id", default="", help="An item that is there already; else one is created.")
@AS
def link(out: Out, number: int, id: int, remote_id: str, acting: str | None) -> None:
    """Join an incident to an item, or have one created."""

    async def whole(house: "House") -> dict[str, Any]:
        from rallypoint.edges.cli.at_home import person
        from rallypoint.sync import linking

        me = await person(house, acting) if acting else actor()
        if remote_id.strip():
            made = await house.set_up.link_existing(me, number, mapping_id=id, remote_id=remote_id)
        else:
            made = await house.db.run(me, lambda tx: linking.create_remote(tx, number, mapping_id=id))
        return pick(made, ("id", "incident", "mapping", "remote_id", "key", "url"))

    made = at_home(whole)
    out.result(
        made, f"Linked with {made['key'] or made['remote_id']}." if made["remote_id"] else "It is being created."
    )


@command(group, "part")
@click.argument("id", type=int)
@click.option("--reason", default="")
@AS
def part(out: Out, id: int, reason: str, acting: str | None) -> None:
    """End a link. Both records stay, and go their own ways."""

    async def work(tx: "Transaction") -> dict[str, Any]:
        from rallypoint.sync import linking, store

        await linking.part(tx, id, reason=reason)
        return pick(await store.link(tx, id), ("id", "incident", "state", "state_reason"))

    out.result(act(work, acting=acting), "Parted.")


@command(group, "retry")
@click.argument("id", type=int)
@AS
def retry(out: Out, id: int, acting: str | None) -> None:
    """Try a link again now, with its error forgotten."""

    async def work(tx: "Transaction") -> dict[str, Any]:
        from rallypoint.sync import linking, store

        await store.link(tx, id)
        await linking.try_again(tx, id)
        return pick(await store.link(tx, id), ("id", "incident", "state"))

    out.result(act(work, acting=acting), "It is tried again.")


@command(group, "conflicts")
@click.option("--incident", type=int)
@click.option("--all", "everything", is_flag=True, help="Also those that are decided.")
def conflicts(out: Out, incident: int | None, everything: bool) -> None:
    """Fields that both sides changed."""

    async def work(tx: "Transaction") -> list[dict[str, Any]]:
        from rallypoint.sync import codec, conflict_store

        return [
            {"id": one.id, "incident": one.incident, "field": one.body.field, "item": one.remote_key,
             "here": codec.to_json(one.body.hub_value), "there": codec.to_json(one.body.remote_value),
             "winner": one.body.winner, "rule": one.body.rule, "at": one.at, "settled_by": one.settled_by,
             "kept": one.standing}
            for one in await conflict_store.conflicts(tx, incident=incident, open_only=not everything)
        ]  # fmt: skip

    columns = {"id": "Id", "incident": "Incident", "field": "Field", "here": "Here", "there": "There", "rule": "Rule",
               "kept": "Kept", "settled_by": "Settled by"}  # fmt: skip
    out.table(act(work), columns, empty="No conflict waits for a person.")


OVER = click.option("--over", is_flag=True, help="Also replace what was edited since.")


@command(group, "settle")
@click.argument("id", type=int)
@click.option("--side", type=click.Choice(["hub", "remote"]), required=True, help="Whose value it is to be.")
@OVER
@AS
def settle(out: Out, id: int, side: str, over: bool, acting: str | None) -> None:
    """Decide a conflict, also other than a rule did."""

    async def work(tx: "Transaction") -> dict[str, Any]:
        from rallypoint.sync import deciding
        from rallypoint.sync.model import Side

        return _decided(await deciding.settle(tx, id, Side(side), over=over))

    out.result(act(work, acting=acting), "Settled.")


@command(group, "turn-round")
@click.argument("id", type=int)
@OVER
@AS
def turn_round(out: Out, id: int, over: bool, acting: str | None) -> None:
    """Undo a decision, of a rule or of a person: the value that lost goes to both sides."""

    async def work(tx: "Transaction") -> dict[str, Any]:
        from rallypoint.sync import deciding

        return _decided(await deciding.turn_round(tx, id, over=over))

    made = act(work, acting=acting)
    out.result(made, f"Turned round: {'ours' if made['side'] == 'hub' else 'theirs'} is kept.")


def _decided(found: "OpenConflict") -> dict[str, Any]:
    return {"id": found.id, "incident": found.incident, "field": found.body.field, "side": found.standing}


# How things are said.


def _item(row: Mapping[str, Any]) -> dict[str, Any]:
    held_back = "; ".join(f"{one['field']}: {one['reason']}".removeprefix(": ") for one in row["held_back"])
    said = (row["error"] or {}).get("said") or row["state_reason"] or held_back
    names = ("id", "incident", "connection", "connection_name", "remote_key", "url", "state", "error", "held_back",
             "conflicts", "agreed_at", "mapping_id", "mapping_version")  # fmt: skip
    return {name: row[name] for name in names} | {"said": said}


def _reviewed(found: "Reviewed") -> dict[str, Any]:
    rows = [pick(one, ("level", "field", "kind", "text")) for one in found.remarks]
    return {"ok": found.ok, "remarks": rows}


def _remarks(out: Out, found: "Reviewed") -> None:
    rows = _reviewed(found)["remarks"]
    out.table(rows, {"level": "", "field": "Field", "text": "What is lost, or wrong"}, empty="Nothing is lost.")


def _previewed(shown: "Preview") -> dict[str, Any]:
    from rallypoint.sync import codec

    found: dict[str, Any] = codec.to_json(shown)
    return found | {"idle": shown.idle}


def _show(out: Out, shown: "Preview") -> None:
    data = _previewed(shown)
    here = f"INC-{shown.incident}" if shown.incident else "a new incident"
    there = shown.remote_key or shown.remote_id or "a new item"
    out.result(None, f"{here} and {there}" + (": nothing would be written." if shown.idle else ":"))
    if shown.opens is not None:
        out.table([{"f": f, "v": v} for f, v in data["opens"].items()], {"f": "Field", "v": "Would be"}, empty="")
        return
    rows = [
        {"field": one["field"], "here": one["here"], "there": one["there"],
         "why": one["refused"] or one["note"] or one["why"],
         "what": _moved(one)}
        for one in data["fields"]
    ]  # fmt: skip
    columns = {"field": "Field", "here": "Here", "there": "There", "what": "Would be written", "why": "Because"}
    out.table(rows, columns, empty="No field is mapped.")
    for one in shown.comments:
        out.result(None, f"comment: {one.act} ({one.visibility}), {one.why}: {one.text[:80]!r}")
    for said in (shown.step and f"status: {shown.step}", shown.blocked and f"status is blocked: {shown.blocked}"):
        if said:
            out.result(None, said)


def _moved(line: Mapping[str, Any]) -> str:
    parts = [f"there: {line['to_there']}"] if line["pushes"] else []
    return "; ".join([*parts, f"here: {line['to_here']}"] if line["takes"] else parts)
