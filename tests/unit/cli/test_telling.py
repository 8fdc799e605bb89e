"""What a client sees, as lines and as JSON."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from sockio.cli.telling import as_line, as_object, shown


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        ("a\x1b[31m", '"a\\u001b[31m"'),
        ({"a": [1, b"\x00\xff"]}, '{"a": [1, <2 bytes: 00 ff>]}'),
        (bytes(17), f"<17 bytes: {' '.join(['00'] * 16)} ...>"),
        (date(2026, 11, 29), '"2026-11-29"'),
    ],
)
def test_values(value: Any, text: str) -> None:
    assert shown(value) == text


@pytest.mark.parametrize(
    ("what", "fields", "line"),
    [
        ("open", {"transport": "polling"}, "connected over polling"),
        (
            "connect",
            {"namespace": "/a", "sid": "s", "recovered": True},
            "/a joined as s, recovered",
        ),
        (
            "refused",
            {"namespace": "/", "message": "no", "data": {"a": 1}},
            'refused: no {"a": 1}',
        ),
        (
            "event",
            {"namespace": "/", "event": "said", "args": ["a", 1], "id": 7},
            '< said "a", 1  (answer with: ack 7)',
        ),
        ("event", {"namespace": "/", "event": "\x1b", "args": []}, '< "\\u001b"'),
        ("ack", {"namespace": "/", "event": "add", "args": [3]}, "< answer to add: 3"),
        ("disconnect", {"reason": "why"}, "disconnected: why"),
        ("error", {"message": "what"}, "error: what"),
    ],
)
def test_lines(what: str, fields: dict[str, Any], line: str) -> None:
    assert as_line(what, fields) == line


def test_objects() -> None:
    fields = {"namespace": "/", "args": [b"\x00", date(2026, 11, 29)]}

    assert json.loads(as_object("event", fields)) == {
        "type": "event",
        "namespace": "/",
        "args": [{"base64": "AA=="}, "2026-11-29"],
    }
