from __future__ import annotations

import logging
from typing import Any

import pytest

from sockio.engine.http.request import Request
from sockio.engine.refusal_log import RefusalLog
from sockio.engine.verify import Refusal
from sockio.runtime.reactor import Reactor
from sockio.runtime.refusals import NO_WEBSOCKET, Cause
from sockio.testing import FakeClock

LOGGER = "sockio.engine.server"


class Engine:
    """Refuses requests, and keeps what is logged about them."""

    def __init__(self, caplog: pytest.LogCaptureFixture) -> None:
        caplog.set_level(logging.INFO, LOGGER)
        self._caplog = caplog
        self.clock = FakeClock()
        self.reactor = Reactor(self.clock)
        self.reactor.start()
        self.log = RefusalLog()

    def refuse(
        self,
        code: int,
        context: dict[str, Any],
        cause: Cause | None = None,
        *,
        advertised: bool = False,
        **environ: str,
    ) -> logging.LogRecord | None:
        """Refuse a request; return what was logged."""
        about = Refusal(code, context)
        count = len(self._caplog.records)
        request = Request(
            {
                "REQUEST_METHOD": "GET",
                "PATH_INFO": "/engine.io/",
                "QUERY_STRING": "transport=polling",
                "HTTP_HOST": "example.org",
                "REMOTE_ADDR": "192.0.2.7",
                **environ,
            }
        )
        repeats = self.reactor.repeats
        self.log.refused(request, about, cause, repeats, advertised=advertised)
        return self._caplog.records[-1] if len(self._caplog.records) > count else None


@pytest.fixture
def engine(caplog: pytest.LogCaptureFixture) -> Engine:
    return Engine(caplog)


@pytest.mark.parametrize(
    ("code", "context", "cause"),
    [
        (0, {"transport": "pigeon"}, "transport-unknown"),
        (1, {"sid": "a"}, "session-unknown"),
        (2, {"method": "POST"}, "handshake-method"),
        (3, {"name": "TRANSPORT_HANDSHAKE_ERROR"}, "handshake-transport"),
        (3, {"name": "INVALID_ORIGIN", "origin": "\x7f"}, "bad-origin"),
        (3, {"name": "TRANSPORT_MISMATCH"}, "transport-mismatch"),
        (3, {"name": "PROTOCOL_MISMATCH"}, "protocol-mismatch"),
        (3, {"name": "ID_GENERATION_ERROR"}, "id-failed"),
        (3, {"name": "MIDDLEWARE_FAILURE"}, "middleware-failed"),
        (3, {"message": "Sec-WebSocket-Key"}, "websocket-handshake"),
        (4, {"name": "MIDDLEWARE_REFUSAL"}, "middleware-refused"),
        (4, {"message": "no"}, "not-allowed"),
        (4, {}, "not-allowed"),
        (5, {"protocol": 3}, "protocol-unsupported"),
    ],
)
def test_a_refusal_has_a_code_and_a_hint(
    engine: Engine, code: int, context: dict[str, Any], cause: str
) -> None:
    record: Any = engine.refuse(code, context)

    assert record.sockio_code == cause
    assert f"code={cause}, hint: {record.sockio_hint}" in record.getMessage()
    assert record.sockio_transport == "polling"
    assert record.sockio_address == "192.0.2.7"


def test_a_foreign_origin_is_told_with_what_was_expected(engine: Engine) -> None:
    record: Any = engine.refuse(
        4,
        {"message": "Origin not allowed", "origin": "https://evil.example"},
        HTTP_ORIGIN="https://evil.example",
        HTTP_X_FORWARDED_PROTO="https",
    )

    assert record.levelname == "WARNING"
    assert record.sockio_code == "origin-refused"
    for part in ("https://evil.example", "http://example.org", "X-Forwarded-Proto"):
        assert part in record.getMessage()


def test_who_gives_no_websocket_is_named(engine: Engine) -> None:
    context = {"name": "TRANSPORT_HANDSHAKE_ERROR"}

    record: Any = engine.refuse(3, context, NO_WEBSOCKET, SERVER_SOFTWARE="waitress")

    assert record.levelname == "ERROR"
    assert "under 'waitress'" in record.getMessage()


def test_the_id_of_a_session_is_not_told(engine: Engine) -> None:
    record = engine.refuse(1, {"sid": "secret"})

    assert record is not None
    assert "secret" not in record.getMessage()


@pytest.mark.parametrize(
    ("advertised", "levels"),
    [(False, ["WARNING", "INFO"]), (True, ["INFO", "INFO"])],
)
def test_an_unknown_session_is_a_warning_once(
    engine: Engine, advertised: bool, levels: list[str]
) -> None:
    told = []
    for _ in range(2):
        record = engine.refuse(1, {"sid": "a"}, advertised=advertised)
        assert record is not None
        told.append(record.levelname)
        engine.clock.advance(100)

    assert told == levels


def test_a_refusal_that_repeats_itself_is_counted(engine: Engine) -> None:
    first = engine.refuse(0, {"transport": "pigeon"})
    others = [engine.refuse(0, {"transport": "pigeon"}) for _ in range(1000)]

    assert first is not None
    assert others == [None] * 1000
