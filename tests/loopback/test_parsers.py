"""Parsers: MessagePack, both forms at once, and parsers of one's own, on the wire."""

from __future__ import annotations

import base64
import json
import logging
from datetime import datetime, timezone
from typing import Any

import msgspec
import pytest

import sockio
from sockio.errors import EncodeError, ProtocolError
from tests.support.raw_client import PollingSession
from tests.support.raw_websocket import RawWebSocket
from tests.support.served import Heard, Served

from .conftest import Serve

pack = msgspec.msgpack.encode
CONNECT, DISCONNECT, EVENT, ACK, CONNECT_ERROR = range(5)


def message(kind: int, data: Any = None, **fields: Any) -> bytes:
    """Return a packet as MessagePack."""
    fields = {"type": kind, "nsp": "/", **fields}
    return pack(fields if data is None else {**fields, "data": data})


def receive(websocket: RawWebSocket) -> Any:
    """Receive a packet in MessagePack."""
    data = websocket.receive_message()
    assert isinstance(data, bytes), data
    return msgspec.msgpack.decode(data)


def join(served: Served) -> tuple[RawWebSocket, sockio.Socket[Any]]:
    """Join over a new WebSocket, in MessagePack; return both ends."""
    websocket, _ = served.raw.open_websocket_session()
    websocket.send(message(CONNECT))
    assert receive(websocket)["type"] == CONNECT
    return websocket, served.newest()


def polled(session: PollingSession) -> list[Any]:
    """Poll, and return the packets in MessagePack."""
    texts = session.poll().packets
    assert all(str(text).startswith("b") for text in texts), texts
    return [msgspec.msgpack.decode(base64.b64decode(str(text)[1:])) for text in texts]


@pytest.fixture(params=["msgpack", "auto"])
def served(request: pytest.FixtureRequest, serve: Serve) -> Served:
    """Give a running server that speaks MessagePack, or both forms."""
    return serve(parser=request.param, max_http_buffer_size=1000)


# ------------------------------------------------------------------ what is written


def test_packets_are_maps_without_what_there_is_not(served: Served) -> None:
    websocket, _ = served.raw.open_websocket_session()
    websocket.send(message(CONNECT))
    answer = receive(websocket)
    socket = served.newest()
    assert answer == {"type": CONNECT, "nsp": "/", "data": {"sid": socket.id}}

    socket.emit("e", b"x", float("nan"))
    socket.emit("f", ack=Heard())
    served.io.emit("g", 1)
    socket.disconnect()

    assert receive(websocket) == {"type": EVENT, "nsp": "/", "data": ["e", b"x", None]}
    assert receive(websocket) == {"type": EVENT, "nsp": "/", "data": ["f"], "id": 0}
    assert receive(websocket) == {"type": EVENT, "nsp": "/", "data": ["g", 1]}
    assert receive(websocket) == {"type": DISCONNECT, "nsp": "/"}


def test_polling_carries_it_in_base64(served: Served) -> None:
    session = served.raw.open_session()
    session.post("b" + base64.b64encode(message(CONNECT)).decode())
    [answer] = polled(session)
    socket = served.newest()
    socket.on("e", lambda *args: args)
    assert answer["data"] == {"sid": socket.id}

    session.post("b" + base64.b64encode(message(EVENT, ["e", b"x"], id=7)).decode())

    assert polled(session) == [{"type": ACK, "nsp": "/", "data": [b"x"], "id": 7}]


def test_an_unknown_namespace_is_told_in_the_form_of_the_client(served: Served) -> None:
    websocket, _ = served.raw.open_websocket_session()

    websocket.send(message(CONNECT, nsp="/unknown"))

    assert receive(websocket) == {
        "type": CONNECT_ERROR,
        "nsp": "/unknown",
        "data": {"message": "Invalid namespace"},
    }


def test_nil_is_no_data(served: Served) -> None:
    websocket, _ = served.raw.open_websocket_session()
    gone = Heard()

    websocket.send(pack({"type": 0, "nsp": "/", "data": None, "id": None}))
    assert receive(websocket)["type"] == CONNECT
    served.newest().on("disconnect", gone)
    websocket.send(pack({"type": 1, "nsp": "/", "data": None}))

    assert gone.next()[0] == "client namespace disconnect"


# ------------------------------------------------------------------ what is refused

NOT_MSGPACK = "the packet is not MessagePack"
MOMENT = datetime(2024, 5, 1, tzinfo=timezone.utc)
MALFORMED: dict[str, tuple[str | bytes, str]] = {
    "text": ("42[]", "got plaintext data instead of MessagePack"),
    "nothing": (b"", "the packet is cut off"),
    "no MessagePack": (b"\xc1", "unknown marker 0xc1"),
    "no text": (message(EVENT, ["e", "é"]).replace(b"\xa9", b"\xc3"), NOT_MSGPACK),
    "cut off": (message(EVENT, ["e"])[:-1], "the packet is cut off"),
    "more than one": (message(EVENT, ["e"]) + b"\0", "bytes behind the packet"),
    "far too deep": (b"\x91" * 950, "the packet is nested too deep"),
    "an endless array": (b"\xdd\xff\xff\xff\xff", "the packet is cut off"),
    "a list as key": (pack(["e", {(1, 2): 3}]), "a key that is no text"),
    "a date as key": (pack({MOMENT: 3}), "a key that is no text"),
    "a date and rubbish": (b"\x92\xd7\0" + bytes(8) + b"\xc1", "unknown marker 0xc1"),
    "a list": (pack([]), "invalid packet type"),
    "type 5": (message(5, ["e"]), "invalid packet type"),
    "no namespace": (pack({"type": 2, "data": ["e"]}), "invalid namespace"),
    "a reserved name": (message(EVENT, ["connect"]), "invalid payload"),
    "an event without data": (message(EVENT), "invalid payload"),
    "a negative id": (message(EVENT, ["e"], id=-1), "invalid packet id"),
}


def test_whole_numbers_as_keys_are_text(served: Served) -> None:
    # As for JavaScript's socket.io-msgpack-parser.
    heard = Heard()
    websocket, socket = join(served)
    socket.on("e", heard)

    websocket.send(message(EVENT, ["e", {1: "a", "b": {-300: {}}, 2**64 - 1: None}]))

    assert heard.next() == ({"1": "a", "b": {"-300": {}}, str(2**64 - 1): None},)


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_data_ends_one_session(served: Served, name: str) -> None:
    frame, error = MALFORMED[name]
    bystander, other = join(served)
    other.on("e", lambda *args: args)
    websocket, socket = join(served)
    errors, gone = Heard(), Heard()
    socket.on("error", errors)
    socket.on("disconnect", gone)

    websocket.send(frame)

    assert gone.next() == ("forced close", None)
    websocket.wait_closed()
    [exception] = errors.next()
    assert isinstance(exception, ProtocolError)
    assert str(exception) == error
    bystander.send(message(EVENT, ["e", 1], id=0))
    assert receive(bystander)["data"] == [1]


@pytest.mark.parametrize("frame", [b"", b"\xc1", b"\0", message(EVENT, ["e"])])
def test_a_malformed_first_message_ends_one_session(
    served: Served, frame: bytes
) -> None:
    websocket, _ = served.raw.open_websocket_session()

    websocket.send(frame)

    websocket.wait_closed()
    assert served.io.engine.clients_count == 0


# ------------------------------------------------------------------ both at once


def test_one_broadcast_in_both_forms(serve: Serve) -> None:
    served = serve(parser="auto")
    of_json, first = served.connect()
    of_msgpack, second = join(served)
    session, third = served.poll()
    for socket in (first, second, third):
        socket.join("room")

    served.io.to("room").emit("e", {"a": b"x"}, 2**60)

    data = '["e",{"a":{"_placeholder":true,"num":0}},1152921504606846976]'
    assert of_json.receive() == f"451-{data}"
    assert of_json.receive() == b"x"
    assert receive(of_msgpack)["data"] == ["e", {"a": b"x"}, 2**60]
    assert session.poll().packets == [f"451-{data}", "beA=="]


def test_clients_talk_to_each_other_in_their_forms(serve: Serve) -> None:
    served = serve(parser="auto")
    of_json, first = served.connect()
    of_msgpack, second = join(served)
    for socket in (first, second):
        socket.on("say", lambda *what, s=socket: s.broadcast.emit("said", *what))

    of_json.send('42["say","é"]')
    assert receive(of_msgpack)["data"] == ["said", "é"]
    of_msgpack.send(message(EVENT, ["say", [1.5]]))
    assert of_json.receive() == '42["said",[1.5]]'


def test_a_client_keeps_to_its_form(serve: Serve) -> None:
    served = serve(parser="auto")
    websocket, socket = served.connect()
    gone = Heard()
    socket.on("disconnect", gone)

    websocket.send(message(EVENT, ["e"]))

    assert gone.next()[0] == "forced close"


def test_what_cannot_travel_reaches_nobody(serve: Serve) -> None:
    served = serve(parser="auto")
    of_json, _ = served.connect()
    of_msgpack, socket = join(served)

    for emit in (served.io.emit, socket.emit):
        with pytest.raises(EncodeError):
            emit("e", object())

    served.io.emit("next")
    assert of_json.receive() == '42["next"]'
    assert receive(of_msgpack)["data"] == ["next"]


def test_each_namespace_speaks_as_the_client_does(serve: Serve) -> None:
    served = serve(parser="auto")
    served.io.of(lambda name, auth: True)
    websocket, _ = join(served)

    websocket.send(message(CONNECT, {"token": b"x"}, nsp="/made"))
    websocket.send(message(EVENT, ["held"], nsp="/made", id=1))

    assert receive(websocket)["nsp"] == "/made"
    assert served.newest("/made").handshake.auth == {"token": b"x"}


# ------------------------------------------------------------------ one's own


class PlainJson:
    """Writes a packet as a JSON object; does not check what clients send."""

    def encode(self, packet: Any) -> list[str | bytes]:
        return [json.dumps(packet._asdict())]

    def decoder(self) -> PlainJson:
        return self

    def feed(self, data: str | bytes) -> Any:
        if data == "later":
            return None
        fields = json.loads(data)
        return sockio.Packet(
            fields["type"], fields["nsp"], fields.get("data"), fields.get("id")
        )


@pytest.fixture
def own(serve: Serve) -> tuple[Served, RawWebSocket, sockio.Socket[Any]]:
    """Give a server with a parser of its own, and both ends of a client."""
    served = serve(parser=PlainJson())
    websocket, _ = served.raw.open_websocket_session()
    websocket.send('4{"type":0,"nsp":"/"}')
    websocket.receive()
    return served, websocket, served.newest()


Own = tuple[Served, RawWebSocket, sockio.Socket[Any]]


def test_a_parser_of_ones_own(own: Own) -> None:
    served, websocket, socket = own
    socket.on("echo", lambda *args: args)

    websocket.send("4later")
    websocket.send('4{"type":2,"nsp":"/","data":["echo",1],"id":5}')

    answer = websocket.receive()
    assert isinstance(answer, str)
    assert json.loads(answer[1:]) == {"type": 3, "nsp": "/", "data": [1], "id": 5}
    served.io.emit("all", "x")
    answer = websocket.receive()
    assert isinstance(answer, str)
    assert json.loads(answer[1:])["data"] == ["all", "x"]


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ('{"type":2,"nsp":"/","data":["connect"]}', "invalid payload"),
        ('{"type":2,"nsp":"/","data":null}', "invalid payload"),
        ('{"type":9,"nsp":"/"}', "invalid packet type"),
        ('{"type":2,"nsp":5,"data":["e"]}', "invalid namespace"),
        ('{"type":2,"nsp":"/","data":["e"],"id":"x"}', "invalid packet id"),
    ],
)
def test_what_it_lets_through_is_checked(own: Own, text: str, error: str) -> None:
    _, websocket, socket = own
    errors = Heard()
    socket.on("error", errors)

    websocket.send("4" + text)

    assert str(errors.next()[0]) == error
    websocket.wait_closed()


def test_its_failure_ends_one_session(
    own: Own, caplog: pytest.LogCaptureFixture
) -> None:
    served, websocket, socket = own
    errors = Heard()
    socket.on("error", errors)

    with caplog.at_level(logging.ERROR, "sockio"):
        websocket.send("4broken")
        websocket.wait_closed()

    assert str(errors.next()[0]) == "the parser failed"
    assert "the parser failed" in caplog.text
    assert served.io.engine.clients_count == 0
