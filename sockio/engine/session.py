"""EngineSession: one client, whatever its transport.

Packets come in from a transport, and go out through the outbox or straight to the
transport. Heartbeats, upgrades and the close handshake are handled here; messages go up
to the consumer and to the listeners.
Spec: Engine.IO protocol v4; v3 where the client speaks it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from logging import DEBUG
from typing import Any, Literal

from sockio.errors import BufferFull
from sockio.protocol.engineio.packet import Packet, PacketType
from sockio.protocol.engineio.wire import Wire
from sockio.runtime import logs
from sockio.runtime.listeners import EventEmitter, Listeners
from sockio.runtime.reactor import Reactor

from .callbacks import Callbacks
from .consumer import NOBODY, Consumer, Keeper
from .heartbeat import heartbeat_for
from .http.request import Request
from .intake import Intake
from .opening import open_packet
from .options import EngineOptions
from .outbox import Outbox
from .reasons import FORCED_CLOSE, PING_TIMEOUT, TRANSPORT_ERROR
from .told import is_told, tell, tell_closed, tell_moved, tell_probe
from .transports.polling import PollingTransport
from .transports.transport import RETIRED, Transport
from .upgrade import Upgrade, tell_refused
from .watch import Watch

log = logs.get("engine.session")

OPENING: Literal["opening"] = "opening"
OPEN: Literal["open"] = "open"
CLOSING: Literal["closing"] = "closing"
CLOSED: Literal["closed"] = "closed"


class EngineSession(EventEmitter):
    """One Engine.IO client; a Socket.IO socket has it as ``socket.conn``.

    Events, in order and in a greenlet of the session: ``open``, ``packet(packet)``,
    ``packet_create(packet)``, ``data(message)``, ``message(message)``,
    ``flush(packets)``, ``drain``, ``heartbeat``, ``upgrading(transport)``,
    ``upgrade(transport)``, ``error(description)`` before a close by a transport error,
    ``close(reason, description)``.
    """

    def __init__(
        self,
        sid: str,
        request: Request,
        transport: Transport,
        options: EngineOptions,
        reactor: Reactor,
        keeper: Keeper,
        protocol: Literal[3, 4] = 4,
    ) -> None:
        self._listeners = Listeners()
        #: The secret between server and client; not the id of a Socket.IO socket.
        self.id = sid
        #: The handshake's request; may be set to None to save memory.
        self.request: Request | None = request
        self.remote_address: str = request.remote_address
        #: The Engine.IO protocol: clients of Socket.IO 2 speak 3.
        self.protocol: Literal[3, 4] = protocol
        self.ready_state: Literal["opening", "open", "closing", "closed"] = OPENING
        self.upgraded = False
        self.consumer: Consumer = NOBODY
        #: Who sees its packets; None while nobody does.
        self.watch: Watch | None = None
        self._options = options
        self._meter = reactor.meter
        self._reactor = reactor
        self._keeper = keeper
        self._outbox = Outbox()
        self._mailbox = reactor.mailbox(_call)
        self._callbacks = Callbacks()
        self._upgrade: Upgrade | None = None
        #: Counts what has come and waits for handlers.
        self.intake = Intake(options.inbox, self, keeper.tally)
        self._transport = transport
        #: The transport's method, kept here since every send calls it.
        self._offer = transport.offer
        self._heartbeat = heartbeat_for(
            protocol, reactor, options.ping_interval, options.ping_timeout, self
        )
        transport.bind(self._outbox, self)

    # ------------------------------------------------------------------ for users

    @property
    def transport(self) -> Transport:
        """The current transport; its ``name`` and ``writable`` are public."""
        return self._transport

    @property
    def transport_name(self) -> str:
        return self._transport.name

    @property
    def upgrading(self) -> bool:
        """Whether a second transport is being tried."""
        return self._upgrade is not None

    @property
    def write_buffer(self) -> Sequence[Packet]:
        """The packets that no transport has taken yet."""
        return self._outbox.packets

    @property
    def buffered_amount(self) -> int:
        """Bytes (of text: characters) that wait for this client."""
        return self._outbox.size + self._transport.pending_size

    def send(
        self,
        data: str | bytes,
        *,
        compress: bool = True,
        callback: Callable[[], object] | None = None,
    ) -> EngineSession:
        """Send one message; ``callback`` runs when it is written. Never blocks.

        The callback is not called if the session closes first.
        """
        wire = Wire((data,), compress=compress)
        if callback is not None and self.ready_state in (OPENING, OPEN):
            self._callbacks.add(wire, callback)
        self._reactor.in_order(self.push, wire)
        return self

    #: Another name of ``send``, as in Node.
    write = send

    def close(self, discard: bool = False) -> None:
        """Close when all that waits is written; with ``discard`` at once."""
        if discard and self.ready_state in (OPEN, CLOSING):
            self.ready_state = CLOSING
            self._close_transport(discard=True)
        elif self.ready_state == OPEN:
            # The heartbeat continues, so that a peer that takes nothing more times out.
            self.ready_state = CLOSING
            paused = self.intake.paused
            self.intake.end()  # nothing that comes now is handled any more
            if paused:
                self._transport.resume()
                self._heartbeat.restart()
            if not self._outbox.wires:
                self._close_transport()

    def _register(self, event: Any, handler: Any, **how: bool) -> Any:
        self.be_watched()
        return super()._register(event, handler, **how)

    def be_watched(self) -> None:
        """Show its packets from now on to those who watch."""
        if self.watch is None:
            self.watch = Watch(self._reactor.observers)

    def be_left_alone(self) -> None:
        """Show its packets no more, unless it has listeners or is logged."""
        if not self.event_names() and not log.isEnabledFor(DEBUG):
            self.watch = None

    # ------------------------------------------------------------------ opening

    def open(self) -> None:
        """Send the open packet and start the heartbeat."""
        self.ready_state = OPEN
        if is_told(self):
            self.be_watched()
        options = self._options
        self.push(open_packet(self.id, self._transport.upgrades_to, options))
        if options.initial_packet is not None:
            self.push(Wire((options.initial_packet,)))
        self._reactor.observers.tell("session_opened", self)
        self.fire("open")
        self._heartbeat.restart()

    # ------------------------------------------------------------------ out

    def push(self, wire: Wire, about: object = None) -> None:
        """Send ``wire``, or queue it behind what waits; dropped unless open.

        Everything that leaves a session passes here, but the close packet.

        Args:
            wire: What is sent.
            about: The Socket.IO packet in it, if there is one, for those who watch.
        """
        if self.ready_state != OPEN:
            log.debug("sid=%s is %s: nothing is sent", self.id, self.ready_state)
            return
        outbox = self._outbox
        watch = self.watch
        if watch is not None:
            watch.on_sending(self, wire, about)
        if self._meter is not None:
            self._meter.sent(wire._frames)
        if not outbox.wires and self._offer(wire):
            if watch is not None or self._callbacks.waiting:
                self._after_flush([wire])
            return
        outbox.put(wire)
        self._transport.wake()
        policy = self._options.buffer
        if policy is not None and outbox.behind > policy.high:
            self._on_buffer_full(policy.high)

    @property
    def writable(self) -> bool:
        """Whether a packet sent at this instant would leave at once."""
        idle = self.ready_state == OPEN and not self._outbox.wires
        return idle and self._transport.writable

    def on_ready(self) -> None:
        """The transport can take wires again."""
        outbox = self._outbox
        transport = self._transport
        if self._callbacks.sent:
            self._run_callbacks()
        if not outbox.wires:
            return
        sent = []
        while outbox.wires and transport.offer(outbox.wires[0]):
            sent.append(outbox.take_first())
        if sent:
            self._flushed(sent)
        else:
            transport.wake()

    def on_flushed(self, wires: list[Wire]) -> None:
        """The transport took wires from the outbox."""
        self._flushed(wires)

    def _flushed(self, wires: list[Wire]) -> None:
        if self.watch is not None or self._callbacks.waiting:
            self._after_flush(wires)
        if self.ready_state == CLOSING and not self._outbox.wires:
            self._close_transport()

    def _after_flush(self, wires: list[Wire]) -> None:
        packets = [packet for wire in wires for packet in wire.packets]
        via = self._transport.name
        log.debug("sid=%s packets handed to %s: %d", self.id, via, len(packets))
        if self.ready_state == CLOSED:
            return
        self.fire("flush", packets)
        self.fire_on_server("flush", self, packets)
        self.fire("drain")
        self.fire_on_server("drain", self)
        if self._callbacks.waiting:
            self._callbacks.on_sent(wires)
            if self._transport.ready or not self._transport.pending_size:
                self._run_callbacks()

    def _run_callbacks(self) -> None:
        for callback in self._callbacks.take_written():
            self._mailbox.put((callback, ()))

    def _on_buffer_full(self, limit: int) -> None:
        self._keeper.tally.buffer_full += 1
        waiting = self._outbox.behind
        self.give_up(BufferFull(f"{waiting} bytes wait for this client, limit {limit}"))

    # ------------------------------------------------------------------ in

    def on_message(self, data: str | bytes) -> None:
        """A message packet arrived."""
        if self.ready_state != OPEN:
            log.debug("sid=%s is %s: a message is dropped", self.id, self.ready_state)
            return
        if self._heartbeat.awaiting:
            self._heartbeat.on_traffic(len(data))
        if self.watch is not None:
            self.intake.add(len(data))
            self.watch.on_message(self, data)
            self._count_until_told(len(data))
        self.consumer.on_message(data)

    def _count_until_told(self, size: int) -> None:
        if self._mailbox.busy:
            self._mailbox.put((self._told, (size,)))
        else:
            self.intake.remove(size)

    def _told(self, size: int) -> None:
        self.intake.remove(size)  # a method of an extension class cannot be queued

    def on_packet(self, packet: Packet) -> None:
        """A packet other than a message arrived."""
        if self.ready_state != OPEN:
            return
        kind = packet.type
        if kind is PacketType.MESSAGE:
            self.on_message("" if packet.data is None else packet.data)
            return
        tell(self, "in", packet)
        self.intake.add(0)
        self.fire("packet", packet)
        self._count_until_told(0)
        if kind is PacketType.PING or kind is PacketType.PONG:
            beat = self._heartbeat.on_beat(packet)
            if beat:
                self.fire("heartbeat")
            elif beat is None:
                self._give_up(TRANSPORT_ERROR, "invalid heartbeat direction")
        else:
            self._heartbeat.on_traffic()

    def on_lost(self, reason: str, description: object = None) -> None:
        """The transport ended without being asked to."""
        self._on_close(reason, description)

    # ------------------------------------------------------------------ intake

    def on_intake_full(self) -> None:
        """Handlers are slow: read nothing more, and expect no sign of life."""
        log.debug("sid=%s its handlers are slow: reading pauses", self.id)
        self._transport.pause()
        self._heartbeat.stop()

    def on_intake_low(self) -> None:
        """Handlers have caught up: read again."""
        self._transport.resume()
        self._heartbeat.restart()

    def give_up(self, error: Exception) -> None:
        """Close at once: more waits, in one direction, than its limit allows."""
        log.debug("sid=%s given up: %s", self.id, error)
        self._give_up(TRANSPORT_ERROR, error)

    def unless_silent(self, fn: Callable[[], None]) -> None:
        """Call ``fn``, unless the client is about to be given up for its silence."""
        self._heartbeat.unless_silent(fn)

    @property
    def unfinished(self) -> int:
        """Bytes received of a message that is not complete yet."""
        return self._transport.unfinished

    def on_silence(self) -> None:
        """The client gave no sign of life in time."""
        self._give_up(PING_TIMEOUT)

    # ------------------------------------------------------------------ upgrade

    def try_upgrade(self, transport: Transport) -> Upgrade | None:
        """Put ``transport`` on trial; None: it came too late and was closed."""
        if self._upgrade is not None or self.upgraded or self.ready_state == CLOSED:
            tell_refused(self._reactor, transport.name, self.remote_address, "too late")
            transport.bind(Outbox(), RETIRED)
            transport.close(_nothing, discard=True)
            return None
        timeout = self._options.upgrade_timeout
        trial = self._upgrade = Upgrade(self, transport, self._reactor, timeout)
        return trial

    def on_probe(self, transport: Transport) -> None:
        tell_probe(self, transport.name)
        self.fire("upgrading", transport)

    def release_poll(self) -> bool:
        polling = self._transport
        return isinstance(polling, PollingTransport) and polling.release()

    def when_read(self, fn: Callable[[], None]) -> None:
        """Call ``fn`` when all that came over the transport has been handed on."""
        self._transport.when_read(fn)

    def on_upgrade(self, transport: Transport) -> None:
        old, self._transport = self._transport, transport
        tell_moved(self, old.name, transport.name)
        self._offer = transport.offer
        self._upgrade = None
        self.upgraded = True
        old.sink = RETIRED
        old.close(_nothing, discard=True)
        transport.bind(self._outbox, self)
        if not self.intake.paused:
            transport.resume()
            if self.ready_state == OPEN:
                self._heartbeat.on_moved()
        self._reactor.observers.tell("session_upgraded", self, old.name)
        self.fire("upgrade", transport)
        self.on_ready()
        if self.ready_state == CLOSING:
            self._close_transport()

    def on_upgrade_failed(self) -> None:
        self._upgrade = None

    # ------------------------------------------------------------------ closing

    def _close_transport(self, *, discard: bool = False) -> None:
        self._transport.close(
            lambda: self._on_close(FORCED_CLOSE, None), discard=discard
        )

    def _give_up(self, reason: str, why: object = None) -> None:
        """Close at once, and expect the client to take nothing more."""
        self._abort_upgrade()
        self._transport.close(_nothing, discard=True)
        if isinstance(self._transport, PollingTransport):
            self._transport.unread.give_up()
        self._on_close(reason, why)

    def _abort_upgrade(self) -> None:
        if self._upgrade is not None:
            self._upgrade.abort()
            self._upgrade = None

    def lose(self, reason: str) -> None:
        """The client has another connection: this one is dead."""
        self._give_up(reason)

    def _on_close(self, reason: str, description: object) -> None:
        if self.ready_state == CLOSED:
            return
        tell_closed(self, reason, description)
        self.ready_state = CLOSED
        self.intake.end()
        self._heartbeat.end()
        self._transport.sink = RETIRED
        self._abort_upgrade()
        self._callbacks.drop()
        self._keeper.on_session_closed(self)
        consumer, self.consumer = self.consumer, NOBODY
        consumer.on_close(reason, description)
        self._reactor.observers.tell("session_closed", self, reason, description)
        if reason == TRANSPORT_ERROR:
            self.fire("error", description)
        self.fire("close", reason, description)
        if self._mailbox.busy:
            self._mailbox.put((self._outbox.take, ()))
        else:
            self._outbox.take()

    # ------------------------------------------------------------------ events

    def fire(self, event: str, *args: Any) -> None:
        """Call the listeners of this session, in its mailbox.

        While the mailbox is busy, what it runs may be about to add a listener.
        """
        if self._mailbox.busy or self._listeners.get(event):
            self._mailbox.put((self._fire, (event, *args)))

    def fire_on_server(self, event: str, *args: Any) -> None:
        """Call the listeners of the server, in this session's mailbox."""
        self._mailbox.put((self._keeper.fire, (event, *args)))


def _call(item: tuple[Callable[..., object], tuple[Any, ...]]) -> None:
    fn, args = item
    fn(*args)


def _nothing() -> None:
    """Nobody waits until the transport has closed."""
