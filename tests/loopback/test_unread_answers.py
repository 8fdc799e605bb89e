"""Polls whose answer nobody reads, and what is sent behind one that waits."""

from __future__ import annotations

import contextlib
import time
from typing import Literal

import pytest

from sockio.testing import FakeClock
from tests.support.http_wire import TIMEOUT, HttpConnection
from tests.support.loopback import Kind

from .conftest import StartEngine

#: More than any kernel takes for a client that reads nothing.
LARGE = "x" * (12 << 20)
#: How a connection ends.
How = Literal["close", "reset", "half"]


@pytest.mark.parametrize("kind", ["sockio", "pywsgi"])
@pytest.mark.parametrize("direct", [True, False], ids=["direct", "wsgi"])
def test_a_poll_that_is_never_read_ends_with_its_session(
    start_engine: StartEngine, clock: FakeClock, kind: Kind, direct: bool
) -> None:
    engine = start_engine(kind=kind, http_compression=False)
    if not direct:
        engine.engine.use(lambda request, response: None)
    client = engine.raw.open_session()
    poll = client.start_poll()
    clock.settle()
    engine.session.send(LARGE)
    clock.settle()

    clock.advance(25 + 20)

    assert engine.closes == [("ping timeout", None)]
    received = poll.wire.take_rest(time.monotonic() + TIMEOUT)
    assert 0 < len(received) < len(LARGE)


@pytest.mark.parametrize("kind", ["sockio", "pywsgi"])
@pytest.mark.parametrize("direct", [True, False], ids=["direct", "wsgi"])
def test_a_poll_that_was_read_keeps_its_connection(
    start_engine: StartEngine, clock: FakeClock, kind: Kind, direct: bool
) -> None:
    engine = start_engine(kind=kind, http_compression=False)
    if not direct:
        engine.engine.use(lambda request, response: None)
    client = engine.raw.open_session()
    poll = client.start_poll()
    clock.settle()
    engine.session.send(LARGE)
    assert poll.receive().text == "4" + LARGE

    clock.advance(25 + 20)

    assert engine.closes == [("ping timeout", None)]
    # The connection may be another client's by now.
    poll.send("GET", engine.raw.target(transport="polling"))
    assert poll.receive().status == 200


@pytest.mark.parametrize("how", ["close", "reset", "half"])
@pytest.mark.parametrize("direct", [True, False], ids=["direct", "wsgi"])
@pytest.mark.parametrize("first", ["poll", "bytes"])
def test_a_hang_up_behind_much_that_was_pipelined_is_noticed(
    start_engine: StartEngine, clock: FakeClock, how: How, direct: bool, first: str
) -> None:
    engine = start_engine()
    if not direct:
        engine.engine.use(lambda request, response: None)
    client = engine.raw.open_session()
    target = client.target()
    more = f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n".encode()
    more *= 216_000 // len(more)
    if first == "poll":
        poll = client.start_poll()
        clock.settle()
        poll.wire.send(more)
    else:
        poll = engine.raw.http()
        poll.wire.send(more)
    clock.settle()
    assert engine.closes == []

    hang_up(poll, how)

    assert engine.closes == [("transport error", "poll connection closed prematurely")]


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "wsgi"])
def test_nobody_sends_without_end_behind_a_poll(
    start_engine: StartEngine, clock: FakeClock, direct: bool
) -> None:
    engine = start_engine()
    if not direct:
        engine.engine.use(lambda request, response: None)
    poll = engine.raw.open_session().start_poll()
    clock.settle()

    with contextlib.suppress(ConnectionError):
        for _ in range(300):
            poll.wire.send(b"x" * 65536)

    assert engine.closes == [("transport error", "poll connection closed prematurely")]


def hang_up(connection: HttpConnection, how: How) -> None:
    if how == "close":
        connection.close()
    elif how == "reset":
        connection.wire.reset()
    else:
        connection.wire.socket.shutdown(1)
