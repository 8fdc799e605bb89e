"""Clients of Socket.IO 2 on the wire: Engine.IO 3; they join "/" without asking."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

import sockio
from tests.support.http_wire import Answer
from tests.support.loopback import Loopback
from tests.support.raw_websocket import RawWebSocket


class Old(Loopback):
    """A server that lets old clients in, and one of them."""

    def __init__(self, **options: Any) -> None:
        self.io: sockio.Server[Any] = sockio.Server(allow_eio3=True, **options)
        self.handshakes: dict[str, Any] = {}
        self.sockets: list[sockio.Socket[Any]] = []
        self.reasons: list[str] = []
        self.io.on("connection", self.connected)
        super().__init__(self.io)
        self.raw = self.client(protocol=3)

    def connected(self, socket: sockio.Socket[Any]) -> None:
        self.handshakes[socket.nsp.name] = socket.handshake.auth
        self.sockets.append(socket)
        socket.on("echo", lambda *args: args)
        socket.on("disconnect", self.reasons.append)

    def namespace(self, name: str) -> sockio.Namespace:
        return self.io.of(name, self.connected)

    def open(self, **query: Any) -> RawWebSocket:
        """Open a WebSocket; read the answers of the engine and of the namespace."""
        websocket, self.engine_fields = self.raw.open_websocket_session(**query)
        assert websocket.receive() == "40"
        return websocket


@pytest.fixture
def old() -> Iterator[Old]:
    old = Old()
    yield old
    old.close()


# ------------------------------------------------------------------ connecting


def test_they_are_refused_unless_they_are_let_in() -> None:
    loopback = Loopback(sockio.Server())
    try:
        answer = loopback.client(protocol=3).request(transport="polling")
    finally:
        loopback.close()

    assert answer.status == 400
    assert json.loads(answer.text) == {
        "code": 5,
        "message": "Unsupported protocol version",
    }


def test_they_are_in_the_main_namespace_without_asking(old: Old) -> None:
    session = old.raw.open_session()

    assert session.poll().text == "2:40"

    [socket] = old.sockets
    assert socket.id == session.sid == socket.conn.id
    assert socket.conn.protocol == 3
    assert socket.handshake.auth == {}
    assert socket.rooms == {session.sid}


def test_another_namespace_is_asked_for_with_a_query(old: Old) -> None:
    old.namespace("/admin")
    websocket = old.open()

    websocket.send("40/admin?token=a%20b&token=c&empty=,")

    assert websocket.receive() == "40/admin,"
    assert old.handshakes == {"/": {}, "/admin": {"token": "c", "empty": ""}}
    assert old.sockets[1].id == "/admin#" + old.engine_fields["sid"]


def test_a_dynamic_namespace_is_asked_with_the_query(old: Old) -> None:
    asked = []

    def check(name: str, auth: dict[str, Any]) -> bool:
        asked.append((name, auth))
        return True

    old.io.of(check, old.connected)
    websocket = old.open()

    websocket.send("40/a?x=1,")
    websocket.send('42/a,0["echo",1]')

    assert websocket.receive() == "40/a,"
    assert websocket.receive() == "43/a,0[1]"
    assert asked == [("/a", {"x": "1"})]


def test_packets_may_repeat_the_query(old: Old) -> None:
    old.namespace("/admin")
    websocket = old.open()
    websocket.send("40/admin?x=1,")
    websocket.receive()

    websocket.send('42/admin?x=1,7["echo",1]')

    assert websocket.receive() == "43/admin,7[1]"


def test_an_unknown_namespace_is_refused(old: Old) -> None:
    websocket = old.open()

    websocket.send("40/none,")

    assert websocket.receive() == '44/none,{"message":"Invalid namespace"}'


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (None, '"no"'),
        ({"code": 1}, '{"code":1}'),
        ({}, "{}"),
        ("why", '"why"'),
        (0, '"no"'),
        (7, "7"),
    ],
)
def test_a_refusal_is_its_data_or_else_its_message(
    old: Old, data: object, told: str
) -> None:
    def refuse(socket: object) -> None:
        raise sockio.ConnectError("no", data)

    old.namespace("/admin").use(refuse)
    websocket = old.open()

    websocket.send("40/admin,")

    assert websocket.receive() == "44/admin," + told


def test_the_main_namespace_may_refuse_them_too() -> None:
    old = Old()
    try:

        @old.io.use
        def refuse(socket: object) -> None:
            raise sockio.ConnectError("no")

        websocket, _ = old.raw.open_websocket_session()

        assert websocket.receive() == '44"no"'
    finally:
        old.close()


# ------------------------------------------------------------------ breaking it


@pytest.mark.parametrize("packet", ["40", "40/?x=1,", '44"x"', '42/none,["e"]'])
def test_what_no_client_sends_closes_the_connection(old: Old, packet: str) -> None:
    websocket = old.open()

    websocket.send(packet)

    websocket.wait_closed()


@pytest.mark.parametrize("packet", ["3", "x"])
def test_the_engine_speaks_the_old_protocol(old: Old, packet: str) -> None:
    websocket = old.open()

    websocket.send(packet)  # such a client does not send pongs

    websocket.wait_closed()


def test_a_session_keeps_its_protocol(old: Old) -> None:
    session = old.raw.open_session()

    refused = session.poll(EIO=4)

    assert json.loads(refused.text) == {"code": 3, "message": "Bad request"}
    assert session.poll(EIO=None).text == "2:40"


# ------------------------------------------------------------------ talking


def test_binary_over_a_websocket(old: Old) -> None:
    websocket = old.open()

    websocket.send('451-0["echo",{"_placeholder":true,"num":0}]')
    websocket.send(b"\4\1\2")

    assert websocket.receive() == '461-0[{"_placeholder":true,"num":0}]'
    assert websocket.receive() == b"\4\1\2"


@pytest.mark.parametrize("text", ["+/8=", "-_8", "+/\r\n8"])
def test_binary_over_a_websocket_as_base64(old: Old, text: str) -> None:
    websocket = old.open(b64=1)

    websocket.send('451-0["echo",{"_placeholder":true,"num":0}]')
    websocket.send("b4" + text)

    assert websocket.receive() == '461-0[{"_placeholder":true,"num":0}]'
    assert websocket.receive() == "b4+/8="


@pytest.mark.parametrize("text", ["+/8=", "-_8", "+/\r\n8"])
def test_new_clients_may_take_base64_too(old: Old, text: str) -> None:
    websocket = old.client().open_socket(b64=1)

    websocket.send('451-0["echo",{"_placeholder":true,"num":0}]')
    websocket.send("b" + text)

    assert websocket.receive() == '461-0[{"_placeholder":true,"num":0}]'
    assert websocket.receive() == "b+/8="


@pytest.mark.parametrize("text", ["+/8=", "-_8", "+/\r\n8"])
def test_binary_over_polling_as_base64(old: Old, text: str) -> None:
    session = old.raw.open_session()
    session.poll()
    packets = ('451-0["echo",{"_placeholder":true,"num":0}]', "b4" + text)

    session.post("".join(f"{len(packet)}:{packet}" for packet in packets))

    assert session.poll().body.endswith(b"\1\3\xff\4\xfb\xff")


def test_one_broadcast_reaches_all_in_their_protocol(old: Old) -> None:
    new = old.client().open_socket()
    websocket = old.open()
    base64 = old.open(b64=1)
    polling = old.raw.open_session()
    polling.poll()

    old.io.emit("all", b"\1\2")

    text = '51-["all",{"_placeholder":true,"num":0}]'
    assert [new.receive(), new.receive()] == ["4" + text, b"\1\2"]
    assert [websocket.receive(), websocket.receive()] == ["4" + text, b"\4\1\2"]
    assert [base64.receive(), base64.receive()] == ["4" + text, "b4AQI="]
    assert polling.poll().body == (b"\0\4\1\xff4" + text.encode() + b"\1\3\xff\4\1\2")


def test_an_upgrade_keeps_the_order(old: Old) -> None:
    session = old.raw.open_session()
    assert session.poll().text == "2:40"

    websocket = session.upgrade()
    websocket.send('420["echo","é😀"]')

    assert websocket.receive() == '430["é😀"]'
    assert old.sockets[0].conn.upgraded


# ------------------------------------------------------------------ the end


def test_leaving_the_main_namespace_keeps_the_others(old: Old) -> None:
    old.namespace("/admin")
    websocket = old.open()
    websocket.send("40/admin,")
    websocket.receive()

    websocket.send("41")
    websocket.send('42/admin,0["echo"]')

    assert websocket.receive() == "43/admin,0[]"
    assert old.reasons == ["client namespace disconnect"]


def test_the_main_namespace_may_be_joined_again(old: Old) -> None:
    websocket = old.open()
    websocket.send("41")

    websocket.send("40")

    assert websocket.receive() == "40"
    first, second = old.sockets
    assert first.id == second.id
    assert second.connected


def test_a_disconnected_client_is_told(old: Old) -> None:
    websocket = old.open()

    old.sockets[0].disconnect(True)

    assert websocket.receive() == "41"
    websocket.wait_closed()


# ------------------------------------------------------------------ JSONP


def post(old: Old, sid: str, body: str) -> Answer:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    query = {"transport": "polling", "sid": sid, "j": 0}
    return old.raw.request("POST", body, form, **query)


def test_a_page_may_poll_by_scripts(old: Old) -> None:
    opened = old.raw.request(transport="polling", j=0)
    payload = unwrap(opened)
    sid = json.loads(payload.partition(":0")[2])["sid"]
    connected = old.raw.request(transport="polling", sid=sid, j=0)
    assert unwrap(connected) == "2:40"

    posted = post(old, sid, "d=17:420%5B%22echo%22,%22a%5C%5Cn%22%5D")
    assert (posted.status, posted.text) == (200, "ok")
    assert posted.headers["content-type"] == "text/html"

    answer = old.raw.request(transport="polling", sid=sid, j=0)
    assert unwrap(answer) == '10:430["a\\n"]'
    assert answer.headers["content-type"] == "text/plain; charset=UTF-8"
    assert int(answer.headers["content-length"]) == len(answer.body)


def unwrap(answer: Answer) -> str:
    assert answer.text.startswith("___eio[0](")
    assert answer.text.endswith(");")
    payload: str = json.loads(answer.text[len("___eio[0](") : -2])
    return payload


# ------------------------------------------------------------------ logs


@pytest.mark.parametrize("name", ["/", "/chat"])
def test_the_id_of_the_session_is_no_news_for_logs(
    old: Old, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    old.namespace("/chat")
    websocket = old.open()
    if name != "/":
        websocket.send("40/chat,")
        assert websocket.receive() == "40/chat,"
    prefix = "" if name == "/" else f"{name},"
    socket = old.sockets[-1]

    def fails(*args: Any) -> None:
        raise ValueError("no")

    socket.on("fails", fails)
    socket.on("takes none", lambda: None)
    socket.on_any(fails)
    socket.on_any_outgoing(fails)
    websocket.send(f'42{prefix}["fails"]')
    websocket.send(f'42{prefix}["takes none",1]')
    socket.on("end", lambda: socket.emit("end"))
    websocket.send(f'42{prefix}["end"]')
    while '["end"]' not in str(websocket.receive()):
        pass
    old.io.of(name).emit("all")
    websocket.receive()

    told = [line for line in caplog.messages if line.startswith("sid=")]
    assert len(told) >= 5
    assert all(f"{socket.conn.id[:4]}... " in line for line in told)
    assert socket.conn.id not in caplog.text
