"""RecoverableSocket: a socket that its client may recover when it comes back.

Events to its client go through the adapter, which gives each event an offset and keeps
it for a while; those that ask for an acknowledgement do not.
Spec: Socket.IO documentation, "Connection state recovery".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sockio.adapters.adapter import Session
from sockio.adapters.addressing import BroadcastOptions, Flags
from sockio.protocol.engineio.wire import Wire
from sockio.protocol.socketio.packet import Packet, PacketType
from sockio.runtime.ids import new_sid
from sockio.runtime.latch import Latch
from sockio.socket.data import DataT, SocketData
from sockio.socket.emit_arguments import event_name
from sockio.socket.events import Event
from sockio.socket.one_socket.home import Home, Link
from sockio.socket.one_socket.outgoing import Outgoing
from sockio.socket.one_socket.socket import Socket
from sockio.socket.reasons import RECOVERABLE
from sockio.types import SocketId


class LoggedSender:
    """Sends the events of one socket through the adapter, which logs them."""

    __slots__ = ("_client", "_home", "_outgoing", "on")

    def __init__(self, home: Home, client: Link, outgoing: Outgoing) -> None:
        self._home = home
        self._client = client
        self._outgoing = outgoing
        #: Whether events are logged: the client is let in, or may come back for them.
        self.on = False

    def emit_with(
        self,
        event: str | Event[..., Any],
        args: tuple[Any, ...],
        ack: Callable[..., object] | None,
        flags: Flags,
    ) -> None:
        """Send an event as ``flags`` say; log it unless it asks for an acknowledgement.

        An event for a socket that has gone is logged too if the client may come back;
        it gets the event then.
        """
        if ack is not None or (args and callable(args[-1])):
            self._outgoing.emit_with(event, args, ack, flags)
            return
        packet = Packet(PacketType.EVENT, self._home.name, [event_name(event), *args])
        reactor = self._home.reactor
        if reactor.workers.elsewhere:
            self._home.encode(packet, flags)  # the caller gets the error, if any
        reactor.in_order(self._emit, packet, flags)

    def _emit(self, packet: Packet, flags: Flags) -> None:
        adapter = self._home.adapter
        if self.on:
            options = BroadcastOptions(rooms=(self._outgoing.sid,), flags=flags)
            adapter.broadcast(packet, options)
            return
        # Not let in yet: the event cannot be recovered, but its last argument must not
        # pass for an offset.
        marked = packet._replace(data=[*packet.data, adapter.newest_offset()])
        wire = self._client.encode(marked, flags.compress)
        self._outgoing.deliver(wire, packet, flags.volatile)

    def ask(
        self, event: str | Event[..., Any], args: tuple[Any, ...], flags: Flags
    ) -> list[Any]:
        """Send an event, which is not logged, and return the answer.

        Blocks:
            Until it comes.
        """
        return self._outgoing.ask(event, args, flags)


class RecoverableSocket(Socket[DataT]):
    """A socket that its client may recover when it comes back."""

    def __init__(self, sid: SocketId, nsp: Home, client: Link, auth: Any) -> None:
        super().__init__(sid, nsp, client, auth)
        self._sender = self._log = LoggedSender(nsp, client, self.outgoing)
        #: The secret by which the client asks for the socket; empty until let in.
        self.pid = ""
        #: Offset of the newest event when the socket was first let in; its client got
        #: no earlier event.
        self._since: str | None = None
        #: What the adapter has to know of a socket that comes from elsewhere.
        self._inherited: Any = None
        #: The events that its client missed, encoded, until they are written.
        self._missed: Sequence[Wire] = ()
        #: Set when the socket has gone and its last handler has returned.
        self._left: Latch[None] | None = None
        #: The client's former socket, if its last events were still being handled.
        self._former: RecoverableSocket[Any] | None = None

    # ------------------------------------------------------------------ being let in

    def begin(self) -> None:
        """Become a new socket, with a secret of its own."""
        self.pid = new_sid()
        self._since = self.nsp.adapter.newest_offset()

    def restore(self, session: Session) -> None:
        """Become the socket of ``session``; join its rooms, unless it has gone."""
        self.outgoing.sid = session.sid
        self.pid = session.pid
        self._since = session.since
        self._inherited = session.inherited
        if session.fields is None:
            self.data = session.data
        else:
            fields: Any = SocketData()
            fields.update(session.fields)
            self.data = fields
        self.recovered = True
        if not self.gone:
            self.nsp.adapter.add_all(session.sid, session.rooms)

    def catch_up(self, missed: Sequence[Wire]) -> None:
        """Keep these events until the client is told that it was let in."""
        self._missed = missed

    def take_missed(self) -> Sequence[Wire]:
        """Return the missed events, and keep them no longer."""
        missed, self._missed = self._missed, ()
        return missed

    def begin_logging(self) -> None:
        """Log the events from now on: the socket is let in."""
        self._log.on = True

    def session(self) -> Session:
        """Return what recovery keeps of it."""
        return Session(
            sid=self.id,
            pid=self.pid,
            rooms=tuple(self.rooms),
            data=self.data,
            since=self._since,
            inherited=self._inherited,
        )

    # ------------------------------------------------------------------ two of a client

    def follow(self, former: RecoverableSocket[Any] | None) -> None:
        """Note the former socket, if its last events are still being handled."""
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
        """Make the client's next socket wait for the last handler of this one."""
        self._left = self.reactor.latch()

    def end_leaving(self) -> None:
        """End the wait of the next socket: the last handler has returned."""
        if self._left is not None:
            self._left.set(None)

    # ------------------------------------------------------------------ the end

    def close(self, reason: str, description: object = None) -> None:
        """End without notifying the client; after most reasons it may come back."""
        if self.connected and reason in RECOVERABLE:
            self.nsp.adapter.persist_session(self.session())
        elif not self.gone:
            self._log.on = False
        super().close(reason, description)
