"""simple-websocket: for a server whose sockets can be used, but not taken over.

That is Werkzeug's development server in a process patched by ``gevent.monkey``. The
package reads the frames. What is sent goes through one queue and one greenlet, because
the package ignores short writes and answers pings from its reader, and because an emit
must not wait for the peer. Nothing is compressed.
"""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Callable, Iterable
from typing import Any

import simple_websocket
from gevent import sleep
from gevent.event import Event
from gevent.selectors import DefaultSelector
from gevent.socket import socket as GeventSocket
from wsproto.events import CloseConnection
from wsproto.utilities import ProtocolError as WsprotoError

from sockio.errors import ProtocolError
from sockio.protocol.engineio.wire import Wire
from sockio.runtime import logs, tasks
from sockio.runtime.clock import Timer
from sockio.runtime.farewell import LEAST_COUNTED, LINGER, MOST_DROPPED
from sockio.runtime.latch import Latch
from sockio.runtime.reactor import Reactor
from sockio.types import Environ, StartResponse

from .too_large import tell_too_large
from .websocket import Receiver

__all__ = ["SimpleWebSocket", "accept", "recognises"]

log = logs.get("engine.websockets.simple_websocket")

#: Bytes that may be queued before we know what the kernel takes; also of one read.
READ_SIZE = 65536
#: What is to be dropped is received here; nobody reads it.
_NOWHERE = memoryview(bytearray(READ_SIZE))
#: Bytes of one read: the package parses them in one go, in some microseconds a frame.
RECEIVED_AT_ONCE = 8192
#: Seconds that a peer has, in an orderly close, to send its close frame and take ours.
CLOSE_TIMEOUT = 30.0
#: All that the package needs to know of the request.
_HANDSHAKE = (
    "HTTP_HOST",
    "HTTP_UPGRADE",
    "HTTP_CONNECTION",
    "HTTP_SEC_WEBSOCKET_KEY",
    "HTTP_SEC_WEBSOCKET_VERSION",
)


def recognises(environ: Environ) -> bool:
    """Whether this backend suits: the socket is named in ``environ``, and gevent's."""
    return isinstance(environ.get("werkzeug.socket"), GeventSocket)


def accept(
    environ: Environ,
    reactor: Reactor,
    *,
    max_payload: int,
    answer: bytes | None = None,
) -> SimpleWebSocket:
    """Answer the handshake and return the WebSocket.

    Args:
        environ: Of a request for which ``recognises`` is true.
        reactor: Of the server.
        max_payload: Size of the largest message; bytes, or characters of text.
        answer: The 101 to send; None: the package's own.

    Raises:
        ProtocolError: The package does not accept it as a handshake.
    """
    return SimpleWebSocket(environ, reactor, max_payload=max_payload, answer=answer)


class SimpleWebSocket:
    """A WebSocket that simple-websocket reads; its request greenlet stays."""

    def __init__(
        self,
        environ: Environ,
        reactor: Reactor,
        *,
        max_payload: int,
        answer: bytes | None = None,
    ) -> None:
        self._connection = _Connection(environ["werkzeug.socket"], reactor)
        self._repeats = reactor.repeats
        self._receiver: Receiver
        self._max_payload = max_payload
        self._closing = False
        request = {name: environ[name] for name in _HANDSHAKE if name in environ}
        request["werkzeug.socket"] = self._connection
        try:
            self._server = simple_websocket.Server(
                request,
                receive_bytes=RECEIVED_AT_ONCE,
                max_message_size=max_payload,
                thread_class=_Thread,
                event_class=Event,
                selector_class=DefaultSelector,
            )
        except (simple_websocket.ConnectionError, WsprotoError) as exc:
            raise ProtocolError(f"invalid handshake: {exc}") from exc
        if answer is not None:
            self._connection.replace(answer)
        self._send_event = self._server.ws.send
        self._server.ws.send = self._send

    def _send(self, event: Any) -> bytes:
        """Send for the package; close frames of its own get no reason, as in Node."""
        if isinstance(event, CloseConnection) and not self._closing:
            event = CloseConnection(event.code)
        return self._send_event(event)  # type: ignore[no-any-return]

    @property
    def writable(self) -> bool:
        return not self._connection.pending_size

    @property
    def ready(self) -> bool:
        return self._connection.ready

    @property
    def pending_size(self) -> int:
        return self._connection.pending_size

    @property
    def unfinished(self) -> int:
        return self._server.incoming_message_len  # type: ignore[no-any-return]

    def start(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._connection.on_drained = self._on_drained
        tasks.spawn(self._read, name="simple-websocket")

    def offer(self, wire: Wire) -> bool:
        if self._closing or not self._connection.ready:
            return False
        self._connection.send(wire.websocket)
        return True

    def pause(self) -> None:
        self._connection.pause()

    def resume(self) -> None:
        self._connection.resume()

    def close(self, code: int | None = None, reason: str = "") -> None:
        if self._closing:
            return
        self._closing = True
        self._connection.resume()
        # The peer may have closed already, before the receiver has been notified.
        with contextlib.suppress(simple_websocket.ConnectionClosed):
            self._server.close(code, reason or None)
        self._connection.end_within(CLOSE_TIMEOUT)

    def finish(self, start_response: StartResponse) -> Iterable[bytes]:
        try:
            self._deliver()
            self._connection.closed.wait()
        except Exception:
            # A boundary: a bug of ours met while reading ends this connection only.
            log.exception("a read failed; the connection is closed")
            self._on_end(None)
        finally:
            self._connection.hang_up()
        # For the access log; it is written to a connection that has ended.
        start_response("101 Switching Protocols", [])
        return []

    def _deliver(self) -> None:
        """Hand each message to the receiver until there will be no more.

        Blocks:
            Until then.
        """
        server = self._server
        while True:
            try:
                data = server.receive()
            except simple_websocket.ConnectionClosed:
                break
            self._connection.wait_for_turn()
            if data is not None and not self._closing:
                self._receiver.on_message(data)
        self._on_end(self._violation)

    @property
    def _violation(self) -> str | None:
        """Why the package has closed by itself; None: it has not."""
        server = self._server
        if self._closing or server.ws.state.name != "LOCAL_CLOSING":
            return None
        return server.close_message or _TOO_MUCH

    def _on_end(self, error: str | None) -> None:
        if not self._closing:
            self._closing = True
            if error == _TOO_MUCH:
                size = self._server.incoming_message_len
                tell_too_large(self._repeats, "websocket", size, self._max_payload)
            log.debug("connection ended: %r", error)
            self._receiver.on_closed(error)

    def _on_drained(self) -> None:
        if not self._closing:
            self._receiver.on_drained()

    def _read(self) -> None:
        """Run the package's thread in this greenlet.

        Blocks:
            Until the connection has ended.
        """
        try:
            self._server.thread.run()
        finally:
            patience = CLOSE_TIMEOUT if self._violation is None else LINGER
            self._connection.part(patience)
            self._server.connected = False
            self._server.event.set()
        self._connection.drop_rest()


class _Connection:
    """The server's socket as the package sees it: what is sent is queued.

    It is only ever shut down; closing it is up to the server.
    """

    def __init__(self, sock: Any, reactor: Reactor) -> None:
        self._sock = sock
        self._reactor = reactor
        self._queue: list[bytes] = []
        self._writing = False
        self._blocked = False
        self._broken = False
        #: Nothing is sent behind what waits.
        self._parting = False
        #: The peer sends no more.
        self._heard_all = False
        self._end_timer: Timer | None = None
        #: Bytes that the kernel has not taken.
        self.pending_size = 0
        #: Called when the kernel has taken everything.
        self.on_drained: Callable[[], object] = _nothing
        #: Set when nothing more will be sent or received.
        self.closed = reactor.latch()
        #: Set when messages are wanted again; None: they are wanted now.
        self._pause: Latch[None] | None = None
        with contextlib.suppress(OSError):  # a Unix socket
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @property
    def ready(self) -> bool:
        """Whether the kernel took all it was given, and little waits to be given."""
        return not self._blocked and self.pending_size < READ_SIZE

    def pause(self) -> None:
        """Receive nothing more until ``resume``."""
        if self._pause is None:
            self._pause = self._reactor.latch()

    def resume(self) -> None:
        """Receive again."""
        if self._pause is not None:
            self._pause.set(None)
            self._pause = None

    def wait_for_turn(self) -> None:
        """Wait until messages are wanted. Blocks."""
        while self._pause is not None:
            self._pause.wait()

    def recv(self, size: int) -> bytes:
        """Receive for the package.

        Blocks:
            Until there is something, and it is wanted; others get their turn first.
        """
        sleep()
        self.wait_for_turn()
        return self._sock.recv(size)  # type: ignore[no-any-return]

    def send(self, data: bytes) -> int:
        """Put ``data`` behind what waits; never blocks."""
        if not self._broken and not self._parting:
            self._queue.append(data)
            self.pending_size += len(data)
            if not self._writing:
                self._writing = True
                self._reactor.workers.run(self._write)
        return len(data)

    def replace(self, data: bytes) -> None:
        """Send ``data`` in the place of all that waits."""
        self._queue.clear()
        self.pending_size = 0
        self.send(data)

    def close(self) -> None:
        """The package is done with it; ``part`` and ``drop_rest`` follow."""

    def part(self, patience: float) -> None:
        """Tell the peer that this is the end, when everything has been sent.

        Args:
            patience: Seconds in which the peer must have taken it.
        """
        self._parting = True
        self.end_within(patience)
        if not self._writing:
            self._say_no_more()

    def _say_no_more(self) -> None:
        if self._heard_all or self._broken:
            self.hang_up()
            return
        self.end_within(LINGER)
        with contextlib.suppress(OSError):
            # Beneath TLS, whose goodbye may block.
            self._sock._sock.shutdown(socket.SHUT_WR)

    def drop_rest(self) -> None:
        """Receive what the peer still sends, and hang up at its end.

        Blocks:
            Until then.
        """
        left = MOST_DROPPED
        try:
            while left > 0 and (count := self._sock.recv_into(_NOWHERE)):
                left -= max(count, LEAST_COUNTED)
        except OSError:
            left = 0
        self._heard_all = True
        if left <= 0 or not self._writing:
            self.hang_up()

    def end_within(self, seconds: float) -> None:
        """Hang up after ``seconds``, unless the connection has ended by then."""
        if self.closed.ready:
            return
        if self._end_timer is not None:
            self._end_timer.cancel()
        self._end_timer = self._reactor.clock.call_later(seconds, self.hang_up)

    def hang_up(self) -> None:
        """End the connection at once; readers and writers see the end of it."""
        if self.closed.ready:
            return
        self._broken = True
        self._drop()
        if self._end_timer is not None:
            self._end_timer.cancel()
            self._end_timer = None
        with contextlib.suppress(OSError):
            # Beneath TLS, whose goodbye may block.
            self._sock._sock.shutdown(socket.SHUT_RDWR)
        self.closed.set(None)

    def _write(self) -> None:
        """Send what waits; runs in a worker.

        Blocks:
            As long as the kernel does not take it.
        """
        self._blocked = True  # for those who run while we wait for the kernel
        try:
            while self._queue:
                data = memoryview(b"".join(self._queue))
                self._queue.clear()
                while data and not self._broken:
                    sent = self._sock.send(data)
                    data = data[sent:]
                    self.pending_size -= sent
        except OSError as exc:
            # The reader sees the same end, after whatever the peer sent before it.
            log.debug("write failed: %s", exc)
            self._broken = True
        self._writing = self._blocked = False
        if self._broken:
            self._drop()
        if self._parting:
            self._say_no_more()
        elif not self._broken:
            self.on_drained()

    def _drop(self) -> None:
        self._queue.clear()
        self.pending_size = 0


#: Node's text for a message that is too large; the package gives none.
_TOO_MUCH = "Max payload size exceeded"


class _Thread:
    """Replaces the thread that the package starts; runs when we are ready for it."""

    name = ""

    def __init__(self, target: Callable[[], None]) -> None:
        self.run = target

    def start(self) -> None:
        """Nothing yet: there is no receiver."""


def _nothing() -> None:
    """Nobody wants to know."""
