"""Traffic: what is counted, second by second."""

from __future__ import annotations

from typing import Any

from sockio.admin.traffic import Traffic

SESSION: Any = None


def test_what_a_second_holds() -> None:
    traffic = Traffic(lambda: 1000.9)

    traffic.session_opened(SESSION)
    traffic.message_in(SESSION, '2["é"]')
    traffic.message_in(SESSION, b"\xff\xff")
    traffic.message_out(SESSION, "3[]")
    traffic.session_closed(SESSION, "ping timeout", None)

    at = {"timestamp": 1_000_000}
    assert traffic.take() == [
        {**at, "type": "rawConnection", "count": 1},
        {**at, "type": "packetsIn", "count": 2},
        {**at, "type": "bytesIn", "count": 9},
        {**at, "type": "packetsOut", "count": 1},
        {**at, "type": "bytesOut", "count": 3},
        {**at, "type": "rawDisconnection", "subType": "ping timeout", "count": 1},
    ]


def test_each_second_has_a_row_and_is_told_once() -> None:
    times = iter([5.0, 5.5, 6.0])
    traffic = Traffic(lambda: next(times))

    for _ in range(3):
        traffic.session_opened(SESSION)

    assert [(row["timestamp"], row["count"]) for row in traffic.take()] == [
        (5000, 2),
        (6000, 1),
    ]
    assert traffic.take() == []
