"""How large a request or a message may be, and what a larger one gets."""

from __future__ import annotations

import logging

import pytest

from sockio.protocol.websocket.frames import BINARY, TEXT
from tests.support.engine import RunningEngine
from tests.support.raw_client import PollingSession

from .conftest import StartEngine

LIMIT = 1000
TOO_LARGE = ("transport error", "Max payload size exceeded")
PAYLOAD = ("transport error", "payload too large")


@pytest.fixture
def engine(start_engine: StartEngine) -> RunningEngine:
    return start_engine(max_http_buffer_size=LIMIT)


@pytest.fixture
def session(engine: RunningEngine) -> PollingSession:
    return engine.raw.open_session()


def post_head(session: PollingSession, *fields: str) -> bytes:
    lines = [f"POST {session.target()} HTTP/1.1", "Host: x", *fields, "", ""]
    return "\r\n".join(lines).encode()


# ------------------------------------------------------------------ POST


# 413, empty; the session ends
def test_a_body_over_the_limit_gets_413(
    engine: RunningEngine, session: PollingSession
) -> None:
    poll = session.start_poll()
    assert session.post("4" + "x" * (LIMIT - 1)).status == 200

    answer = session.post("4" + "x" * LIMIT)

    assert (answer.status, answer.body) == (413, b"")
    assert poll.receive().text == "1"
    assert engine.closes == [PAYLOAD]
    assert engine.messages == ["x" * (LIMIT - 1)]
    assert session.poll().status == 400


def test_the_limit_counts_bytes(engine: RunningEngine, session: PollingSession) -> None:
    assert session.post("4" + "€" * 333).status == 200
    assert session.post("4" + "€" * 334).status == 413


def test_a_body_that_is_announced_too_large_is_not_waited_for(
    engine: RunningEngine, session: PollingSession
) -> None:
    http = engine.raw.http()

    http.wire.send(post_head(session, f"Content-Length: {10**12}") + b"4x")

    assert http.receive().status == 413
    http.close()
    assert engine.closes == [PAYLOAD]


# Not more than the limit is taken
@pytest.mark.parametrize("kind", ["sockio", "pywsgi"])
def test_a_chunked_body_over_the_limit_gets_413(
    start_engine: StartEngine, kind: str
) -> None:
    engine = start_engine(kind=kind, max_http_buffer_size=LIMIT)
    session = engine.raw.open_session()
    http = engine.raw.http()

    http.wire.send(
        post_head(session, "Transfer-Encoding: chunked")
        + (b"400\r\n" + b"4" * 0x400 + b"\r\n") * 3
        + b"0\r\n\r\n"
    )

    assert http.receive().status == 413
    assert engine.closes == [PAYLOAD]
    assert engine.messages == []


def test_an_endless_body_is_answered(
    engine: RunningEngine, session: PollingSession
) -> None:
    http = engine.raw.http()

    http.wire.send(
        post_head(session, "Transfer-Encoding: chunked")
        + (b"400\r\n" + b"4" * 0x400 + b"\r\n") * 2
    )

    assert http.receive().status == 413
    http.close()
    assert engine.closes == [PAYLOAD]


@pytest.mark.parametrize("length", ["-1", "1x", "1, 2", "0x10"])
def test_a_length_that_is_no_number_is_refused(
    engine: RunningEngine, session: PollingSession, length: str
) -> None:
    http = engine.raw.http()

    http.wire.send(post_head(session, f"Content-Length: {length}") + b"4x")

    assert http.receive().status == 400
    assert engine.messages == []


def test_packets_are_not_counted(
    engine: RunningEngine, session: PollingSession
) -> None:
    assert session.post("\x1e".join("4" * 500)).status == 200

    assert len(engine.messages) == 500


# ------------------------------------------------------------------ WebSocket


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
def test_a_message_over_the_limit_is_1009(engine: RunningEngine, opcode: int) -> None:
    websocket, _ = engine.raw.open_websocket_session()

    websocket.send_frame(b"4" * (LIMIT + 1), opcode)

    assert websocket.wait_closed().code == 1009
    assert engine.closes == [TOO_LARGE]
    assert engine.messages == []


def test_a_message_of_the_limit_arrives(engine: RunningEngine) -> None:
    websocket, _ = engine.raw.open_websocket_session()

    websocket.send(b"x" * LIMIT)
    websocket.send("4" + "x" * (LIMIT - 1))

    assert engine.messages == [b"x" * LIMIT, "x" * (LIMIT - 1)]


@pytest.mark.parametrize("size", [LIMIT + 1, 1 << 32, (1 << 63) - 1])
def test_a_header_that_announces_too_much_is_enough(
    engine: RunningEngine, size: int
) -> None:
    websocket, _ = engine.raw.open_websocket_session()

    websocket.send_bytes(b"\x82\xff" + size.to_bytes(8, "big") + b"mask" + b"x")

    assert websocket.wait_closed().code == 1009
    assert engine.closes == [TOO_LARGE]


def test_fragments_that_add_up_beyond_the_limit_are_1009(engine: RunningEngine) -> None:
    websocket, _ = engine.raw.open_websocket_session()

    websocket.send_fragments(*["4" * 400] * 3)

    assert websocket.wait_closed().code == 1009
    assert engine.closes == [TOO_LARGE]


# The close frame arrives although the peer keeps sending
def test_a_peer_that_goes_on_sending_is_told_why(start_engine: StartEngine) -> None:
    engine = start_engine()
    websocket, _ = engine.raw.open_websocket_session()

    websocket.send(b"x" * 4_000_000)

    assert websocket.wait_closed().code == 1009


# Over the limit: one line at info, with size and limit
def test_what_is_too_large_is_logged(
    engine: RunningEngine, session: PollingSession, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "sockio")
    websocket, _ = engine.raw.open_websocket_session()

    session.post("4" + "x" * LIMIT)
    websocket.send(b"x" * (LIMIT + 1))
    websocket.wait_closed()

    lines = [r.getMessage() for r in caplog.records if "refused" in r.getMessage()]
    assert [record.levelno for record in caplog.records if record.levelno > 20] == []
    assert len(lines) == 2
    for line in lines:
        assert f"{LIMIT + 1} bytes" in line
        assert str(LIMIT) in line
        assert "max_http_buffer_size" in line


def test_a_transport_on_trial_has_the_same_limit(
    engine: RunningEngine, session: PollingSession
) -> None:
    websocket = session.websocket()

    websocket.send("2" + "x" * LIMIT)

    assert websocket.wait_closed().code == 1009
    assert session.post("4still here").status == 200
    assert engine.closes == []


def test_clients_are_told_the_limit(session: PollingSession) -> None:
    assert session.handshake["maxPayload"] == LIMIT
