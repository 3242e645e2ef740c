"""How an organisation says no: the envelope with its TF and VS numbers."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SERVER = "Microsoft.TeamFoundation.WorkItemTracking.Server"


class Refusal(Exception):
    """An answer that is an error. `html` is the sign-in page instead of the envelope."""

    def __init__(
        self,
        status: int,
        message: str,
        key: str = "VssServiceException",
        *,
        custom: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        html: bool = False,
    ) -> None:
        self.status, self.message, self.key, self.html = status, message, key, html
        self.custom, self.headers = custom, dict(headers or {})
        super().__init__(f"{status} {message}")

    @property
    def body(self) -> dict[str, Any]:
        said: dict[str, Any] = {"$id": "1"}
        if self.custom is not None:
            said["customProperties"] = dict(self.custom)
        return said | {
            "innerException": None,
            "message": self.message,
            "typeName": f"{SERVER}.{self.key}, {SERVER}",
            "typeKey": self.key,
            "errorCode": 0,
            "eventId": 3200,
        }


@dataclass(frozen=True, slots=True)
class Broken:
    """One field that a rule does not allow so. `flags` as the vendor writes them, like "required, invalidEmpty"."""

    field: str
    name: str
    flags: str

    @property
    def said(self) -> str:
        words = ", ".join(part[:1].upper() + part[1:] for part in self.flags.split(", "))
        return f"TF401320: Rule Error for field {self.name}. Error code: {words}."


def rules(broken: list[Broken]) -> Refusal:
    """All fields that break a rule, the first in the message."""
    said = broken[0].said
    if len(broken) > 1:
        more = len(broken) - 1
        words = "One additional error" if more == 1 else f"{more} additional errors"
        said += f" {words} occurred during validation of the work item. Please correct all errors and try again."
    custom = {
        "FieldReferenceName": None,
        "FieldStatusFlags": "none",
        "ErrorMessage": said,
        "FieldStatusCode": 0,
        "RuleValidationErrors": [
            {
                "fieldReferenceName": one.field,
                "fieldStatusFlags": one.flags,
                "errorMessage": one.said,
                "fieldStatusCode": 524289 if "required" in one.flags else 1,
                "ruleValidationErrors": None,
            }
            for one in broken
        ],
    }
    return Refusal(400, said, "RuleValidationException", custom=custom)


def no_item(number: int | str) -> Refusal:
    """Missing or hidden: nobody can tell which."""
    said = f"TF401232: Work item {number} does not exist, or you do not have permissions to read it."
    return Refusal(404, said, "WorkItemUnauthorizedAccessException")


def no_project(name: str) -> Refusal:
    said = f"TF200016: The following project does not exist: {name}. Verify that the name of the project is correct."
    return Refusal(404, said, "ProjectDoesNotExistWithNameException")


def no_type(name: str, project: str) -> Refusal:
    said = f"VS402323: Work item type {name} does not exist in project {project} or you do not have permission."
    return Refusal(404, said, "WorkItemTypeNotFoundException")


def no_field(name: str) -> Refusal:
    return Refusal(400, f"TF51535: Cannot find field {name}.", "WorkItemFieldInvalidException")


def no_comment(number: int | str) -> Refusal:
    said = f"VS404601: Comment {number} does not exist, or was deleted."
    return Refusal(404, said, "WorkItemCommentNotFoundException")


def moved_on(expected: object) -> Refusal:
    said = f"The current value for path /rev does not equal '{expected}'."
    return Refusal(412, said, "TestPatchOperationFailedException")


def bad_patch(why: str) -> Refusal:
    return Refusal(
        400, f"VS403691: Update to work item had the following issue: {why}", "VssPropertyValidationException"
    )


def forbidden(number: int) -> Refusal:
    said = f"TF401289: The current user does not have permissions to save work items under the area path of {number}."
    return Refusal(403, said, "WorkItemUnauthorizedAccessException")
