"""How a desk shows what it has: tickets, comments, audits, files, as the vendor's JSON."""

from datetime import UTC, datetime
from typing import Any

from rallypoint.emulators.zendesk import texts
from rallypoint.emulators.zendesk.desk import Desk
from rallypoint.emulators.zendesk.tickets import Audit, Comment, File, Ticket, Upload

ACCOUNT = 10_000_001


def stamp(at: datetime) -> str:
    """Whole seconds, UTC."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Shown:
    """Views of one desk under one base address."""

    def __init__(self, desk: Desk, base: str) -> None:
        self.desk, self.base = desk, base

    def ticket(self, one: Ticket) -> dict[str, Any]:
        values = dict(one.state.values)
        custom = [{"id": id, "value": one.state.custom.get(id)} for id in self.desk.custom_ids()]
        said: dict[str, Any] = {
            "url": f"{self.base}/api/v2/tickets/{one.id}.json",
            "id": one.id,
            "via": one.via,
            "created_at": stamp(one.created),
            "updated_at": stamp(one.updated),
            "generated_timestamp": one.generated,
            "raw_subject": values.get("subject"),
            "description": one.comments[0].body if one.comments else "",
            "recipient": None,
            "collaborator_ids": [],
            "follower_ids": [],
            "email_cc_ids": [],
            "forum_topic_id": None,
            "has_incidents": any(other["problem_id"] == one.id for other in self.desk.tickets.values()),
            "is_public": any(each.public for each in one.comments),
            "tags": sorted(one.state.tags),
            "custom_fields": custom,
            "fields": custom,
            "satisfaction_rating": None,
            "sharing_agreement_ids": [],
            "followup_ids": [other.id for other in self.desk.tickets.values() if other.followup_source == one.id],
            "allow_channelback": False,
            "allow_attachments": True,
            "from_messaging_channel": False,
            **values,
        }
        if one.deleted_at is not None:
            said["status"] = "deleted"
        return said

    def deleted(self, one: Ticket) -> dict[str, Any]:
        assert one.deleted_at is not None
        assert one.deleted_by is not None
        return {
            "id": one.id,
            "subject": one["subject"],
            "description": one.comments[0].body if one.comments else "",
            "actor": {"id": one.deleted_by, "name": self.desk.users[one.deleted_by].name},
            "deleted_at": stamp(one.deleted_at),
            "previous_state": one["status"],
        }

    def file(self, one: File) -> dict[str, Any]:
        where = f"{self.base}/attachments/token/{one.key}/?name={one.name}"
        return {
            "url": f"{self.base}/api/v2/attachments/{one.id}.json",
            "id": one.id,
            "file_name": one.name,
            "content_url": where,
            "mapped_content_url": where,
            "content_type": one.type,
            "size": len(one.body),
            "width": None,
            "height": None,
            "inline": False,
            "deleted": False,
            "malware_access_override": False,
            "malware_scan_result": "malware_not_found",
            "thumbnails": [],
        }

    def upload(self, one: Upload) -> dict[str, Any]:
        files = [self.file(each) for each in one.files]
        return {
            "upload": {
                "token": one.token,
                "expires_at": stamp(one.expires),
                "attachments": files,
                "attachment": files[-1],
            }
        }

    def metadata(self, audit: Audit) -> dict[str, Any]:
        system = {
            "client": "emulator",
            "ip_address": "127.0.0.1",
            "location": None,
            "latitude": None,
            "longitude": None,
        }
        return {"system": system, "custom": audit.custom}

    def comment(self, ticket: Ticket, one: Comment) -> dict[str, Any]:
        audit = next(each for each in ticket.audits if each.id == one.audit)
        return {
            "id": one.id,
            "type": "Comment",
            "author_id": one.author,
            "body": one.body,
            "html_body": one.html,
            "plain_body": texts.as_plain(one.html),
            "public": one.public,
            "attachments": [self.file(each) for each in one.files],
            "audit_id": one.audit,
            "via": one.via,
            "created_at": stamp(one.at),
            "metadata": self.metadata(audit),
        }

    def audit(self, ticket: Ticket, one: Audit) -> dict[str, Any]:
        """Comments are shown as they are now, also those that were redacted since."""
        comments = {each.id: each for each in ticket.comments}
        events = [
            {**self.comment(ticket, comments[each["id"]]), "type": "Comment"} if each["type"] == "Comment" else each
            for each in one.events
        ]
        return {
            "id": one.id,
            "ticket_id": ticket.id,
            "created_at": stamp(one.at),
            "author_id": one.author,
            "metadata": self.metadata(one),
            "events": events,
            "via": one.via,
        }

    def user(self, id: int) -> dict[str, Any]:
        one = self.desk.users[id]
        return one.shown(self.base, stamp(one.created))

    def group(self, id: int) -> dict[str, Any]:
        one = self.desk.groups[id]
        return {
            "url": f"{self.base}/api/v2/groups/{one.id}.json",
            "id": one.id,
            "is_public": True,
            "name": one.name,
            "description": "",
            "default": one.default,
            "deleted": False,
            "created_at": stamp(one.created),
            "updated_at": stamp(one.created),
        }

    def organization(self, id: int) -> dict[str, Any]:
        one = self.desk.organizations[id]
        return {
            "url": f"{self.base}/api/v2/organizations/{one.id}.json",
            "id": one.id,
            "name": one.name,
            "shared_tickets": False,
            "shared_comments": False,
            "external_id": None,
            "created_at": stamp(one.created),
            "updated_at": stamp(one.created),
            "domain_names": list(one.domains),
            "details": "",
            "notes": "",
            "group_id": None,
            "tags": [],
            "organization_fields": {},
        }

    def event(self, ticket: Ticket, one: Audit) -> dict[str, Any]:
        """A row of the export of ticket events."""
        children = []
        for each in one.events:
            if each["type"] == "Comment":
                children.append(
                    {"id": each["id"], "via": "Web service", "event_type": "Comment", "comment_present": True}
                )
            elif each["type"] in ("Create", "Change"):
                row = {
                    "id": each["id"],
                    "via": "Web service",
                    "event_type": each["type"],
                    each["field_name"]: each["value"],
                }
                children.append(row | ({"previous_value": each["previous_value"]} if each["type"] == "Change" else {}))
        at = int(one.at.timestamp())
        return {
            "id": one.id,
            "ticket_id": ticket.id,
            "timestamp": at,
            "created_at": stamp(one.at),
            "updater_id": one.author,
            "via": "Web service",
            "system": self.metadata(one)["system"],
            "metadata": one.custom,
            "event_type": "Audit",
            "child_events": children,
        }
