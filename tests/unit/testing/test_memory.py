from __future__ import annotations

from typing import Any

import pytest

from sockio.protocol.engineio.wire import Wire
from sockio.testing.memory import MemoryWebSocket, cookies_of, environ_of


class Ends:
    """Both ends of a WebSocket, which note what they are told."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def on_message(self, data: str | bytes) -> None:
        self.told.append(data)

    def on_end(self) -> None:
        self.told.append("end")

    def on_closed(self, error: object) -> None:
        self.told.append(("closed", error))

    def on_drained(self) -> None: ...


@pytest.fixture
def client() -> Ends:
    return Ends()


@pytest.fixture
def server() -> Ends:
    return Ends()


@pytest.fixture
def websocket(client: Ends) -> MemoryWebSocket:
    return MemoryWebSocket(client, lambda fn, *args: fn(*args), max_payload=10)


def test_messages_wait_until_it_starts(
    websocket: MemoryWebSocket, server: Ends
) -> None:
    websocket.send("early")
    assert server.told == []

    websocket.start(server)
    websocket.send(b"late")

    assert server.told == ["early", b"late"]


def test_messages_wait_while_it_is_paused(
    websocket: MemoryWebSocket, server: Ends
) -> None:
    websocket.start(server)
    websocket.pause()
    websocket.send("a")
    websocket.hang_up()
    assert (server.told, websocket.closed) == ([], False)

    websocket.resume()

    assert server.told == ["a", ("closed", None)]
    assert websocket.closed


def test_packets_come_one_by_one(websocket: MemoryWebSocket, client: Ends) -> None:
    assert websocket.ready
    assert websocket.writable
    assert websocket.offer(Wire(["2[1]", b"x"]))

    assert client.told == ["42[1]", b"x"]


def test_after_the_close_nothing_comes(
    websocket: MemoryWebSocket, client: Ends, server: Ends
) -> None:
    websocket.start(server)

    websocket.close()
    websocket.close()
    websocket.send("a")

    assert not websocket.offer(Wire(["2[1]"]))
    assert (client.told, server.told) == (["end"], [])


@pytest.mark.parametrize(
    ("message", "size"), [("x" * 11, 11), ("ööööööö", 14), (b"x" * 12, 12)]
)
def test_a_message_that_is_too_large_ends_it(
    websocket: MemoryWebSocket,
    client: Ends,
    server: Ends,
    message: str | bytes,
    size: int,
) -> None:
    websocket.start(server)

    websocket.send(message)

    assert server.told == [("closed", f"a message of {size} bytes")]
    assert client.told == ["end"]


def test_cookies_of_an_answer() -> None:
    headers = [
        ("Set-Cookie", "a=1; Path=/; HttpOnly"),
        ("set-cookie", "b=; Max-Age=0"),
        ("Set-Cookie", "c=3; Secure"),
        ("Content-Type", "text/html"),
    ]

    assert cookies_of(headers) == {"a": "1", "b": None, "c": "3"}


def test_a_name_of_the_query_may_have_several_values(
    websocket: MemoryWebSocket,
) -> None:
    query = {"a": ["1", "2"], "b": "3"}

    environ = environ_of(websocket, path="/x/", query=query, headers={}, address="::1")

    assert environ["QUERY_STRING"] == "EIO=4&transport=websocket&a=1&a=2&b=3"
