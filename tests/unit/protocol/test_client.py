from __future__ import annotations

from typing import Any

import pytest

from sockio.errors import EncodeError, ProtocolError
from sockio.protocol.client import Client
from sockio.protocol.engineio import v4
from sockio.protocol.socketio import JsonParser, Packet, PacketType


def frames(client: Client) -> list[str | bytes]:
    """Take what the client sends."""
    return [v4.encode_packet(packet, binary=True) for packet in client.take()]


def feed(client: Client, *messages: str | bytes) -> list[Packet | None]:
    """Let these messages of the server come."""
    return [client.receive(v4.decode_packet(message)) for message in messages]


@pytest.fixture
def client() -> Client:
    return Client(JsonParser())


@pytest.fixture
def joined(client: Client) -> Client:
    client.connect("/")
    feed(client, '40{"sid":"s"}')
    client.take()
    return client


def test_a_connection_opens(client: Client) -> None:
    assert feed(client, '0{"sid":"secret","pingInterval":25000}') == [None]

    assert client.opened == {"sid": "secret", "pingInterval": 25000}
    assert not client.closed


@pytest.mark.parametrize("packet", ["0", "0[]", "0{", '0{"sid":1}'])
def test_an_open_packet_without_a_session(client: Client, packet: str) -> None:
    with pytest.raises(ProtocolError):
        feed(client, packet)


def test_pings_are_answered(client: Client) -> None:
    assert feed(client, "2", "2probe") == [None, None]

    assert frames(client) == ["3", "3probe"]


def test_a_namespace_is_joined(client: Client) -> None:
    client.connect("/")
    client.connect("/admin", {"key": "k"})
    assert frames(client) == ["40", '40/admin,{"key":"k"}']

    [packet] = feed(client, '40/admin,{"sid":"s"}')

    assert packet == Packet(PacketType.CONNECT, "/admin", {"sid": "s"})
    assert client.memberships["/admin"].sid == "s"
    assert client.memberships["/admin"].connected
    assert not client.memberships["/"].connected


def test_a_namespace_refuses(client: Client) -> None:
    client.connect("/")

    [packet] = feed(client, '44{"message":"no"}')

    assert packet == Packet(PacketType.CONNECT_ERROR, "/", {"message": "no"})
    assert not client.memberships["/"].connected


@pytest.mark.parametrize("packet", ["40", '40{"sid":1}'])
def test_a_welcome_without_an_id(client: Client, packet: str) -> None:
    client.connect("/")

    with pytest.raises(ProtocolError):
        feed(client, packet)


def test_events_and_answers_go_out(joined: Client) -> None:
    assert joined.emit("/", ["a", 1], ack=False) is None
    assert joined.emit("/", ["b", b"x"], ack=True) == 0
    assert joined.emit("/", ["c"], ack=True) == 1
    joined.answer("/", 7, ["yes"])

    placeholder = '{"_placeholder":true,"num":0}'
    assert frames(joined) == [
        '42["a",1]',
        f'451-0["b",{placeholder}]',
        b"x",
        '421["c"]',
        '437["yes"]',
    ]


def test_what_cannot_travel_uses_no_id(joined: Client) -> None:
    with pytest.raises(EncodeError):
        joined.emit("/", ["a", object()], ack=True)

    assert joined.take() == []
    assert joined.emit("/", ["a"], ack=True) == 0


def test_events_and_answers_come_in(joined: Client) -> None:
    placeholder = '{"_placeholder":true,"num":0}'

    packets = feed(joined, f'451-3["a",{placeholder}]', b"x", '430["yes"]')

    assert packets == [
        None,
        Packet(PacketType.EVENT, "/", ["a", b"x"], 3),
        Packet(PacketType.ACK, "/", ["yes"], 0),
    ]


def test_what_is_for_somebody_else(joined: Client) -> None:
    assert feed(joined, '42/other,["a"]') == [None]


def test_leaving(joined: Client) -> None:
    joined.leave("/")

    assert frames(joined) == ["41"]
    assert not joined.memberships["/"].connected
    assert joined.memberships["/"].sid == "s"


def test_the_server_ends_it(joined: Client) -> None:
    [packet] = feed(joined, "41")
    assert packet == Packet(PacketType.DISCONNECT)
    assert not joined.memberships["/"].connected

    feed(joined, "1")

    assert joined.closed


def begin_again(client: Client, *messages: str | bytes) -> list[Any]:
    """Connect anew; return what the client sends, and let ``messages`` come."""
    client.begin()
    client.connect("/", {"token": "t"})
    sent = frames(client)
    feed(client, *messages)
    return sent


def test_a_client_that_comes_back_says_what_it_has_seen(client: Client) -> None:
    client.connect("/")
    feed(client, '40{"sid":"s","pid":"p"}')
    feed(client, '42["a","o1"]', '42["b",null]', '42["c"]', '420["d","no offset"]')

    sent = begin_again(client, '40{"sid":"s","pid":"p"}')

    assert sent == ['40{"pid":"p","offset":"o1","token":"t"}']
    assert client.memberships["/"].recovered


def test_a_client_that_comes_back_too_late(client: Client) -> None:
    client.connect("/")
    feed(client, '40{"sid":"s","pid":"p"}')

    begin_again(client, '40{"sid":"s2","pid":"p2"}')

    assert not client.memberships["/"].recovered
    assert client.memberships["/"].pid == "p2"


def test_nothing_of_the_last_connection_is_left(joined: Client) -> None:
    feed(joined, '0{"sid":"secret"}', '451-["a",{"_placeholder":true,"num":0}]', "1")
    joined.emit("/", ["lost"], ack=False)

    sent = begin_again(joined)

    assert sent == ['40{"token":"t"}']
    assert (joined.opened, joined.closed) == (None, False)
    assert not joined.memberships["/"].connected
    assert feed(joined, '40{"sid":"s"}')[0] is not None
