"""What is said about a load that has been."""

from __future__ import annotations

import json
from typing import Any

from sockio.cli.link import Dialer
from sockio.cli.load import Load, Plan
from sockio.cli.load_result import as_json, as_rows, failed
from sockio.cli.web import Place

PLACE = Place.of("127.0.0.1:1", None, 1.0)


def load(**given: Any) -> Load:
    plan: dict[str, Any] = {
        "clients": 2,
        "duration": 1.0,
        "rate": None,
        "namespaces": ["/"],
        "auth": None,
        "event": ["add", 1],
        "heard": None,
    }
    dialer = Dialer(PLACE, "/socket.io/", ["websocket"], msgpack=False)
    return Load(dialer, Plan(**{**plan, **given}))


def told(load: Load, interrupted: bool = False) -> str:
    return "\n".join(line for _, line in as_rows(load, interrupted=interrupted))


def test_errors_are_told_by_kind_most_frequent_first() -> None:
    bad = load()
    bad.tally.failures.update({"rare": 1, "\x1b[2J": 1500})

    rows = [line for kind, line in as_rows(bad, interrupted=False) if kind == "error"]

    assert failed(bad)
    assert rows == [
        "errors      1,501",
        '            1,500  "\\u001b[2J"',
        "            1  rare",
    ]


def test_with_a_rate_it_says_how_late_events_were_sent() -> None:
    prompt = load(rate=5.0)
    prompt.tally.late.add(0.002)

    assert "sent late   p50 2.00 ms  p90 2.00 ms" in told(prompt)
    assert "sent late" not in told(load())
    assert json.loads(as_json(prompt, interrupted=False))["late"]["max"] == 0.002


def test_it_says_when_it_was_the_limit_itself() -> None:
    busy, calm = load(), load()
    busy.seconds, busy.cpu = 2.0, 1.9
    calm.seconds, calm.cpu = 2.0, 1.0

    assert "at its limit (95% of one processor)" in told(busy)
    assert json.loads(as_json(busy, interrupted=False))["limited_by_this_program"]
    assert "limit" not in told(calm)
    assert json.loads(as_json(calm, interrupted=False))["cpu"] == 0.5


def test_it_says_what_may_be_wrong_if_nobody_answers() -> None:
    asked, said = load(), load(event=["say", "%token"], heard="said", rate=1.0)
    for each in (asked, said):
        each.seconds, each.tally.owed = 1.0, 3

    assert "does a listener acknowledge add?" in told(asked)
    assert "nobody heard said: does the server emit it on say?" in told(said)


def test_it_was_interrupted() -> None:
    assert "interrupted: these are the figures up to then" in told(load(), True)
    assert json.loads(as_json(load(), interrupted=True))["interrupted"]
