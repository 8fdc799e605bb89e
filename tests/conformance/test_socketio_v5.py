"""Socket.IO 5: a test of ours for each title of the public protocol suite.

Its Engine.IO half is in ``test_engineio_v4``.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.raw_client import RawClient
from tests.support.raw_websocket import Closed, RawWebSocket


@pytest.fixture
def websocket(client: RawClient) -> RawWebSocket:
    """Give a WebSocket that has opened its session and joined nothing."""
    return client.open_websocket_session()[0]


@pytest.fixture
def joined(websocket: RawWebSocket) -> RawWebSocket:
    """Give a WebSocket in the main namespace."""
    websocket.send("40")
    websocket.receive_message()
    assert websocket.receive_message() == '42["auth",{}]'
    return websocket


# ------------------------------------------------------------------ connect


@pytest.mark.parametrize("namespace", ["", "/custom,"], ids=["main", "custom"])
@pytest.mark.parametrize("auth", [None, {"token": "123"}], ids=["no auth", "auth"])
def test_a_namespace_answers_with_a_sid_and_sees_the_auth(
    websocket: RawWebSocket, namespace: str, auth: dict[str, Any] | None
) -> None:
    payload = "" if auth is None else json.dumps(auth)

    websocket.send(f"40{namespace}{payload}")

    answer = websocket.receive_message()
    assert isinstance(answer, str)
    fields = json.loads(answer.removeprefix(f"40{namespace}"))
    assert fields.keys() == {"sid"}
    assert isinstance(fields["sid"], str)
    event = websocket.receive_message()
    assert isinstance(event, str)
    assert json.loads(event.removeprefix(f"42{namespace}")) == ["auth", auth or {}]


def test_an_unknown_namespace_is_refused(websocket: RawWebSocket) -> None:
    websocket.send("40/random")

    assert websocket.receive() == '44/random,{"message":"Invalid namespace"}'


def test_a_broken_connect_packet_closes_the_connection(websocket: RawWebSocket) -> None:
    websocket.send("4abc")

    websocket.wait_closed()


@pytest.mark.parametrize("hasty", [True])
def test_without_a_connect_packet_the_connection_is_closed(
    websocket: RawWebSocket,
) -> None:
    with pytest.raises(Closed):
        websocket.receive_message()


# ------------------------------------------------------------------ disconnect


@pytest.mark.parametrize("hasty", [True])  # a ping follows
def test_leaving_the_main_namespace_keeps_the_connection(joined: RawWebSocket) -> None:
    joined.send("41")

    assert joined.receive() == "2"


def test_leaving_one_namespace_keeps_the_other(joined: RawWebSocket) -> None:
    joined.send("40/custom")
    joined.receive_message()
    assert joined.receive_message() == '42/custom,["auth",{}]'

    joined.send("41/custom")
    joined.send('42["message","message to main namespace"]')

    answer = joined.receive_message()
    assert answer == '42["message-back","message to main namespace"]'


# ------------------------------------------------------------------ messages


def test_an_event_with_json(joined: RawWebSocket) -> None:
    joined.send('42["message",1,"2",{"3":[true]}]')

    assert joined.receive_message() == '42["message-back",1,"2",{"3":[true]}]'


def test_an_event_with_attachments(joined: RawWebSocket) -> None:
    places = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'

    joined.send(f'452-["message",{places}]')
    joined.send(b"\1\2\3")
    joined.send(b"\4\5\6")

    assert joined.receive_message() == f'452-["message-back",{places}]'
    assert joined.receive_message() == b"\1\2\3"
    assert joined.receive_message() == b"\4\5\6"


def test_an_ack_with_json(joined: RawWebSocket) -> None:
    joined.send('42456["message-with-ack",1,"2",{"3":[false]}]')

    assert joined.receive_message() == '43456[1,"2",{"3":[false]}]'


def test_an_ack_with_attachments(joined: RawWebSocket) -> None:
    places = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'

    joined.send(f'452-789["message-with-ack",{places}]')
    joined.send(b"\1\2\3")
    joined.send(b"\4\5\6")

    assert joined.receive_message() == f"462-789[{places}]"
    assert joined.receive_message() == b"\1\2\3"
    assert joined.receive_message() == b"\4\5\6"


@pytest.mark.parametrize(
    "packet",
    ["4abc", "42{}", '42abc["message-with-ack",1,"2",{"3":[false]}]'],
    ids=["unknown packet type", "payload is no array", "ack id is no number"],
)
def test_an_invalid_packet_closes_the_connection(
    joined: RawWebSocket, packet: str
) -> None:
    joined.send(packet)

    joined.wait_closed(0.25)
