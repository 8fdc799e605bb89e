"""One greenlet per QUIC connection: events, timer, datagrams.

The hub puts datagrams into an inbox; the connection's greenlet gives them to aioquic,
which is sans-IO, and gives what that makes of them to the sessions. No user code runs
in this greenlet, so a slow handler never keeps the next datagram waiting. The first
write of the sessions in a pass of the loop leaves at once, all later ones together.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable
from typing import Any

from aioquic.h3.connection import H3_ALPN, ErrorCode, H3Connection
from aioquic.quic import events
from aioquic.quic.connection import QuicConnection
from aioquic.quic.packet import QuicErrorCode, QuicFrameType
from gevent import sleep
from gevent.event import Event

from sockio.runtime import logs, tasks
from sockio.runtime.clock import Clock, Timer
from sockio.runtime.reactor import Reactor

from . import streams
from .environ import Header
from .sessions import Session, Sessions

log = logs.get("engine.quic")

#: Datagrams that wait for the greenlet; more than that are dropped, as a network does.
MAX_INBOX = 512
#: Datagrams handled before other greenlets get their turn.
BURST = 32
#: Bytes that may come in the life of a connection without an event of HTTP/3: settings,
#: header tables, the beginnings of frames.
MAX_OVERHEAD = 256 << 10

#: Seconds that the peer gets to acknowledge that its sessions have ended.
FAREWELL = 1.0

#: One half of a stream has ended.
_CUT = (events.StreamReset, events.StopSendingReceived)


class _FedUp(Exception):
    """aioquic failed on what came from outside."""


class Peer:
    """One QUIC connection and the sessions in it."""

    def __init__(
        self,
        quic: streams.Connection,
        reactor: Reactor,
        *,
        send: Callable[[bytes, Any], object],
        on_session: Callable[[Session], object],
        on_id: Callable[[Peer, bytes, bool], object],
        on_end: Callable[[Peer], object],
        idle_timeout: float,
    ) -> None:
        """Start the connection's greenlet.

        Args:
            quic: The connection, not used so far.
            reactor: Clock and loop of the server.
            send: Sends one datagram to an address.
            on_session: Called with each session that a client asks for.
            on_id: Called with a connection id, and whether it leads here from now on.
            on_end: Called when the connection is over.
            idle_timeout: Seconds that a connection may live without a session.
        """
        #: Whether the TLS handshake is done, which proves the peer's address.
        self.established = False
        #: The connection ids that lead here.
        self.ids: set[bytes] = set()
        self._quic = quic
        self._h3: H3Connection | None = None
        self._reactor = reactor
        self._send = send
        self._on_id = on_id
        self._on_end = on_end
        self._idle_timeout = idle_timeout
        self._sessions = Sessions(self, on_session)
        self._inbox: deque[tuple[bytes, Any]] = deque()
        self._address: tuple[str, int] = ("", 0)
        self._refused: set[int] = set()
        self._overhead = 0
        self._over = False
        self._leaving = False
        self._farewell: Timer | None = None
        #: The greenlet is at work and will send what is written.
        self._working = False
        self._flushed_in = -1
        self._due = False
        self._timer: Timer | None = None
        self._timer_at: float | None = None
        self._idle_timer: Timer | None = None
        self._wakeup = Event()
        self._wait_for_session()
        self._task = tasks.spawn(self._run, name="quic connection")

    # ------------------------------------------------------------------ from the hub

    def receive(self, data: bytes, address: Any) -> None:
        """Take one datagram; called in the hub."""
        if len(self._inbox) < MAX_INBOX:
            self._inbox.append((data, address))
            self._wakeup.set()

    def leave(self) -> None:
        """Close the connection when the peer knows that its sessions have ended.

        The end of a session may have to wait to be sent, or get lost. If the connection
        closed before it arrived, the peer would think that it broke.
        """
        if not self._over and not self._leaving:
            self._leaving = True
            self._guarded(self._sessions.end)
            self._farewell = self.clock.call_later(FAREWELL, self.end)
            self._guarded(self._transmit)
            self._leave_if_settled()

    def _leave_if_settled(self) -> None:
        if self._leaving and streams.settled(self._quic):
            self.end()

    def end(self) -> None:
        """Close the connection and forget it at once."""
        if not self._over:
            self._guarded(self._say_goodbye)
            self._finish()

    def _say_goodbye(self) -> None:
        _close_in_order(self._quic)
        self._transmit()

    # ------------------------------------------------------------------ the greenlet

    def _run(self) -> None:
        while True:
            self._wakeup.wait()
            self._wakeup.clear()
            if self._over:
                return
            self._working = True
            try:
                self._guarded(self._work)
            finally:
                self._working = False
            if self._inbox:
                self._wakeup.set()
                sleep(0)

    def _work(self) -> None:
        quic = self._quic
        for _ in range(min(len(self._inbox), BURST)):
            if self._over:
                return
            data, address = self._inbox.popleft()
            self._fed(quic.receive_datagram, data, address, self.clock.now())
            self._address = address[:2]
            self._handle_events()
        if self._due:
            self._due = False
            # The clock may be a hair behind the timer.
            quic.handle_timer(now=max(self.clock.now(), self._timer_at or 0.0))
            self._handle_events()
        self._check_limits()
        self._transmit()
        self._sessions.look_after()
        self._transmit()
        self._wait_for_session()
        self._leave_if_settled()

    def _guarded(self, work: Callable[[], object]) -> None:
        try:
            work()
        except _FedUp:
            self._fail()
        except Exception:
            # A boundary: a bug met while reading ends this connection and nothing else.
            log.exception("a QUIC connection failed; it is closed")
            self._fail()

    def _fed(self, take: Callable[..., Any], *args: Any) -> Any:
        """Give aioquic what came from outside."""
        try:
            return take(*args)
        except Exception as exc:
            # A boundary: what the network brings is the peer's doing, not a bug of
            # ours, whatever aioquic raises.
            log.debug("aioquic could not take what came: %r", exc)
            raise _FedUp from exc

    def _fail(self) -> None:
        with contextlib.suppress(Exception):  # it failed already
            self._quic.close(error_code=ErrorCode.H3_INTERNAL_ERROR)
            self._transmit()
        self._finish()

    def _handle_events(self) -> None:
        while not self._over and (event := self._quic.next_event()) is not None:
            self._handle(event)

    def _handle(self, event: events.QuicEvent) -> None:
        if isinstance(event, events.StreamDataReceived):
            self._on_stream_data(event)
        elif isinstance(event, _CUT):
            self._to_h3(event)
            self._sessions.on_stream_ended(event.stream_id)
        elif isinstance(event, events.ConnectionIdIssued):
            self._on_id(self, event.connection_id, True)
        elif isinstance(event, events.ConnectionIdRetired):
            self._on_id(self, event.connection_id, False)
        elif isinstance(event, events.ProtocolNegotiated):
            if event.alpn_protocol in H3_ALPN:
                self._h3 = H3Connection(self._quic, enable_webtransport=True)
        elif isinstance(event, events.HandshakeCompleted):
            self.established = True
        elif isinstance(event, events.ConnectionTerminated):
            log.debug("ended with code 0x%x: %r", event.error_code, event.reason_phrase)
            self._finish()

    def _on_stream_data(self, event: events.StreamDataReceived) -> None:
        if not self._to_h3(event):
            self._overhead += len(event.data)

    def _to_h3(self, event: events.QuicEvent) -> bool:
        """Let HTTP/3 handle an event; return whether it made something of it."""
        if self._h3 is None:
            return False
        found = self._fed(self._h3.handle_event, event)
        for item in found:
            self._sessions.on_event(item)
        return bool(found)

    def _check_limits(self) -> None:
        if self._overhead > MAX_OVERHEAD or streams.too_much(self._quic):
            log.debug("closed: the peer makes us keep too much")
            self._quic.close(error_code=ErrorCode.H3_EXCESSIVE_LOAD)

    # ------------------------------------------------------------------ out

    def flush(self) -> None:
        """Send what was written: now, or with what else is written in this pass."""
        if self._working or self._over:
            return
        turn = self.turn
        if self._flushed_in == turn:
            self._wakeup.set()
        else:
            self._flushed_in = turn
            self._guarded(self._transmit)

    def _transmit(self) -> None:
        if self._over:
            return
        for data, address in self._quic.datagrams_to_send(now=self.clock.now()):
            self._send(data, address)
        timer_at = self._quic.get_timer()
        if timer_at != self._timer_at or self._timer is None:
            self._stop_timer()
            self._timer_at = timer_at
            if timer_at is not None:
                self._timer = self.clock.call_later(
                    timer_at - self.clock.now(), self._on_timer
                )

    def _on_timer(self) -> None:
        if streams.ends(self._quic, max(self.clock.now(), self._timer_at or 0.0)):
            # Perhaps the peer was not silent: first read all that has arrived.
            self._timer = self._reactor.in_lull(self._on_due)
        else:
            self._on_due()

    def _on_due(self) -> None:
        self._timer = None
        self._due = True
        self._wakeup.set()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    # ------------------------------------------------------------------ its end

    def _wait_for_session(self) -> None:
        """Limit the time of a connection that has no session."""
        if self._sessions.open or self._over:
            if self._idle_timer is not None:
                self._idle_timer.cancel()
                self._idle_timer = None
        elif self._idle_timer is None:
            self._idle_timer = self._reactor.deadline(self._idle_timeout, self._on_idle)

    def _on_idle(self) -> None:
        self._idle_timer = None
        log.debug("closed: no session")
        _close_in_order(self._quic)
        self._wakeup.set()

    def _finish(self) -> None:
        if self._over:
            return
        self._over = True
        self._stop_timer()
        if self._farewell is not None:
            self._farewell.cancel()
            self._farewell = None
        self._inbox.clear()
        self._sessions.lose()
        self._wait_for_session()
        self._on_end(self)
        self._wakeup.set()

    # ------------------------------------------------------------------ for sessions

    @property
    def clock(self) -> Clock:
        return self._reactor.clock

    @property
    def turn(self) -> int:
        return self._reactor.batch.turn()

    def peer_address(self) -> tuple[str, int]:
        return self._address

    def respond(self, stream_id: int, headers: list[Header], *, last: bool) -> None:
        """Send the answer to a request."""
        if self._h3 is not None and self._sendable(stream_id):
            self._h3.send_headers(stream_id, headers, end_stream=last)

    def respond_data(self, stream_id: int, data: bytes, *, last: bool) -> None:
        """Send a part of the body of an answer."""
        if self._h3 is not None and self._sendable(stream_id):
            self._h3.send_data(stream_id, data, end_stream=last)

    def write(self, stream_id: int, data: bytes, *, last: bool = False) -> None:
        """Send bytes on a stream, behind those that wait."""
        if self._sendable(stream_id):
            self._quic.send_stream_data(stream_id, data, end_stream=last)

    def refuse(self, stream_id: int, code: int) -> None:
        """End both halves of a stream."""
        stream = streams.of(self._quic).get(stream_id)
        if stream is None or stream_id in self._refused or self._over:
            return
        if len(self._refused) > streams.MAX_STREAMS:
            self._refused &= streams.of(self._quic).keys()
        self._refused.add(stream_id)
        if not stream.sender.is_finished:
            self._quic.reset_stream(stream_id, code)
        if not stream.receiver.is_finished:
            self._quic.stop_stream(stream_id, code)

    def hold(self, stream_id: int) -> None:
        """Let the peer send no more on a stream than its window already allows."""
        self._quic.held.add(stream_id)

    def release(self, stream_id: int) -> None:
        """Let the peer send on a stream again."""
        self._quic.held.discard(stream_id)

    def sent(self, stream_id: int) -> int | None:
        """Bytes that have left at least once; None: the stream has ended."""
        stream = streams.of(self._quic).get(stream_id)
        return stream.sender.highest_offset if stream is not None else None

    def acknowledged(self, stream_id: int) -> bool:
        """Whether the peer has everything, up to the end of the stream."""
        stream = streams.of(self._quic).get(stream_id)
        return stream is None or stream.sender.is_finished

    def _sendable(self, stream_id: int) -> bool:
        """Whether something may still be written to a stream."""
        stream = streams.of(self._quic).get(stream_id)
        return (
            stream is not None
            and not self._over
            and not stream.sender.is_finished
            and stream_id not in self._refused
        )


def _close_in_order(quic: QuicConnection) -> None:
    # NO_ERROR of QUIC, not that of HTTP/3, although both mean the same: only the former
    # is an orderly end for Chromium, which reads this before it has notified the page
    # that the session has ended.
    quic.close(error_code=QuicErrorCode.NO_ERROR, frame_type=QuicFrameType.PADDING)
