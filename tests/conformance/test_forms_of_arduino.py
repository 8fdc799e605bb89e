"""Arduino and ESP32: what arduinoWebSockets 2.7.3 writes, by its source.

Node's server reads the same bytes, and is asked for the same answers.
"""

from __future__ import annotations

import pytest

from sockio.protocol.websocket.frames import PING, PONG
from tests.support.echo_servers import NodeEcho
from tests.support.form_client import Form, FormClient, packet
from tests.support.raw_client import RawClient
from tests.support.raw_websocket import Closed, RawWebSocket
from tests.support.waiting import wait_until

from .conftest import Peers

#: The order of its headers is that of the source.
GET = {
    "Connection": "keep-alive",
    "Origin": "file://",
    "User-Agent": "arduino-WebSocket-Client",
}
HANDSHAKE = {
    "Sec-WebSocket-Protocol": "arduino",
    "Origin": "file://",
    "User-Agent": "arduino-WebSocket-Client",
}
ARDUINO = Form("arduinoWebSockets 2.7.3", get=GET, handshake=HANDSHAKE)
#: With its default URL, for servers of version 2.
ARDUINO_FOR_2 = Form(
    "arduinoWebSockets 2.7.3, EIO=3",
    polling="/socket.io/?EIO=3&transport=polling",
    websocket="/socket.io/?EIO=3&transport=websocket",
    get=GET,
    handshake=HANDSHAKE,
    protocol=3,
)


def upgraded(raw: RawClient, form: Form) -> RawWebSocket:
    """Read the session's id, and upgrade on the same connection, as it does.

    It sends the upgrade behind its probe, and does not wait for the answer.
    """
    client = FormClient(raw, form)
    client.open()
    websocket = client.websocket(client.polls)
    assert websocket.answer.headers["sec-websocket-protocol"] == "arduino"
    websocket.send("2probe")
    websocket.send("5")
    return websocket


def send_in_pieces(websocket: RawWebSocket, kind: str, payload: str) -> None:
    """Send the header, the types and the payload apart; the mask is zeros."""
    size = len(payload) + 2
    head = bytes([0x81, 0x80 | size]) if size < 126 else bytes([0x81, 0xFE, 0, size])
    websocket.send_bytes(head + bytes(4))
    websocket.send_bytes(kind.encode())
    websocket.send_bytes(payload.encode())


def joined(websocket: RawWebSocket) -> RawWebSocket:
    """Join "/", which it names."""
    send_in_pieces(websocket, "40", "/")
    assert websocket.receive() == "3probe"
    assert packet(websocket.receive())[0] == "40"
    assert websocket.receive() == '42["auth",{}]'
    return websocket


def test_it_joins(peers: Peers) -> None:
    joined(upgraded(peers().raw, ARDUINO))


@pytest.mark.parametrize("payload", ["short", "l" * 150], ids=["short", "long"])
def test_messages_come_in_pieces(peers: Peers, payload: str) -> None:
    websocket = joined(upgraded(peers().raw, ARDUINO))

    send_in_pieces(websocket, "42", f'["message","{payload}"]')

    assert websocket.receive() == f'42["message-back","{payload}"]'


def test_its_program_writes_acknowledgements(peers: Peers) -> None:
    websocket = joined(upgraded(peers().raw, ARDUINO))
    send_in_pieces(websocket, "42", '["ask me"]')
    assert websocket.receive() == '420["question"]'

    send_in_pieces(websocket, "43", '0[{"now":1234}]')

    assert websocket.receive() == '42["you said",{"now":1234}]'


def test_it_pings_by_websocket_and_answers_by_engineio(peers: Peers) -> None:
    websocket = upgraded(peers(ping_interval=0.1).raw, ARDUINO)
    assert websocket.receive() == "3probe"

    websocket.send_frame(b"", PING)

    for _ in range(2):
        assert websocket.receive() == "2"
        websocket.send("3")
    assert [(each.opcode, each.payload) for each in websocket.controls] == [(PONG, b"")]


def test_it_disconnects_with_a_close_frame(peers: Peers) -> None:
    peer = peers()
    websocket = joined(upgraded(peer.raw, ARDUINO))

    websocket.close(1000)
    wait_until(peer.server.reasons)

    assert peer.server.reasons() == ["transport close"]


def test_it_comes_back_with_a_new_session(peers: Peers) -> None:
    peer = peers()
    joined(upgraded(peer.raw, ARDUINO)).cut()
    wait_until(peer.server.reasons)

    joined(upgraded(peer.raw, ARDUINO))

    assert peer.server.reasons() == ["transport close"]


def test_an_older_one_pings_in_protocol_4(peers: Peers) -> None:
    # It does not look for EIO=4 in its URL. There only the server pings: Node gives the
    # client up, we do not.
    peer = peers()
    websocket = joined(upgraded(peer.raw, ARDUINO))

    websocket.send("2")

    if isinstance(peer.server, NodeEcho):
        with pytest.raises(Closed):
            websocket.receive()
    else:
        assert websocket.receive() == "3"


def test_in_protocol_3_it_has_joined_and_pings(peers: Peers) -> None:
    websocket = upgraded(peers().raw, ARDUINO_FOR_2)
    came = [websocket.receive() for _ in range(3)]
    assert came == ["3probe", "40", '42["auth",{}]']

    websocket.send("2")
    assert websocket.receive() == "3"
    send_in_pieces(websocket, "42", '["message",1]')
    assert websocket.receive() == '42["message-back",1]'
