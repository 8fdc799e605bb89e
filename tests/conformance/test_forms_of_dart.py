"""Dart and Flutter: what socket_io_client writes, by the source of 3.1.6 and 2.0.3.

Node's server reads the same bytes, and is asked for the same answers.
"""

from __future__ import annotations

import json

import pytest

from tests.support.form_client import Form, FormClient, packet
from tests.support.raw_websocket import Closed, RawWebSocket, Refused
from tests.support.waiting import wait_until

from .conftest import Peers

#: A program's WebSocket; the query of the program comes first.
NATIVE = Form(
    "socket_io_client 3.1.6, dart:io",
    websocket="/socket.io/?token=a+b&EIO=4&transport=websocket",
    handshake={
        "User-Agent": "Dart/3.5 (dart:io)",
        "Cache-Control": "no-cache",
        "Accept-Encoding": "gzip",
        "Sec-WebSocket-Extensions": "permessage-deflate; client_max_window_bits",
    },
)
#: The version before writes the query in another way.
NATIVE_2 = Form(
    "socket_io_client 2.0.3, dart:io",
    websocket="/socket.io/?token=a%20b&EIO=4&transport=websocket",
    handshake=NATIVE.handshake,
)
#: In a browser: XMLHttpRequest.
BROWSER = Form(
    "socket_io_client 3.1.6, browser",
    polling="/socket.io/?token=a+b&EIO=4&transport=polling",
    websocket="/socket.io/?token=a+b&EIO=4&transport=websocket",
    get={"Accept": "*/*", "Origin": "http://localhost:8080"},
    post={
        "Accept": "*/*",
        "Origin": "http://localhost:8080",
        "Content-Type": "text/plain;charset=UTF-8",
    },
    handshake={"Origin": "http://localhost:8080"},
)
PLACE = '{"_placeholder":true,"num":0}'


def joined(websocket: RawWebSocket, join: str = "40") -> RawWebSocket:
    """Join "/", and ask for the query of the handshake."""
    websocket.send(join)
    assert packet(websocket.receive())[0] == "40"
    assert packet(websocket.receive())[1][0] == "auth"
    websocket.send('420["token"]')
    assert websocket.receive() == '430["a b"]'
    return websocket


@pytest.mark.parametrize("form", [NATIVE, NATIVE_2], ids=str)
def test_a_program_begins_with_a_websocket(peers: Peers, form: Form) -> None:
    websocket = joined(FormClient(peers().raw, form).open_websocket())

    websocket.send(f'451-1["message-with-ack",{PLACE}]')
    websocket.send(b"\1\2\3")

    assert websocket.receive() == f"461-1[{PLACE}]"
    assert websocket.receive() == b"\1\2\3"


def test_what_it_buffered_follows_in_order(peers: Peers) -> None:
    websocket = joined(FormClient(peers().raw, NATIVE).open_websocket())

    for number in range(20):
        websocket.send(f'42["message",{number}]')

    came = [packet(websocket.receive())[1] for _ in range(20)]
    assert came == [["message-back", number] for number in range(20)]


def test_it_says_where_it_was_after_it_was_away(peers: Peers) -> None:
    # Before its own "auth"; a server without recovery takes that for a new client.
    place = {"pid": "abc", "offset": "def", "token": "mine"}

    joined(FormClient(peers().raw, NATIVE).open_websocket(), f"40{json.dumps(place)}")


def test_a_program_without_transports_asks_for_a_websocket_to_poll(
    peers: Peers,
) -> None:
    # It has to choose transports: the default begins with polling, which only browsers
    # have; the server ends such a WebSocket, or refuses it.
    form = Form(NATIVE.name, websocket="/socket.io/?EIO=4&transport=polling")

    with pytest.raises((Refused, Closed)):
        FormClient(peers().raw, form).websocket().receive()


def test_it_leaves_then_closes_without_a_code(peers: Peers) -> None:
    peer = peers()
    websocket = joined(FormClient(peer.raw, NATIVE).open_websocket())

    websocket.send("41")
    websocket.send_frame(b"", 8)
    wait_until(peer.server.reasons)

    assert peer.server.reasons() == ["client namespace disconnect"]


def test_compression_is_agreed_with_a_program(peers: Peers) -> None:
    agreed = FormClient(peers(deflate=True).raw, NATIVE).extensions()

    assert agreed.partition(";")[0] == "permessage-deflate"


def test_a_browser_polls_then_upgrades(peers: Peers) -> None:
    client = FormClient(peers().raw, BROWSER)
    client.open()
    client.post('40\x1e40/custom,{"name":"Ann"}')
    came = [packet(client.poll())]
    while len(came) < 4:
        came.append(packet(client.poll()))
    assert sorted(head for head, _ in came) == ["40", "40/custom,", "42", "42/custom,"]
    websocket = client.probe()

    websocket.send("5")
    websocket.send('42/custom,0["token"]')

    assert websocket.receive() == '43/custom,0["a b"]'


@pytest.mark.parametrize("transport", ["polling", "websocket"])
def test_bytes_as_text_if_it_was_told_so(peers: Peers, transport: str) -> None:
    # ``forceBase64``: b64=1 stands behind the rest, in a poll only without a session.
    form = Form(
        BROWSER.name,
        websocket="/socket.io/?EIO=4&transport=websocket&b64=1",
    )
    client = FormClient(peers().raw, form)
    if transport == "polling":
        client.open()
        client.post("40")
        assert packet(client.poll())[0] == "40"
        assert client.poll() == '42["auth",{}]'
        client.post(f'451-["message",{PLACE}]\x1ebAQID')
        came = [client.poll(), client.poll()]
    else:
        websocket = client.open_websocket()
        websocket.send("40")
        assert packet(websocket.receive())[0] == "40"
        assert websocket.receive() == '42["auth",{}]'
        websocket.send(f'451-["message",{PLACE}]')
        websocket.send("bAQID")
        came = [websocket.receive(), websocket.receive()]

    assert came == [f'451-["message-back",{PLACE}]', "bAQID"]
