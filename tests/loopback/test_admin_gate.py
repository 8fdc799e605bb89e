"""Who may enter the admin namespace."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import pytest

import sockio
from sockio.admin.tries import MOST, SECONDS
from sockio.errors import ConnectError
from sockio.testing import FakeClock
from tests.support.admin import LOGIN, USER, page

from .conftest import Serve

#: What is neither a name nor a password.
ODD: list[Any] = [5, 1.5, True, [], {}]


@pytest.fixture
def io(clock: FakeClock) -> Iterator[sockio.Server[Any]]:
    io = sockio.Server(clock=clock)
    sockio.instrument(io, auth=USER, mode="production", session_duration=1000)
    yield io
    io.close()


def refusal(io: sockio.Server[Any], auth: Any, **options: Any) -> str:
    """Return what a page is told that is not let in."""
    with pytest.raises(ConnectError) as caught:
        page(io, auth, **options)
    return caught.value.message


@pytest.mark.parametrize(
    "auth",
    [
        None,
        {},
        {"username": "admin"},
        {"password": "secret"},
        {"username": "admin", "password": "wrong"},
        {"username": "root", "password": "secret"},
        {"username": None, "password": None},
        *({"username": "admin", "password": odd} for odd in ODD),
        *({"username": odd, "password": "secret"} for odd in ODD),
        *({"sessionId": odd} for odd in (None, "", "x", "0" * 32, *ODD)),
    ],
)
def test_who_is_refused(io: sockio.Server[Any], auth: Any) -> None:
    assert refusal(io, auth) == "invalid credentials"


@pytest.mark.parametrize("auth", ["[]", '"secret"', "true", "null"])
def test_what_is_no_auth_at_all(serve: Serve, auth: str) -> None:
    io = sockio.Server(slow_handler=None)
    sockio.instrument(io, auth=USER)
    served = serve(io)
    websocket, _ = served.raw.open_websocket_session()

    websocket.send(f"40/admin,{auth}")

    websocket.wait_closed()
    assert not io.of("/admin").sockets
    page(io).close()  # the server lives


def test_a_session_is_a_key_until_it_ends(
    io: sockio.Server[Any], clock: FakeClock
) -> None:
    with page(io) as admin:
        [id] = admin.expect("session")
    with page(io, {"sessionId": id}) as admin:
        admin.expect_nothing("session")
        clock.advance(999)
    page(io, {"sessionId": id}).close()

    clock.advance(1)

    assert refusal(io, {"sessionId": id}) == "invalid credentials"


def test_who_tries_too_often_waits(io: sockio.Server[Any], clock: FakeClock) -> None:
    with page(io) as admin:
        [id] = admin.expect("session")
    wrong = {"username": "admin", "password": "wrong"}
    for _ in range(MOST):
        assert refusal(io, wrong) == "invalid credentials"

    assert refusal(io, LOGIN) == "too many tries, wait a minute"
    page(io, {"sessionId": id}).close()
    page(io, LOGIN, address="10.9.9.9").close()
    clock.advance(SECONDS)
    page(io, LOGIN).close()


def test_guesses_of_session_ids_are_tries(io: sockio.Server[Any]) -> None:
    for number in range(MOST):
        assert refusal(io, {"sessionId": f"{number:032x}"}) == "invalid credentials"

    assert refusal(io, {"sessionId": "f" * 32}) == "too many tries, wait a minute"


def test_the_log_tells_who_came_and_no_secret(
    io: sockio.Server[Any], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "sockio.admin")

    with page(io) as admin:
        [id] = admin.expect("session")
    refusal(io, {"username": "admin", "password": "hunter2"}, address="10.9.9.9")

    lines = [record.getMessage() for record in caplog.records]
    assert "'127.0.0.1' was let in by password" in lines
    assert "'10.9.9.9' was not let in: wrong credentials" in lines
    assert not [line for line in lines if id in line or "hunter2" in line]


def test_a_client_that_comes_back_is_let_in(clock: FakeClock) -> None:
    io = sockio.Server(clock=clock, connection_state_recovery=True)
    sockio.instrument(io, auth=USER)
    with page(io) as admin:
        admin.drop()
        admin.reconnect()

        assert admin.recovered
        assert [event.event for event in admin.received][-3:] == [
            "all_sockets",
            "server_stats",
            "queues",
        ]
    io.close()
