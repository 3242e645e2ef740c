"""The listening socket, opened before anything else so that a taken port is said at once and in plain words."""

import errno
import http.client
import os
import socket
from urllib.parse import urlsplit

from rallypoint.errors import OutsideFailure

SOCKET_VARIABLE = "RALLYPOINT_SOCKET"
BACKLOG = 2048


def listen(host: str, port: int) -> socket.socket:
    """A socket that listens on host:port; port 0 takes any free one. Raises OutsideFailure in words for a person."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except socket.gaierror as problem:
        raise OutsideFailure(
            f"There is no address {host!r} to listen on.", retry=False, help="Set RALLYPOINT_HOST."
        ) from problem
    door = socket.socket(family, kind, protocol)
    try:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        door.bind(address)
        door.listen(BACKLOG)
    except OSError as problem:
        door.close()
        raise _in_words(problem, host, port) from problem
    return door


def inherited() -> socket.socket | None:
    """The supervisor's socket, in a child that was given one."""
    descriptor = os.environ.pop(SOCKET_VARIABLE, "")
    if not descriptor:
        return None
    os.set_inheritable(int(descriptor), False)
    return socket.socket(fileno=int(descriptor))


def url_of(door: socket.socket) -> str:
    """Where a person on this machine reaches the socket."""
    host, port = door.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # every address; this one is always right here
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def answers(url: str, *, timeout: float = 2.0) -> bool:
    """Whether a GET there is answered with 200."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=timeout)
    try:
        connection.request("GET", parts.path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _in_words(problem: OSError, host: str, port: int) -> OutsideFailure:
    other = "Set RALLYPOINT_PORT to another port; 0 takes any free one."
    if problem.errno == errno.EADDRINUSE:
        return OutsideFailure(f"Port {port} on {host} is already in use.", retry=False, help=other)
    if problem.errno == errno.EACCES:
        return OutsideFailure(f"This user may not listen on port {port}.", retry=False, help=other)
    if problem.errno == errno.EADDRNOTAVAIL:
        return OutsideFailure(f"{host} is not an address of this machine.", retry=False, help="Set RALLYPOINT_HOST.")
    return OutsideFailure(f"Cannot listen on {host}:{port}: {problem.strerror}.", retry=False, help=other)
