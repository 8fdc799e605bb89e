"""TransportContract: what every transport must do for the session that it carries.

A subclass provides ``link``: a session on its transport, and the peer at the other end.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from sockio.engine.http.request import Request
from sockio.engine.intake import Tally
from sockio.engine.options import EngineOptions
from sockio.engine.session import EngineSession
from sockio.engine.transports.transport import Transport
from sockio.runtime.reactor import Reactor
from sockio.testing import FakeClock
from tests.support.fake_transport import FakeTransport

MAX_PAYLOAD = 1 << 20


class Link:
    """A session, and its peer; a subclass makes the transport between them."""

    #: The last packet that the peer gets at an orderly end; None: it gets none.
    farewell: str | None = None

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.tally = Tally()
        self.reactor = Reactor(self.clock)
        self.reactor.start()
        self.options = EngineOptions(max_http_buffer_size=MAX_PAYLOAD)
        self._messages: list[str | bytes] = []
        self._closes: list[tuple[str, object]] = []
        self.transport = self.make_transport()
        self.session: EngineSession
        #: The packets that the peer has got and the test has not taken.
        self.arrived: list[str | bytes] = []

    def open(self, transport: Transport | None = None) -> None:
        """Open a session on the transport, or on another one."""
        self.session = EngineSession(
            "sid",
            Request({"REQUEST_METHOD": "GET"}),
            transport or self.transport,
            self.options,
            self.reactor,
            self,
        )
        self.session.consumer = self
        self.session.open()

    # what a subclass provides

    def make_transport(self) -> Any:
        """Return the transport, connected to the peer."""
        raise NotImplementedError

    def start(self) -> None:
        """The sink is in place: packets may arrive."""

    def send(self, *packets: str | bytes) -> None:
        """Let the peer send packets, all at once."""
        raise NotImplementedError

    def leave(self) -> None:
        """Let the peer vanish without a word."""
        raise NotImplementedError

    def look(self) -> None:
        """Move to ``arrived`` what the peer can get by now."""
        raise NotImplementedError

    @property
    def ended(self) -> bool:
        """Whether the peer sees that this is the end."""
        raise NotImplementedError

    def stop(self) -> None:
        """Release what the link is made of."""

    # what tests ask

    def receive(self) -> list[str | bytes]:
        """Return the packets that the peer has got since the last time."""
        self.clock.settle()
        self.look()
        arrived, self.arrived = self.arrived, []
        return arrived

    @property
    def messages(self) -> list[str | bytes]:
        self.clock.settle()
        return self._messages

    @property
    def closes(self) -> list[tuple[str, object]]:
        self.clock.settle()
        return self._closes

    def close(self) -> None:
        """Release everything; no timer may be armed after that."""
        self.stop()
        self.clock.settle()
        assert not self.clock.armed
        assert len(self._closes) <= 1

    # what a consumer and a keeper must have

    def on_message(self, data: str | bytes) -> None:
        self._messages.append(data)

    def on_close(self, reason: str, description: object) -> None:
        self._closes.append((reason, description))

    def on_session_closed(self, session: object) -> None: ...
    def fire(self, event: str, *args: object) -> None: ...


@pytest.fixture
def opened(link: Link) -> Link:
    """Give a link whose session is open; the open packet was read."""
    link.open()
    link.start()
    (packet,) = link.receive()
    assert str(packet).startswith("0{")
    return link


class TransportContract:
    """Any transport must pass this. Subclasses provide a ``link``."""

    def test_the_first_packet_opens_the_session(self, link: Link) -> None:
        link.open()
        link.start()

        (packet,) = link.receive()

        fields = json.loads(str(packet).removeprefix("0"))
        assert fields["sid"] == "sid"
        assert fields["maxPayload"] == MAX_PAYLOAD

    # -------------------------------------------------------------- messages

    @pytest.mark.parametrize(
        ("data", "packet"),
        [("a", "4a"), ("", "4"), ("€ 😀", "4€ 😀"), (b"\0\1", b"\0\1")],
    )
    def test_a_message_leaves(
        self, opened: Link, data: str | bytes, packet: str | bytes
    ) -> None:
        opened.session.send(data)

        assert opened.receive() == [packet]

    @pytest.mark.parametrize(
        ("packet", "data"),
        [("4a", "a"), ("4", ""), ("4€ 😀", "€ 😀"), (b"\0\1", b"\0\1")],
    )
    def test_a_message_arrives(
        self, opened: Link, packet: str | bytes, data: str | bytes
    ) -> None:
        opened.send(packet)

        assert opened.messages == [data]

    def test_messages_leave_in_order(self, opened: Link) -> None:
        received: list[str | bytes] = []

        for number in range(100):
            opened.session.send(str(number))
            if number % 7 == 0:
                received += opened.receive()

        assert received + opened.receive() == [f"4{n}" for n in range(100)]

    def test_messages_arrive_in_order(self, opened: Link) -> None:
        opened.send("4a", b"b", "4c")
        opened.send("4d")

        assert opened.messages == ["a", b"b", "c", "d"]

    def test_a_large_message_goes_both_ways(self, opened: Link) -> None:
        large = "x" * (MAX_PAYLOAD // 2)

        opened.session.send(large)
        opened.send("4" + large)

        assert opened.receive() == ["4" + large]
        assert opened.messages == [large]

    def test_packets_of_one_emit_stay_together(self, opened: Link) -> None:
        opened.session.send('51-["e",{"_placeholder":true,"num":0}]').send(b"\1")

        assert opened.receive() == ['451-["e",{"_placeholder":true,"num":0}]', b"\1"]

    # -------------------------------------------------------------- what it says

    def test_nothing_waits_once_the_peer_has_it(self, opened: Link) -> None:
        opened.session.send("a").send("b")
        opened.receive()

        assert opened.session.write_buffer == []
        assert opened.session.buffered_amount == 0

    def test_a_packet_is_followed_by_a_pause_in_being_writable(
        self, opened: Link
    ) -> None:
        opened.receive()  # a polling transport needs a peer that waits
        assert opened.transport.writable

        opened.session.send("a")
        assert not opened.transport.writable

        opened.receive()
        opened.receive()
        assert opened.transport.writable

    def test_callbacks_run_when_the_peer_has_it(self, opened: Link) -> None:
        done: list[str] = []

        opened.session.send("a", callback=lambda: done.append("a"))
        opened.session.send("b", callback=lambda: done.append("b"))
        opened.receive()
        opened.clock.settle()

        assert done == ["a", "b"]

    # -------------------------------------------------------------- heartbeat

    def test_pings_leave_and_pongs_arrive(self, opened: Link) -> None:
        for _ in range(3):
            opened.clock.advance(25)
            assert opened.receive() == ["2"]
            opened.send("3")

        assert opened.closes == []

    def test_a_silent_peer_is_given_up(self, opened: Link) -> None:
        opened.clock.advance(45)

        assert opened.closes == [("ping timeout", None)]
        opened.receive()
        assert opened.ended

    # -------------------------------------------------------------- the peer ends it

    def test_a_packet_that_is_none_ends_the_session(self, opened: Link) -> None:
        opened.send("4good", "x", "4late")

        assert opened.messages == ["good"]
        ((reason, description),) = opened.closes
        assert reason == "parse error"
        assert description

    def test_a_ping_of_the_peer_is_answered(self, opened: Link) -> None:
        opened.send("2", "4next", "2me")

        assert opened.messages == ["next"]
        assert "3me" in opened.receive()
        assert opened.closes == []

    def test_a_peer_that_vanishes_ends_the_session(self, opened: Link) -> None:
        opened.leave()

        ((reason, _),) = opened.closes
        assert reason in ("transport close", "transport error")

    # -------------------------------------------------------------- we end it

    def test_what_was_sent_before_the_close_arrives(self, opened: Link) -> None:
        opened.session.send("a").send("b")

        opened.session.close()

        arrived = opened.receive() + opened.receive()
        assert arrived[:2] == ["4a", "4b"]
        assert opened.closes == [("forced close", None)]
        assert opened.ended

    def test_an_idle_session_is_closed(self, opened: Link) -> None:
        opened.session.close()
        arrived = opened.receive()

        assert opened.closes == [("forced close", None)]
        assert arrived[-1:] == ([] if opened.farewell is None else [opened.farewell])
        assert opened.ended

    def test_a_discarded_session_is_closed_at_once(self, opened: Link) -> None:
        opened.session.close(discard=True)

        assert opened.session.ready_state == "closed"
        assert opened.closes == [("forced close", None)]

    @pytest.mark.parametrize("discard", [False, True])
    def test_nothing_passes_after_the_close(self, opened: Link, discard: bool) -> None:
        opened.session.close(discard)
        opened.receive()

        opened.send("4late")
        opened.session.send("late")

        assert opened.messages == []
        assert "4late" not in opened.receive()
        assert len(opened.closes) == 1

    def test_a_peer_that_vanishes_after_the_close_is_no_news(
        self, opened: Link
    ) -> None:
        opened.session.close(discard=True)

        opened.leave()

        assert opened.closes == [("forced close", None)]


class UpgradeContract:
    """Any transport to which a session may move must pass this as well."""

    @pytest.fixture
    def polling(self, link: Link) -> FakeTransport:
        """Give the polling transport of a session that tries to move to ``link``'s."""
        polling = FakeTransport("polling", ("websocket",))
        link.open(polling)
        polling.take()
        assert link.session.try_upgrade(link.transport)
        link.start()
        return polling

    def test_a_session_moves_to_it(self, link: Link, polling: FakeTransport) -> None:
        link.session.send("waits")
        link.send("2probe")
        assert link.receive() == ["3probe"]

        link.send("5", "4hello")

        assert link.messages == ["hello"]
        assert link.receive() == ["4waits"]
        assert link.session.transport is link.transport
        assert polling.closed == "discarded"

    @pytest.mark.parametrize("packet", ["4too early", "x", "2", "1"])
    def test_a_failed_trial_ends_it_and_nothing_else(
        self, link: Link, polling: FakeTransport, packet: str
    ) -> None:
        link.send(packet, "5")

        assert link.closes == []
        assert link.messages == []
        link.receive()
        assert link.ended
        assert link.session.transport is polling

    def test_a_trial_that_lasts_too_long_ends_it(
        self, link: Link, polling: FakeTransport
    ) -> None:
        link.send("2probe")

        link.clock.advance(10)

        assert link.receive() == ["3probe"]
        assert link.ended
        assert link.session.transport is polling

    def test_a_session_that_ends_ends_it(
        self, link: Link, polling: FakeTransport
    ) -> None:
        link.send("2probe")

        polling.lose()

        assert link.receive() == ["3probe"]
        assert link.ended

    def test_a_peer_that_vanishes_leaves_the_session_alone(
        self, link: Link, polling: FakeTransport
    ) -> None:
        link.send("2probe")

        link.leave()

        assert link.closes == []
        assert not link.session.upgrading
