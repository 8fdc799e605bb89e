from __future__ import annotations

import io
from typing import Any

import gevent
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from sockio.engine.http.request import Request
from sockio.engine.http.response import Response
from sockio.engine.intake import Tally
from sockio.engine.options import EngineOptions
from sockio.engine.session import EngineSession
from sockio.engine.transports.polling import HungUp, PollingTransport
from sockio.protocol.engineio.packet import PacketType
from sockio.runtime.reactor import Reactor
from sockio.testing import FakeClock
from tests.support.fake_transport import FakeTransport

REASONS = {
    "transport close",
    "transport error",
    "ping timeout",
    "parse error",
    "forced close",
}


class Poll:
    """A GET in a greenlet of its own, as a WSGI server would have it."""

    def __init__(self, transport: PollingTransport) -> None:
        self.response = Response()
        self._transport = transport
        self.greenlet = gevent.spawn(self._run)

    def _run(self) -> None:
        try:
            self._transport.handle(Request({"REQUEST_METHOD": "GET"}), self.response)
        except HungUp:
            self.response.end(400, b"")


class SessionMachine(RuleBasedStateMachine):
    """A session, its polls and posts, and WebSockets that come to replace them.

    Whatever happens, there is one close with one reason, after which no timer is armed
    and nobody waits. The client gets what was sent, in order, from the start.
    """

    def __init__(self) -> None:
        super().__init__()
        self.clock = FakeClock()
        self.tally = Tally()
        self.closes: list[str] = []
        self.forgotten = 0
        self.sent: list[str] = []
        self.polls: list[Poll] = []
        self.websockets: list[FakeTransport] = []

    # what a consumer and a keeper must have

    def on_message(self, data: str | bytes) -> None:
        assert self.session.ready_state == "open"

    def on_close(self, reason: str, description: object) -> None:
        self.closes.append(reason)

    def on_session_closed(self, session: Any) -> None:
        self.forgotten += 1

    def fire(self, event: str, *args: Any) -> None: ...

    # ------------------------------------------------------------------ rules

    @initialize()
    def open(self) -> None:
        reactor = Reactor(self.clock)
        reactor.start()
        options = EngineOptions()
        self.polling = PollingTransport(options, reactor)
        self.session = EngineSession(
            "sid",
            Request({"REQUEST_METHOD": "GET"}),
            self.polling,
            options,
            reactor,
            self,
        )
        self.session.consumer = self
        self.session.open()

    @rule()
    def poll(self) -> None:
        self.polls.append(Poll(self.polling))
        self.clock.settle()

    @rule(body=st.sampled_from(["4a", "3", "4a\x1e4b\x1e3", "2", "1", "6", "x", ""]))
    def post(self, body: str) -> None:
        environ = {
            "REQUEST_METHOD": "POST",
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": io.BytesIO(body.encode()),
        }
        response = Response()
        self.polling.handle(Request(environ), response)
        assert response.ended
        self.clock.settle()

    @rule(count=st.integers(1, 3), at_once=st.booleans())
    def send(self, count: int, at_once: bool) -> None:
        """Send; with ``at_once`` the next rule runs before a poll that this wakes."""
        for _ in range(count):
            if self.session.ready_state == "open":
                self.sent.append(f"4{len(self.sent)}")
            self.session.send(self.sent[-1][1:] if self.sent else "nothing")
        if not at_once:
            self.clock.settle()

    @rule()
    def connect_websocket(self) -> None:
        websocket = FakeTransport()
        trial = self.session.try_upgrade(websocket)
        assert (trial is None) == (websocket.closed is not None)
        self.websockets.append(websocket)

    def newest(self) -> FakeTransport | None:
        alive = [w for w in self.websockets if w.closed is None]
        return alive[-1] if alive else None

    @precondition(lambda self: self.newest() is not None)
    @rule(
        packet=st.sampled_from(
            [
                (PacketType.PING, "probe"),
                (PacketType.UPGRADE, None),
                (PacketType.PONG, None),
                (PacketType.PING, None),
            ]
        )
    )
    def websocket_packet(self, packet: tuple[PacketType, str | None]) -> None:
        self.newest().packet(*packet)  # type: ignore[union-attr]
        self.clock.settle()

    @precondition(lambda self: self.newest() is not None)
    @rule()
    def websocket_message(self) -> None:
        self.newest().message("a")  # type: ignore[union-attr]
        self.clock.settle()

    @precondition(lambda self: self.newest() is not None)
    @rule()
    def websocket_breaks(self) -> None:
        self.newest().lose()  # type: ignore[union-attr]
        self.clock.settle()

    @precondition(lambda self: self.newest() is not None)
    @rule()
    def websocket_stops_reading(self) -> None:
        self.newest().block()  # type: ignore[union-attr]

    @precondition(lambda self: self.newest() is not None)
    @rule()
    def websocket_reads_again(self) -> None:
        self.newest().unblock()  # type: ignore[union-attr]
        self.clock.settle()

    @rule(seconds=st.sampled_from([0.1, 9.9, 20.0, 25.0, 30.0]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @rule(discard=st.booleans())
    def close(self, discard: bool) -> None:
        self.session.close(discard)
        assert self.session.ready_state in ("closing", "closed")
        self.clock.settle()

    # ------------------------------------------------------------------ the law

    @invariant()
    def one_close_with_one_reason(self) -> None:
        closed = self.session.ready_state == "closed"
        assert len(self.closes) == self.forgotten == closed
        assert REASONS.issuperset(self.closes)

    @invariant()
    def after_the_close_nothing_is_left(self) -> None:
        if self.session.ready_state != "closed":
            return
        self.clock.settle()
        assert self.clock.armed == 0
        assert all(poll.greenlet.dead for poll in self.polls)
        assert all(websocket.closed for websocket in self.websockets)
        assert not self.session.upgrading
        assert self.session.write_buffer == []

    @invariant()
    def the_client_gets_what_was_sent_in_order(self) -> None:
        polled = [
            packet
            for poll in self.polls
            if poll.greenlet.dead and poll.response.status == 200
            for packet in poll.response.body.decode().split("\x1e")
        ]
        framed = [
            packet
            for websocket in self.websockets
            for payload in websocket.sent
            for packet in payload.split("\x1e")
        ]
        received = [packet for packet in polled + framed if packet.startswith("4")]
        assert received == self.sent[: len(received)]
        if self.session.ready_state == "open":
            waiting = [
                "4" + str(p.data) for p in self.session.write_buffer if p.type == 4
            ]
            assert received + waiting == self.sent

    @invariant()
    def at_most_one_transport_is_on_trial(self) -> None:
        alive = [w for w in self.websockets if w.closed is None]
        assert len(alive) <= 1
        assert bool(alive) == (self.session.upgrading or self.session.upgraded) or (
            self.session.ready_state == "closed"
        )

    def teardown(self) -> None:
        if hasattr(self, "session"):
            self.session.close(discard=True)
            self.clock.settle()
            self.one_close_with_one_reason()
            self.after_the_close_nothing_is_left()


TestSessionMachine = SessionMachine.TestCase
