"""What clients get from our server under any HTTP server; see the subclasses."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import gevent
import pytest

from tests.support.deployed import Deployed
from tests.support.http_wire import Answer
from tests.support.raw_client import PollingSession, RawClient
from tests.support.raw_websocket import RawWebSocket, Refused


class DeploymentContract:
    """One server in a process; a subclass says how to start it."""

    #: Arguments of Python; parameters of the fixture ``server`` are added.
    command: Sequence[str]
    #: The server sends the 101 before it calls us, so we refuse by a close frame.
    upgrades_first = False

    @pytest.fixture
    def client(self, server: Deployed) -> Iterator[RawClient]:
        """Give a raw client; check that the server forgets all that it connected."""
        with server.client() as client:
            yield client
        with server.client() as client, gevent.Timeout(5):
            observer = client.open_socket()
            while ask(observer, "clients") != [1]:
                pass

    # -------------------------------------------------------------- transports

    def test_polling(self, client: RawClient) -> None:
        session = client.open_session()

        session.post("40")
        assert session.poll().packets[0].startswith('40{"sid":')
        parked = session.start_poll()
        session.post('420["echo","hi",1]')
        assert receive(session, parked.receive(), 2) == [
            '42["echoed","hi",1]',
            '430["hi",1]',
        ]
        session.post("1")

    def test_polling_carries_bytes(self, client: RawClient) -> None:
        session = client.open_session()
        session.post("40")
        session.poll()

        session.post('451-["echo",{"_placeholder":true,"num":0}]\x1ebAAH/')

        assert receive(session, session.poll(), 2) == [
            '451-["echoed",{"_placeholder":true,"num":0}]',
            "bAAH/",
        ]
        session.post("1")

    def test_websocket(self, client: RawClient) -> None:
        websocket = client.open_socket()

        assert_echoes(websocket)

    def test_a_large_message(self, client: RawClient) -> None:
        websocket = client.open_socket()
        text = "x" * 900_000

        websocket.send(f'42["echo","{text}"]')

        assert websocket.receive_event(timeout=20) == ["echoed", text]

    def test_upgrade(self, client: RawClient) -> None:
        session = client.open_session()
        assert session.handshake["upgrades"] == ["websocket"]
        session.post("40")
        session.poll()
        parked = session.start_poll()

        websocket = session.websocket()
        websocket.send("2probe")
        assert websocket.receive() == "3probe"
        assert parked.receive().text == "6"
        websocket.send("5")

        assert_echoes(websocket)

    def test_a_broadcast_reaches_both_transports(self, client: RawClient) -> None:
        session = client.open_session()
        session.post("40")
        session.poll()
        parked = session.start_poll()
        websocket = client.open_socket()

        websocket.send('42["shout","all",null]')

        assert websocket.receive_event() == ["shouted", "all", None]
        assert parked.receive().text == '42["shouted","all",null]'
        ask(websocket, "settle")
        websocket.close()
        session.post("1")

    # -------------------------------------------------------------- refusals

    def test_a_poll_is_refused(self, client: RawClient) -> None:
        unknown = client.request(transport="polling", sid="unknown")
        forbidden = client.request(transport="polling", token="wrong")

        assert (unknown.status, json.loads(unknown.text)["code"]) == (400, 1)
        assert (forbidden.status, json.loads(forbidden.text)) == (
            403,
            {"code": 4, "message": "wrong token"},
        )

    @pytest.mark.parametrize(
        ("query", "message"),
        [
            ({"sid": "unknown"}, "Session ID unknown"),
            ({"token": "wrong"}, "wrong token"),
            ({"EIO": None}, "Unsupported protocol version"),
        ],
        ids=["unknown sid", "forbidden", "no protocol"],
    )
    def test_a_websocket_is_refused(
        self, client: RawClient, query: dict[str, Any], message: str
    ) -> None:
        if self.upgrades_first:
            closed = client.websocket(**query).wait_closed()
            assert (closed.code, closed.reason) == (1008, message)
        else:
            with pytest.raises(Refused) as refused:
                client.websocket(**query)
            assert refused.value.answer.status == 400
            assert refused.value.answer.text == message

    def test_a_namespace_refuses(self, client: RawClient) -> None:
        websocket, _ = client.open_websocket_session()

        websocket.send('40{"token":"wrong"}')

        assert websocket.receive() == '44{"message":"wrong token","data":{"code":7}}'

    def test_a_violation_closes_the_websocket(self, client: RawClient) -> None:
        websocket = client.open_socket()

        websocket.send("x" * 1_000_001)

        assert websocket.wait_closed(timeout=20).code == 1009

    # -------------------------------------------------------------- the end

    def test_the_end_of_a_client_is_noticed(self, client: RawClient) -> None:
        observer = client.open_socket()
        ask(observer, "reasons")
        closed = client.open_socket()
        cut = client.open_socket()
        poll = client.open_session()
        poll.post("40")
        poll.poll()

        closed.close()
        assert wait_for_reasons(observer) == ["transport close"]
        cut.cut()
        assert wait_for_reasons(observer) == ["transport close"]
        poll.start_poll().wire.reset()
        assert wait_for_reasons(observer) == ["transport error"]
        poll = client.open_session()
        poll.post("40")
        poll.poll()
        parked = poll.start_poll()
        poll.post("1")
        assert wait_for_reasons(observer) == ["transport close"]
        parked.receive()

    def test_a_hang_up_behind_pipelined_bytes_is_noticed(
        self, client: RawClient
    ) -> None:
        observer = client.open_socket()
        ask(observer, "reasons")
        poll = client.open_session()
        poll.post("40")
        poll.poll()
        parked = poll.start_poll()
        wait_until_parked(observer)

        parked.wire.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        parked.close()

        assert wait_for_reasons(observer) == ["transport error"]

    def test_many_clients(self, client: RawClient) -> None:
        websockets = [client.open_socket() for _ in range(20)]

        websockets[0].send('42["shout",1]')

        for websocket in websockets:
            assert websocket.receive_event() == ["shouted", 1]
        ask(websockets[0], "settle")

    def test_headers_of_the_handshake(self, client: RawClient) -> None:
        origin = {"Origin": "https://page.example"}

        session = client.open_session(headers=origin)

        headers = session.answer.headers
        assert headers["access-control-allow-origin"] == "https://page.example"
        assert headers["set-cookie"].startswith(f"io={session.sid};")
        session.post("1")


def assert_echoes(websocket: RawWebSocket) -> None:
    """Check that text and bytes come back, as an event and as an ack."""
    websocket.send('421["echo","hi",{"a":[1,null]}]')
    websocket.send('451-2["echo",{"_placeholder":true,"num":0}]')
    websocket.send(b"\0\1\xff")

    assert [websocket.receive_message() for _ in range(6)] == [
        '42["echoed","hi",{"a":[1,null]}]',
        '431["hi",{"a":[1,null]}]',
        '451-["echoed",{"_placeholder":true,"num":0}]',
        b"\0\1\xff",
        '461-2[{"_placeholder":true,"num":0}]',
        b"\0\1\xff",
    ]


def ask(websocket: RawWebSocket, event: str) -> Any:
    """Emit an event without arguments and return its ack's arguments."""
    websocket.send(f'427["{event}"]')
    answer = websocket.receive_message()
    assert isinstance(answer, str)
    assert answer.startswith("437[")
    return json.loads(answer[3:])


def wait_for_reasons(observer: RawWebSocket) -> list[str]:
    """Ask until a client has gone; the test's time limit ends it."""
    while not (reasons := ask(observer, "reasons")[0]):
        pass
    found: list[str] = reasons
    return found


def wait_until_parked(observer: RawWebSocket) -> None:
    """Ask until the polls of all clients have arrived and wait."""
    while ask(observer, "writable") != [True]:
        pass


def receive(session: PollingSession, answer: Answer, count: int) -> list[str]:
    """Return ``count`` packets, polling for those that are not in ``answer``."""
    packets = answer.packets
    while len(packets) < count:
        packets += session.poll().packets
    return packets
