"""Ending the connections of pywsgi that wait for another request, and no others."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from typing import Any

import gevent
import pytest

from sockio.engine.http.client_socket import end_idle
from sockio.types import Environ, StartResponse
from tests.support.http_wire import ConnectionEnded
from tests.support.loopback import Loopback
from tests.support.served import Gate


@pytest.fixture
def gate() -> Gate:
    return Gate()


@pytest.fixture
def server(gate: Gate) -> Iterator[Loopback]:
    def app(environ: Environ, start: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] == "/slow":
            gate.stop()
        body = environ["wsgi.input"].read()
        start("200 OK", [("Content-Length", str(len(body)))])
        return [body]

    loopback = Loopback(app, "pywsgi")
    yield loopback
    loopback.close()


def test_a_connection_that_waits_for_another_request_ends(server: Loopback) -> None:
    connection = server.client("/").http()
    assert connection.request("GET", "/").status == 200

    end_idle(fresh=False)

    with pytest.raises(ConnectionEnded):
        connection.receive()


def test_a_request_that_has_just_arrived_is_answered(server: Loopback) -> None:
    connection = server.client("/").http()
    assert connection.request("GET", "/").status == 200

    connection.send("POST", "/", body="hello")
    end_idle(fresh=True)

    assert connection.receive().text == "hello"


@pytest.mark.parametrize("asked", [True, False])
def test_who_has_just_come_may_ask_for_something(server: Loopback, asked: bool) -> None:
    connection = server.client("/").http()
    gevent.idle()

    end_idle(fresh=False)

    if asked:
        connection.send("POST", "/", body="hello")
        assert connection.receive().text == "hello"
    else:
        gevent.idle()
        end_idle(fresh=True)
        with pytest.raises(ConnectionEnded):
            connection.receive()


class Lazy:
    """Says what it is only by becoming it, as the lazy objects of frameworks do."""

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError(f"made for {name}")


def test_objects_that_stand_for_others_are_left_alone(server: Loopback) -> None:
    connection = server.client("/").http()
    assert connection.request("GET", "/").status == 200
    whole = Lazy()
    cut = weakref.proxy(Gate())  # Flask's applications leave such behind

    end_idle(fresh=True)

    with pytest.raises(ConnectionEnded):
        connection.receive()
    with pytest.raises(ReferenceError):
        cut.open()
    assert type(whole) is Lazy


def test_a_request_under_way_is_answered(server: Loopback, gate: Gate) -> None:
    connection = server.client("/").http()
    connection.send("POST", "/slow", body="hello")
    gate.wait_reached()

    end_idle(fresh=True)
    gate.open()

    assert connection.receive().text == "hello"
