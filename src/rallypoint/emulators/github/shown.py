"""What the host shows: issues, comments, history, in the vendor's shapes."""

from datetime import UTC, datetime
from typing import Any

from rallypoint.emulators.github.forge import Comment, Event, Forge, Issue, Label, Milestone, Repository
from rallypoint.emulators.github.people import Right, User


def stamp(at: datetime | None) -> str | None:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if at else None


class Shown:
    """Views of one host. `base` is the address of the interface, `web` that of the pages."""

    def __init__(self, forge: Forge, base: str, web: str) -> None:
        self.forge, self.base, self.web = forge, base, web

    def user(self, one: User) -> dict[str, Any]:
        return one.shown(self.base, self.web)

    def account(self, one: User, *, own: bool) -> dict[str, Any]:
        more = {
            "name": one.name,
            "email": one.mail if own else None,
            "company": None,
            "created_at": "2020-01-01T00:00:00Z",
        }
        return self.user(one) | more

    def _where(self, one: Repository) -> str:
        return f"{self.base}/repos/{one.full_name}"

    def repository(self, one: Repository, who: User | None) -> dict[str, Any]:
        right = one.right(who)
        return {
            "id": one.id,
            "node_id": f"R_{one.id}",
            "name": one.name,
            "full_name": one.full_name,
            "private": one.private,
            "visibility": "private" if one.private else "public",
            "owner": {"login": one.owner, "id": 1, "node_id": "O_1", "type": "Organization",
                      "url": f"{self.base}/users/{one.owner}"},
            "html_url": f"{self.web}/{one.full_name}",
            "description": None,
            "fork": False,
            "url": self._where(one),
            "issues_url": f"{self._where(one)}/issues{{/number}}",
            "hooks_url": f"{self._where(one)}/hooks",
            "has_issues": one.has_issues,
            "archived": one.archived,
            "disabled": False,
            "open_issues_count": sum(each.state == "open" for each in one.issues.values()),
            "default_branch": "main",
            "permissions": {
                "admin": right >= Right.ADMIN,
                "maintain": right >= Right.ADMIN,
                "push": right >= Right.WRITE,
                "triage": right >= Right.TRIAGE,
                "pull": right >= Right.READ,
            },
        }  # fmt: skip

    def label(self, where: Repository, one: Label) -> dict[str, Any]:
        return {
            "id": one.id,
            "node_id": f"LA_{one.id}",
            "url": f"{self._where(where)}/labels/{one.name}",
            "name": one.name,
            "color": one.color,
            "default": False,
            "description": one.description,
        }

    def milestone(self, where: Repository, one: Milestone) -> dict[str, Any]:
        return {
            "url": f"{self._where(where)}/milestones/{one.number}",
            "html_url": f"{self.web}/{where.full_name}/milestone/{one.number}",
            "id": one.id,
            "node_id": f"MI_{one.id}",
            "number": one.number,
            "title": one.title,
            "description": None,
            "state": one.state,
            "open_issues": 0,
            "closed_issues": 0,
            "due_on": None,
        }

    def issue(self, where: Repository, one: Issue) -> dict[str, Any]:
        here = f"{self._where(where)}/issues/{one.number}"
        kind = "pull" if one.pull_request else "issues"
        said: dict[str, Any] = {
            "url": here,
            "repository_url": self._where(where),
            "labels_url": f"{here}/labels{{/name}}",
            "comments_url": f"{here}/comments",
            "events_url": f"{here}/events",
            "html_url": f"{self.web}/{where.full_name}/{kind}/{one.number}",
            "id": one.id,
            "node_id": f"I_{one.id}",
            "number": one.number,
            "title": one.title,
            "user": self.user(one.by),
            "labels": [self.label(where, each) for each in one.labels],
            "state": one.state,
            "locked": one.locked,
            "assignee": self.user(one.assignees[0]) if one.assignees else None,
            "assignees": [self.user(each) for each in one.assignees],
            "milestone": self.milestone(where, one.milestone) if one.milestone else None,
            "comments": len(one.comments),
            "created_at": stamp(one.created),
            "updated_at": stamp(one.updated),
            "closed_at": stamp(one.closed),
            "author_association": "MEMBER",
            "active_lock_reason": None,
            "sub_issues_summary": {
                "total": len(one.children),
                "completed": sum(each.state == "closed" for _, each in one.children),
                "percent_completed": 0,
            },
            "body": one.body,
            "closed_by": self.user(one.closed_by) if one.closed_by else None,
            "reactions": {"url": f"{here}/reactions", "total_count": 0},
            "timeline_url": f"{here}/timeline",
            "performed_via_github_app": None,
            "state_reason": one.reason,
        }
        if one.parent is not None:
            said["parent_issue_url"] = f"{self._where(one.parent[0])}/issues/{one.parent[1].number}"
        if one.pull_request:
            said["pull_request"] = {"url": f"{self._where(where)}/pulls/{one.number}"}
        return said

    def comment(self, where: Repository, issue: Issue, one: Comment) -> dict[str, Any]:
        page = f"{self.web}/{where.full_name}/issues/{issue.number}#issuecomment-{one.id}"
        return {
            "url": f"{self._where(where)}/issues/comments/{one.id}",
            "html_url": page,
            "issue_url": f"{self._where(where)}/issues/{issue.number}",
            "id": one.id,
            "node_id": f"IC_{one.id}",
            "user": self.user(one.by),
            "created_at": stamp(one.created),
            "updated_at": stamp(one.updated),
            "author_association": "MEMBER",
            "body": one.body,
            "reactions": {"total_count": 0},
            "performed_via_github_app": None,
        }

    def event(self, where: Repository, one: Event) -> dict[str, Any]:
        more = {name: self.user(value) if isinstance(value, User) else value for name, value in one.more.items()}
        return {
            "id": one.id,
            "node_id": f"EV_{one.id}",
            "url": f"{self._where(where)}/issues/events/{one.id}",
            "actor": self.user(one.by),
            "event": one.event,
            "commit_id": None,
            "commit_url": None,
            "created_at": stamp(one.at),
            "performed_via_github_app": None,
        } | more

    def timeline(self, where: Repository, issue: Issue) -> list[dict[str, Any]]:
        """Events and comments as they happened."""
        rows = [(one.at, one.id, self.event(where, one)) for one in issue.events]
        for said in issue.comments:
            shown = self.comment(where, issue, said) | {"event": "commented", "actor": self.user(said.by)}
            rows.append((said.created, said.id, shown))
        return [row for _, _, row in sorted(rows, key=lambda each: each[:2])]
