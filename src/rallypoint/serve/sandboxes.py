"""Sandboxes beside the demo: their doors are opened before anything else, so that the address is known and stays; one
process serves them all, and keeps what happened in them in the data folder.

This module is imported by the supervisor, which must stay small: emulators are imported in their own process only.
"""

import asyncio
import json
import os
import secrets
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rallypoint import logs
from rallypoint.emulators import addresses
from rallypoint.errors import OutsideFailure
from rallypoint.serve import lifeline
from rallypoint.serve.listening import listen

DOORS_VARIABLE = "RALLYPOINT_SANDBOX_DOORS"
KEEP_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """Sandboxes whose doors are open, by kind, and what the processes that serve and link them are told."""

    sandboxes: Mapping[str, addresses.Sandbox]
    environment: Mapping[str, str]
    descriptors: tuple[int, ...]


@contextmanager
def open_doors(data: Path) -> Iterator[Opened]:
    """Doors on loopback, at the ports of the last time if they are free."""
    # root's database server runs as somebody else, who must pass through the data folder
    data.mkdir(mode=0o711 if os.geteuid() == 0 else 0o700, parents=True, exist_ok=True)
    folder = data / "sandboxes"
    folder.mkdir(mode=0o700, exist_ok=True)
    file = folder / "sandboxes.json"
    before = addresses.read(file)
    root = str(before.get("root") or secrets.token_hex(24))
    with ExitStack() as stack:
        doors = {kind: stack.enter_context(_door(before.get("ports", {}).get(kind, 0))) for kind in addresses.LOGINS}
        ports = {kind: int(door.getsockname()[1]) for kind, door in doors.items()}
        addresses.write(file, root, ports)
        yield Opened(
            sandboxes=addresses.of(root, ports),
            environment={
                addresses.FILE_VARIABLE: str(file.absolute()),
                DOORS_VARIABLE: json.dumps({kind: door.fileno() for kind, door in doors.items()}),
            },
            descriptors=tuple(door.fileno() for door in doors.values()),
        )


def _door(port: int) -> socket.socket:
    try:
        return listen(addresses.HOST, port)
    except OutsideFailure:
        return listen(addresses.HOST, 0)


# In their own process.


async def serve(folder: Path, sandboxes: Mapping[str, addresses.Sandbox], doors: Mapping[str, socket.socket]) -> None:
    """Serve until told to end; what happened is kept every few seconds, and at the end."""
    from rallypoint.clock import DatabaseClock
    from rallypoint.emulators.azure_devops import AzureDevOps
    from rallypoint.emulators.base import serving
    from rallypoint.emulators.keeping import keep, take_up
    from rallypoint.emulators.servicenow import ServiceNow

    ended = asyncio.Event()
    for one in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(one, ended.set)
    clock = DatabaseClock()
    desk = ServiceNow(clock, secret_of=sandboxes["servicenow"].secret_of)
    works = AzureDevOps(clock, secret_of=sandboxes["azure_devops"].secret_of)
    both: dict[str, ServiceNow | AzureDevOps] = {"servicenow": desk, "azure_devops": works}
    keeps: list[Callable[[], None]] = []
    async with AsyncExitStack() as stack:
        for kind, emulator in both.items():
            take_up(emulator, folder / f"{kind}.kept")
            await stack.enter_async_context(serving(emulator, door=doors[kind]))
            keeps.append(partial(keep, emulator, folder / f"{kind}.kept"))
        acts = -1
        while not ended.is_set():
            works.tick()
            if acts != (acts := desk.faults.acts + works.faults.acts):
                for each in keeps:
                    each()
            try:
                await asyncio.wait_for(ended.wait(), KEEP_SECONDS)
            except TimeoutError:
                continue
    for each in keeps:
        each()


def main() -> None:
    """In the environment: which doors, and where their secrets are."""
    lifeline.hold()
    logs.configure("warning")
    numbers = json.loads(os.environ[DOORS_VARIABLE])
    doors = {kind: socket.socket(fileno=number) for kind, number in numbers.items()}
    for door in doors.values():
        door.set_inheritable(False)
    folder = Path(os.environ[addresses.FILE_VARIABLE]).parent
    asyncio.run(serve(folder, addresses.named(), doors))


if __name__ == "__main__":
    main()
