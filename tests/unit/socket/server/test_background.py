from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import gevent
import pytest

import sockio
from sockio.adapters import Cluster, Exchange, MemoryAdapter
from sockio.testing import FakeClock


@pytest.fixture
def io() -> Iterator[sockio.Server[Any]]:
    io: sockio.Server[Any] = sockio.Server()
    yield io
    io.close()


def test_start_starts_what_is_repeated() -> None:
    clock = FakeClock()
    io: sockio.Server[Any] = sockio.Server(clock=clock)
    runs: list[float] = []
    io.every(10)(lambda: runs.append(clock.now()))

    io.start()
    clock.advance(25)

    assert runs == [10.0, 20.0]
    io.close()
    clock.advance(25)
    assert len(runs) == 2


def test_a_repeated_task_that_runs_out_of_time_runs_again(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = FakeClock()
    io: sockio.Server[Any] = sockio.Server(clock=clock)
    runs: list[float] = []

    @io.every(10)
    def task() -> None:
        runs.append(clock.now())
        raise gevent.Timeout(1)

    io.start()
    clock.advance(20)

    assert runs == [10.0, 20.0]
    assert "the repeated task " in caplog.text
    io.close()


# ---------------------------------------------------------------- one of all servers


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


def several(clock: FakeClock, runs: list[int]) -> list[sockio.Server[Any]]:
    """Return three servers that act as one; each run is noted by their number."""
    exchange = Exchange()
    servers = []
    for number in range(3):
        io: sockio.Server[Any] = sockio.Server(
            adapter=Cluster(exchange.bus()), clock=clock
        )
        io.every(10, singleton=True)(partial(_note, runs, number))
        io.start()
        servers.append(io)
    return servers


def _note(runs: list[int], number: int) -> None:
    runs.append(number)


def test_one_of_all_servers_runs_it(clock: FakeClock) -> None:
    runs: list[int] = []
    servers = several(clock, runs)

    clock.advance(35)
    assert runs == [runs[0]] * 3

    servers[runs[0]].close()
    clock.advance(30)
    assert len(runs) == 6
    assert runs[3:] == [runs[3]] * 3
    assert runs[3] != runs[0]
    for io in servers:
        io.close()


def test_a_server_alone_runs_it(io: sockio.Server[Any]) -> None:
    clock = FakeClock()
    alone: sockio.Server[Any] = sockio.Server(clock=clock)
    runs: list[int] = []
    alone.start()
    alone.every(10, singleton=True)(partial(_note, runs, 0))

    clock.advance(25)

    assert runs == [0, 0]
    alone.close()


def test_it_goes_on_with_another_adapter(clock: FakeClock) -> None:
    runs: list[int] = []
    servers = several(clock, runs)
    clock.advance(15)

    for io in servers:
        io.adapter(Cluster(Exchange().bus()))
    clock.advance(10)

    assert sorted(runs[1:]) == [0, 1, 2]  # each is alone now
    for io in servers:
        io.close()


def test_servers_that_cannot_agree(clock: FakeClock) -> None:
    io: sockio.Server[Any] = sockio.Server(
        adapter=lambda nsp: MemoryAdapter(nsp), clock=clock
    )
    io.start()

    with pytest.raises(sockio.ConfigError, match="cannot agree on one of them"):
        io.every(10, singleton=True)(partial(_note, [], 0))

    clock.advance(30)
    io.close()


def test_who_runs_it_keeps_its_adapter(clock: FakeClock) -> None:
    runs: list[int] = []
    first, *others = several(clock, runs)

    with pytest.raises(sockio.ConfigError, match="cannot agree on one of them"):
        first.adapter(lambda nsp: MemoryAdapter(nsp))

    clock.advance(15)
    assert len(runs) == 1
    for io in (first, *others):
        io.close()


def test_a_function_that_only_one_runs_needs_a_name(io: sockio.Server[Any]) -> None:
    class Job:
        def __call__(self) -> None: ...

    io.start()
    with pytest.raises(sockio.ConfigError, match="a function that has a name"):
        io.every(10, singleton=True)(Job())


# ---------------------------------------------------------------- tasks


def test_a_task_that_fails_is_logged(
    io: sockio.Server[Any], caplog: pytest.LogCaptureFixture
) -> None:
    task = io.spawn(lambda: 1 / 0)

    with pytest.raises(ZeroDivisionError):
        task.wait(1)
    assert "ZeroDivisionError" in caplog.text
