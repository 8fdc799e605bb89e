"""The answer to a handshake, on each transport."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from sockio.engine.http.request import Request
from tests.support.engine import RunningEngine

from .conftest import StartEngine


def test_the_first_get_is_answered_with_the_open_packet(engine: RunningEngine) -> None:
    answer = engine.raw.request(transport="polling")

    assert answer.status == 200
    assert answer.headers["content-type"] == "text/plain; charset=UTF-8"
    assert answer.headers["cache-control"] == "no-store"
    assert re.fullmatch(
        r'0\{"sid":"[\w-]{20}","upgrades":\["websocket"\],"pingInterval":25000,'
        r'"pingTimeout":20000,"maxPayload":1000000\}',
        answer.text,
    )


def test_the_open_packet_carries_the_options(start_engine: StartEngine) -> None:
    engine = start_engine(ping_interval=0.3, ping_timeout=1, max_http_buffer_size=12345)

    fields = engine.raw.open_session().handshake

    assert (fields["pingInterval"], fields["pingTimeout"]) == (300, 1000)
    assert fields["maxPayload"] == 12345


@pytest.mark.parametrize(
    ("packet", "polled", "framed"),
    [("faster!", "4faster!", "4faster!"), (b"\1\2", "bAQI=", b"\1\2")],
)
def test_an_initial_packet_follows_at_once(
    start_engine: StartEngine, packet: Any, polled: str, framed: Any
) -> None:
    engine = start_engine(initial_packet=packet)

    session = engine.raw.open_session()
    websocket, _ = engine.raw.open_websocket_session()

    assert session.answer.packets[1:] == [polled]
    assert websocket.receive() == framed


@pytest.mark.parametrize(
    ("options", "upgrades"),
    [
        ({}, ["websocket"]),
        ({"allow_upgrades": False}, []),
        ({"transports": ["polling"]}, []),
    ],
)
def test_upgrades_are_those_that_can_be_had(
    start_engine: StartEngine, options: dict[str, Any], upgrades: list[str]
) -> None:
    session = start_engine(**options).raw.open_session()

    assert session.handshake["upgrades"] == upgrades


def test_a_session_that_starts_on_a_websocket_has_no_upgrades(
    engine: RunningEngine,
) -> None:
    _, fields = engine.raw.open_websocket_session()

    assert list(fields) == [
        "sid",
        "upgrades",
        "pingInterval",
        "pingTimeout",
        "maxPayload",
    ]
    assert fields["upgrades"] == []
    assert engine.session.transport.name == "websocket"


def test_ids_are_different_and_of_twenty_url_safe_characters(
    engine: RunningEngine,
) -> None:
    sids = [engine.raw.open_session().sid for _ in range(20)]

    assert len(set(sids)) == 20
    assert all(re.fullmatch(r"[\w-]{20}", sid) for sid in sids)
    assert list(engine.engine.clients) == sids


def test_ids_may_be_made_elsewhere(start_engine: StartEngine) -> None:
    def generate(request: Request) -> str:
        return "id-of-" + request.query["who"]

    engine = start_engine(generate_id=generate)

    assert engine.raw.open_session(who="a").sid == "id-of-a"
    _, fields = engine.raw.open_websocket_session(who="b")
    assert fields["sid"] == "id-of-b"


def test_generate_id_may_be_replaced(engine: RunningEngine) -> None:
    engine.engine.generate_id = lambda request: "mine"

    assert engine.raw.open_session().sid == "mine"


def test_connection_is_told_when_the_open_packet_has_left(
    engine: RunningEngine,
) -> None:
    engine.engine.on("connection", lambda session: session.send("welcome"))

    session = engine.raw.open_session()

    assert session.answer.packets[1:] == []
    assert session.poll().text == "4welcome"


def test_connection_is_told_of_each_session_once(engine: RunningEngine) -> None:
    told: list[str] = []
    engine.engine.on("connection", lambda session: told.append(session.id))

    _, fields = engine.raw.open_websocket_session()
    session = engine.raw.open_session()
    session.upgrade()
    engine.clock.settle()

    assert told == [fields["sid"], session.sid]


def test_clients_are_counted_until_they_close(engine: RunningEngine) -> None:
    session = engine.raw.open_session()
    engine.raw.open_websocket_session()
    assert engine.engine.clients_count == 2
    assert engine.engine.clients[session.sid].id == session.sid

    session.post("1")

    assert engine.closes == [("transport close", None)]
    assert engine.engine.clients_count == 1
    assert session.sid not in engine.engine.clients


def test_a_session_knows_its_first_request(engine: RunningEngine) -> None:
    session = engine.raw.open_session(headers={"X-Token": "t"}, room="a b")
    session.post("4x")

    assert engine.session.remote_address == "127.0.0.1"
    request = engine.session.request
    assert request is not None
    assert request.query["room"] == "a b"
    assert request.header("x-token") == "t"
    assert request.method == "GET"


# By default X-Forwarded-* headers are ignored
@pytest.mark.parametrize(
    ("trusted", "address"),
    [(0, "127.0.0.1"), (1, "203.0.113.9"), (["127.0.0.0/8"], "203.0.113.9")],
)
def test_forwarded_addresses_count_where_the_proxy_is_trusted(
    start_engine: StartEngine, trusted: Any, address: str
) -> None:
    engine = start_engine(trusted_proxies=trusted)

    engine.raw.open_session(headers={"X-Forwarded-For": "203.0.113.9"})

    assert engine.session.remote_address == address


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://evil.example", 403),
        ("https://partner.example", 200),
        ("own", 200),
        (None, 200),
    ],
)
def test_origins_can_be_enforced(
    start_engine: StartEngine,
    caplog: pytest.LogCaptureFixture,
    origin: str | None,
    status: int,
) -> None:
    engine = start_engine(check_origin=True, cors="https://partner.example")
    headers = {} if origin is None else {"Origin": origin}
    if origin == "own":
        headers["Origin"] = engine.url

    answer = engine.raw.request(transport="polling", headers=headers)

    assert answer.status == status
    if status == 403:
        assert json.loads(answer.text)["message"] == "Origin not allowed"
        assert "https://evil.example" in caplog.text
        assert engine.url in caplog.text


# An empty sid counts as none, as in Node
def test_an_empty_sid_is_a_handshake(engine: RunningEngine) -> None:
    assert engine.raw.open_session(sid="").sid
