"""Fixtures of the loopback tests: Socket.IO servers, and engines alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest

import sockio
from sockio.testing import FakeClock
from tests.support.engine import RunningEngine
from tests.support.served import Served
from tests.support.timed_server import PATIENCE, TimedServer, hello

Serve: TypeAlias = Callable[..., Served]
StartEngine: TypeAlias = Callable[..., RunningEngine]
StartHttp: TypeAlias = Callable[..., TimedServer]

#: Seconds for which the loop may be held without a warning. A busy machine may hold it
#: for the second that is the default; a test's log is to tell of the test alone.
HELD_LONG = 60.0


@pytest.fixture
def clock() -> FakeClock:
    """Give a clock that stands still; pass it to ``serve``."""
    return FakeClock()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Give a function that starts a server: a given one, or one with given options."""
    running: list[Served] = []

    def start(io: sockio.Server[Any] | None = None, **options: Any) -> Served:
        if io is None:
            io = sockio.Server(**{"slow_handler": HELD_LONG, **options})
        running.append(Served(io))
        return running[-1]

    yield start
    for served in running:
        served.close()


@pytest.fixture
def served(serve: Serve) -> Served:
    """Give a running server with the default options."""
    return serve()


@pytest.fixture
def io(served: Served) -> sockio.Server[Any]:
    """Give the server that is running."""
    return served.io


@pytest.fixture
def start_engine(clock: FakeClock) -> Iterator[StartEngine]:
    """Give a function that starts an Engine.IO server with the given options."""
    running: list[RunningEngine] = []

    def start(**options: Any) -> RunningEngine:
        running.append(RunningEngine(clock, **options))
        return running[-1]

    yield start
    for engine in running:
        engine.close()


@pytest.fixture
def engine(start_engine: StartEngine) -> RunningEngine:
    """Give a running Engine.IO server with the default options."""
    return start_engine()


@pytest.fixture
def start_http(clock: FakeClock) -> Iterator[StartHttp]:
    """Give a function that starts an HTTP server with the given options."""
    running: list[TimedServer] = []

    def start(app: Any = hello, **options: Any) -> TimedServer:
        running.append(TimedServer(clock, app, **options))
        return running[-1]

    yield start
    for server in running:
        server.http.close(timeout=PATIENCE)
    clock.advance(10)
    assert clock.armed == 0
