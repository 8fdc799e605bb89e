"""Recovery: sockets that get back what they had when their connection broke.

With recovery on, every event to a client goes through the adapter, which gives it an
offset and keeps it for a while. A client that comes back names its secret, the ``pid``,
and the offset of the last event it has seen.
Spec: Socket.IO documentation, "Connection state recovery".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

from sockio.adapters.adapter import Adapter, BroadcastOptions, Flags, Session
from sockio.protocol.engineio.wire import Wire
from sockio.protocol.socketio.packet import Packet, PacketType
from sockio.runtime import logs
from sockio.runtime.ids import new_sid
from sockio.runtime.latch import Latch
from sockio.runtime.reactor import Reactor
from sockio.types import SocketId

from .broadcast import event_name
from .data import DataT
from .events import Event
from .home import Home, Link
from .options import Recovery
from .reasons import RECOVERABLE
from .socket import Socket

log = logs.get("socket.recovering")

#: Bytes that a network delivers whole or not at all.
ONE_SEGMENT = 1200


class RecoverableSocket(Socket[DataT]):
    """A socket whose client may come back for it."""

    def __init__(self, sid: SocketId, nsp: Home, client: Link, auth: Any) -> None:
        super().__init__(sid, nsp, client, auth)
        #: The secret by which the client asks for it; empty before it is let in.
        self.pid = ""
        #: Offset of the newest event when it was let in first; its client got none
        #: before.
        self._since: str | None = None
        #: What its client missed, encoded, until it has been told.
        self._missed: Sequence[Wire] = ()
        #: Whether it has gone in a way from which it may come back.
        self._kept = False
        #: Set when it has gone and its last handler has returned.
        self._left: Latch[None] | None = None
        #: The socket that it was, if that one's last events were still being handled.
        self._former: RecoverableSocket[Any] | None = None

    # ------------------------------------------------------------------ being let in

    def begin(self) -> None:
        """Be somebody new, with a secret of its own."""
        self.pid = new_sid()
        self._since = self._home.adapter.newest_offset()

    def restore(self, session: Session) -> None:
        """Be the socket of ``session`` again; in its rooms, unless it has gone."""
        self.id = session.sid
        self.pid = session.pid
        self._since = session.since
        self.data = session.data
        self.recovered = True
        if not self.gone:
            self._home.adapter.add_all(session.sid, session.rooms)

    def catch_up(self, missed: Sequence[Wire]) -> None:
        """Have these events written when the client is told that it was let in."""
        self._missed = missed

    def take_missed(self) -> Sequence[Wire]:
        """Return what is to be written of them."""
        missed, self._missed = self._missed, ()
        return missed

    # ------------------------------------------------------------------ two of a client

    def follow(self, former: RecoverableSocket[Any] | None) -> None:
        """Be the next socket after ``former``, if events of that are being handled."""
        self._former = former

    def wait_for_former(self) -> None:
        """Wait until the last handler of the former socket has returned.

        Blocks:
            Until then.
        """
        former, self._former = self._former, None
        if former is not None and former._left is not None:
            former._left.wait()

    def begin_to_leave(self) -> None:
        """Have the next socket of the client wait for the last handler of this one."""
        self._left = self.reactor.latch()

    def end_leaving(self) -> None:
        """Have it wait no longer: the last handler has returned."""
        if self._left is not None:
            self._left.set(None)

    # ------------------------------------------------------------------ events

    def emit_with(
        self,
        event: str | Event[..., Any],
        args: tuple[Any, ...],
        ack: Callable[..., object] | None,
        flags: Flags,
    ) -> None:
        """Emit as ``flags`` say: an event without acknowledgement is logged.

        So is an event for a socket whose client may still come back: it gets it then.
        """
        if ack is not None or (args and callable(args[-1])):
            super().emit_with(event, args, ack, flags)
            return
        packet = Packet(PacketType.EVENT, self._home.name, [event_name(event), *args])
        if self.reactor.workers.elsewhere:
            self._home.encode(packet, flags)  # an error belongs to the caller
        self.reactor.in_order(self._emit_logged, packet, flags)

    def _emit_logged(self, packet: Packet, flags: Flags) -> None:
        adapter = self._home.adapter
        if self.connected or self._kept:
            options = BroadcastOptions(rooms=(self.id,), flags=flags)
            adapter.broadcast(packet, options)
            return
        # Not let in yet: the event cannot be recovered, but its last argument must not
        # pass for an offset.
        offset = adapter.newest_offset()
        marked = packet._replace(data=[*packet.data, offset])
        wire = self.client.encode(marked, flags.compress)
        self.deliver(wire, packet, flags.volatile)

    # ------------------------------------------------------------------ the end

    def close(self, reason: str, description: object = None) -> None:
        """End without a word to the client; it may come back after most reasons."""
        if self.connected and reason in RECOVERABLE:
            self._kept = True
            session = Session(
                sid=self.id,
                pid=self.pid,
                rooms=tuple(self.rooms),
                data=self.data,
                since=self._since,
            )
            self._home.adapter.persist_session(session)
        super().close(reason, description)


class RecoverableHome(Protocol):
    """What recovery asks of a namespace."""

    name: str
    adapter: Adapter
    reactor: Reactor


class RecoveringAdmission:
    """Lets clients in as who they were, where they come back in time."""

    socket_class: type[Socket[Any]] = RecoverableSocket

    def __init__(self, home: RecoverableHome, options: Recovery) -> None:
        self._home = home
        self._options = options
        #: Connected sockets by pid.
        self._live: dict[str, RecoverableSocket[Any]] = {}
        #: The latest that has gone, while its last events are handled, by pid.
        self._leaving: dict[str, RecoverableSocket[Any]] = {}

    def admit(
        self, socket: RecoverableSocket[Any], passes: Callable[[Any], bool]
    ) -> bool:
        """Make the socket what it was, or a new one; False when it was refused.

        One that has left meanwhile is admitted too if it sent events: they are handled.
        Of several connections that ask for one socket while their middlewares block,
        the first to get through has it. The others are refused: what they sent is
        dropped, with one debug line.

        Args:
            socket: One whose client wants to join.
            passes: Asks the middlewares; they are not asked again about a recovered
                socket, unless the options say so.

        Blocks:
            As long as the middlewares do, or another program that keeps the sessions.
        """
        claim = self._claim(socket)
        restore = self._home.adapter.restore_session
        session = restore(*claim) if claim is not None else None
        if not socket.wanted:
            if session is not None:
                self._keep(session)
            return False
        if session is None:
            if not passes(socket):
                return False
            if socket.gone:
                return True
            socket.begin()
        else:
            socket.restore(session)
            if not self._options.skip_middlewares:
                # What is sent while they block is missed too, so it is kept meanwhile.
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
        return True

    def _admit_gone(self, socket: RecoverableSocket[Any]) -> bool:
        """Have the events handled that a recovered socket left; False: too late."""
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
        live = self._live.get(pid)
        if live is not None:
            # The client would not come back if its connection were not dead.
            log.debug("sid=%s its client came back before it was missed", live.id)
            live.client.lose()
        return pid, offset

    def _keep(self, session: Session) -> None:
        """Put a session back that was not used."""
        self._home.adapter.persist_session(replace(session, missed_packets=()))

    def wait_for_former(self, socket: RecoverableSocket[Any]) -> None:
        """Let the last events of the socket that this one was be handled first.

        Blocks:
            As long as handlers of the former connection run.
        """
        socket.wait_for_former()

    def welcome(self, socket: RecoverableSocket[Any]) -> None:
        """Write what the client missed, and that it was let in."""
        fields = {"sid": socket.id, "pid": socket.pid}
        reply = socket.client.encode(
            Packet(PacketType.CONNECT, self._home.name, fields)
        )
        missed = [socket.client.form_of(wire) for wire in socket.take_missed()]
        if not missed:
            socket.client.write(reply)
            return
        wires = [*missed, reply]
        size = sum(wire.size for wire in wires)
        if size > ONE_SEGMENT and socket.conn.transport_name != "polling":
            # Events before the reply are what Node sends; clients show them when the
            # reply has come. But the official client keeps those of a connection that
            # breaks before, and would show them twice. A poll's answer cannot be torn.
            wires = [reply, *missed]
        packets = [packet for wire in wires for packet in wire.packets]
        socket.client.write(Wire(packets=packets))

    def forget(self, socket: RecoverableSocket[Any]) -> None:
        """A socket has gone, or was not let in."""
        if self._live.get(socket.pid) is socket:
            del self._live[socket.pid]
            self._leave(socket)

    def _leave(self, socket: RecoverableSocket[Any]) -> None:
        """Have the next socket of that client wait for this one."""
        self._leaving[socket.pid] = socket
        socket.begin_to_leave()

    def on_left(self, socket: RecoverableSocket[Any]) -> None:
        """The last handler of a socket that has gone has returned."""
        if self._leaving.get(socket.pid) is socket:
            del self._leaving[socket.pid]
        socket.end_leaving()
