"""The access log of our own server: which requests have lines, and when."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import sockio
from sockio.errors import ConfigError
from tests.support.raw_client import RawClient
from tests.support.waiting import wait_until

FORMAT = "%(m)s %(q)s %(s)s %(b)s"
SID = "EIO=4&transport=polling&sid=***"


class Lines:
    """A log that is a list."""

    def __init__(self) -> None:
        self.all: list[str] = []

    def write(self, text: str) -> None:
        self.all.append(text.rstrip("\n"))

    def wait(self, count: int) -> list[str]:
        """Return the lines as soon as there are so many."""
        wait_until(lambda: len(self.all) >= count)
        return self.all


class Full:
    """A log that takes nothing."""

    def write(self, text: str) -> None:
        raise OSError("No space left on device")


class Site:
    """A server of Socket.IO, and a client of it."""

    def __init__(self, log: Any) -> None:
        self.io: sockio.Server[Any] = sockio.Server()
        self.http = self.io.listen("127.0.0.1:0", log=log, access_log_format=FORMAT)
        url = "http://{}:{}".format(*self.http.address or ())
        self.client = RawClient(url, "/socket.io/")

    def close(self) -> None:
        self.client.close()
        self.io.close(timeout=1)


@pytest.fixture
def serve() -> Iterator[Callable[[Any], Site]]:
    sites: list[Site] = []

    def start(log: Any) -> Site:
        sites.append(Site(log))
        return sites[-1]

    yield start
    for site in sites:
        site.close()


def test_a_poll_has_its_line_when_it_is_answered(
    serve: Callable[[Any], Site],
) -> None:
    log = Lines()
    site = serve(log)
    session = site.client.open_session()
    session.post("40")
    joined = session.poll()
    assert log.wait(3)[1:] == [
        f"POST {SID} 200 2",
        f"GET {SID} 200 {len(joined.body)}",
    ]
    waiting = session.start_poll()
    (socket,) = site.io.sockets.sockets.values()
    wait_until(lambda: socket.conn.transport.writable)  # the poll waits
    assert len(log.all) == 3

    socket.emit("hello")
    waiting.receive()

    assert log.wait(4)[3] == f"GET {SID} 200 11"


def test_a_websocket_has_its_line_when_it_begins(
    serve: Callable[[Any], Site],
) -> None:
    log = Lines()
    site = serve(log)

    site.client.open_websocket_session()

    assert log.wait(1) == ["GET EIO=4&transport=websocket 101 0"]


def test_a_refusal_has_a_line(serve: Callable[[Any], Site]) -> None:
    log = Lines()
    site = serve(log)

    site.client.request(transport="polling", sid="secret")

    assert log.wait(1) == [f"GET {SID} 400 41"]


def test_a_log_that_is_full_stops_nobody(
    serve: Callable[[Any], Site], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "sockio")
    site = serve(Full())

    for _ in range(3):
        site.client.open_session()

    records = [r for r in caplog.records if "access log" in r.getMessage()]
    assert len(records) == 1
    site.close()
    told = caplog.messages[-1]
    assert told.startswith("2 more of these")
    assert "access-log-failed" in told


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"log": "-", "access_log_format": "%(z)s"}, r"%\(z\)s, which is unknown"),
        ({"access_log_format": "%(h)s"}, "needs log="),
        ({"log": 5}, "give a path"),
        ({"accesslog": "-"}, "write log=: a path"),
        ({"access_logformat": "%(h)s"}, "write access_log_format="),
    ],
)
def test_a_wrong_option_is_refused(options: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        sockio.create_server(**options)
