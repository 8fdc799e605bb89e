"""Peers: servers of Node, of Go and of ours with the same handlers, to be compared.

Each one serves the namespaces ``/``, ``/custom`` and ``/dynamic-<digits>``, whose
sockets first get ``auth``, with what they were connected with, and then:

=====================  =================================================================
Event                  What the server does
=====================  =================================================================
``message``            Sends ``message-back`` with the arguments.
``message-with-ack``   Acknowledges with the arguments, if it is to; twice.
``ask``                Sends ``question`` with the arguments, and asks for an
                       acknowledgement, whose values it sends as ``answered``.
``handshake``          Acknowledges with what it knows of the handshake.
``join``               Lets the socket join a room.
``tell``               Sends ``told`` with the further arguments to a room.
``leave``              Disconnects the socket.
``end``                Disconnects all sockets of the session, and closes it.
``kick``               Closes the session.
any other              Sends ``other``, with its name and the arguments.
=====================  =================================================================

``/refused`` refuses everybody with ``no``, and with the ``data`` of the auth if it has
some. Options have Node's names and units. Of each session a peer knows its fate: the
reason why it closed, and those that its sockets were told, by namespace.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import gevent
from gevent.event import Event

import sockio

from .foreign_programs import GO_SERVER
from .json_process import JsonProcess
from .loopback import Loopback
from .node import Driver

#: Seconds that a session gets to end.
PATIENCE = 20.0
SECONDS = 1 / 1000


class Peer(Protocol):
    """A running server."""

    @property
    def name(self) -> str: ...
    @property
    def url(self) -> str: ...
    def fate(self, sid: str) -> dict[str, Any]: ...
    def close(self) -> None: ...


class ProgramPeer:
    """A server in another process.

    Args:
        call: Asks the process; see ``JsonProcess.call``.
    """

    def __init__(
        self, name: str, call: Callable[..., Any], options: Mapping[str, Any]
    ) -> None:
        self.name = name
        self._call = call
        opened = call("peer_open", options=dict(options))
        self._number = opened["number"]
        self.url = f"http://127.0.0.1:{opened['port']}"

    def fate(self, sid: str) -> dict[str, Any]:
        """Return what became of a session.

        Blocks:
            Until it has closed.
        """
        told: dict[str, Any] = self._call("peer_fate", peer=self._number, sid=sid)
        return told

    def close(self) -> None:
        """Close the server."""
        self._call("peer_close", peer=self._number)


class GoProcess:
    """The process of all servers of Go's."""

    def __init__(self) -> None:
        folder = GO_SERVER.built()
        command = GO_SERVER.command(folder, "")
        self._process = JsonProcess("the server of Go", command, folder)

    def peer(self, options: Mapping[str, Any]) -> Peer:
        """Start a server."""
        return ProgramPeer("Go", self._process.call, options)

    def close(self) -> None:
        """End the process."""
        self._process.close()


def node_peer(node: Driver, options: Mapping[str, Any]) -> Peer:
    """Start a server of Node's."""
    return ProgramPeer("Node", node.call, options)


# ------------------------------------------------------------------------- our own


class OurPeer:
    """A server of ours, in this process."""

    name = "sockio"

    def __init__(self, options: Mapping[str, Any]) -> None:
        self._fates: dict[str, _Fate] = {}
        io: sockio.Server[Any] = sockio.Server(**as_ours(options))
        io.engine.on("connection", self._watch)
        for name in ("/", "/custom", re.compile(r"^/dynamic-\d+$")):
            io.of(name).on("connection", self._connected)
        io.of("/refused").use(_refuse)
        self._loopback = Loopback(io)
        self.url = self._loopback.url

    def fate(self, sid: str) -> dict[str, Any]:
        """Return what became of a session.

        Blocks:
            Until it has closed.
        """
        fate = self._fate(sid)
        with gevent.Timeout(PATIENCE, TimeoutError(f"the session {sid} has not ended")):
            fate.ended.wait()
        return {"engine": fate.engine, "sockets": fate.sockets}

    def close(self) -> None:
        """Close the server."""
        self._loopback.close()

    def _fate(self, sid: str) -> _Fate:
        return self._fates.setdefault(sid, _Fate())

    def _watch(self, session: sockio.EngineSession) -> None:
        def closed(reason: str, *_: Any) -> None:
            fate = self._fate(session.id)
            fate.engine = reason
            fate.changed()

        session.on("close", closed)

    def _connected(self, socket: sockio.Socket[Any]) -> None:
        fate, namespace = self._fate(socket.conn.id), socket.nsp.name
        fate.open += 1

        def gone(reason: str) -> None:
            fate.open -= 1
            fate.sockets[namespace] = reason
            fate.changed()

        socket.on("disconnect", gone)
        socket.emit("auth", socket.handshake.auth)
        socket.on_any(lambda *args: _happened(socket, *args))


class _Fate:
    """What became of a session of ours, and of its sockets."""

    def __init__(self) -> None:
        self.engine: str | None = None
        self.open = 0
        self.sockets: dict[str, str] = {}
        self.ended = Event()

    def changed(self) -> None:
        if self.engine is not None and not self.open:
            self.ended.set()


def _refuse(socket: sockio.Socket[Any]) -> None:
    raise sockio.ConnectError("no", **socket.handshake.auth)


def _happened(socket: sockio.Socket[Any], event: Any = None, *values: Any) -> None:
    ack = values[-1] if values and callable(values[-1]) else None
    if ack is not None:
        values = values[:-1]
    if event == "message":
        socket.emit("message-back", *values)
    elif event == "message-with-ack":
        if ack is not None:
            ack(*values)
            ack(*values)
    elif event == "ask":

        def answered(*given: Any) -> None:
            socket.emit("answered", *given)

        socket.emit("question", *values, ack=answered)
    elif event == "handshake":
        assert ack is not None
        ack(_shown(socket.handshake))
    elif event == "join":
        socket.join(*values)
    elif event == "tell":
        socket.nsp.to(values[0]).emit("told", *values[1:])
    elif event == "leave":
        socket.disconnect()
    elif event == "end":
        socket.disconnect(close=True)
    elif event == "kick":
        socket.conn.close()
    else:
        socket.emit("other", event, *values)


def _shown(handshake: sockio.Handshake) -> dict[str, Any]:
    path, _, raw = handshake.url.partition("?")
    return {
        "path": path,
        "raw": raw,
        "query": dict(handshake.query),
        "auth": handshake.auth,
        "xdomain": handshake.xdomain,
        "secure": handshake.secure,
        "address": handshake.address,
        "agent": handshake.headers.get("user-agent"),
    }


def as_ours(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options of Node's under our names, and in our units."""
    return dict(_as_ours(name, value) for name, value in options.items())


def _as_ours(name: str, value: Any) -> tuple[str, Any]:
    snake = re.sub(r"(?<=[a-z])([A-Z]+)", r"_\1", name).lower()
    if name in ("pingInterval", "pingTimeout", "connectTimeout", "upgradeTimeout"):
        return snake, value * SECONDS
    if name == "cors":
        return snake, sockio.Cors(**dict(_as_ours(*each) for each in value.items()))
    if name == "cookie":
        return snake, sockio.Cookie(name=value)
    if name == "connectionStateRecovery":
        return snake, True
    return snake, value
