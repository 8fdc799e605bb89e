"""The end of a server: its clients learn it, and those of others do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gevent

import sockio
from sockio.httpd.connections import LISTENING
from sockio.testing import FakeClock
from tests.support.http_wire import HttpConnection
from tests.support.served import Gate, Served

from .conftest import Serve


def test_all_are_disconnected(served: Served) -> None:
    websocket, one = served.connect()
    session, two = served.poll()
    poll = session.start_poll()

    served.io.drain(0.5)

    assert poll.receive().text == "1"
    assert websocket.wait_closed()
    assert not one.connected
    assert not two.connected


def test_who_polls_later_learns_it_too(serve: Serve, clock: FakeClock) -> None:
    served = serve(clock=clock)
    session, socket = served.poll()

    draining = gevent.spawn(served.io.drain, 10)
    clock.settle()
    assert not socket.connected
    assert not draining.ready()

    assert session.poll().text.endswith("1")
    clock.advance(0.1)
    draining.get(timeout=5)


def test_who_does_not_poll_is_waited_for_two_seconds(
    serve: Serve, clock: FakeClock
) -> None:
    served = serve(clock=clock)
    served.poll()

    draining = gevent.spawn(served.io.drain, 10)
    clock.advance(1.9)
    assert not draining.ready()
    clock.advance(0.2)

    draining.get(timeout=5)


def test_who_came_just_before_is_disconnected_too(
    serve: Serve, clock: FakeClock
) -> None:
    gate = Gate()
    served = serve(clock=clock, allow_request=lambda request: gate.stop())
    opening = gevent.spawn(served.raw.open_websocket_session)
    gate.wait_reached()
    gate.open()

    draining = gevent.spawn(served.io.drain, 10)
    websocket, _ = opening.get(timeout=5)
    clock.advance(0.1)

    draining.get(timeout=5)
    assert websocket.wait_closed()


def test_a_request_that_has_arrived_still_reaches_another_process(
    serve: Serve, tmp_path: Path
) -> None:
    staying = serve(adapter=f"unix:{tmp_path}")
    session, _ = staying.poll()
    ending: sockio.Server[Any] = sockio.Server(adapter=f"unix:{tmp_path}")
    address = ending.listen(("127.0.0.1", 0)).address
    assert isinstance(address, tuple)
    del LISTENING[address]  # another process knows nothing of it
    client = HttpConnection(address, "localhost")
    assert client.request("GET", "/socket.io/?EIO=4&transport=polling").status == 200

    client.send("POST", session.target(), body="3")
    ending.close(timeout=5)

    assert client.receive().text == "ok"
    client.close()
