"""`sandbox`: a tool on this machine that behaves like the real one, to try a mapping before going live."""

import importlib.util
import os
import sys

import click

from rallypoint.edges.cli.command import command
from rallypoint.edges.cli.output import Out
from rallypoint.errors import Invalid

group = click.Group("sandbox-commands")

TOOLS = ("servicenow", "azure_devops", "github", "jira", "pagerduty", "zendesk")


@command(group, "sandbox")
@click.argument("tool", metavar="TOOL", type=click.Choice(TOOLS))
@click.option("--port", type=click.IntRange(0, 65535), default=0, help="0 takes any free one.")
@click.option("--webhook-url", default="", help="Where it tells of changes: the address of a connection, /told/<key>.")
@click.option("--webhook-secret", default="", help="What it signs with.")
@click.option("--data-center", is_flag=True, help="Of Jira, the edition that people run themselves.")
def sandbox(out: Out, tool: str, port: int, webhook_url: str, webhook_secret: str, data_center: bool) -> None:
    """Serve TOOL on loopback until Ctrl-C. The first line says its address and accounts, as JSON.

    Everything is in memory and gone with the process. It is an emulator written from the vendor's documents.
    """
    module = f"rallypoint.emulators.{tool}"
    if importlib.util.find_spec(f"{module}.__main__") is None:
        raise Invalid("tool", f"{tool} has no sandbox yet", TOOLS[0])
    given = ["--port", str(port)]
    given += ["--webhook-url", webhook_url] if webhook_url else []
    given += ["--webhook-secret", webhook_secret] if webhook_secret else []
    given += ["--data-center"] if data_center else []
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-P", "-m", module, *given])
