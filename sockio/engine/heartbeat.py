"""Heartbeat: who pings whom, and when to give up.

Engine.IO 4: the server pings, the client answers. Engine.IO 3: the other way round.
While the process stands still, because a handler computes or the machine is busy,
nobody reads what clients sent: who was to answer meanwhile is listened to first.
Spec: Engine.IO protocol v4, "Heartbeat"; v3, "Timeouts".
"""

from __future__ import annotations

from collections.abc import Callable

from sockio.protocol.engineio.packet import Packet, PacketType
from sockio.protocol.engineio.wire import Wire
from sockio.runtime.clock import Timer
from sockio.runtime.delays import Calls

from .transports.transport import PING, PONG

#: Seconds by which a deadline may come late before that is taken for a standstill.
STANDSTILL = 0.05
#: Seconds for what clients sent during a standstill to be read.
GRACE = 1.0


def heartbeat_for(
    protocol: int,
    clock: Calls,
    interval: float,
    timeout: float,
    *,
    push: Callable[[Wire], object],
    on_silence: Callable[[], None],
) -> Heartbeat | ClientHeartbeat:
    """Return the heartbeat of an Engine.IO protocol; ``push`` sends its packets."""
    if protocol == 3:
        return ClientHeartbeat(
            clock, interval + timeout, push=push, on_silence=on_silence
        )
    return Heartbeat(clock, interval, timeout, push=push, on_silence=on_silence)


class _Wait:
    """The one timer of a session, and what follows when it has waited in vain."""

    __slots__ = ("_clock", "_due", "_on_silence", "_push", "_timer")

    def __init__(
        self,
        clock: Calls,
        push: Callable[[Wire], object],
        on_silence: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._push = push
        self._on_silence = on_silence
        self._timer: Timer | None = None
        self._due = 0.0

    def stop(self) -> None:
        """No ping, no deadline from now on."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def end(self) -> None:
        """Stop for good, and let go of the session."""
        self.stop()
        self._push = self._on_silence = _nothing

    def _arm(self, seconds: float, fn: Callable[[], None]) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._clock.call_later(seconds, fn)

    def _await(self, seconds: float) -> None:
        """Give up after ``seconds``."""
        self._due = self._clock.now() + seconds
        self._arm(seconds, self._give_up)

    def _give_up(self) -> None:
        if self._clock.now() - self._due > STANDSTILL:
            self._await(GRACE)
        else:
            self.stop()
            self._on_silence()


class Heartbeat(_Wait):
    """The server pings: a wait for the next ping, then one for its pong."""

    __slots__ = ("_extended", "_interval", "_timeout", "awaiting")
    #: What clients send; the other one is an error.
    expects = PacketType.PONG

    def __init__(
        self,
        clock: Calls,
        interval: float,
        timeout: float,
        *,
        push: Callable[[Wire], object],
        on_silence: Callable[[], None],
    ) -> None:
        """``interval`` and ``timeout`` are in seconds."""
        super().__init__(clock, push, on_silence)
        self._interval = interval
        self._timeout = timeout
        self._extended = False
        #: A ping was sent and nothing has been heard since.
        self.awaiting = False

    def restart(self) -> None:
        """Ping again after the interval: at the start, after a pong or an upgrade."""
        self.awaiting = False
        self._arm(self._interval, self._ping)

    def on_moved(self) -> None:
        """The transport changed, and may have swallowed the ping or its pong."""
        self.restart()

    def on_beat(self, packet: Packet) -> bool:
        """A pong came; return whether it was awaited."""
        if not self.awaiting:
            return False
        self.restart()
        return True

    def stop(self) -> None:
        """No ping, no deadline from now on."""
        self.awaiting = False
        super().stop()

    def on_traffic(self) -> None:
        """Another packet came while a pong is awaited: that extends the wait, once."""
        if self.awaiting and not self._extended:
            self._extended = True
            self._await(self._timeout)

    def _ping(self) -> None:
        self.awaiting = True
        self._extended = False
        self._await(self._timeout)
        self._push(PING)


class ClientHeartbeat(_Wait):
    """The client pings: a wait for its next ping."""

    __slots__ = ("_limit",)
    #: What clients send; the other one is an error.
    expects = PacketType.PING
    #: Other packets do not stand for a ping.
    awaiting = False

    def __init__(
        self,
        clock: Calls,
        limit: float,
        *,
        push: Callable[[Wire], object],
        on_silence: Callable[[], None],
    ) -> None:
        """``limit`` is in seconds, from one ping to the next."""
        super().__init__(clock, push, on_silence)
        self._limit = limit

    def restart(self) -> None:
        """Wait for a ping, from now."""
        self._await(self._limit)

    def on_moved(self) -> None:
        """The transport changed: that is no ping."""

    def on_traffic(self) -> None:
        """Another packet came: that is no ping."""

    def on_beat(self, packet: Packet) -> bool:
        """A ping came: answer it, with what it carries."""
        self.restart()
        answer = Packet(PacketType.PONG, packet.data)
        self._push(PONG if packet.data is None else Wire(packets=(answer,)))
        return True


def _nothing(*_: object) -> None:
    """The session has ended."""
