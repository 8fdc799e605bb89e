"""Which payloads the polling transports write and read, by request."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import gevent
import pytest

from sockio.engine.http.request import Request
from sockio.engine.http.response import Response
from sockio.engine.options import EngineOptions
from sockio.engine.outbox import Outbox
from sockio.engine.transports import polling_for
from sockio.engine.transports.jsonp import JsonpTransport, JsonpV3Transport
from sockio.engine.transports.polling import PollingTransport
from sockio.engine.transports.polling_v3 import PollingV3Transport
from sockio.protocol.engineio.packet import Packet, PacketType
from sockio.protocol.engineio.wire import Wire
from sockio.runtime.reactor import Reactor
from sockio.testing import FakeClock

BYTES = {"CONTENT_TYPE": "application/octet-stream"}
TEXT = "text/plain; charset=UTF-8"


class Bench:
    """A polling transport for the query of a request; notes what it reports."""

    def __init__(self, query: str) -> None:
        reactor = Reactor(FakeClock())
        reactor.start()
        self.outbox = Outbox()
        request = Request({"REQUEST_METHOD": "GET", "QUERY_STRING": query})
        self.transport = polling_for(request, EngineOptions(), reactor)
        self.transport.bind(self.outbox, self)
        self.got: list[str | bytes | Packet] = []
        self.lost: list[tuple[str, object]] = []

    def answer(
        self, method: str = "GET", body: bytes = b"", **environ: Any
    ) -> Response:
        environ["REQUEST_METHOD"] = method
        environ["CONTENT_LENGTH"] = str(len(body))
        environ["wsgi.input"] = io.BytesIO(body)
        response = Response()
        handle = self.transport.handle
        gevent.spawn(handle, Request(environ), response).join(timeout=2)
        assert response.ended
        return response

    def post(self, body: bytes, **environ: Any) -> int:
        return self.answer("POST", body, **environ).status

    def poll(self, *frames: str | bytes) -> tuple[str, bytes]:
        self.outbox.put(Wire(frames))
        response = self.answer()
        return str(response.headers["Content-Type"]), response.body

    def on_message(self, data: str | bytes) -> None:
        self.got.append(data)

    def on_packet(self, packet: Packet) -> None:
        self.got.append(packet)

    def on_ready(self) -> None:
        self.transport.wake()

    def on_flushed(self, wires: list[Wire]) -> None: ...

    def unless_silent(self, fn: Callable[[], None]) -> None:
        fn()

    def on_lost(self, reason: str, description: object = None) -> None:
        self.lost.append((reason, description))


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("EIO=4", PollingTransport),
        ("EIO=4&b64=1", PollingTransport),
        ("EIO=3", PollingV3Transport),
        ("", PollingV3Transport),
        ("EIO=4&j=0", JsonpTransport),
        ("EIO=4&j=", JsonpTransport),
        ("EIO=3&j=1", JsonpV3Transport),
    ],
)
def test_the_transport_is_what_the_request_asks_for(query: str, kind: type) -> None:
    transport = Bench(query).transport

    assert type(transport) is kind
    assert transport.name == "polling"


@pytest.mark.parametrize(
    ("query", "upgrades"),
    [("EIO=4&j=0", ("websocket", "webtransport")), ("EIO=3", ("websocket",))],
)
def test_old_clients_know_no_webtransport(query: str, upgrades: Any) -> None:
    assert Bench(query).transport.upgrades_to == upgrades


@pytest.mark.parametrize(
    ("query", "kind", "body"),
    [
        ("EIO=4", TEXT, "4😀\x1ebAQ==".encode()),
        ("EIO=3&b64=1", TEXT, "3:4😀6:b4AQ==".encode()),
        (
            "EIO=3",
            "application/octet-stream",
            b"\0\5\xff" + "4😀".encode() + b"\1\2\xff\4\1",
        ),
        ("EIO=4&j=3", TEXT, '___eio[3]("4😀\\u001ebAQ==");'.encode()),
        ("EIO=3&j=3", TEXT, '___eio[3]("3:4😀6:b4AQ==");'.encode()),
    ],
)
def test_what_a_poll_is_answered(query: str, kind: str, body: bytes) -> None:
    assert Bench(query).poll("😀", b"\1") == (kind, body)


@pytest.mark.parametrize("query", ["EIO=3", "EIO=3&b64=1"])
def test_text_alone_travels_as_text(query: str) -> None:
    assert Bench(query).poll("a", "b") == (TEXT, b"2:4a2:4b")


@pytest.mark.parametrize(
    ("query", "body", "environ"),
    [
        ("EIO=3", "3:4😀6:b4AQ==1:2".encode(), {}),
        (
            "EIO=3&b64=1",
            b"\0\5\xff" + "4😀".encode() + b"\1\2\xff\4\1\0\1\xff2",
            BYTES,
        ),
        ("EIO=4&j=0", "d=4😀%1ebAQ%3D%3D%1e2".encode(), {}),
        ("EIO=3&j=0", "d=3:4😀6:b4AQ==1:2".encode(), {}),
    ],
)
def test_what_a_post_brings(query: str, body: bytes, environ: dict[str, str]) -> None:
    bench = Bench(query)

    assert bench.post(body, **environ) == 200

    assert bench.got == ["😀", b"\1", Packet(PacketType.PING)]


@pytest.mark.parametrize("query", ["EIO=4", "EIO=4&j=0", "EIO=3&j=0"])
def test_bytes_are_for_those_who_may_send_them(query: str) -> None:
    bench = Bench(query)

    assert bench.post(b"\0\2\xff4a", **BYTES) == 400

    assert bench.lost == [("transport error", "invalid content")]


@pytest.mark.parametrize(
    ("query", "body"),
    [("EIO=3", b"abc"), ("EIO=3", b""), ("EIO=4&j=0", b"d=x"), ("EIO=3&j=0", b"d=4a")],
)
def test_what_is_no_payload_ends_the_session(query: str, body: bytes) -> None:
    bench = Bench(query)

    assert bench.post(body) == 400

    [(reason, _)] = bench.lost
    assert reason == "parse error"


@pytest.mark.parametrize("query", ["EIO=4&j=0", "EIO=3&j=0"])
def test_a_form_without_a_payload_brings_nothing(query: str) -> None:
    bench = Bench(query)

    assert bench.post(b"x=4a") == 200

    assert not bench.got
    assert not bench.lost


def test_nothing_but_digits_gets_into_the_script() -> None:
    _, body = Bench("EIO=4&j=1];alert(2)//").poll("a")

    assert body == b'___eio[12]("4a");'
