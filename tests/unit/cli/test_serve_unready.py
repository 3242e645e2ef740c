"""`serve` on a database that is not there ends as `migrate` would: with the code that says "not ready"."""

import os

import pytest

from rallypoint.edges.cli.exits import Exit, exit_code
from rallypoint.errors import OutsideFailure
from rallypoint.serve.supervisor import NOT_READY, run_apart

NOBODY_LISTENS = "postgresql://nobody:secret@127.0.0.1:1/nothing"


def test_a_database_out_of_reach_ends_it_with_the_code_for_not_ready() -> None:
    assert NOT_READY == Exit.UNREADY
    environment = os.environ | {"RALLYPOINT_DATABASE_URL": NOBODY_LISTENS}
    with pytest.raises(
        OutsideFailure, match=r"^The tables could not be made: The database cannot be reached: "
    ) as caught:
        run_apart(["migrate", "--json"], environment, undone="The tables could not be made")
    assert exit_code(caught.value) is Exit.UNREADY
    assert "secret" not in str(caught.value)


def test_a_wrong_command_is_no_matter_of_waiting() -> None:
    with pytest.raises(OutsideFailure) as caught:
        run_apart(["migrate", "--no-such-option", "--json"], os.environ, undone="Nothing was done")
    assert exit_code(caught.value) is Exit.REFUSED
