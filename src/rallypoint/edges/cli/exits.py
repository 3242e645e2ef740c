"""Exit codes: what a script can rely on. Here, and only here, kinds of errors become exit codes."""

from enum import IntEnum

from rallypoint.errors import Conflict, Invalid, NotFound, OutsideFailure, RallypointError, Refused


class Exit(IntEnum):
    OK = 0
    REFUSED = 1
    USAGE = 2
    NOT_FOUND = 3
    UNREADY = 4
    CONFLICT = 5


MEANINGS = {
    Exit.OK: "done",
    Exit.REFUSED: "refused by a rule, or failed",
    Exit.USAGE: "the command or its input is wrong",
    Exit.NOT_FOUND: "there is no such thing",
    Exit.UNREADY: "the database or the server cannot be reached, or is not ready",
    Exit.CONFLICT: "somebody else changed it first, or it exists already",
}


class Unready(RallypointError):
    """What the command needs is not there: a database, a schema, a server."""


def exit_code(problem: BaseException) -> Exit:
    match problem:
        case Invalid():
            return Exit.USAGE
        case NotFound():
            return Exit.NOT_FOUND
        case Conflict():
            return Exit.CONFLICT
        case Unready():
            return Exit.UNREADY
        case OutsideFailure():
            return Exit.UNREADY if problem.retry else Exit.REFUSED
        case Refused():
            return Exit.UNREADY if problem.guard == "schema" else Exit.REFUSED
        case OSError():
            return Exit.UNREADY
    # the driver is looked at by name: `--help` must not import it
    names = {kind.__name__ for kind in type(problem).__mro__}
    if names & {"UniqueViolationError"}:
        return Exit.CONFLICT
    unreachable = {"PostgresConnectionError", "InterfaceError", "OperatorInterventionError",
                   "InvalidAuthorizationSpecificationError", "InvalidCatalogNameError"}  # fmt: skip
    return Exit.UNREADY if names & unreachable else Exit.REFUSED


def words(problem: BaseException) -> str:
    """The message for a person: the reason, who may, what would help."""
    said = str(problem) or type(problem).__name__
    help = getattr(problem, "help", "")
    return f"{said} {help}" if help and help not in said else said
