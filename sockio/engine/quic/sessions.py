"""HTTP/3 CONNECT -> WebTransport session -> byte stream.

A client opens a session by an extended CONNECT, then one bidirectional stream in it,
which is all that Engine.IO needs: other streams are refused, datagrams ignored. The
session ends with the stream of its CONNECT.

Spec: draft-ietf-webtrans-http3-02, which browsers and aioquic speak; RFC 9220.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from aioquic.buffer import encode_uint_var
from aioquic.h3.events import (
    DataReceived,
    H3Event,
    HeadersReceived,
    WebTransportStreamDataReceived,
)

from sockio.runtime import logs
from sockio.runtime.clock import Clock, Timer
from sockio.types import Environ

from .environ import Header, environ_of

log = logs.get("engine.webtransport")

#: Sessions that one QUIC connection may hold at a time; browsers open one.
MAX_SESSIONS = 16
#: Bytes that a client may send on its stream before it is let in.
MAX_EARLY = 65536
#: Bytes that a QUIC stream takes before what follows has to wait in the outbox.
HIGH_WATER = 65536
#: Seconds that the peer gets to take the last bytes before its session closes.
LINGER = 3.0

#: WEBTRANSPORT_BUFFERED_STREAM_REJECTED: a stream of no session, or one too many.
STREAM_REJECTED = 0x3994BD84
#: CLOSE_WEBTRANSPORT_SESSION, code 0, no reason.
_CLOSE_CAPSULE = encode_uint_var(0x2843) + encode_uint_var(4) + bytes(4)
#: How the answer says which draft it speaks.
_DRAFT = (b"sec-webtransport-http3-draft", b"draft02")

#: Headers that an HTTP/3 answer, or that of an open tunnel, cannot have.
_NOT_IN_HTTP3 = frozenset(
    ("connection", "content-length", "keep-alive", "transfer-encoding", "upgrade")
)


class Channel(Protocol):
    """What a session needs of its QUIC connection; nothing here blocks."""

    @property
    def clock(self) -> Clock: ...
    @property
    def turn(self) -> int:
        """A number that changes with each pass of the loop."""

    def respond(self, stream_id: int, headers: list[Header], *, last: bool) -> None: ...
    def respond_data(self, stream_id: int, data: bytes, *, last: bool) -> None: ...
    def write(self, stream_id: int, data: bytes, *, last: bool = False) -> None: ...
    def refuse(self, stream_id: int, code: int) -> None:
        """End both halves of a stream; what was not sent is lost."""

    def hold(self, stream_id: int) -> None:
        """Let the peer send no more on a stream than its window already allows."""

    def release(self, stream_id: int) -> None:
        """Let the peer send on a stream again; ``flush`` notifies it."""

    def sent(self, stream_id: int) -> int | None:
        """Bytes of the stream that have left at least once; None: it has ended."""

    def acknowledged(self, stream_id: int) -> bool:
        """Whether the peer has everything, up to the end of the stream."""

    def flush(self) -> None:
        """Send what was written: at once, or when the connection's greenlet runs."""

    def peer_address(self) -> tuple[str, int]: ...


class Receiver(Protocol):
    """What a session needs from the reader of its bytes."""

    def received(self, data: bytes) -> None: ...
    def drained(self) -> None:
        """Everything written has left, including what had to wait."""

    def ended(self) -> None:
        """The peer closed the session, or the connection is gone."""


class Session:
    """One WebTransport session, seen as the byte stream inside it."""

    def __init__(self, channel: Channel, session_id: int, environ: Environ) -> None:
        #: The CONNECT request, as a WSGI server would describe it.
        self.environ = environ
        #: The CONNECT stream, which names the session.
        self.session_id = session_id
        #: The client's bidirectional stream, when it has opened one.
        self.stream_id: int | None = None
        #: Nothing goes in or out any more.
        self.closed = False
        #: Nothing more is written; what was written is on its way.
        self.finished = False
        #: The connection takes no more at present; ``Receiver.drained`` tells when.
        self.blocked = False
        self._channel = channel
        self._accepted = False
        self._receiver: Receiver | None = None
        self._early = bytearray()
        self._written = 0
        self._sent_in = -1
        self._linger: Timer | None = None
        #: The receiver waits for the peer's answer before it closes.
        self._awaited = False

    # ------------------------------------------------------------------ for the engine

    def answer(self, status: int, headers: Sequence[tuple[str, str]] = ()) -> None:
        """Answer the CONNECT: the session is open if ``status`` is 200, else over."""
        if self.closed or self._accepted:
            return
        lines = [(b":status", b"%d" % status)]
        lines += [
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in headers
            if name.lower() not in _NOT_IN_HTTP3
        ]
        if status == 200:
            self._accepted = True
            self._channel.respond(self.session_id, [*lines, _DRAFT], last=False)
            self._channel.flush()
            self._deliver_early()
        else:
            self._channel.respond(self.session_id, lines, last=True)
            self.lost()
            self._channel.flush()

    def start(self, receiver: Receiver) -> None:
        """Give ``receiver`` what has come and what will, once it is answered."""
        self._receiver = receiver
        self._deliver_early()

    @property
    def writable(self) -> bool:
        """Whether nothing was written in this pass of the loop and nothing waits."""
        return self.ready and self._sent_in != self._channel.turn

    @property
    def ready(self) -> bool:
        """Whether what is written now need not wait for the peer."""
        return not self.blocked and self.stream_id is not None

    @property
    def pending_size(self) -> int:
        """Bytes that were written and have not left."""
        if self.stream_id is None or self.closed:
            return 0
        sent = self._channel.sent(self.stream_id)
        return self._written - sent if sent is not None else 0

    def write(self, data: bytes) -> None:
        """Send ``data`` behind what was written before; never blocks, never raises."""
        if self.closed or self.finished or self.stream_id is None:
            return
        self._written += len(data)
        self._sent_in = self._channel.turn
        self._channel.write(self.stream_id, data)
        self._channel.flush()
        if self.pending_size > HIGH_WATER:
            self.blocked = True

    def pause(self) -> None:
        """Let the client send no more than its window already allows."""
        if self.stream_id is not None and not self.closed:
            self._channel.hold(self.stream_id)

    def resume(self) -> None:
        """Let the client send again."""
        if self.stream_id is not None:
            self._channel.release(self.stream_id)
            self._channel.flush()

    def finish(self) -> None:
        """Write nothing more; the receiver closes the session, or a timer does."""
        if self.stream_id is None:
            self.close()
        elif not self.closed and not self.finished:
            self._awaited = True
            self._finish()

    def close(self, *, discard: bool = False) -> None:
        """End the session when the peer has everything; with ``discard`` at once."""
        if self.closed:
            return
        self._receiver = None
        self._early.clear()
        if discard or self.stream_id is None:
            self._end()
        elif not self.finished:
            self._finish()

    # ------------------------------------------------------------------ from below

    def received(self, stream_id: int, data: bytes, *, last: bool) -> None:
        """Bytes of a bidirectional stream of this session arrived."""
        if self.stream_id is None and not self.closed:
            self.stream_id = stream_id
        if self.closed or stream_id != self.stream_id:
            self._channel.refuse(stream_id, STREAM_REJECTED)
            return
        if self._receiver is not None and self._accepted:
            if data:
                self._receiver.received(data)
        elif not self.finished:
            self._early += data
            if len(self._early) > MAX_EARLY:
                log.debug("more than %d bytes before the answer", MAX_EARLY)
                self.gone()
                return
        if last:
            self.gone()

    def looked_after(self) -> None:
        """Update the session, after the connection has sent what it could."""
        if self.closed or self.stream_id is None:
            return
        if self.finished:
            if not self._awaited and self._channel.acknowledged(self.stream_id):
                self._end()
        elif self.pending_size:
            self.blocked = True
        elif self.blocked:
            self.blocked = False
            if self._receiver is not None:
                self._receiver.drained()

    def gone(self) -> None:
        """End the session: the peer has ended it or its stream, or takes too long."""
        if not self.closed:
            receiver = self._receiver
            self._end()
            if receiver is not None:
                receiver.ended()

    def lost(self) -> None:
        """Nothing can be sent any more."""
        if not self.closed:
            receiver = self._receiver
            self._forget()
            if receiver is not None:
                receiver.ended()

    # ------------------------------------------------------------------ the end

    def _finish(self) -> None:
        assert self.stream_id is not None
        self.finished = True
        self._channel.write(self.stream_id, b"", last=True)
        self._linger = self._channel.clock.call_later(LINGER, self.gone)
        self._channel.flush()

    def _end(self) -> None:
        stream_id = self.stream_id
        self._forget()
        if stream_id is not None:
            self._channel.refuse(stream_id, 0)
        if self._accepted:
            self._channel.respond_data(self.session_id, _CLOSE_CAPSULE, last=True)
        else:
            self._channel.respond(self.session_id, [(b":status", b"503")], last=True)
        self._channel.flush()

    def _forget(self) -> None:
        self.closed = True
        self._receiver = None
        self._early.clear()
        if self.stream_id is not None:
            self._channel.release(self.stream_id)
        if self._linger is not None:
            self._linger.cancel()
            self._linger = None

    def _deliver_early(self) -> None:
        if self._accepted and self._receiver is not None and self._early:
            early = bytes(self._early)
            self._early.clear()
            self._receiver.received(early)


class Sessions:
    """The sessions of one QUIC connection."""

    def __init__(
        self, channel: Channel, on_session: Callable[[Session], object]
    ) -> None:
        self._channel = channel
        self._on_session = on_session
        #: Open sessions by the stream of their CONNECT.
        self.open: dict[int, Session] = {}

    def on_event(self, event: H3Event) -> None:
        """Handle an event of HTTP/3."""
        if isinstance(event, WebTransportStreamDataReceived):
            session = self.open.get(event.session_id)
            if session is None or event.stream_id & 2:  # of no session; one-way
                self._channel.refuse(event.stream_id, STREAM_REJECTED)
            else:
                session.received(event.stream_id, event.data, last=event.stream_ended)
        elif isinstance(event, HeadersReceived):
            self._on_request(event)
        elif isinstance(event, DataReceived) and event.stream_ended:
            self.on_stream_ended(event.stream_id)
        self._sweep()

    def on_stream_ended(self, stream_id: int) -> None:
        """A stream was reset, or its reader has gone; or a CONNECT stream ended."""
        for session in list(self.open.values()):
            if stream_id in (session.session_id, session.stream_id):
                session.gone()
        self._sweep()

    def look_after(self) -> None:
        """Update all sessions, after the connection has sent what it could."""
        for session in list(self.open.values()):
            session.looked_after()
        self._sweep()

    def end(self) -> None:
        """End all sessions that are not ending already: the connection closes soon."""
        for session in list(self.open.values()):
            if not session.finished:
                session.gone()
        self._sweep()

    def lose(self) -> None:
        """The connection is gone."""
        sessions, self.open = self.open, {}
        for session in sessions.values():
            session.lost()

    def _sweep(self) -> None:
        for session_id, session in list(self.open.items()):
            if session.closed:
                del self.open[session_id]

    def _on_request(self, event: HeadersReceived) -> None:
        stream_id = event.stream_id
        if stream_id in self.open:  # trailers, which we ignore
            return
        fields = dict(event.headers)
        wanted = (
            fields.get(b":method") == b"CONNECT"
            and fields.get(b":protocol") == b"webtransport"
            and not event.stream_ended
        )
        if not wanted or len(self.open) >= MAX_SESSIONS:
            status = b"429" if wanted else b"404"
            self._channel.respond(stream_id, [(b":status", status)], last=True)
            return
        environ = environ_of(event.headers, self._channel.peer_address())
        session = Session(self._channel, stream_id, environ)
        self.open[stream_id] = session
        self._on_session(session)
