"""Who may do what: one table, asked by every action and every route. Nothing about authority is decided elsewhere."""

from collections.abc import Set
from enum import StrEnum

from rallypoint.access.model import Role
from rallypoint.actors import Actor, ActorKind
from rallypoint.errors import Refused


class Permission(StrEnum):
    """One kind of act. Values are what API keys carry as scopes."""

    READ_INCIDENT = "read_incident"
    DECLARE_INCIDENT = "declare_incident"
    REPORT = "report"
    ACKNOWLEDGE = "acknowledge"
    WORK_INCIDENT = "work_incident"
    LOWER_PRIORITY = "lower_priority"
    ESCALATE = "escalate"
    PUBLISH_UPDATE = "publish_update"
    CLOSE_AS_DESK = "close_as_desk"
    CONFIRM_FOR_REPORTER = "confirm_for_reporter"
    READ_ALERTS = "read_alerts"
    READ_ONCALL = "read_oncall"
    EDIT_ONCALL = "edit_oncall"
    EDIT_OVERRIDE = "edit_override"
    READ_CATALOG = "read_catalog"
    EDIT_CATALOG = "edit_catalog"
    READ_METRICS = "read_metrics"
    EDIT_REVIEW = "edit_review"
    MANAGE_PEOPLE = "manage_people"
    MANAGE_KEYS = "manage_keys"
    MANAGE_INTEGRATIONS = "manage_integrations"
    READ_AUDIT = "read_audit"
    CONFIGURE = "configure"
    SIGN_IN = "sign_in"
    PUBLIC = "public"
    OWN_ACCOUNT = "own_account"

    @property
    def words(self) -> str:
        return self.value.replace("_", " ").replace("oncall", "on-call")


EVERY_ROLE = frozenset(Role)
DESK = frozenset({Role.DESK1, Role.DESK2, Role.DESK3})
LEADS = frozenset({Role.MANAGER, Role.ADMIN})
HANDS = DESK | LEADS | {Role.RESPONDER}
INSIDE = EVERY_ROLE - {Role.REPORTER}
ADMIN_ONLY = frozenset({Role.ADMIN})

MAY: dict[Permission, frozenset[Role]] = {
    Permission.READ_INCIDENT: INSIDE,
    Permission.DECLARE_INCIDENT: HANDS,
    Permission.REPORT: EVERY_ROLE,
    Permission.ACKNOWLEDGE: HANDS,
    Permission.WORK_INCIDENT: HANDS,
    Permission.LOWER_PRIORITY: LEADS | {Role.DESK2, Role.DESK3},
    Permission.ESCALATE: HANDS,
    Permission.PUBLISH_UPDATE: HANDS,
    Permission.CLOSE_AS_DESK: DESK | LEADS,
    Permission.CONFIRM_FOR_REPORTER: DESK | LEADS,
    Permission.READ_ALERTS: INSIDE - {Role.STAKEHOLDER},
    Permission.READ_ONCALL: INSIDE,
    Permission.EDIT_ONCALL: LEADS,
    Permission.EDIT_OVERRIDE: LEADS | {Role.RESPONDER},
    Permission.READ_CATALOG: INSIDE,
    Permission.EDIT_CATALOG: LEADS,
    Permission.READ_METRICS: INSIDE,
    Permission.EDIT_REVIEW: HANDS,
    Permission.MANAGE_PEOPLE: ADMIN_ONLY,
    Permission.MANAGE_KEYS: ADMIN_ONLY,
    Permission.MANAGE_INTEGRATIONS: LEADS,
    Permission.READ_AUDIT: LEADS,
    Permission.CONFIGURE: ADMIN_ONLY,
    Permission.SIGN_IN: EVERY_ROLE,
    Permission.PUBLIC: EVERY_ROLE,
    Permission.OWN_ACCOUNT: EVERY_ROLE,
}

ANYONE = frozenset({Permission.SIGN_IN, Permission.PUBLIC, Permission.REPORT})
"""Open to somebody nobody knows. A page may still be closed to them by a setting; it is never opened by one."""

BY_KIND = frozenset({ActorKind.SYSTEM, ActorKind.MONITOR})
"""Rallypoint itself and the monitors act without roles: their authority is the code path that names them."""


def allows(actor: Actor, permission: Permission) -> bool:
    """Whether this actor may do this kind of thing. Deny is the default."""
    if permission in ANYONE or actor.kind in BY_KIND:
        return True
    if permission is Permission.OWN_ACCOUNT:  # whoever is signed in; a key that leaks must not take the account over
        return actor.kind is ActorKind.PERSON and actor.person_id is not None
    if actor.scopes is not None and permission not in actor.scopes:
        return False
    return any(role in actor.roles for role in MAY[permission])


def require(actor: Actor, permission: Permission) -> None:
    """Raises Refused, saying who may, unless the actor may."""
    if allows(actor, permission):
        return
    scoped = actor.scopes is not None and permission not in actor.scopes
    raise Refused(
        f"{actor.name} may not do this: it needs the permission '{permission.words}'.",
        guard=f"permission:{permission}",
        who_may=who_may(permission),
        help="The API key's scopes leave it out." if scoped else "",
        permission=True,
    )


def who_may(permission: Permission) -> str:
    """The roles that have a permission, in words and in order."""
    return ", ".join(role.words for role in Role if role in MAY[permission])


def granted(roles: Set[str]) -> frozenset[Permission]:
    """Everything that these roles allow together."""
    return frozenset(p for p, those in MAY.items() if any(role in roles for role in those))
