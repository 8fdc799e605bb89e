"""WebTransport: one bidirectional stream per session, packets behind their lengths.

Spec: Engine.IO protocol v4, "WebTransport".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sockio.engine.handover.carried import ByteReceiver
from sockio.engine.outbox import Outbox
from sockio.engine.reasons import PARSE_ERROR, TRANSPORT_CLOSE
from sockio.engine.websockets.too_large import tell_too_large
from sockio.errors import ProtocolError, TooLarge
from sockio.protocol.engineio.packet import Packet, PacketType
from sockio.protocol.engineio.stream import StreamDecoder, encode_packet
from sockio.protocol.engineio.wire import Wire
from sockio.runtime import logs
from sockio.runtime.reactor import Reactor
from sockio.runtime.turns import Turns

from .transport import PING, Sink

log = logs.get("engine.webtransport")

_MESSAGE = PacketType.MESSAGE


class ByteStream(Protocol):
    """What is asked of a WebTransport session; nothing of it blocks."""

    @property
    def writable(self) -> bool: ...
    @property
    def ready(self) -> bool: ...
    @property
    def pending_size(self) -> int: ...
    def start(self, receiver: ByteReceiver) -> None: ...
    def write(self, data: bytes) -> None: ...
    def pause(self) -> None:
        """Let the client send no more than its window already allows."""

    def resume(self) -> None: ...
    def finish(self) -> None: ...
    def close(self, *, discard: bool = False) -> None: ...


class WebTransportTransport:
    """One WebTransport session as the transport of one session of ours."""

    name = "webtransport"
    upgrades_to: tuple[str, ...] = ()

    __slots__ = (
        "_asked",
        "_decoder",
        "_ended",
        "_held",
        "_outbox",
        "_over",
        "_repeats",
        "_stream",
        "_turns",
        "sink",
    )

    def __init__(self, stream: ByteStream, max_payload: int, reactor: Reactor) -> None:
        """Wrap a session; ``max_payload`` is the longest packet, in bytes."""
        self._stream = stream
        self._turns = Turns(reactor, self._step)
        self._repeats = reactor.repeats
        #: What was read while the sink wanted nothing.
        self._held: list[Packet | ProtocolError] = []
        #: The session has ended; the sink learns it after what came before.
        self._ended = False
        self._decoder = StreamDecoder(max_payload)
        self._outbox = Outbox()
        self._over = False
        #: Whether a last ping asks the client to confirm that it has read everything.
        self._asked = False
        self.sink: Sink

    def bind(self, outbox: Outbox, sink: Sink) -> None:
        self._outbox = outbox
        self.sink = sink

    def start(self) -> None:
        """Receive from now on; the sink must be in place."""
        self._stream.start(self)

    @property
    def writable(self) -> bool:
        return self._stream.writable

    @property
    def ready(self) -> bool:
        return self._stream.ready

    @property
    def pending_size(self) -> int:
        return self._stream.pending_size

    @property
    def unfinished(self) -> int:
        return self._decoder.unfinished

    def offer(self, wire: Wire) -> bool:
        if not self._stream.ready:
            return False
        self._stream.write(wire.webtransport)
        return True

    def wake(self) -> None:
        """Nothing to do: a stream that is not ready will say when it is."""

    def pause(self) -> None:
        """Hand nothing more on until ``resume``; the client's window fills up."""
        self._turns.pause()
        self._stream.pause()

    def resume(self) -> None:
        """Hand on what has come, and let the client send again."""
        self._stream.resume()
        self._turns.resume()

    def when_read(self, fn: Callable[[], None]) -> None:
        """Nobody moves from a WebTransport session to something else."""
        fn()

    def give_away(self, first: Packet) -> tuple[ByteStream, bytes] | None:
        """Leave the session, while it is paused, to whoever carries its bytes.

        Args:
            first: The packet that was handed on last.

        Returns:
            The session, and what was read of it, from ``first`` on. None: it has ended,
            or the client broke the protocol.
        """
        self._over = True
        self._turns.end()
        packets = [first]
        for item in self._held:
            if isinstance(item, ProtocolError):
                self._ended = True
                break
            packets.append(item)
        if self._ended:
            self._stream.close(discard=True)
            return None
        return self._stream, b"".join(map(encode_packet, packets)) + self._decoder.rest

    def close(self, done: Callable[[], None], *, discard: bool = False) -> None:
        """End the session; what was sent arrives first, unless it is discarded."""
        self._over = True
        if discard:
            self._turns.end()
            self._stream.close(discard=True)
        else:
            # A browser acknowledges what its page has not read yet, and forgets it when
            # the session ends. A client that answers a ping has read what was sent
            # before.
            self._asked = True
            self._stream.write(PING.webtransport)
            self._stream.finish()
            self.resume()
        done()

    # ------------------------------------------------------------------ from below

    def received(self, data: bytes) -> None:
        """Bytes of the stream arrived."""
        self._decoder.keep(data)
        self._turns.run()

    def _step(self) -> bool:
        """Hand on a part of what has come; tell whether there is more."""
        held, self._held = self._held, []
        items = held or self._decoder.more()
        for index, item in enumerate(items):
            if self._over:
                if not self._asked:
                    return False
                if isinstance(item, Packet) and item.type is PacketType.PONG:
                    self._turns.end()
                    self._stream.close(discard=True)
                    return False
                continue
            if self._turns.paused:
                self._held = items[index:]
                return True
            if isinstance(item, ProtocolError):
                self._over = True
                if isinstance(item, TooLarge):
                    tell_too_large(self._repeats, self.name, item.size, item.limit)
                self._turns.end()
                self._stream.close(discard=True)
                self.sink.on_lost(PARSE_ERROR, item.reason)
            elif item.type is _MESSAGE:
                self.sink.on_message(item.data or "")
            else:
                self.sink.on_packet(item)
        if self._decoder.behind:
            return True
        if self._ended and not self._turns.paused:
            self._report_end()
        return False

    def drained(self) -> None:
        """Everything written has left, including what had to wait."""
        if not self._over:
            self.sink.on_ready()

    def ended(self) -> None:
        """The session was closed by the peer, or is lost with its connection."""
        self._ended = True
        if not self._turns.waits:
            self._report_end()

    def _report_end(self) -> None:
        self._turns.end()
        if not self._over:
            self._over = True
            self.sink.on_lost(TRANSPORT_CLOSE)
