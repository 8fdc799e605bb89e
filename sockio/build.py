"""Build: the version, which modules are compiled if possible, and whether they are."""

from __future__ import annotations

from importlib.machinery import EXTENSION_SUFFIXES
from importlib.util import find_spec

VERSION = "0.1.0"

#: Modules on the path of a packet. They work as they are, and run faster compiled.
MODULES = (
    "adapters.memory",
    "adapters.rooms",
    "engine.intake",
    "engine.outbox",
    "engine.session",
    "engine.transports.websocket",
    "engine.websockets.native",
    "protocol.engineio.wire",
    "protocol.socketio.attachments",
    "protocol.socketio.json_parser",
    "protocol.socketio.msgpack_scan",
    "protocol.socketio.packet",
    "protocol.websocket.frames",
    "protocol.websocket.writing",
    "runtime.batch",
    "runtime.bell",
    "runtime.event_names",
    "runtime.listeners",
    "runtime.mailbox",
    "runtime.meter",
    "runtime.stream",
    "runtime.workers",
    "socket.emit_arguments",
    "socket.many_sockets.addressing",
    "socket.many_sockets.answers",
    "socket.many_sockets.broadcast",
    "socket.many_sockets.choosing",
    "socket.namespace.connection",
    "socket.one_socket.gate",
    "socket.one_socket.inbox",
    "socket.one_socket.incoming",
    "socket.one_socket.operator",
    "socket.one_socket.outgoing",
    "socket.one_socket.socket",
)

#: Modules in C, whose functions a module beside them has in Python, too.
IN_C = ("protocol.websocket.speedups", "runtime.speedups")


def is_compiled(name: str) -> bool:
    """Say whether a module, named without ``sockio.``, is imported as compiled code."""
    spec = find_spec(f"sockio.{name}")
    origin = spec and spec.origin
    return bool(origin) and str(origin).endswith(tuple(EXTENSION_SUFFIXES))


def __getattr__(name: str) -> bool:
    if name == "compiled":
        return all(is_compiled(module) for module in MODULES + IN_C)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
