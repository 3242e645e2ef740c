"""`completion`: lets a shell complete our commands."""

import click

from rallypoint.edges.cli.command import command
from rallypoint.edges.cli.output import Out

group = click.Group("completion-commands")

ZSH_FIRST = "(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }\n"
"""A .zshrc with nothing else in it has not yet started zsh's own completion, which the script builds on."""


@command(group, "completion")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion(out: Out, shell: str) -> None:
    """Print the script for SHELL, for example: rallypoint completion bash >> ~/.bashrc"""
    from click.shell_completion import get_completion_class

    from rallypoint.edges.cli.main import cli

    kind = get_completion_class(shell)
    assert kind is not None
    script = kind(cli, {}, "rallypoint", "_RALLYPOINT_COMPLETE").source()
    if shell == "zsh":
        script = script.replace("\n", f"\n\n{ZSH_FIRST}", 1)  # after the line that names the command
    if out.as_json:
        out.result({"shell": shell, "script": script})
    else:
        click.echo(script)
