"""Engine.IO 4: a test of ours for each title of the public protocol suite.

The Socket.IO suite repeats most of these tests with its own server, so they run here
against both servers.
"""

from __future__ import annotations

from typing import Any

import gevent
import pytest

from tests.support.raw_client import RawClient
from tests.support.raw_websocket import RawWebSocket, Refused

HANDSHAKE_KEYS = {"sid", "upgrades", "pingInterval", "pingTimeout", "maxPayload"}

engine = pytest.mark.parametrize("client", ["engine", "engine/pywsgi"], indirect=True)
engine_and_socket = pytest.mark.parametrize(
    "client", ["engine", "engine/pywsgi", "socket"], indirect=True
)
#: With the limits of the suite.
hasty = pytest.mark.parametrize("hasty", [True])


def check_handshake(fields: dict[str, Any], upgrades: list[str]) -> None:
    assert fields.keys() == HANDSHAKE_KEYS
    assert isinstance(fields["sid"], str)
    assert fields["upgrades"] == upgrades
    assert fields["pingInterval"] == 300
    assert fields["pingTimeout"] == 200
    assert fields["maxPayload"] == 1_000_000


def check_alive(client: RawClient, websocket: RawWebSocket) -> None:
    """Send a message and await its answer: what was sent before has arrived by then."""
    if client.path == "/engine.io/":
        websocket.send("4hello")
        assert websocket.receive() == "4hello"
    else:
        websocket.send("40/random")
        assert websocket.receive() == '44/random,{"message":"Invalid namespace"}'


# ------------------------------------------------------------------ handshake


@hasty
@engine_and_socket
def test_polling_handshake_opens_a_session(client: RawClient) -> None:
    session = client.open_session()

    assert session.answer.status == 200
    check_handshake(session.handshake, ["websocket"])


@engine_and_socket
@pytest.mark.parametrize("eio", [None, "abc"])
def test_polling_handshake_needs_a_known_protocol(
    client: RawClient, eio: str | None
) -> None:
    answer = client.request(EIO=eio, transport="polling")

    assert answer.status == 400


@engine_and_socket
@pytest.mark.parametrize("transport", [None, "abc"])
def test_polling_handshake_needs_a_known_transport(
    client: RawClient, transport: str | None
) -> None:
    answer = client.request(transport=transport)

    assert answer.status == 400


@engine_and_socket
@pytest.mark.parametrize("method", ["POST", "PUT"])
def test_polling_handshake_must_be_a_get(client: RawClient, method: str) -> None:
    answer = client.request(method, transport="polling")

    assert answer.status == 400


@hasty
@engine_and_socket
def test_websocket_handshake_opens_a_session(client: RawClient) -> None:
    _, fields = client.open_websocket_session()

    check_handshake(fields, [])


@engine_and_socket
@pytest.mark.parametrize("eio", [None, "abc"])
def test_websocket_handshake_needs_a_known_protocol(
    client: RawClient, eio: str | None
) -> None:
    with pytest.raises(Refused) as refused:
        client.websocket(EIO=eio)

    assert refused.value.answer.status == 400


@engine_and_socket
@pytest.mark.parametrize("transport", [None, "abc"])
def test_websocket_handshake_needs_a_known_transport(
    client: RawClient, transport: str | None
) -> None:
    with pytest.raises(Refused) as refused:
        client.websocket(transport=transport)

    assert refused.value.answer.status == 400


# ------------------------------------------------------------------ messages


@engine
@pytest.mark.parametrize(
    "payload",
    ["4hello", "4test1\x1e4test2\x1e4test3", "4hello\x1ebAQIDBA=="],
    ids=["one text packet", "several text packets", "text and binary"],
)
def test_a_posted_payload_comes_back_in_one_poll(
    client: RawClient, payload: str
) -> None:
    session = client.open_session()

    posted = session.post(payload)
    polled = session.poll()

    assert (posted.status, posted.text) == (200, "ok")
    assert (polled.status, polled.text) == (200, payload)


@engine
def test_an_invalid_packet_by_post_closes_the_session(client: RawClient) -> None:
    session = client.open_session()

    posted = session.post("abc")

    assert posted.status == 400
    assert session.poll().status == 400


@engine
def test_a_second_poll_closes_the_session(client: RawClient) -> None:
    session = client.open_session()

    first = session.start_poll()
    second = session.start_poll(t="burst")

    answer = first.receive()
    assert (answer.status, answer.text) == (200, "1")
    assert second.receive().status == 400
    assert session.poll().status == 400


@engine
def test_a_cancelled_poll_closes_the_session(client: RawClient) -> None:
    session = client.open_session()
    poll = session.start_poll()
    gevent.idle()

    poll.close()

    assert session.poll().status == 400


@engine
@pytest.mark.parametrize("message", ["4hello", b"\1\2\3\4"], ids=["text", "binary"])
def test_a_websocket_message_comes_back(
    client: RawClient, message: str | bytes
) -> None:
    websocket, _ = client.open_websocket_session()

    websocket.send(message)

    assert websocket.receive() == message


@engine
def test_an_invalid_packet_closes_the_websocket(client: RawClient) -> None:
    websocket, _ = client.open_websocket_session()

    websocket.send("abc")

    websocket.wait_closed()


# ------------------------------------------------------------------ heartbeat


@hasty
@engine_and_socket
def test_polls_carry_pings_and_posts_the_pongs(client: RawClient) -> None:
    session = client.open_session()

    for _ in range(3):
        assert session.poll().text == "2"
        assert session.post("3").status == 200


@hasty
@engine_and_socket
def test_a_session_without_polls_times_out(client: RawClient) -> None:
    session = client.open_session()

    # Opened later with the same limits, so its end proves that the time is over.
    silent, _ = client.open_websocket_session()
    silent.wait_closed()

    assert session.poll().status == 400


@hasty
@engine_and_socket
def test_a_websocket_carries_pings(client: RawClient) -> None:
    websocket, _ = client.open_websocket_session()

    for _ in range(3):
        assert websocket.receive() == "2"
        websocket.send("3")


@hasty
@engine_and_socket
def test_a_websocket_without_pongs_is_closed(client: RawClient) -> None:
    websocket, _ = client.open_websocket_session()

    websocket.wait_closed()


# ------------------------------------------------------------------ close


@engine_and_socket
def test_a_close_packet_by_post_ends_the_hanging_poll(client: RawClient) -> None:
    session = client.open_session()
    poll = session.start_poll()

    session.post("1")

    answer = poll.receive()
    assert (answer.status, answer.text) == (200, "6")
    assert session.poll().status == 400


@engine_and_socket
def test_a_poll_sent_just_before_the_close_packet_is_answered(
    client: RawClient,
) -> None:
    session = client.open_session()
    session.post("6")  # a noop: from now on both connections wait for a request

    # Both requests are there when the server looks; gevent serves the latest first.
    poll = session.start_poll()
    session.post("1")

    answer = poll.receive()
    assert (answer.status, answer.text) == (200, "6")
    assert session.poll().status == 400


@hasty
@engine_and_socket
def test_a_close_packet_ends_the_websocket(client: RawClient) -> None:
    # As Node's, our server ignores it, and gives the client up that is silent.
    websocket, _ = client.open_websocket_session()

    websocket.send("1")

    websocket.wait_closed()


# ------------------------------------------------------------------ upgrade


@engine_and_socket
def test_a_probe_releases_the_poll_and_the_upgrade_takes_over(
    client: RawClient,
) -> None:
    session = client.open_session()
    websocket = session.websocket()

    websocket.send("2probe")
    assert websocket.receive() == "3probe"
    polled = session.poll()
    websocket.send("5")

    assert (polled.status, polled.text) == (200, "6")
    check_alive(client, websocket)


@engine_and_socket
def test_after_the_upgrade_polls_are_refused(client: RawClient) -> None:
    session = client.open_session()
    websocket = session.upgrade()
    check_alive(client, websocket)

    polled = session.poll()

    assert polled.status == 400
    check_alive(client, websocket)


@engine_and_socket
def test_after_the_upgrade_another_websocket_is_closed(client: RawClient) -> None:
    session = client.open_session()
    websocket = session.upgrade()

    session.websocket().wait_closed()

    check_alive(client, websocket)
