"""One instance: its tables, who may see what, and what happens when a record is stored."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import nh3

from rallypoint.emulators.base import Now
from rallypoint.emulators.servicenow import definitions as d
from rallypoint.emulators.servicenow import rules
from rallypoint.emulators.servicenow.people import SYSTEM, User
from rallypoint.emulators.servicenow.refusals import Refusal, acl

GRAIN = "%Y-%m-%d %H:%M:%S"
OPEN_TO_ALL = frozenset({"sys_choice", "sys_user", "sys_user_group", "sys_db_object", "cmdb_ci", "problem"})
INTEGRATION = frozenset({"sys_dictionary", "sys_audit", "sys_audit_delete", "sys_journal_field"})
"""Tables an administrator must open for the account of an integration."""


@dataclass(slots=True)
class Access:
    """What is closed for everybody but administrators, on top of the roles. Fields are named `table.element`."""

    denied_tables: set[str] = field(default_factory=set)
    denied_is_empty: bool = True
    hidden_fields: set[str] = field(default_factory=set)
    hidden_is_empty: bool = True
    frozen_fields: set[str] = field(default_factory=set)
    hidden_records: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Properties:
    """System properties that change what the interface does."""

    invalid_query_returns_no_rows: bool = False
    attachment_max_bytes: int = 1024 * 1024 * 1024
    close_after_days: int = 7
    mandatory_on_insert: tuple[str, ...] = ()


Row = dict[str, str]
Changed = Callable[[str, str, Row, str], None]
"""(table, operation, row, user name): called after something was stored."""


class Instance:
    """Everything is text, as the interface shows it. Not for several threads."""

    def __init__(self, clock: Now, *, seed: int = 1) -> None:
        self.clock, self._random = clock, random.Random(seed)
        self.tables: dict[str, dict[str, Row]] = {table: {} for table in d.TABLES}
        self.columns = {table: _columns(table) for table in d.TABLES}
        self.files: dict[str, bytes] = {}
        self.users: dict[str, User] = {}
        self.access, self.properties = Access(), Properties()
        self.listeners: list[Changed] = []
        self._numbers = {"incident": 10000, "problem": 40000}
        self._describe()

    # From one life to the next.

    def kept(self) -> dict[str, Any]:
        """Records, files and counters. Rights, properties and people are as the instance was made."""
        return {
            "tables": self.tables,
            "files": self.files,
            "numbers": self._numbers,
            "ids": self._random.getrandbits(64),
        }

    def take_up(self, kept: dict[str, Any]) -> None:
        """Take the place of what was kept. People keep the ids they had."""
        self.tables |= kept["tables"]
        self.files, self._numbers = kept["files"], kept["numbers"]
        self._random = random.Random(kept["ids"])
        for row in self.tables["sys_user"].values():
            if row["user_name"] in self.users:
                self.users[row["user_name"]].sys_id = row["sys_id"]

    # Time and names.

    def stamp(self) -> str:
        return self.clock.now().astimezone(UTC).strftime(GRAIN)

    def new_id(self) -> str:
        return f"{self._random.getrandbits(128):032x}"

    def next_number(self, table: str) -> str:
        self._numbers[table] += 1
        return {"incident": "INC", "problem": "PRB"}[table] + f"{self._numbers[table]:07d}"

    # People.

    def add_user(
        self,
        name: str,
        *,
        password: str,
        title: str,
        email: str,
        roles: frozenset[str] = frozenset(),
        zone: str = "UTC",
    ) -> User:
        first, _, last = title.partition(" ")
        row = self.store(
            "sys_user",
            {
                "user_name": name,
                "name": title,
                "first_name": first,
                "last_name": last,
                "email": email,
                "time_zone": zone,
            },
        )
        self.users[name] = User(name, row["sys_id"], password, roles, zone)
        return self.users[name]

    def add_column(self, table: str, column: d.Column) -> None:
        """A field of the instance's own, as customers have many; older records have it empty."""
        for one in (one for one in self.columns if table in d.lineage(one)):
            self.columns[one][column.element] = column
            for row in self.tables[one].values():
                row.setdefault(column.element, column.default)
        self._describe_column(table, column)

    # Reading.

    def rows(self, table: str) -> list[Row]:
        """All records, those of extending tables included."""
        return [row for one in self.tables if table in d.lineage(one) for row in self.tables[one].values()]

    def find(self, table: str, sys_id: str) -> tuple[str, Row] | None:
        """The record and the table it truly is in."""
        for one in self.tables:
            if table in d.lineage(one) and sys_id in self.tables[one]:
                return one, self.tables[one][sys_id]
        return None

    def may_see(self, user: User, table: str, row: Row) -> bool:
        if user.admin:
            return True
        if row["sys_id"] in self.access.hidden_records or table in self.access.denied_tables:
            return False
        if table in INTEGRATION:
            return "integration" in user.roles or (table == "sys_journal_field" and self._own_comment(user, row))
        if table == "incident" and not user.agent:
            return user.sys_id in (row["caller_id"], row["opened_by"])
        if table == "sys_attachment":
            about = self.find(row["table_name"], row["table_sys_id"])
            return about is not None and self.may_see(user, *about)
        return table in OPEN_TO_ALL or user.agent

    def _own_comment(self, user: User, row: Row) -> bool:
        about = self.find(row["name"], row["element_id"])
        return row["element"] == "comments" and about is not None and self.may_see(user, *about)

    def may_see_field(self, user: User, table: str, element: str) -> bool:
        return user.admin or not any(f"{one}.{element}" in self.access.hidden_fields for one in d.lineage(table))

    def value(self, table: str, row: Mapping[str, str], path: str) -> str | None:
        """What a field holds, through references if the path has dots. None when there is no such field."""
        element, _, rest = path.partition(".")
        column = self.columns[table].get(element)
        if column is None:
            return None
        if not rest:
            return row.get(element, "")
        if column.type != d.REFERENCE or column.reference not in self.columns:
            return None
        found = self.find(column.reference, row.get(element, ""))
        if found is None:
            return "" if self.value(column.reference, {}, rest) is not None else None
        return self.value(*found, rest)

    def display(self, table: str, row: Row, element: str, zone: str) -> str:
        """What people see: labels of choices, names of records, local times, all entries of a journal."""
        column, value = self.columns[table][element], row.get(element, "")
        if column.type in (d.JOURNAL, d.JOURNAL_LIST):
            return self._journal(row, element, zone)
        if not value:
            return ""
        if column.type == d.REFERENCE:
            found = self.find(column.reference, value) if column.reference in self.columns else None
            return found[1].get(d.DISPLAY.get(column.reference, "number"), "") if found else value
        if column.type == d.TIME:
            return _local(value, zone)
        return self.label(table, element, value) if column.choice else value

    def choices(self, table: str, element: str) -> list[Row]:
        """The choices that count: those of the table itself, or else of the nearest it extends."""
        for one in d.lineage(table):
            found = [r for r in self.tables["sys_choice"].values() if (r["name"], r["element"]) == (one, element)]
            if found:
                return found
        return []

    def label(self, table: str, element: str, value: str) -> str:
        return next((one["label"] for one in self.choices(table, element) if one["value"] == value), value)

    def _journal(self, row: Row, element: str, zone: str) -> str:
        wanted = ("comments", "work_notes") if element == "comments_and_work_notes" else (element,)
        words = {"comments": "Additional comments", "work_notes": "Work notes"}
        entries = [
            f"{_local(one['sys_created_on'], zone)} - {self.title(one['sys_created_by'])} ({words[one['element']]})\n"
            f"{one['value']}\n\n"
            for one in self.tables["sys_journal_field"].values()
            if one["element_id"] == row["sys_id"] and one["element"] in wanted
        ]
        return "".join(reversed(entries))

    def title(self, user_name: str) -> str:
        return next((r["name"] for r in self.tables["sys_user"].values() if r["user_name"] == user_name), user_name)

    # Writing.

    def store(self, table: str, values: Mapping[str, str], *, actor: str = "system") -> Row:
        """A record as it is given, without rules: for the furniture of the instance."""
        now = self.stamp()
        row = {name: column.default for name, column in self.columns[table].items()} | dict(values)
        row |= {"sys_id": values.get("sys_id") or self.new_id(), "sys_mod_count": "0"}
        row |= {"sys_created_on": now, "sys_created_by": actor, "sys_updated_on": now, "sys_updated_by": actor}
        self.tables[table][row["sys_id"]] = row
        return row

    def insert(self, table: str, given: Mapping[str, str], user: User) -> Row:
        """A new record through all rules. Raises Refusal."""
        if not self._may_insert(user, table):
            raise acl("Insert")
        sent = self._clean(table, given, user)
        journal = {name: sent.pop(name) for name in ("comments", "work_notes") if sent.get(name)}
        new = {name: column.default for name, column in self.columns[table].items()} | sent
        if table in ("incident", "problem"):
            new |= {"number": self.next_number(table), "sys_class_name": table}
            rules.mandatory(self, table, new, self.properties.mandatory_on_insert)
        if table == "incident":
            rules.before_insert(self, new, sent, journal, user)
        row = self.store(table, new, actor=user.name)
        self._write_journal(table, row, journal, user)
        self.announce(table, "insert", row, user.name)
        return row

    def update(self, table: str, row: Row, given: Mapping[str, str], user: User, *, workflow: bool = True) -> Row:
        """A change through all rules, or past them (`workflow` False), as scripts of an administrator may do.

        Nothing different means nothing stored: the count stays. Raises Refusal.
        """
        if not self._may_update(user, table, row):
            raise acl("Update")
        sent = self._clean(table, given, user)
        journal = {name: sent.pop(name) for name in ("comments", "work_notes") if sent.get(name)}
        new = row | {name: value for name, value in sent.items() if name not in ("comments", "work_notes")}
        if table == "incident" and workflow:
            rules.before_update(self, row, new, journal, user)
        changed = {name for name in new if new[name] != row[name]}
        if not changed and not journal:
            return row
        old = dict(row)
        row |= new
        row["sys_mod_count"] = str(int(row["sys_mod_count"]) + 1)
        row["sys_updated_on"], row["sys_updated_by"] = self.stamp(), user.name
        if table in ("incident", "problem"):
            for name in sorted(changed):
                self._audit(table, row, name, old[name], row[name], user)
        self._write_journal(table, row, journal, user)
        if workflow:
            self.announce(table, "update", row, user.name)
            if table == "incident":
                rules.after_update(self, old, row)
        return row

    def delete(self, table: str, row: Row, user: User) -> None:
        """Gone for good; a line in sys_audit_delete stays. Raises Refusal."""
        if table == "sys_attachment":
            about = self.find(row["table_name"], row["table_sys_id"])
            if about is None or not self._may_update(user, *about):
                raise acl("Delete")
            self.files.pop(row["sys_id"], None)
        elif not user.admin:
            raise acl("Delete")
        del self.tables[table][row["sys_id"]]
        if table in ("incident", "problem"):
            name = row["number"]
            self.store(
                "sys_audit_delete",
                {"tablename": table, "documentkey": row["sys_id"], "display_value": name},
                actor=user.name,
            )
            for one in [a for a in self.tables["sys_attachment"].values() if a["table_sys_id"] == row["sys_id"]]:
                self.files.pop(one["sys_id"], None)
                del self.tables["sys_attachment"][one["sys_id"]]
        self.announce(table, "delete", row, user.name)

    def attach(self, table: str, row: Row, name: str, content_type: str, body: bytes, user: User) -> Row:
        """A file on a record: whoever may see the record may attach. The record itself is not touched."""
        if len(body) > self.properties.attachment_max_bytes:
            raise Refusal(413, "Request Entity Too Large", "The file is larger than com.glide.attachment.max_size")
        stored = self.store(
            "sys_attachment",
            {
                "file_name": name,
                "content_type": content_type,
                "size_bytes": str(len(body)),
                "table_name": table,
                "table_sys_id": row["sys_id"],
            },
            actor=user.name,
        )
        self.files[stored["sys_id"]] = body
        self.announce("sys_attachment", "insert", stored, user.name)
        return stored

    def close_resolved(self) -> int:
        """The job of the night: what is resolved long enough is closed, by `system`. How many it closed."""
        before = (self.clock.now() - timedelta(days=self.properties.close_after_days)).strftime(GRAIN)
        due = [r for r in self.tables["incident"].values() if r["state"] == "6" and r["resolved_at"] <= before]
        for row in due:
            self.update("incident", row, {"state": "7"}, SYSTEM)
        return len(due)

    def announce(self, table: str, operation: str, row: Row, actor: str) -> None:
        for one in self.listeners:
            one(table, operation, row, actor)

    def _may_insert(self, user: User, table: str) -> bool:
        if user.admin:
            return True
        if table in self.access.denied_tables:
            return False
        return table == "incident" or (table == "problem" and user.agent)

    def _may_update(self, user: User, table: str, row: Row) -> bool:
        if user.admin:
            return True
        if table == "incident" and row["state"] in rules.FINAL:
            return False
        if table == "incident" and not user.agent:
            return self.may_see(user, table, row)
        return user.agent and table in ("incident", "problem")

    def _clean(self, table: str, given: Mapping[str, str], user: User) -> Row:
        """What of the input counts: known, writable fields, each in the form that its type is stored in."""
        kept: Row = {}
        for name, value in given.items():
            column = self.columns[table].get(name)
            if column is None or (column.read_only and not (user.admin and name == "priority")):
                continue
            if not user.admin and f"{table}.{name}" in self.access.frozen_fields:
                continue
            if table == "incident" and not user.agent and name not in ("comments", "short_description", "description"):
                continue
            kept[name] = _stored(column, value)
        return kept

    def _write_journal(self, table: str, row: Row, entries: Mapping[str, str], user: User) -> None:
        for element, value in entries.items():
            self.store(
                "sys_journal_field",
                {"name": table, "element": element, "element_id": row["sys_id"], "value": value},
                actor=user.name,
            )
            self._audit(table, row, element, "", value, user)

    def _audit(self, table: str, row: Row, name: str, old: str, new: str, user: User) -> None:
        self.store(
            "sys_audit",
            {
                "tablename": table,
                "documentkey": row["sys_id"],
                "fieldname": name,
                "oldvalue": old,
                "newvalue": new,
                "user": user.name,
                "record_checkpoint": row["sys_mod_count"],
            },
            actor=user.name,
        )

    # What describes itself.

    def _describe(self) -> None:
        ids = {
            table: self.store("sys_db_object", {"name": table, "label": _words(table)})["sys_id"] for table in d.TABLES
        }
        for table, parent in d.PARENTS.items():
            self.tables["sys_db_object"][ids[table]]["super_class"] = ids[parent]
        for table, columns in d.TABLES.items():
            self.store("sys_dictionary", {"name": table, "element": "", "internal_type": "collection"})
            own = columns if table in d.PARENTS else columns + d.SYSTEM
            for column in own:
                self._describe_column(table, column)
        for (table, element), choices in d.CHOICES.items():
            for place, (value, label) in enumerate(choices):
                self.store(
                    "sys_choice",
                    {"name": table, "element": element, "value": value, "label": label, "sequence": str(place * 10)},
                )

    def _describe_column(self, table: str, column: d.Column) -> None:
        self.store(
            "sys_dictionary",
            {
                "name": table,
                "element": column.element,
                "column_label": column.label,
                "internal_type": column.type,
                "max_length": str(column.length),
                "reference": column.reference,
                "mandatory": str(column.mandatory).lower(),
                "read_only": str(column.read_only).lower(),
                "choice": "1" if column.choice else "",
                "default_value": column.default,
            },
        )


def _columns(table: str) -> dict[str, d.Column]:
    found = {column.element: column for column in d.SYSTEM}
    for one in reversed(d.lineage(table)):
        found |= {column.element: column for column in d.TABLES[one]}
    return found


def _stored(column: d.Column, value: str) -> str:
    """The form a value is kept in: one kind of line end, no blanks around, not longer than the column."""
    text = value.replace("\r\n", "\n").replace("\r", "\n").replace("\x00", "").strip()
    match column.type:
        case d.BOOLEAN:
            return "true" if text.lower() in ("true", "1", "yes") else "false"
        case d.INTEGER:
            return text if text.lstrip("-").isdigit() else ""
        case d.TIME:
            return text if _is_time(text) else ""
        case d.REFERENCE:
            return text[:32]
        case d.HTML:
            return nh3.clean(text)[: column.length]
        case _:
            return text[: column.length]


def _is_time(text: str) -> bool:
    try:
        datetime.strptime(text, GRAIN).replace(tzinfo=UTC)
    except ValueError:
        return False
    return True


def _local(value: str, zone: str) -> str:
    at = datetime.strptime(value, GRAIN).replace(tzinfo=UTC)
    return at.astimezone(ZoneInfo(zone)).strftime(GRAIN)


def _words(table: str) -> str:
    return table.replace("_", " ").capitalize()
