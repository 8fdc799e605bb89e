"""A limit of connections where several processes accept from the same socket.

Who makes room where no descriptor is left is tested on loopback.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from sockio.httpd.acceptor import Acceptor, NoRoom
from sockio.httpd.connections import IDLE, Connections
from sockio.httpd.environ import common_environ
from sockio.httpd.options import HttpOptions
from sockio.httpd.owner import Waiting
from sockio.httpd.socket import LINGERING
from sockio.testing import FakeClock
from tests.support.no_descriptors import PAUSE, KernelSocket, has, knock
from tests.support.timed_server import hello
from tests.support.waiting import wait_until


class Untold(KernelSocket):  # type: ignore[misc]
    """A listening socket whose system does not tell how many wait."""

    def getsockopt(self, *args: Any) -> Any:
        if args[1] == socket.TCP_INFO:
            raise OSError(errno.ENOPROTOOPT, "Protocol not available")
        return super().getsockopt(*args)


class Limited(Acceptor):
    """Accepts clients while there are less than ``most``."""

    def __init__(
        self, listener: Any, place: Connections, most: int, processes: int
    ) -> None:
        super().__init__(listener, place.take, place, processes=processes)
        self.place = place
        self.most = most
        #: Whether anybody can be accepted at all.
        self.can = True
        self.holders: list[Waiting] = []

    def accept(self) -> tuple[int, Any]:
        over = self.place.count - self.most
        if over >= 0 or not self.can:
            over = max(over, 0)
            raise NoRoom(
                "enough", "the limit", "enough", over=over, holders=self.holders
            )
        return super().accept()


class Patient:
    """Somebody who has waited since the clock began, and counts when to give way."""

    def __init__(self) -> None:
        self.waits_since: float | None = 0.0
        self.sock, self._peer = socket.socketpair()

    def give_way(self) -> None:
        self.waits_since = None

    @property
    def gave_way(self) -> bool:
        return self.waits_since is None

    def leave(self) -> None:
        self.sock.close()
        self._peer.close()


class Bench:
    """An acceptor, which serves ``most`` clients, and these."""

    def __init__(self, listener: Any, most: int, processes: int) -> None:
        self.clock = FakeClock()
        environ = common_environ(("127.0.0.1", 80), secure=False)
        self.connections = Connections(hello, HttpOptions(), environ, clock=self.clock)
        self.listener = listener
        self.acceptor = Limited(listener, self.connections, most, processes)
        self.acceptor.start()
        self.peers: list[Any] = []

    def knock(self, count: int = 1) -> list[Any]:
        """Connect so many clients, each of which asks for something."""
        peers = [knock(self.listener.getsockname()) for _ in range(count)]
        self.peers += peers
        return peers

    def serve(self, count: int) -> list[Any]:
        """Connect so many clients, and let them be answered."""
        peers = self.knock(count)
        wait_until(lambda: self.answered(peers) == count)
        for peer in peers:
            peer.recv(1000)
        return peers

    def answered(self, peers: list[Any]) -> int:
        """Return how many of ``peers`` have an answer now."""
        self.clock.settle()
        return [has(peer) for peer in peers].count("an answer")

    def take(self) -> Any:
        """Hand over a client that another process has accepted; return its end."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        self.connections.take(ours, ("192.0.2.1", 5000))
        self.peers.append(theirs)
        return theirs

    def wait_for(self, count: int) -> list[Patient]:
        """Let so many wait for news, who can give way."""
        waiting = [Patient() for _ in range(count)]
        self.acceptor.holders += waiting
        self.peers += [one.sock for one in waiting]
        self.peers += [one._peer for one in waiting]
        return waiting

    def close(self) -> None:
        self.acceptor.close()
        self.connections.close()
        for peer in self.peers:
            peer.close()
        self.clock.settle()


StartBench: TypeAlias = Callable[..., Bench]


def listen(family: Any, address: Any, kind: Any = KernelSocket) -> Any:
    listener = kind(family, socket.SOCK_STREAM)
    listener.bind(address)
    listener.listen(128)
    listener.setblocking(False)
    return listener


@pytest.fixture(params=["TCP", "a Unix socket", "nobody tells"])
def listener(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    if request.param == "a Unix socket":
        return listen(socket.AF_UNIX, str(tmp_path / "s"))
    kind = Untold if request.param == "nobody tells" else KernelSocket
    return listen(socket.AF_INET, ("127.0.0.1", 0), kind)


@pytest.fixture
def start() -> Iterator[StartBench]:
    benches: list[Bench] = []

    def begin(most: int, *, listener: Any = None, processes: int = 2) -> Bench:
        if listener is None:
            listener = listen(socket.AF_INET, ("127.0.0.1", 0))
        benches.append(Bench(listener, most, processes))
        return benches[-1]

    yield begin
    for bench in benches:
        bench.close()


def test_nobody_makes_room_before_other_processes_had_time(start: StartBench) -> None:
    bench = start(1)
    (idle,) = bench.serve(1)
    bench.clock.advance(IDLE)
    newcomers = bench.knock()

    bench.clock.advance(PAUSE / 2)
    assert has(idle) == "nothing"
    bench.clock.advance(PAUSE / 2)

    wait_until(lambda: bench.answered(newcomers) == 1)
    assert has(idle) == "the end"


def test_a_process_alone_does_not_wait(start: StartBench) -> None:
    bench = start(1, processes=1)
    bench.serve(1)
    bench.clock.advance(IDLE)

    newcomers = bench.knock()

    wait_until(lambda: bench.answered(newcomers) == 1)


@pytest.mark.parametrize("processes", [1, 2])
def test_all_who_have_waited_come_in_together(
    start: StartBench, listener: Any, processes: int
) -> None:
    bench = start(30, listener=listener, processes=processes)
    idle = bench.serve(30)
    bench.clock.advance(IDLE)
    newcomers = bench.knock(20)

    bench.clock.advance(PAUSE)

    wait_until(lambda: bench.answered(newcomers) == 20)
    wait_until(lambda: [has(one) for one in idle].count("the end") == 20)


def test_whom_another_process_takes_costs_nobody_a_connection(
    start: StartBench,
) -> None:
    bench = start(1)
    (idle,) = bench.serve(1)
    bench.clock.advance(IDLE)

    for _ in range(3):
        bench.knock()
        bench.clock.advance(PAUSE / 2)
        bench.peers.append(bench.listener.accept()[0])
        bench.clock.advance(PAUSE)

        assert has(idle) == "nothing"


def test_connections_that_leave_keep_nobody_waiting(start: StartBench) -> None:
    bench = start(1)
    handed_over = [bench.take() for _ in range(9)]
    bench.clock.advance(IDLE)
    newcomers = bench.knock()

    for peer in handed_over[:5]:
        bench.clock.advance(PAUSE / 4)
        peer.close()

    wait_until(lambda: bench.answered(newcomers) == 1)


def test_connections_that_leave_do_not_make_the_others_wait_for_longer(
    start: StartBench,
) -> None:
    bench = start(20)
    idle = bench.serve(20)
    bench.clock.advance(IDLE)
    newcomers = bench.knock(15)

    for peer in idle[-3:]:
        bench.clock.advance(PAUSE / 2)
        peer.close()

    wait_until(lambda: bench.answered(newcomers) == 15)


def test_who_comes_during_a_pause_does_not_profit_from_it(start: StartBench) -> None:
    bench = start(1)
    (idle,) = bench.serve(1)
    bench.clock.advance(IDLE)
    bench.knock()
    bench.clock.advance(PAUSE / 4)
    bench.peers.append(bench.listener.accept()[0])  # another process takes the first
    bench.clock.advance(PAUSE / 4)
    newcomers = bench.knock()

    bench.clock.advance(PAUSE * 3 / 4)
    assert has(idle) == "nothing"
    bench.clock.advance(PAUSE / 2)

    wait_until(lambda: bench.answered(newcomers) == 1)


def test_one_idle_connection_ends_where_that_does_not_help(start: StartBench) -> None:
    bench = start(30, processes=1)
    idle = bench.serve(10)
    bench.clock.advance(IDLE)
    bench.acceptor.can = False
    newcomers = bench.knock()

    bench.clock.advance(PAUSE / 2)

    assert [has(one) for one in idle].count("the end") == 1
    bench.acceptor.can = True
    bench.clock.advance(PAUSE)
    wait_until(lambda: bench.answered(newcomers) == 1)


def test_those_above_the_limit_give_way_with_the_others(start: StartBench) -> None:
    bench = start(0, processes=1)
    waiting = bench.wait_for(8)
    bench.clock.advance(IDLE)
    for _ in range(3):
        bench.take()
    bench.knock(2)
    bench.clock.settle()

    assert [one.gave_way for one in waiting].count(True) == 5


def test_an_acceptor_that_is_closed_in_a_pause_leaves_no_timer(
    start: StartBench,
) -> None:
    bench = start(0)
    bench.knock()
    bench.clock.settle()
    assert bench.clock.armed

    bench.acceptor.close()

    assert not bench.clock.armed


@pytest.mark.parametrize(("processes", "go"), [(1, 5), (2, 3), (4, 2), (9, 1)])
def test_each_process_makes_room_for_its_part_of_the_newcomers(
    start: StartBench, processes: int, go: int
) -> None:
    bench = start(0, processes=processes)
    waiting = bench.wait_for(8)
    bench.clock.advance(IDLE)
    bench.knock(5)

    bench.clock.advance(PAUSE)

    assert [one.gave_way for one in waiting].count(True) == go


def test_those_who_are_about_to_leave_count(start: StartBench) -> None:
    bench = start(0, processes=1)
    waiting = bench.wait_for(8)
    bench.clock.advance(IDLE)
    bench.knock(2)

    def gone_after(seconds: float) -> int:
        bench.clock.advance(seconds)
        return [one.gave_way for one in waiting].count(True)

    assert gone_after(LINGERING - 2 * PAUSE) == 2
    waiting[0].leave()
    assert gone_after(PAUSE) == 3
    assert gone_after(2 * PAUSE) == 4  # one of the first two does not leave


def test_one_at_a_time_gives_way_if_nobody_tells(start: StartBench) -> None:
    bench = start(
        0, listener=listen(socket.AF_INET, ("127.0.0.1", 0), Untold), processes=1
    )
    waiting = bench.wait_for(8)
    bench.clock.advance(IDLE)
    bench.knock(5)

    for count in (1, 2, 3):
        bench.clock.settle()
        assert [one.gave_way for one in waiting].count(True) == count
        bench.clock.advance(PAUSE)
