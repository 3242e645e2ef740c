"""A real shell takes the completion script, also where nothing else has set completion up."""

import os
import subprocess
import sys
from pathlib import Path

from tests.partners.programs import program

RALLYPOINT = Path(sys.executable).parent / "rallypoint"


def test_zsh_with_an_empty_home_knows_how_to_complete_us(tmp_path: Path) -> None:
    script = subprocess.run([RALLYPOINT, "completion", "zsh"], capture_output=True, text=True, check=True).stdout
    (tmp_path / "rallypoint.zsh").write_text(script)
    found = subprocess.run(
        [program("zsh", "zsh"), "-f", "-c", 'source "$HOME/rallypoint.zsh"; print -r -- "$_comps[rallypoint]"'],
        env={**os.environ, "HOME": str(tmp_path), "ZDOTDIR": str(tmp_path)},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert found.stderr == ""
    assert found.stdout.strip() == "_rallypoint_completion"
