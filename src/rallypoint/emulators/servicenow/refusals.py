"""How an instance says no."""


class Refusal(Exception):
    """An answer that is an error, in the envelope of the interface."""

    def __init__(self, status: int, message: str, detail: str | None = None) -> None:
        self.status, self.message, self.detail = status, message, detail
        super().__init__(f"{status} {message}")


def acl(operation: str) -> Refusal:
    return Refusal(403, "Operation Failed", f"ACL Exception {operation} Failed due to security constraints")


def data_policy(labels: list[str]) -> Refusal:
    """Fields that must be filled: a 403, not a 422."""
    if len(labels) == 1:
        return Refusal(403, "Operation Failed", f"Data Policy Exception: {labels[0]} is mandatory")
    words = ", ".join(labels)
    return Refusal(403, "Operation Failed", f"Data Policy Exception: The following fields are mandatory: {words}")


def aborted(rule: str) -> Refusal:
    said = f"Operation against file 'incident' was aborted by Business Rule '{rule}'. Business Rule Stack:{rule}"
    return Refusal(403, "Operation Failed", said)


def not_found() -> Refusal:
    """Missing or hidden: nobody can tell which."""
    return Refusal(404, "No Record found", "Record doesn't exist or ACL restricts the record retrieval")


def unauthenticated() -> Refusal:
    return Refusal(401, "User Not Authenticated", "Required to provide Auth information")
