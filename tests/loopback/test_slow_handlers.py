"""A handler that holds the loop is logged, with its stack, while it does."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import gevent
import gevent.event
import pytest

import sockio
from sockio.types import Environ, StartResponse
from tests.support import native
from tests.support.loopback import Loopback

from .conftest import Serve

#: Seconds for which a handler may hold the loop in these tests.
SLOW = 0.05
#: Seconds after which a test fails because nothing was reported.
BOUND = 10.0


class Reports(logging.Handler):
    """What the watchdog logs; handlers of tests hold the loop until it does."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.came = native.Event()
        #: What was logged at the end of handlers.
        self.ends: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        if "has held the loop" in line and __file__ not in line:
            return  # on a busy machine anything may take so long
        if "has held the loop" in line:
            self.lines.append(line)
            self.came.set()
        else:
            self.ends.append(line)

    def hold_the_loop(self) -> bool:
        """Hold the loop until there is a report; return whether one came."""
        return self.came.wait(BOUND)


@pytest.fixture
def reports() -> Iterator[Reports]:
    log = logging.getLogger("sockio.runtime.watchdog")
    reports = Reports()
    log.addHandler(reports)
    yield reports
    log.removeHandler(reports)


def test_a_handler_that_waits_in_the_operating_system(
    serve: Serve, reports: Reports
) -> None:
    served = serve(slow_handler=SLOW)
    websocket, socket = served.connect()

    @socket.on("sleep")
    def hold() -> bool:
        return reports.hold_the_loop()

    websocket.send('420["sleep"]')

    assert websocket.receive_message(timeout=2 * BOUND) == "430[true]"
    first = reports.lines[0]
    assert first.startswith(
        "test_a_handler_that_waits_in_the_operating_system.<locals>.hold (" + __file__
    ) or first.startswith(f"hold ({__file__}")
    assert "has held the loop for" in first
    assert "in hold\n    return reports.hold_the_loop()" in first
    assert "in hold_the_loop\n" in first
    assert "sockio/runtime" not in first


def test_a_handler_that_computes(serve: Serve, reports: Reports) -> None:
    served = serve(slow_handler=SLOW)
    websocket, socket = served.connect()

    @socket.on("compute")
    def compute() -> bool:
        while not reports.lines:
            pass
        return True

    websocket.send('420["compute"]')

    assert websocket.receive_message(timeout=BOUND) == "430[true]"
    assert "in compute\n" in reports.lines[0]


def test_c_code_that_lets_nobody_look(serve: Serve, reports: Reports) -> None:
    served = serve(slow_handler=SLOW)
    websocket, socket = served.connect()
    data = list(range(3_000_000)) * 2

    @socket.on("sort")
    def sort() -> None:
        while not reports.lines:
            sorted(data)

    websocket.send('420["sort"]')

    assert websocket.receive_message(timeout=BOUND) == "430[]"
    # The watchdog gets to look when a sort has ended: in its line, or one before.
    assert "in sort\n" in reports.lines[0]


def test_it_is_told_when_the_loop_goes_on(serve: Serve, reports: Reports) -> None:
    served = serve(slow_handler=SLOW)
    websocket, socket = served.connect()
    socket.on("sleep", reports.hold_the_loop)

    websocket.send('420["sleep"]')
    websocket.receive_message(timeout=2 * BOUND)
    with gevent.Timeout(BOUND):
        while not any(
            "hold_the_loop held the loop for " in line for line in reports.ends
        ):
            gevent.idle()


def test_one_that_goes_on_is_reported_once(serve: Serve, reports: Reports) -> None:
    served = serve(slow_handler=SLOW)
    websocket, socket = served.connect()

    @socket.on("sleep")
    def hold() -> int:
        reports.hold_the_loop()
        native.Event().wait(5 * SLOW)
        return len(reports.lines)

    websocket.send('420["sleep"]')

    assert websocket.receive_message(timeout=2 * BOUND) == "430[1]"


def test_a_handler_that_waits_for_something_is_not_reported(
    serve: Serve, reports: Reports
) -> None:
    served = serve(slow_handler=SLOW)
    websocket, socket = served.connect()

    @socket.on("wait")
    def wait() -> None:
        gevent.event.Event().wait(4 * SLOW)

    websocket.send('420["wait"]')

    assert websocket.receive_message() == "430[]"
    assert reports.lines == []


Way = Callable[[sockio.Server[Any], Callable[[], object]], None]


def _middleware(io: sockio.Server[Any], hold: Callable[[], object]) -> None:
    io.use(lambda socket: hold() and None)


def _connection(io: sockio.Server[Any], hold: Callable[[], object]) -> None:
    io.on("connection", lambda socket: hold())


def _task(io: sockio.Server[Any], hold: Callable[[], object]) -> None:
    io.on("connection", lambda socket: io.spawn(hold))


def _concurrent(io: sockio.Server[Any], hold: Callable[[], object]) -> None:
    io.on("connection", lambda socket: socket.on("x", hold, concurrent=True))


@pytest.mark.parametrize("way", [_middleware, _connection, _task, _concurrent])
def test_all_code_of_users_is_watched(serve: Serve, reports: Reports, way: Way) -> None:
    served = serve(slow_handler=SLOW)
    way(served.io, reports.hold_the_loop)
    websocket, _ = served.raw.open_websocket_session()

    websocket.send("40")
    websocket.send('42["x"]')
    with gevent.Timeout(2 * BOUND):
        while not reports.lines:
            gevent.idle()

    assert "hold_the_loop" in reports.lines[0]


@pytest.mark.parametrize("kind", ["sockio", "pywsgi"])
def test_the_application_in_front_of_us_is_watched(reports: Reports, kind: Any) -> None:
    def page(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        start("200 OK", [("Content-Length", "1")])
        return [b"1" if reports.hold_the_loop() else b"0"]

    io: sockio.Server[Any] = sockio.Server(slow_handler=SLOW)
    io.start()
    loopback = Loopback(io.attach(page), kind)
    try:
        answer = loopback.client("/").http().request("GET", "/page", timeout=2 * BOUND)
    finally:
        loopback.close()
        io.close()

    assert answer.text == "1"
    assert "in page\n" in reports.lines[0]


def test_a_callback_is_watched(serve: Serve, reports: Reports) -> None:
    websocket, socket = serve(slow_handler=SLOW).connect()

    socket.emit("x", ack=reports.hold_the_loop)
    assert websocket.receive_message() == '420["x"]'
    websocket.send("430[]")
    with gevent.Timeout(2 * BOUND):
        while not reports.lines:
            gevent.idle()

    assert "hold_the_loop" in reports.lines[0]


def test_none_reports_nobody(serve: Serve, reports: Reports) -> None:
    websocket, socket = serve(slow_handler=None).connect()
    socket.on("sleep", lambda: native.Event().wait(6 * SLOW))

    websocket.send('420["sleep"]')

    assert websocket.receive_message() == "430[false]"
    assert reports.lines == []


def test_the_code_of_a_test_is_no_handler(serve: Serve, reports: Reports) -> None:
    served = serve(slow_handler=SLOW)
    served.connect()

    native.Event().wait(6 * SLOW)

    assert reports.lines == []
