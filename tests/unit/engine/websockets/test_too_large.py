from __future__ import annotations

import logging
from typing import Any

import pytest

from sockio.engine.websockets.too_large import tell_too_large
from sockio.runtime.repeats import Repeats
from sockio.runtime.workers import Workers
from sockio.testing import FakeClock


def test_size_limit_and_option_are_told_once(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "sockio.engine.websockets")
    repeats = Repeats(FakeClock(), Workers())

    for size in (2000, 3000):
        tell_too_large(repeats, "websocket", size, 1000)
    repeats.close()

    first, count = caplog.messages
    assert first.startswith("a message of 2000 bytes or more was refused")
    assert "max_http_buffer_size=1000; code=message-too-large, hint: " in first
    assert count.startswith("1 more of these")
    record: Any = caplog.records[0]
    assert record.sockio_transport == "websocket"
