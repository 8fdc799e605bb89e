"""C#: what SocketIOClient 4.0.3 and 3.1.1, and SocketIOUnity 1.1.5, write.

That is by their source. Node's server reads the same bytes, and is asked for the same
answers.
"""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import msgpack
import pytest

from sockio.protocol.websocket.frames import PONG
from tests.support.form_client import Form, FormClient, packet
from tests.support.raw_websocket import RawWebSocket
from tests.support.waiting import wait_until

from .conftest import Peers

#: The time, which it adds to the requests of a session that polls.
STAMP = "&t=1764441600000"
TEXT = {"Content-Type": "text/plain; charset=utf-8"}
#: Version 4 gives its GETs a body, which is empty.
DOTNET_4 = Form(
    "SocketIOClient 4.0.3",
    polling="/socket.io/?EIO=4&transport=polling&token=a+b",
    websocket="/socket.io/?EIO=4&transport=websocket&token=a+b",
    later=STAMP,
    get=TEXT,
    get_body="",
    post=TEXT,
)
DOTNET_3 = Form(
    "SocketIOClient 3.1.1",
    polling="/socket.io/?EIO=4&transport=polling&token=a%20b",
    websocket="/socket.io/?EIO=4&transport=websocket&token=a%20b",
    later=STAMP,
    post=TEXT,
)
#: It contains the source of 3.0.8, whose messages are written by other classes.
UNITY = replace(DOTNET_3, name="SocketIOUnity 1.1.5")
DOTNET_3_FOR_2 = Form(
    "SocketIOClient 3.1.1, EngineIO.V3",
    polling="/socket.io/?EIO=3&transport=polling&token=a%20b",
    websocket="/socket.io/?EIO=3&transport=websocket&token=a%20b",
    later=STAMP,
    post=TEXT,
    protocol=3,
)
DOTNET_4_FOR_2 = Form(
    "SocketIOClient 4.0.3, EngineIO.V3",
    polling="/socket.io/?EIO=3&transport=polling&token=a+b",
    websocket="/socket.io/?EIO=3&transport=websocket&token=a+b",
    later=STAMP,
    get=TEXT,
    get_body="",
    post=TEXT,
    protocol=3,
)
each = pytest.mark.parametrize("form", [DOTNET_4, DOTNET_3, UNITY], ids=str)
old = pytest.mark.parametrize("form", [DOTNET_4_FOR_2, DOTNET_3_FOR_2], ids=str)
PLACES = '{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}'
#: Bytes in each frame of a message.
FRAME = 8192


def joined(websocket: RawWebSocket, first: int = 1) -> RawWebSocket:
    """Join "/", and ask for the query of the handshake."""
    websocket.send('40{"name":"Ann"}')
    assert packet(websocket.receive())[0] == "40"
    assert websocket.receive() == '42["auth",{"name":"Ann"}]'
    websocket.send(f'42{first}["token"]')
    assert websocket.receive() == f'43{first}["a b"]'
    return websocket


# ------------------------------------------------------------------ polling


@each
def test_attachments_are_posted_after_their_packet(peers: Peers, form: Form) -> None:
    client = FormClient(peers().raw, form)
    client.open()
    client.post('40{"name":"Ann"}')
    assert packet(client.poll())[0] == "40"
    assert client.poll() == '42["auth",{"name":"Ann"}]'

    client.post(f'452-1["message-with-ack",{PLACES}]')
    client.post("bAQI=\x1ebAw==")

    assert [client.poll() for _ in range(3)] == [f"462-1[{PLACES}]", "bAQI=", "bAw=="]


def test_the_framework_asks_before_it_posts(peers: Peers) -> None:
    # .NET Framework waits for "100 Continue", at most 350 ms.
    client = FormClient(peers().raw, DOTNET_4)
    client.open()

    client.start_poll()
    client.post_when_asked_to("40/custom,")

    assert packet(client.receive())[0] == "40/custom,"


def test_version_4_leaves_and_polls_on(peers: Peers) -> None:
    peer = peers(ping_interval=0.1)
    client = FormClient(peer.raw, DOTNET_4)
    client.open()
    client.post("40")
    assert packet(polled(client))[0] == "40"
    assert polled(client) == '42["auth",{}]'

    client.post("41")
    wait_until(peer.server.reasons)

    assert peer.server.reasons() == ["client namespace disconnect"]
    assert client.poll() == "2"
    client.post("3")
    assert client.poll() == "2"


def polled(client: FormClient) -> str | bytes:
    """Return the next packet that is no ping; answer the pings."""
    while (it := client.poll()) == "2":
        client.post("3")
    return it


def test_every_answer_has_a_content_type(peers: Peers) -> None:
    # Version 3 looks at it without asking whether there is one.
    raw = peers().raw

    opened = raw.http().request("GET", DOTNET_3.polling)
    target = f"{DOTNET_3.polling}&sid={json.loads(opened.text[1:])['sid']}{STAMP}"
    posted = raw.http().request("POST", target, "40", dict(TEXT))
    polled = raw.http().request("GET", target)
    lost = raw.http().request("GET", f"{DOTNET_3.polling}&sid=gone{STAMP}")

    for answer in (opened, posted, polled, lost):
        assert "content-type" in answer.headers


def test_two_posts_at_once_end_the_session(peers: Peers) -> None:
    # Version 4 does that if a program does not await each ``EmitAsync``.
    raw = peers().raw
    client = FormClient(raw, DOTNET_4)
    client.open()

    client.start_post(2)
    client.start_poll()
    refused = raw.http().request("POST", client.target, "40", dict(TEXT))

    assert refused.status == 400
    assert client.receive() == "1"


# ------------------------------------------------------------------ upgrading


def test_version_4_upgrades_without_a_probe(peers: Peers) -> None:
    # It joins by a POST, never polls, and reads the answer from the WebSocket.
    client = FormClient(peers().raw, DOTNET_4)
    client.open()
    client.post('40{"name":"Ann"}')

    websocket = client.websocket()
    websocket.send("5")

    assert packet(websocket.receive())[0] == "40"
    assert websocket.receive() == '42["auth",{"name":"Ann"}]'
    websocket.send('421["token"]')
    assert websocket.receive() == '431["a b"]'


def test_version_3_opens_a_session_only_to_read_its_upgrades(peers: Peers) -> None:
    peer = peers()
    first = FormClient(peer.raw, DOTNET_3)
    assert first.open()["upgrades"] == ["websocket"]

    joined(FormClient(peer.raw, DOTNET_3).open_websocket(), first=0)

    assert peer.server.reasons() == []


# ------------------------------------------------------------------ WebSockets


@each
def test_a_long_message_comes_in_frames(peers: Peers, form: Form) -> None:
    websocket = joined(FormClient(peers().raw, form).open_websocket())
    # The first frame ends within a character.
    text = "x" + "é" * FRAME
    message = f'42["message","{text}"]'.encode()

    last = len(message) // FRAME * FRAME
    for start in range(0, len(message), FRAME):
        part = message[start : start + FRAME]
        websocket.send_frame(part, 1 if start == 0 else 0, fin=start == last)

    assert websocket.receive() == f'42["message-back","{text}"]'


@each
def test_attachments_come_in_frames(peers: Peers, form: Form) -> None:
    websocket = joined(FormClient(peers().raw, form).open_websocket())
    data = bytes(range(256)) * 64

    websocket.send('451-["message",{"_placeholder":true,"num":0}]')
    websocket.send_fragments(data[:FRAME], data[FRAME:])

    assert packet(websocket.receive())[0] == "451-"
    assert websocket.receive() == data


def test_it_sends_pongs_that_nobody_asked_for(peers: Peers) -> None:
    # .NET does, every thirty seconds.
    websocket = joined(FormClient(peers().raw, DOTNET_4).open_websocket())

    websocket.send_frame(b"", PONG)

    websocket.send('422["message-with-ack",1]')
    assert websocket.receive() == "432[1]"


def test_it_answers_pings(peers: Peers) -> None:
    websocket = FormClient(peers(ping_interval=0.05).raw, DOTNET_4).open_websocket()

    for _ in range(3):
        assert websocket.receive() == "2"
        websocket.send("3")


@pytest.mark.parametrize(
    ("form", "why"), [(DOTNET_4, "io client disconnect"), (UNITY, "")], ids=str
)
def test_it_leaves_then_closes(peers: Peers, form: Form, why: str) -> None:
    peer = peers()
    websocket = joined(FormClient(peer.raw, form).open_websocket())

    websocket.send("41")
    websocket.close(1000, why)
    wait_until(peer.server.reasons)

    assert peer.server.reasons() == ["client namespace disconnect"]


def test_version_3_only_closes(peers: Peers) -> None:
    peer = peers()
    websocket = joined(FormClient(peer.raw, DOTNET_3).open_websocket())

    websocket.close(1000)
    wait_until(peer.server.reasons)

    assert peer.server.reasons() == ["transport close"]


# ------------------------------------------------------------------ MessagePack


def test_version_3_speaks_messagepack(peers: Peers) -> None:
    # Without "auth" it sends an object of its own, with bytes; every event has an id.
    client = FormClient(peers(parser="msgpack").raw, DOTNET_3)
    websocket = client.open_websocket()
    mine = {"buffer": b"\0", "type": 0}

    websocket.send(packed(type=0, data=mine, nsp="/"))
    assert unpacked(websocket)["data"].keys() >= {"sid"}
    assert unpacked(websocket)["data"] == ["auth", mine]
    websocket.send(
        packed(
            type=2,
            data=["message-with-ack", b"\1", None],
            options={"compress": True},
            id=0,
            nsp="/",
        )
    )

    answer = unpacked(websocket)
    assert (answer["type"], answer["id"]) == (3, 0)
    assert answer["data"] == [b"\1", None]


def packed(**fields: object) -> bytes:
    """Encode an object; its fields have the order in which they are given."""
    data: bytes = msgpack.packb(fields)
    return data


def unpacked(websocket: RawWebSocket) -> dict[str, Any]:
    """Decode the next message."""
    message = websocket.receive()
    assert isinstance(message, bytes)
    fields: dict[str, Any] = msgpack.unpackb(message)
    return fields


# ------------------------------------------------------------------ protocol 3


@old
def test_an_old_one_posts_bytes_with_their_length_as_digits(
    peers: Peers, form: Form
) -> None:
    client = FormClient(peers().raw, form)
    client.open()
    assert [client.poll(), client.poll()] == ["40", '42["auth",{}]']

    event = f'452-["message",{PLACES}]'
    client.post(f"{len(event)}:{event}")
    client.post(
        b"\1\1\1\xff\4" + b"0123456789" + b"\1\2\xff\4\7",
        Content_Type="application/octet-stream",
    )

    assert packet(client.poll())[0] == "452-"
    assert [client.poll(), client.poll()] == [b"\x040123456789", b"\4\7"]


@pytest.mark.parametrize(
    ("form", "join", "auth"),
    [
        (DOTNET_4_FOR_2, "40/custom,", "{}"),
        (DOTNET_3_FOR_2, "40/custom?token=a b,", '{"token":"a b"}'),
    ],
    ids=str,
)
def test_an_old_one_joins_a_namespace(
    peers: Peers, form: Form, join: str, auth: str
) -> None:
    websocket = FormClient(peers().raw, form).open_websocket()

    websocket.send(join)

    came = [websocket.receive() for _ in range(4)]
    assert [it for it in came if "/custom" not in str(it)] == [
        "40",
        '42["auth",{}]',
    ]
    assert f'42/custom,["auth",{auth}]' in came
    websocket.send("2")
    assert websocket.receive() == "3"
