"""Fake transport: a transport without a network, which a test controls."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent

from sockio.engine.outbox import Outbox
from sockio.engine.transports.transport import Sink
from sockio.protocol.engineio.packet import Packet
from sockio.protocol.engineio.wire import Wire


class FakeTransport:
    """One way to a client that exists only in a test.

    As a WebSocket it takes wires while it is ``ready``; as polling it is never ready,
    and takes what waits when the test calls ``take``.
    """

    def __init__(
        self, name: str = "websocket", upgrades_to: tuple[str, ...] = ()
    ) -> None:
        self.name = name
        self.upgrades_to = upgrades_to
        #: Whether the kernel takes what is sent.
        self.ready = name != "polling"
        self.pending_size = 0
        #: Bytes that have arrived of a message that is not whole yet.
        self.unfinished = 0
        #: Whether the session wants nothing at present.
        self.paused = False
        self.sink: Sink
        #: The payloads of what it was given, in order.
        self.sent: list[str] = []
        #: After how many wires the kernel takes no more; None: it takes all.
        self.takes: int | None = None
        #: Whether the connection breaks at the next wire.
        self.breaks = False
        #: How often it was asked to look into the outbox.
        self.wakes = 0
        #: How it was closed: "orderly" or "discarded", None: it was not.
        self.closed: str | None = None
        #: Whether an orderly close lasts until the test completes it.
        self.slow_to_close = False
        self._outbox = Outbox()
        self._sent_in = -1
        self._done: Callable[[], None] | None = None

    @property
    def writable(self) -> bool:
        return self.ready and self._sent_in != _turn()

    def bind(self, outbox: Outbox, sink: Sink) -> None:
        self._outbox = outbox
        self.sink = sink

    def offer(self, wire: Wire) -> bool:
        if not self.ready:
            return False
        if self.breaks:
            self.lose()
            return True
        self.sent.append(wire.payload)
        self._sent_in = _turn()
        if self.takes is not None:
            self.takes -= 1
            if not self.takes:
                self.takes = None
                self.block()
        return True

    def wake(self) -> None:
        self.wakes += 1

    def pause(self) -> None:
        self.paused = True

    def resume(self) -> None:
        self.paused = False

    def when_read(self, fn: Callable[[], None]) -> None:
        fn()

    def close(self, done: Callable[[], None], *, discard: bool = False) -> None:
        self.closed = "discarded" if discard else "orderly"
        if self.slow_to_close and not discard:
            self._done = done
        else:
            done()

    # ------------------------------------------------------------------ the test's side

    def take(self) -> list[str]:
        """Take what waits, as a poll does; return the payloads."""
        wires = self._outbox.take()
        payloads = [wire.payload for wire in wires]
        self.sent += payloads
        self.sink.on_flushed(wires)
        return payloads

    def block(self, size: int = 1) -> None:
        """Let the kernel take no more; ``size`` bytes are left with us."""
        self.ready = False
        self.pending_size = size

    def unblock(self) -> None:
        """Let the kernel take everything."""
        self.ready = True
        self.pending_size = 0
        self.sink.on_ready()

    def closing_completed(self) -> None:
        """Complete the orderly close."""
        assert self._done is not None
        done, self._done = self._done, None
        done()

    def message(self, data: str | bytes) -> None:
        """Let a message of the client arrive."""
        self.sink.on_message(data)

    def packet(self, type: Any, data: str | None = None) -> None:
        """Let a packet of the client arrive that is not a message."""
        self.sink.on_packet(Packet(type, data))

    def lose(self, reason: str = "transport close", description: object = None) -> None:
        """Lose the client."""
        self.closed = "lost"
        self.sink.on_lost(reason, description)


def _turn() -> int:
    """Return a number that changes with each pass of the loop."""
    turn: int = gevent.get_hub().loop.iteration
    return turn
