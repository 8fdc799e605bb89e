"""Engine.IO 3: a test of ours for each title of the public protocol suite."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.raw_client import RawClient
from tests.support.raw_websocket import RawWebSocket, Refused

pytestmark = pytest.mark.parametrize(
    "client", ["engine3", "engine3/pywsgi"], indirect=True
)
#: With the limits of the suite.
hasty = pytest.mark.parametrize("hasty", [True])


def check_handshake(fields: dict[str, Any], upgrades: list[str]) -> None:
    assert isinstance(fields["sid"], str)
    assert fields["upgrades"] == upgrades
    assert fields["pingInterval"] == 300
    assert fields["pingTimeout"] == 200
    assert fields["maxPayload"] == 1_000_000


def check_alive(websocket: RawWebSocket) -> None:
    """Send a message and await its answer: what was sent before has arrived by then."""
    websocket.send("4hello")
    assert websocket.receive() == "4hello"


# ------------------------------------------------------------------ handshake


@hasty
def test_polling_handshake_opens_a_session(client: RawClient) -> None:
    session = client.open_session()

    length, _, packet = session.answer.text.partition(":")
    assert len(packet) == int(length)
    check_handshake(session.handshake, ["websocket"])


@pytest.mark.parametrize("transport", [None, "abc"])
def test_polling_handshake_needs_a_known_transport(
    client: RawClient, transport: str | None
) -> None:
    assert client.request(transport=transport).status == 400


def test_polling_handshake_must_be_a_get(client: RawClient) -> None:
    assert client.request("POST", transport="polling").status == 400


@hasty
def test_websocket_handshake_opens_a_session(client: RawClient) -> None:
    _, fields = client.open_websocket_session()

    check_handshake(fields, [])


@hasty
@pytest.mark.parametrize("eio", [None, "abc"])
def test_a_handshake_that_names_no_protocol_means_the_third(
    client: RawClient, eio: str | None
) -> None:
    # The suite expects that such a WebSocket ends at some time: its client never pings.
    websocket, _ = client.open_websocket_session(EIO=eio)

    websocket.wait_closed()


@pytest.mark.parametrize("transport", [None, "abc"])
def test_websocket_handshake_needs_a_known_transport(
    client: RawClient, transport: str | None
) -> None:
    with pytest.raises(Refused) as refused:
        client.websocket(transport=transport)

    assert refused.value.answer.status == 400


# ------------------------------------------------------------------ messages


@pytest.mark.parametrize(
    "payload",
    ["6:4hello", "6:4test16:4test26:4test3", "6:4hello10:b4AQIDBA=="],
    ids=["one text packet", "several text packets", "text and binary"],
)
def test_a_posted_payload_comes_back_in_one_poll(
    client: RawClient, payload: str
) -> None:
    session = client.open_session(b64=1)

    posted = session.post(payload)
    polled = session.poll()

    assert (posted.status, posted.text) == (200, "ok")
    assert (polled.status, polled.text) == (200, payload)


def test_bytes_come_as_bytes_to_a_client_that_takes_them(client: RawClient) -> None:
    session = client.open_session()

    session.post("6:4hello10:b4AQIDBA==")
    polled = session.poll()

    assert polled.headers["content-type"] == "application/octet-stream"
    assert polled.body == b"\0\6\xff4hello\1\5\xff\4\1\2\3\4"


def test_an_invalid_packet_by_post_closes_the_session(client: RawClient) -> None:
    session = client.open_session()

    posted = session.post("abc")

    assert posted.status == 400
    assert session.poll().status == 400


def test_a_second_poll_closes_the_session(client: RawClient) -> None:
    session = client.open_session()

    first = session.start_poll()
    second = session.start_poll(t="burst")

    answer = first.receive()
    assert (answer.status, answer.text) == (200, "1:1")
    assert second.receive().status == 400
    assert session.poll().status == 400


@pytest.mark.parametrize("message", ["4hello", b"\4\1\2\3\4"], ids=["text", "binary"])
def test_a_websocket_message_comes_back(
    client: RawClient, message: str | bytes
) -> None:
    websocket, _ = client.open_websocket_session()

    websocket.send(message)

    assert websocket.receive() == message


def test_an_invalid_packet_closes_the_websocket(client: RawClient) -> None:
    websocket, _ = client.open_websocket_session()

    websocket.send("abc")

    websocket.wait_closed()


# ------------------------------------------------------------------ heartbeat


def test_posts_carry_pings_and_polls_the_pongs(client: RawClient) -> None:
    session = client.open_session()

    for _ in range(3):
        assert session.post("1:2").status == 200
        assert session.poll().text == "1:3"


@hasty
def test_a_session_without_pings_times_out(client: RawClient) -> None:
    session = client.open_session()

    # Opened later with the same limits, so its end proves that the time is over.
    silent, _ = client.open_websocket_session()
    silent.wait_closed()

    assert session.post("1:2").status == 400


def test_a_websocket_carries_pings(client: RawClient) -> None:
    websocket, _ = client.open_websocket_session()

    for _ in range(3):
        websocket.send("2")
        assert websocket.receive() == "3"


@hasty
def test_a_websocket_without_pings_is_closed(client: RawClient) -> None:
    websocket, _ = client.open_websocket_session()

    websocket.wait_closed()


# ------------------------------------------------------------------ close


def test_a_close_packet_by_post_ends_the_hanging_poll(client: RawClient) -> None:
    session = client.open_session()
    poll = session.start_poll()

    session.post("1:1")

    answer = poll.receive()
    assert (answer.status, answer.text) == (200, "1:6")
    assert session.poll().status == 400


@hasty
def test_a_close_packet_ends_the_websocket(client: RawClient) -> None:
    # As Node's, our server ignores it, and gives the client up that is silent.
    websocket, _ = client.open_websocket_session()

    websocket.send("1")

    websocket.wait_closed()


# ------------------------------------------------------------------ upgrade


def test_a_probe_releases_the_poll_and_the_upgrade_takes_over(
    client: RawClient,
) -> None:
    session = client.open_session()
    websocket = session.websocket()

    websocket.send("2probe")
    assert websocket.receive() == "3probe"
    polled = session.poll()
    websocket.send("5")

    assert (polled.status, polled.text) == (200, "1:6")
    check_alive(websocket)


def test_after_the_upgrade_polls_are_refused(client: RawClient) -> None:
    session = client.open_session()
    websocket = session.upgrade()
    check_alive(websocket)

    polled = session.poll()

    assert polled.status == 400
    check_alive(websocket)


def test_after_the_upgrade_another_websocket_is_closed(client: RawClient) -> None:
    session = client.open_session()
    websocket = session.upgrade()

    session.websocket().wait_closed()

    check_alive(websocket)
