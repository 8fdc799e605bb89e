"""BrokerFaults: a broker that is away, slow or restarts; local delivery goes on.

A module that has a subclass has the fixtures ``broker``, which a test may kill,
``shared``, and ``options``, the ways of using it in which some tests are run.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import gevent
import pytest

from sockio.errors import EncodeError
from sockio.testing import FakeClock
from tests.support.broker_pair import BrokerPair
from tests.support.holding_proxy import HoldingProxy
from tests.support.served import Heard, Served
from tests.support.waiting import wait_until

from .conftest import Serve


class Broker(Protocol):
    """A broker of the tests."""

    port: int

    @property
    def url(self) -> str: ...
    def start(self) -> None: ...
    def kill(self) -> None: ...
    def stop(self) -> None: ...
    def go_on(self) -> None: ...
    def close(self) -> None: ...


def clocks() -> tuple[FakeClock, FakeClock]:
    return FakeClock(), FakeClock()


class BrokerFaults:
    """Any bus over a broker must pass this."""

    def url(self, broker: Broker, *options: str) -> str:
        """Return where the bus finds a broker; the empty ones are no options."""
        return f"{broker.url}?{'&'.join(filter(None, options))}"

    def test_a_broker_that_starts_later(self, serve: Serve, broker: Broker) -> None:
        clock = FakeClock()
        broker.kill()
        pair = BrokerPair(serve, self.url(broker), (clock, None), ping_interval=3600)
        for number in range(20):
            pair.local(number)
        assert not pair.stats().connected
        assert pair.stats().messages_waiting == 20
        assert pair.stats().bytes_waiting > 20 * len('42["n",1]')

        wait_until(lambda: not pair.buses[0].connecting)  # the first attempt has failed
        broker.start()
        wait_until(lambda: pair.buses[1].up)
        while not pair.buses[0].up:
            clock.advance(0.5)
            wait_until(lambda: pair.buses[0].up or not pair.buses[0].owed)

        for number in range(20):
            assert pair.there.receive_event() == ["n", number]
        stats = pair.stats()
        assert stats.connected
        assert (stats.gaps, stats.lost, stats.uncertain) == (1, 0, 0)
        assert (stats.messages_waiting, stats.bytes_waiting) == (0, 0)

    def test_questions_to_nobody_end(
        self, serve: Serve, broker: Broker, clock: FakeClock
    ) -> None:
        broker.kill()
        pair = BrokerPair(
            serve, self.url(broker, "requests_timeout=2.5"), (clock, clock)
        )

        partial = gevent.spawn(pair.first.io.fetch_sockets, allow_partial=True)
        clock.settle()
        clock.advance(2.4)
        assert not partial.ready()
        clock.advance(0.1)
        assert partial.get(timeout=30) == [pair.socket]

    def test_a_server_ends_while_the_broker_is_away(
        self, serve: Serve, broker: Broker
    ) -> None:
        broker.kill()
        pair = BrokerPair(serve, self.url(broker))
        pair.local(1)

        pair.first.io.close()

        assert pair.stats().lost >= 2  # that, and the goodbye

    def test_ten_megabytes(self, serve: Serve, shared: Broker) -> None:
        pair = BrokerPair(serve, self.url(shared, "prefix=large"))
        pair.wait_two()

        pair.first.io.emit("n", b"x" * 10_000_000)

        for client in (pair.here, pair.there):
            assert str(client.receive_message()).startswith("451-")
            assert client.receive_message() == b"x" * 10_000_000

    def test_a_message_above_the_limit(self, serve: Serve, shared: Broker) -> None:
        pair = BrokerPair(serve, self.url(shared, "prefix=limit", "max_message=10000"))
        pair.wait_two()

        for emit in (pair.first.io.emit, pair.first.io.server_side_emit):
            with pytest.raises(EncodeError, match="max_message="):
                emit("n", "x" * 10_000)

        # It has reached nobody, here or there.
        pair.local(1)
        assert pair.there.receive_event() == ["n", 1]
        assert pair.stats().lost == pair.stats().messages_waiting == 0


class ForgetfulBrokerFaults(BrokerFaults):
    """A bus over a broker that keeps nothing for a server that is away."""

    @pytest.fixture
    def proxy(self, shared: Broker) -> Iterator[HoldingProxy]:
        """Give a way to the broker of all tests that a test can hold up."""
        proxy = HoldingProxy(shared.port)
        yield proxy
        proxy.close()

    def test_a_broker_that_restarts(
        self,
        serve: Serve,
        broker: Broker,
        caplog: pytest.LogCaptureFixture,
        options: str,
    ) -> None:
        pair = BrokerPair(serve, self.url(broker, options))
        for restarts in range(1, 4):
            pair.wait_two()
            pair.local(-1)
            assert pair.there.receive_event() == ["n", -1]
            # Others may hear it before the broker has answered us.
            wait_until(lambda: all(bus.idle for bus in pair.buses))
            broker.kill()
            pair.wait_down()
            for number in range(20):
                pair.local(number)
            pair.first.io.server_side_emit("x")
            pair.socket.join("room")

            broker.start()
            for number in range(20):
                assert pair.there.receive_event() == ["n", number]
            pair.wait_up()
            assert pair.stats().gaps == restarts
        assert pair.stats().lost == pair.stats().uncertain == 0
        assert [(gap.lost, gap.uncertain) for gap in pair.gaps[0].all] == [(0, 0)] * 3
        # Once when it goes, once when it comes, for each server.
        warnings = [r for r in caplog.records if r.levelname == "WARNING"]
        assert len(warnings) == 2 * 2 * 3

    def test_what_waits_is_bounded(
        self, serve: Serve, broker: Broker, caplog: pytest.LogCaptureFixture
    ) -> None:
        pair = BrokerPair(serve, self.url(broker, "outbox=10000"))
        heard = Heard()
        pair.first.io.on("adapter_gap", heard)
        pair.wait_two()
        broker.kill()
        pair.wait_down()
        for number in range(200):
            pair.local(number)
        broker.start()

        first = pair.there.receive_event()[1]
        assert first > 0
        for number in range(first + 1, 200):
            assert pair.there.receive_event() == ["n", number]
        (gap,) = heard.next()
        assert gap.lost == pair.stats().lost == first
        assert gap.uncertain == 0
        assert gap.seconds is not None
        assert pair.gaps[0].all == [gap]
        assert caplog.text.count("the oldest messages are dropped") == 1
        assert f"{first} were dropped" in caplog.text

    def test_servers_that_do_not_come_back_are_not_waited_for_long(
        self, serve: Serve, broker: Broker
    ) -> None:
        pair = BrokerPair(serve, self.url(broker), clocks(), ping_interval=3600)
        pair.wait_two()
        broker.kill()
        pair.wait_down()
        pair.local(1)
        pair.second.io.close()
        broker.start()
        clock, bus = pair.clocks[0], pair.buses[0]
        assert clock is not None
        while not bus.up:
            clock.advance(0.5)
            wait_until(lambda: bus.up or not bus.owed)
        began = clock.now()

        while not bus.idle:
            wait_until(lambda: bus.idle or not bus.owed)
            clock.advance(0.05)

        assert 5 < clock.now() - began < 7

    def test_a_broker_that_hangs(
        self,
        serve: Serve,
        broker: Broker,
        caplog: pytest.LogCaptureFixture,
        options: str,
    ) -> None:
        url = self.url(broker, options)
        pair = BrokerPair(serve, url, clocks(), ping_interval=3600)
        pair.wait_two()
        pair.pass_time(7)
        pair.wait_two()
        broker.stop()

        pair.local(1)  # written into a connection that still seems to be there
        pair.advance(5)
        pair.advance(5)
        pair.wait_down()
        pair.local(2)
        for _ in range(3):  # the system accepts connections, and nobody answers
            pair.advance_until_connecting()
            pair.local(3)

        broker.go_on()
        pair.wait_up()
        pair.advance_until(lambda: pair.buses[0].idle)
        assert pair.stats().uncertain == 1
        assert pair.gaps[0].all[0].seconds > 0  # type: ignore[operator]
        numbers: list[int] = []
        while numbers.count(3) < 3:
            numbers.append(pair.there.receive_event()[1])
        assert numbers in ([2, 3, 3, 3], [1, 2, 3, 3, 3])
        assert "no answer in 5 s" in caplog.text

    def test_a_black_hole(
        self, serve: Serve, shared: Broker, proxy: HoldingProxy, options: str
    ) -> None:
        direct = self.url(shared, "prefix=hole", options)
        held = direct.replace(str(shared.port), str(proxy.port))
        pair = BrokerPair(serve, (held, direct), clocks(), ping_interval=3600)
        pair.wait_two()
        proxy.allow(0)

        pair.local(1)
        pair.second.io.emit("n", "unheard")
        assert pair.there.receive_event() == ["n", "unheard"]
        clock = pair.clocks[0]
        assert clock is not None
        clock.advance(5)
        clock.advance(5)
        assert not pair.stats().connected
        pair.local(2)
        while not pair.buses[0].connecting:
            clock.advance(0.01)

        proxy.let_go()
        wait_until(lambda: pair.buses[0].up)
        pair.advance_until(lambda: pair.buses[0].idle)
        numbers = [pair.there.receive_event()[1]]
        while numbers[-1] != 2:
            numbers.append(pair.there.receive_event()[1])
        assert numbers in ([2], [1, 2])
        assert pair.stats().uncertain == 1
        assert pair.stats(1).gaps == pair.stats(1).uncertain == 0

    def test_a_question_is_asked_again_when_its_connection_ends(
        self, serve: Serve, shared: Broker, proxy: HoldingProxy, options: str
    ) -> None:
        url = self.url(shared, "prefix=asked", options)
        pair = BrokerPair(serve, url.replace(str(shared.port), str(proxy.port)))
        pair.wait_two()
        proxy.allow(0)

        def ask(server: Served) -> int:
            server.io.emit("n", 1)  # in the same write as the question
            return server.io.sockets.adapter.server_count()

        asking = [gevent.spawn(ask, server) for server in pair.servers]
        wait_until(lambda: all(bus.owed for bus in pair.buses))
        proxy.cut()

        assert [each.get(timeout=30) for each in asking] == [2, 2]
        assert [pair.stats(number).uncertain for number in (0, 1)] == [1, 1]

    @pytest.mark.parametrize("slow", [0, 1])
    def test_a_slow_broker(
        self, serve: Serve, shared: Broker, proxy: HoldingProxy, slow: int
    ) -> None:
        # A message takes longer than a broker may be silent, and it is not.
        urls = [self.url(shared, f"prefix=slow{slow}")] * 2
        urls[slow] = urls[slow].replace(str(shared.port), str(proxy.port))
        pair = BrokerPair(serve, urls, clocks(), ping_interval=3600)
        pair.wait_two()
        clock = pair.clocks[slow]
        assert clock is not None
        proxy.allow(0)

        pair.first.io.emit("n", b"x" * 2_000_000)
        pair.local_message(2_000_000)
        for _ in range(8):
            proxy.allow(100_000)
            # The slow one waits for an answer to the message, the other for none.
            wait_until(
                lambda: proxy.exhausted and (slow == 0 or not pair.buses[1].owed)
            )
            clock.advance(4)
            # It asks only now whether the broker lives: more has to come after that.
            wait_until(lambda: slow == 0 or pair.buses[1].idle)
        assert pair.stats(slow).connected
        proxy.let_go()

        assert str(pair.there.receive_message()).startswith("451-")
        assert pair.there.receive_message() == b"x" * 2_000_000
        for number in (0, 1):
            assert pair.stats(number).gaps == pair.stats(number).uncertain == 0
