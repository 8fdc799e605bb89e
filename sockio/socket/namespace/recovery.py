"""Recovery: clients whose connection broke get their former socket back.

A client that comes back sends its secret, the ``pid``, and the offset of the last event
that it has seen.
Spec: Socket.IO documentation, "Connection state recovery".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Protocol

from sockio.adapters.adapter import Adapter, Session
from sockio.protocol.engineio.wire import Wire
from sockio.protocol.socketio.packet import Packet, PacketType
from sockio.runtime import logs
from sockio.runtime.reactor import Reactor
from sockio.socket.one_socket.socket import Socket
from sockio.socket.options import Recovery

from .recoverable_socket import RecoverableSocket

log = logs.get("socket.recovering")

#: Bytes that a network delivers whole or not at all.
ONE_SEGMENT = 1200


class RecoverableHome(Protocol):
    """What recovery asks of a namespace."""

    name: str
    adapter: Adapter
    reactor: Reactor


class RecoveringAdmission:
    """Lets clients that come back in time recover their former socket."""

    socket_class: type[Socket[Any]] = RecoverableSocket

    def __init__(self, home: RecoverableHome, options: Recovery) -> None:
        self._home = home
        self._options = options
        #: Connected sockets by pid.
        self._live: dict[str, RecoverableSocket[Any]] = {}
        #: By pid, the latest socket that has gone, while its last events are handled.
        self._leaving: dict[str, RecoverableSocket[Any]] = {}

    def admit(
        self, socket: RecoverableSocket[Any], passes: Callable[[Any], bool]
    ) -> bool:
        """Recover the former socket, or begin a new one; False if it was refused.

        A socket that has gone meanwhile is admitted too if its client sent events, so
        that they are handled. Several connections may ask for one socket while their
        middlewares block: the first to pass them gets it. The others are refused, and
        their events are dropped, with one debug line.

        Args:
            socket: A socket whose client wants to join.
            passes: Asks the middlewares; they are not asked again about a recovered
                socket, unless the options say so.

        Blocks:
            As long as the middlewares do, and another program that keeps the sessions.
        """
        claim = self._claim(socket)
        restore = self._home.adapter.restore_session
        session = restore(*claim) if claim is not None else None
        if not socket.wanted:
            if session is not None:
                self._keep(session)
            return False
        if session is None:
            if claim is not None:
                self._home.reactor.observers.tell("recovery_failed", socket)
            if not passes(socket):
                return False
            if socket.gone:
                return True
            socket.begin()
        else:
            socket.restore(session)
            if not self._options.skip_middlewares:
                # Events sent while they block are missed too: put the session back.
                self._keep(session)
                if not passes(socket):
                    return False
                if socket.gone:
                    return self._admit_gone(socket)
                assert claim is not None
                session = restore(*claim)
                if session is None:
                    log.debug("sid=%s was recovered elsewhere meanwhile", socket.id)
                    socket.client.lose()
                    return False
            if socket.gone:
                self._keep(session)
                return socket.wanted and self._admit_gone(socket)
            socket.catch_up(session.missed_packets)
        socket.follow(self._leaving.get(socket.pid))
        self._live[socket.pid] = socket
        socket.begin_logging()
        self._watch(socket)
        return True

    def _watch(self, socket: RecoverableSocket[Any]) -> None:
        self._home.adapter.watch_session(socket.pid, socket.id, socket.session)

    def watch_all(self) -> None:
        """Let a new adapter know of those that can come back."""
        for socket in self._live.values():
            self._watch(socket)

    def _admit_gone(self, socket: RecoverableSocket[Any]) -> bool:
        """Have the last events of a recovered socket handled; False if too late."""
        if socket.pid in self._live:
            log.debug("sid=%s was recovered elsewhere meanwhile", socket.id)
            return False
        socket.follow(self._leaving.get(socket.pid))
        self._leave(socket)
        return True

    def _claim(self, socket: RecoverableSocket[Any]) -> tuple[str, str | None] | None:
        """Return the secret and the offset by which the client asks for a session."""
        auth = socket.handshake.auth
        if not isinstance(auth, Mapping):
            return None
        # A client that has seen no event yet sends no offset.
        pid, offset = auth.get("pid"), auth.get("offset")
        if type(pid) is not str or type(offset) not in (str, type(None)):
            return None
        self.let_go(pid)
        return pid, offset

    def let_go(self, pid: str) -> None:
        """End the connection of the client with this secret: it has another one."""
        live = self._live.get(pid)
        if live is not None:
            # The client would not come back if its connection were not dead.
            log.debug("sid=%s the client came back over a new connection", live.id)
            live.client.lose()

    def _keep(self, session: Session) -> None:
        """Put back a session that was not used."""
        self._home.adapter.persist_session(replace(session, missed_packets=()))

    def wait_for_former(self, socket: RecoverableSocket[Any]) -> None:
        """Wait until the last events of the client's former socket are handled.

        Blocks:
            As long as handlers of the former connection run.
        """
        socket.wait_for_former()

    def welcome(self, socket: RecoverableSocket[Any]) -> None:
        """Tell the client that it was let in, and send the events that it missed."""
        fields = {"sid": socket.id, "pid": socket.pid}
        packet = Packet(PacketType.CONNECT, self._home.name, fields)
        reply = socket.client.encode(packet)
        missed = [socket.client.form_of(wire) for wire in socket.take_missed()]
        if not missed:
            socket.client.write(reply, packet)
            return
        wires = [*missed, reply]
        size = sum(wire.size for wire in missed)
        if size + reply.size > ONE_SEGMENT and socket.conn.transport_name != "polling":
            # Node sends the events before the reply, and clients show them when the
            # reply has come. But if the connection breaks in between, the official
            # client keeps the events, gets them again, and shows them twice. This
            # cannot happen within the answer to a poll.
            wires = [reply, *missed]
        packets = [packet for wire in wires for packet in wire.packets]
        socket.client.write(Wire(packets=packets), None)
        tell = self._home.reactor.observers.tell
        tell("events_recovered", socket, len(missed), size)
        tell("packet_out", socket.conn, packet, reply.size)

    def forget(self, socket: RecoverableSocket[Any]) -> None:
        """Forget a socket that has gone or was not let in."""
        if self._live.get(socket.pid) is socket:
            del self._live[socket.pid]
            self._home.adapter.forget_session(socket.pid)
            self._leave(socket)

    def _leave(self, socket: RecoverableSocket[Any]) -> None:
        """Make the client's next socket wait for this one."""
        self._leaving[socket.pid] = socket
        socket.begin_to_leave()

    def on_left(self, socket: RecoverableSocket[Any]) -> None:
        """The last handler of a socket that has gone has returned."""
        if self._leaving.get(socket.pid) is socket:
            del self._leaving[socket.pid]
        socket.end_leaving()
