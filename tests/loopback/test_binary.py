"""Binary data: what becomes an attachment, and what comes back as bytes."""

from __future__ import annotations

import array
import base64
import io
import json
import os
from pathlib import Path
from typing import Any

import gevent
import pytest

from tests.support.raw_websocket import RawWebSocket
from tests.support.served import Heard, Served

from .conftest import Serve

PLACE = {"_placeholder": True, "num": 0}


def receive_packet(websocket: RawWebSocket) -> tuple[Any, list[bytes]]:
    """Return the data of the next binary event, and its attachments."""
    head = websocket.receive_message()
    assert isinstance(head, str)
    assert head.startswith("45")
    count = int(head[2 : head.index("-")])
    data = json.loads(head[head.index("[") :])
    attachments = [websocket.receive() for _ in range(count)]
    assert all(isinstance(each, bytes) for each in attachments)
    return data, attachments  # type: ignore[return-value]


def send_packet(websocket: RawWebSocket, data: list[Any], *attachments: bytes) -> None:
    websocket.send(f"45{len(attachments)}-{json.dumps(data)}")
    for each in attachments:
        websocket.send(each)


# ------------------------------------------------------------------ outgoing


@pytest.mark.parametrize(
    "value",
    [b"\1\2", bytearray(b"\1\2"), memoryview(b"\1\2"), array.array("B", [1, 2])],
    ids=lambda value: type(value).__name__,
)
def test_what_is_bytes_becomes_an_attachment(served: Served, value: Any) -> None:
    websocket, socket = served.connect()

    socket.emit("file", value)

    assert receive_packet(websocket) == (["file", PLACE], [b"\1\2"])


def test_a_file_is_read_to_its_end(served: Served, tmp_path: Path) -> None:
    # A file opened for reading bytes, from its position to the end.
    websocket, socket = served.connect()
    path = tmp_path / "file"
    path.write_bytes(b"content")
    memory = io.BytesIO(b"skip this")
    memory.seek(5)

    with path.open("rb") as file:
        socket.emit("files", file, {"memory": memory})

    data, attachments = receive_packet(websocket)
    assert data == ["files", PLACE, {"memory": {"_placeholder": True, "num": 1}}]
    assert attachments == [b"content", b"this"]


def test_attachments_at_any_depth_keep_their_order(served: Served) -> None:
    websocket, socket = served.connect()

    socket.emit("x", [b"a", {"b": [b"b", 1, {"c": b"c"}]}], b"")

    data, attachments = receive_packet(websocket)
    assert attachments == [b"a", b"b", b"c", b""]
    assert data[1][1]["b"][2]["c"]["num"] == 2
    assert data[2]["num"] == 3


def test_the_same_bytes_twice_are_two_attachments(served: Served) -> None:
    websocket, socket = served.connect()
    data = b"same"

    socket.emit("x", data, data)

    assert receive_packet(websocket)[1] == [b"same", b"same"]


def test_packets_of_two_greenlets_do_not_interleave(served: Served) -> None:
    websocket, socket = served.connect()

    def emit(name: str) -> None:
        for _ in range(20):
            socket.emit(name, b"1", name.encode(), b"3")
            gevent.idle()

    for name in "abc":
        gevent.spawn(emit, name)

    for _ in range(60):
        data, attachments = receive_packet(websocket)
        assert attachments == [b"1", data[0].encode(), b"3"]


def test_an_attachment_for_a_polling_client_is_base64(served: Served) -> None:
    # The letter b, then standard base64.
    session, socket = served.poll()

    socket.emit("x", b"\xff\xfe", b"")

    assert session.poll().packets == [
        '452-["x",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]',
        "b//4=",
        "b",
    ]


# ------------------------------------------------------------------ incoming


def test_an_attachment_arrives_as_bytes(served: Served) -> None:
    heard = Heard()
    websocket, socket = served.connect()
    socket.on("x", heard)

    send_packet(websocket, ["x", {"a": [PLACE]}, 1], b"\1\2")

    assert heard.next() == ({"a": [b"\1\2"]}, 1)
    assert type(heard.calls[0][0]["a"][0]) is bytes


@pytest.mark.parametrize("limit", [None, 2])
def test_as_many_attachments_as_are_allowed(serve: Serve, limit: int | None) -> None:
    # At most 10 by default.
    heard = Heard()
    served = serve() if limit is None else serve(max_attachments=limit)
    most = limit or 10
    websocket, socket = served.connect()
    socket.on("x", heard)
    places = [{"_placeholder": True, "num": number} for number in range(most)]

    send_packet(websocket, ["x", *places], *[bytes([n]) for n in range(most)])
    assert heard.next() == tuple(bytes([number]) for number in range(most))

    websocket.send(f'45{most + 1}-["x"]')
    websocket.wait_closed()


def test_attachments_of_a_polling_client(served: Served) -> None:
    heard = Heard()
    session, socket = served.poll()
    socket.on("x", heard)
    text = base64.b64encode(b"\1\2").decode()

    session.post(f'451-["x",{json.dumps(PLACE)}]\x1eb{text}')

    assert heard.next() == (b"\1\2",)


def test_attachments_of_a_polling_client_in_two_posts(served: Served) -> None:
    heard = Heard()
    session, socket = served.poll()
    socket.on("x", heard)

    session.post(f'451-["x",{json.dumps(PLACE)}]')
    session.post("bAQI=")

    assert heard.next() == (b"\1\2",)


def test_attachments_whose_halves_come_through_two_transports(served: Served) -> None:
    heard = Heard()
    session, socket = served.poll()
    socket.on("x", heard)
    poll = session.start_poll()
    session.post(f'451-["x",{json.dumps(PLACE)}]')
    websocket = session.websocket()
    websocket.send("2probe")
    assert poll.receive().text == "6"
    websocket.send("5")

    websocket.send(b"\1\2")

    assert heard.next() == (b"\1\2",)


def test_other_packets_wait_for_the_attachments(served: Served) -> None:
    order = Heard()
    websocket, socket = served.connect()
    socket.on("file", lambda data: order("file", data))
    socket.on("text", lambda: order("text"))

    send_packet(websocket, ["file", PLACE], b"1")
    websocket.send('42["text"]')

    assert order.next() == ("file", b"1")
    assert order.next() == ("text",)


def test_attachments_of_one_namespace_do_not_reach_another(served: Served) -> None:
    heard = Heard()
    served.io.of("/chat")
    websocket, _ = served.connect()
    chat = served.also(websocket, "/chat")
    chat.on("x", heard)

    websocket.send(f'451-/chat,["x",{json.dumps(PLACE)}]')
    websocket.send(b"1")

    assert heard.next() == (b"1",)


def test_data_that_looks_like_a_placeholder_stays_data(served: Served) -> None:
    heard = Heard()
    websocket, socket = served.connect()
    socket.on("x", heard)

    websocket.send(f'42["x",{json.dumps(PLACE)}]')

    assert heard.next() == (PLACE,)


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65_535, 65_536, 900_000])
def test_bytes_of_any_size_come_back(served: Served, size: int) -> None:
    websocket, socket = served.connect()
    socket.on("echo", lambda data: socket.emit("echo", data))
    data = os.urandom(size)

    send_packet(websocket, ["echo", PLACE], data)

    assert receive_packet(websocket) == (["echo", PLACE], [data])
