"""`alert send`: what a monitor would send, from here. Needs nothing but the address and the key."""

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

import click

from rallypoint.edges.cli.at_home import settings
from rallypoint.edges.cli.command import command
from rallypoint.edges.cli.exits import Unready
from rallypoint.edges.cli.output import Out
from rallypoint.errors import NotFound, OutsideFailure
from rallypoint.serve.running import base_url

group = click.Group("alert", help="Send alerts to an integration.")

TIMEOUT_SECONDS = 10.0


@command(group, "send")
@click.option("--url", envvar="RALLYPOINT_URL", default="", help="The server; default: here. Or the integration's URL.")
@click.option("--key", envvar="RALLYPOINT_KEY", default="", help="The integration's key, unless the URL has it.")
@click.option("--summary", default="Test alert from the command line", show_default=True)
@click.option("--details", default="")
@click.option("--severity", type=click.Choice(["critical", "error", "warning", "info"]), default="critical")
@click.option("--status", type=click.Choice(["firing", "acknowledged", "resolved"]), default="firing")
@click.option("--dedup-key", help="Send again with the same one to resolve it.")
@click.option("--service", help="A service's key, unless the integration knows.")
@click.option("--label", "labels", multiple=True, metavar="NAME=VALUE")
def send(out: Out, url: str, key: str, labels: tuple[str, ...], **values: Any) -> None:
    """Send one alert and say what the server answered."""
    pairs = dict(_label(label) for label in labels)
    body = {name: value for name, value in values.items() if value} | ({"labels": pairs} if pairs else {})
    answer = _post(_address(url, key), body)
    out.result(answer, f"Accepted: {json.dumps(answer)}")


def _label(given: str) -> tuple[str, str]:
    name, sign, value = given.partition("=")
    if not (name and sign):
        raise click.BadParameter(f"{given!r} is not NAME=VALUE.", param_hint="--label")
    return name, value


def _address(url: str, key: str) -> str:
    if not url:
        url = base_url(settings())
    if "/in/" in url:
        return url
    if not key:
        raise click.UsageError(
            "Say which integration: --key, or a --url with /in/<key>. `rallypoint integration add NAME` makes one."
        )
    return f"{url.rstrip('/')}/in/{key}"


def _post(url: str, body: dict[str, Any]) -> Any:
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise click.UsageError("--url must begin with http:// or https://.")
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname, parts.port, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("POST", parts.path, json.dumps(body), {"content-type": "application/json"})
        reply = connection.getresponse()
        said = reply.read(65_536).decode("utf-8", "replace")
    except (OSError, http.client.HTTPException) as problem:
        raise Unready(f"{parts.hostname}:{parts.port or ''} does not answer: {problem}") from problem
    finally:
        connection.close()
    if reply.status in (401, 403, 404):
        raise NotFound("integration with this key at", parts.netloc)
    if reply.status >= 300:
        raise OutsideFailure(f"The server answered {reply.status}: {said[:500]}", retry=reply.status >= 500)
    return json.loads(said) if said else {}
