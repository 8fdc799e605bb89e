"""What clients send cannot forge a line of a log, nor command the terminal."""

from __future__ import annotations

import contextlib
import json
import logging
import re
import struct
from typing import Any

import pytest

import sockio
from sockio.protocol.websocket.frames import CLOSE
from tests.support.engine import RunningEngine
from tests.support.loopback import Kind
from tests.support.raw_websocket import Refused
from tests.support.served import Heard, Served

from .conftest import StartEngine

#: A line end, a forged line, sequences for the terminal, a mark that reverses text.
HOSTILE = "evil\r\n2026-01-01 INFO forged \x1b[2J\x9b31m\x00\u2028\u202e"
#: The part of it that may stand in the head of a request.
QUIET = "evil\x1b[2J\x9b31m"


@pytest.fixture(autouse=True)
def _everything_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="sockio")


def check(caplog: pytest.LogCaptureFixture, *, named: bool = True) -> None:
    """Check that no record breaks a line; ``named``: one shows the evil text."""
    assert caplog.records
    for record in caplog.records:
        assert record.getMessage().isprintable(), record.getMessage()
        assert not re.search(r"^2026", record.exc_text or "", re.MULTILINE)
    if named:
        assert "evil" in caplog.text


def text(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)


def fails(*_: Any) -> None:
    raise ValueError(HOSTILE)


SENT: dict[str, str | bytes] = {
    "unknown namespace": f"40/{HOSTILE},",
    "event for an unknown namespace": f'42/{HOSTILE},["a"]',
    "ack for an unknown namespace": f'43/{HOSTILE},1["a"]',
    "leaves an unknown namespace": f"41/{HOSTILE},",
    "event name": f"42[{text(HOSTILE)},1]",
    "event that fails": f'42["fails",{text(HOSTILE)}]',
    "reserved event": f'42["disconnect",{text(HOSTILE)}]',
    "bad packet": f"42{HOSTILE}",
    "bad type": f"4{HOSTILE}",
    "bad engine packet": HOSTILE,
    "ping": f"2{HOSTILE}",
    "bad attachment": HOSTILE.encode(),
    "binary event": f'451-["{HOSTILE}"',
    "refusal of a client's": f'44{{"message":{text(HOSTILE)}}}',
    "auth": f'40/guarded,{{"name":{text(HOSTILE)}}}',
    "dynamic namespace": f"40/dynamic{HOSTILE},",
}
#: For these the log shows the text.
NAMED = ("unknown namespace", "event name", "event that fails", "auth")


@pytest.mark.parametrize("case", SENT)
@pytest.mark.parametrize("way", ["websocket", "polling"])
def test_packets(
    case: str, way: str, served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    io = served.io
    io.of("/guarded").use(fails)
    io.of(lambda name, auth: name.startswith("/dynamic")).use(fails)

    @io.on("connection")
    def connected(socket: sockio.Socket[Any]) -> None:
        socket.use(lambda event, *_: "evil" not in event)
        socket.on("fails", fails)

    packet = SENT[case]
    done = Heard()
    if way == "websocket":
        websocket, socket = served.connect()
        for event in ("disconnect", "after"):
            socket.on(event, done)
        websocket.send(packet)
        websocket.send('42["after"]')
    else:
        session, socket = served.poll()
        for event in ("disconnect", "after"):
            socket.on(event, done)
        session.post(packet)
        session.post('42["after"]')
    done.next()
    served.close()

    check(caplog, named=case in NAMED)


def test_the_reason_of_a_close_frame(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    websocket, _ = served.connect()

    websocket.send_frame(struct.pack("!H", 1000) + HOSTILE.encode(), CLOSE)
    websocket.wait_closed()
    served.close()

    check(caplog)


REQUESTED: dict[str, tuple[dict[str, str], dict[str, str]]] = {
    "transport": ({"transport": HOSTILE}, {}),
    "sid": ({"transport": "polling", "sid": HOSTILE}, {}),
    "version": ({"transport": "polling", "EIO": HOSTILE}, {}),
    "origin": ({"transport": "polling"}, {"Origin": f"http://{QUIET}"}),
    "host": ({"transport": "polling"}, {"Host": QUIET, "Origin": "http://evil"}),
    "address": ({"transport": "polling"}, {"X-Forwarded-For": QUIET}),
    "agent": ({"transport": "polling"}, {"User-Agent": QUIET, "Cookie": QUIET}),
}


@pytest.mark.parametrize("case", REQUESTED)
@pytest.mark.parametrize("kind", ["sockio", "pywsgi"])
@pytest.mark.parametrize("upgrade", [False, True])
def test_requests(
    case: str,
    kind: Kind,
    upgrade: bool,
    start_engine: StartEngine,
    caplog: pytest.LogCaptureFixture,
) -> None:
    engine = start_engine(kind=kind, check_origin=True, trusted_proxies=1)
    query, headers = REQUESTED[case]
    if upgrade:
        query = {
            **query,
            "transport": query["transport"].replace("polling", "websocket"),
        }
        with contextlib.suppress(Refused):
            engine.raw.websocket(headers, **query)
    else:
        engine.raw.request(headers=headers, **query)
    engine.raw.request(transport="nothing")
    engine.close()

    check(caplog, named=False)


@pytest.mark.parametrize("way", ["target", "name", "value", "length", "chunk"])
def test_what_is_no_request(
    way: str, engine: RunningEngine, caplog: pytest.LogCaptureFixture
) -> None:
    evil = HOSTILE.replace("\r\n", "\n").encode()
    connection = engine.raw.http()
    head = b"POST /engine.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n"
    connection.wire.send(
        {
            "target": b"GET /" + evil + b" HTTP/1.1\r\n\r\n",
            "name": head + evil + b": a\r\n\r\n",
            "value": head + b"A: " + evil + b"\r\n\r\n",
            "length": head + b"Content-Length: " + evil + b"\r\n\r\n",
            "chunk": head + b"Transfer-Encoding: chunked\r\n\r\n" + evil + b"\r\n",
        }[way]
    )
    assert connection.receive().status == 400
    engine.close()

    check(caplog, named=False)
