"""Heartbeat: who pings whom, what else is a sign of life, and when to give up.

Engine.IO 4: the server pings, the client answers. A client that pings by itself is
answered, too, and that is a sign of life. Engine.IO 3: the client pings, the server
answers.
A pong cannot overtake a message that takes long to arrive. So such a message is a sign
of life, as long as enough of it keeps coming; a trickle is none.
While the process stands still, because a handler computes or the machine is busy,
nobody reads what clients sent. So all that has arrived is read before a client is given
up. What comes after that is too late, even by a moment: a new poll cannot wait for
packets of a session whose time is over.
Spec: Engine.IO protocol v4, "Heartbeat"; v3, "Timeouts".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sockio.protocol.engineio.packet import Packet, PacketType
from sockio.protocol.engineio.wire import Pong, Wire
from sockio.runtime.clock import Timer
from sockio.runtime.reactor import Reactor

from .transports.transport import PING

#: Bytes of a message that must come within the timeout to be a sign of life.
ENOUGH = 1024
#: Seconds by which a deadline may be late before that counts as a standstill.
STANDSTILL = 0.05
#: Seconds that clients get for what they could not even send during a standstill.
GRACE = 1.0

#: Seconds by which any timer may be late, since the loop counts in milliseconds.
ROUNDED = 0.005

#: The answer to most pings, made once.
_PONG = Pong()


class Client(Protocol):
    """What a heartbeat asks of its session."""

    @property
    def unfinished(self) -> int:
        """Bytes received of a message that is not complete yet."""

    def push(self, wire: Wire) -> None:
        """Send a packet of the heartbeat."""

    def on_silence(self) -> None:
        """The client is given up."""


def heartbeat_for(
    protocol: int,
    reactor: Reactor,
    interval: float,
    timeout: float,
    client: Client,
) -> Heartbeat:
    """Return the heartbeat of an Engine.IO protocol.

    Args:
        protocol: 3 or 4.
        reactor: Of the server.
        interval: Seconds after a sign of life in which no other is expected.
        timeout: Seconds for which the client may be silent after that.
        client: The session of which this is the heartbeat.
    """
    kind = ClientHeartbeat if protocol == 3 else Heartbeat
    return kind(reactor, interval, timeout, client)


class Heartbeat:
    """The server pings: a wait for the next ping, then one for a sign of life."""

    __slots__ = (
        "_came",
        "_client",
        "_due",
        "_extended",
        "_forgiven",
        "_if_forgiven",
        "_interval",
        "_reactor",
        "_timeout",
        "_timer",
        "awaiting",
    )

    def __init__(
        self,
        reactor: Reactor,
        interval: float,
        timeout: float,
        client: Client,
    ) -> None:
        """Make one that is at rest; the arguments are those of ``heartbeat_for``."""
        self._reactor = reactor
        self._interval = interval
        self._timeout = timeout
        self._client = client
        self._timer: Timer | None = None
        #: When the present wait is over: for the next ping, or for a sign of life.
        self._due = 0.0
        #: Called if the client's time is over but it is not given up after all.
        self._if_forgiven: Callable[[], None] | None = None
        #: Bytes of an unfinished message that were there when the wait began.
        self._came = 0
        #: Another packet has prolonged the wait already.
        self._extended = False
        #: The wait has been prolonged because of a standstill.
        self._forgiven = False
        #: A sign of life is due and none has been heard.
        self.awaiting = False

    def restart(self) -> None:
        """Expect nothing for the interval: at the start, after a beat or an upgrade."""
        self.awaiting = False
        self._arm(self._reactor.delays.now(), self._interval, self._ask)

    def stop(self) -> None:
        """Send no ping and set no deadline until the next ``restart``."""
        self.awaiting = False
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._forgive()

    def end(self) -> None:
        """Stop for good, and drop the reference to the session."""
        self._if_forgiven = None
        self.stop()
        self._client = _GONE

    def unless_silent(self, fn: Callable[[], None]) -> None:
        """Call ``fn``; if a sign of life is overdue, only once one has come."""
        if self.awaiting and self._reactor.delays.now() >= self._due:
            self._if_forgiven = fn
        else:
            fn()

    def on_moved(self) -> None:
        """The transport changed, and may have swallowed the ping or its pong."""
        self.restart()

    def on_beat(self, packet: Packet) -> bool | None:
        """A ping or a pong came.

        Returns:
            Whether it was a heartbeat; None: clients of this protocol do not send it.
        """
        ping = packet.type is PacketType.PING
        # The client relies on our pings: one of its own does not delay the next.
        beat = self.awaiting or ping
        if self.awaiting:
            self.restart()
        if ping:
            self._client.push(_answer(packet))
        return beat

    def on_traffic(self, size: int = 0) -> None:
        """Another packet of ``size`` bytes came; it matters if a sign of life is due.

        A packet is such a sign if it is large, or was arriving when the wait began. Any
        other one prolongs the wait, once.
        """
        if not self.awaiting:
            return
        if self._came or size >= ENOUGH:
            self._wait()
        elif not self._extended:
            self._extended = True
            self._wait()

    # ------------------------------------------------------------------ in the hub

    def _ask(self) -> None:
        self._expect(ROUNDED)
        self._client.push(PING)

    def _expect(self, tolerance: float) -> None:
        """Wait for a sign of life; count from when it was due, if not later by more."""
        self.awaiting = True
        self._extended = False
        now = self._reactor.delays.now()
        self._wait(self._due if now - self._due < tolerance else now)

    def _wait(self, since: float | None = None) -> None:
        """Give the client the timeout, from now or from ``since``."""
        self._forgiven = False
        self._came = self._client.unfinished
        if since is None:
            since = self._reactor.delays.now()
        self._arm(since, self._timeout, self._on_deadline)

    def _on_deadline(self) -> None:
        now = self._reactor.delays.now()
        if now - self._due > STANDSTILL and not self._forgiven:
            self._forgiven = True
            self._arm(now, GRACE, self._on_deadline)
        else:
            self._timer = self._reactor.in_lull(self._judge)

    def _judge(self) -> None:
        if self._client.unfinished - self._came >= ENOUGH:
            self._wait()
        else:
            self._if_forgiven = None
            self.stop()
            self._client.on_silence()

    def _arm(self, since: float, seconds: float, fn: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._due = since + seconds
        self._timer = self._reactor.delays.call_after(since, seconds, fn)
        self._forgive()

    def _forgive(self) -> None:
        if self._if_forgiven is not None:
            fn, self._if_forgiven = self._if_forgiven, None
            fn()


class ClientHeartbeat(Heartbeat):
    """The client pings: a wait until its next ping is due, then one for that ping."""

    __slots__ = ()

    def on_moved(self) -> None:
        """The transport changed: that is no ping."""

    def on_beat(self, packet: Packet) -> bool | None:
        """A ping came: answer it."""
        if packet.type is not PacketType.PING:
            return None
        self.restart()
        self._client.push(_answer(packet))
        return True

    def on_traffic(self, size: int = 0) -> None:
        """Another packet came: no ping, but it may have held one up."""
        if self.awaiting and (self._came or size >= ENOUGH):
            self._wait()

    def _ask(self) -> None:
        # The client does not see this moment: its time began with its last ping.
        self._expect(STANDSTILL)


def _answer(ping: Packet) -> Wire:
    return _PONG if ping.data is None else Pong(ping.data)


class _Gone:
    """Takes the place of a session that has ended."""

    unfinished = 0

    def push(self, wire: Wire) -> None: ...
    def on_silence(self) -> None: ...


_GONE = _Gone()
