"""Who is turned away is one line of the log, with a code and a hint."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gevent.socket
import gevent.ssl
import pytest

import sockio
from sockio.runtime.refusals import CAUSES
from sockio.testing import FakeClock
from tests.support.raw_websocket import Refused
from tests.support.served import Served
from tests.support.waiting import wait_until

from .conftest import Serve

CERTIFICATE = Path(__file__).parent.parent / "support" / "localhost.pem"


class Lines:
    """The refusals in the log, from level INFO on."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, "sockio")
        self._caplog = caplog

    def all(self) -> list[Any]:
        return [r for r in self._caplog.records if hasattr(r, "sockio_code")]

    def wait(self) -> Any:
        """Return the only one, as soon as it is there."""
        wait_until(self.all)
        (record,) = self.all()
        return record


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Lines:
    return Lines(caplog)


def bad_request(served: Served) -> None:
    served.raw.http().wire.send(b"nonsense\r\n\r\n")


def request_too_large(served: Served) -> None:
    served.raw.request(transport="polling", t="x" * 20_000)


def transport_unknown(served: Served) -> None:
    served.raw.request(transport="pigeon")


def session_unknown(served: Served) -> None:
    served.raw.request(transport="polling", sid="a-secret")


def handshake_method(served: Served) -> None:
    served.raw.request("POST", transport="polling")


def handshake_transport(served: Served) -> None:
    served.raw.request(transport="websocket")


def websocket_handshake(served: Served) -> None:
    with contextlib.suppress(Refused):
        served.raw.websocket(headers={"Sec-WebSocket-Key": "short"})


def protocol_unsupported(served: Served) -> None:
    served.raw.request(transport="polling", EIO=3)


def not_allowed(served: Served) -> None:
    served.raw.request(transport="polling", token="wrong")


def origin_refused(served: Served) -> None:
    served.raw.request(transport="polling", headers={"Origin": "https://evil.example"})


def middleware_refused(served: Served) -> None:
    served.io.engine.use(lambda request, response: False)
    served.raw.request(transport="polling")


def middleware_answered(served: Served) -> None:
    served.io.engine.use(lambda request, response: response.end(302, b""))
    served.raw.request(transport="polling")


def server_closing(served: Served) -> None:
    served.io.engine.retry_after = 5.0
    served.raw.request(transport="polling")


def transport_mismatch(served: Served) -> None:
    session, socket = served.poll()
    session.upgrade()
    wait_until(lambda: socket.conn.upgraded)
    session.poll()


def upgrade_failed(served: Served) -> None:
    session, _ = served.poll()
    session.websocket().send('42["before","the probe"]')


def bad_polling(served: Served) -> None:
    session, _ = served.poll()
    session.start_poll()
    session.poll()


def message_too_large(served: Served) -> None:
    websocket, _ = served.connect()
    websocket.send("4" + "x" * 2000)


def namespace_unknown(served: Served) -> None:
    websocket, _ = served.raw.open_websocket_session()
    websocket.send("40/nowhere,")


def namespace_refused(served: Served) -> None:
    served.io.use(lambda socket: False)
    websocket, _ = served.raw.open_websocket_session()
    websocket.send("40")


def namespace_failed(served: Served) -> None:
    served.io.use(lambda socket: 1 / 0)
    websocket, _ = served.raw.open_websocket_session()
    websocket.send("40")


def event_rejected(served: Served) -> None:
    websocket, socket = served.connect()
    socket.on("say", lambda text: None)
    websocket.send('42["say",1,2,3]')


def check(request: sockio.Request) -> bool:
    return request.query.get("token") != "wrong"


@pytest.mark.parametrize(
    "case",
    [
        bad_request,
        request_too_large,
        transport_unknown,
        session_unknown,
        handshake_method,
        handshake_transport,
        websocket_handshake,
        protocol_unsupported,
        not_allowed,
        origin_refused,
        middleware_refused,
        middleware_answered,
        server_closing,
        transport_mismatch,
        upgrade_failed,
        bad_polling,
        message_too_large,
        namespace_unknown,
        namespace_refused,
        namespace_failed,
        event_rejected,
    ],
    ids=lambda case: case.__name__,
)
def test_a_refusal_is_one_line(
    serve: Serve, lines: Lines, case: Callable[[Served], None]
) -> None:
    served = serve(allow_request=check, check_origin=True, max_http_buffer_size=1000)

    case(served)

    record = lines.wait()
    cause = CAUSES[case.__name__.replace("_", "-")]
    assert record.sockio_code == cause.code
    assert record.sockio_hint == cause.hint
    assert record.levelno == cause.level
    assert f"code={cause.code}" in record.getMessage() or case is event_rejected
    assert "a-secret" not in record.getMessage()


@pytest.mark.parametrize(
    ("case", "transport"),
    [
        (transport_mismatch, "polling"),
        (namespace_refused, "websocket"),
        (namespace_unknown, "websocket"),
        (upgrade_failed, "websocket"),
        (event_rejected, "websocket"),
    ],
)
def test_it_tells_of_the_client(
    serve: Serve, lines: Lines, case: Callable[[Served], None], transport: str
) -> None:
    case(serve())

    record = lines.wait()
    assert record.sockio_transport == transport
    assert record.sockio_address == "127.0.0.1"


def test_who_joins_nothing_is_told_of(
    serve: Serve, lines: Lines, clock: FakeClock
) -> None:
    served = serve(clock=clock)
    websocket, _ = served.raw.open_websocket_session()

    clock.advance(served.io.options.connect_timeout)

    assert lines.wait().sockio_code == "no-namespace"
    assert websocket.wait_closed()


def test_who_does_not_agree_on_tls_is_told_of(lines: Lines) -> None:
    server = sockio.create_server().listen("127.0.0.1:0", certfile=CERTIFICATE)

    with gevent.socket.create_connection(server.address) as peer:
        peer.sendall(b"GET / HTTP/1.1\r\n\r\n")
        record = lines.wait()
    server.close(timeout=1)

    assert record.sockio_code == "tls-failed"
    assert record.sockio_address == "127.0.0.1"


def test_a_thousand_refusals_are_one_line_and_a_number(
    serve: Serve, lines: Lines, clock: FakeClock
) -> None:
    served = serve(clock=clock, connect_timeout=1000)
    websocket, _ = served.raw.open_websocket_session()
    for number in range(1000):
        websocket.send(f"40/nowhere-{number},")
        websocket.receive_message()

    assert "unknown namespace '/nowhere-0'" in lines.wait().getMessage()
    clock.advance(60)

    _, count = lines.all()
    assert count.getMessage().startswith("999 more of these in 60 s: namespace-unknown")
    assert count.sockio_suppressed == 999


def test_wrong_arguments_are_counted_over_all_clients(
    serve: Serve, lines: Lines, clock: FakeClock
) -> None:
    served = serve(clock=clock)

    @served.io.on("connection")
    def connected(socket: Any) -> None:
        socket.on("say", lambda text: None)

    for _ in range(3):
        websocket, _ = served.connect()
        websocket.send('42["say"]')
        clock.settle()

    assert lines.wait().levelname == "WARNING"
    served.close()
    assert lines.all()[-1].sockio_suppressed == 2
