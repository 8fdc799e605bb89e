from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import sockio.runtime.logs as logs

NAMES = ("engine.session", "engine.http.request", "adapters.redis_pubsub", "socket.x")
PACKAGE = Path(logs.__file__).parent.parent


def ours() -> list[logging.Logger]:
    return [
        each
        for name, each in logging.Logger.manager.loggerDict.items()
        if isinstance(each, logging.Logger) and name.startswith("sockio")
    ]


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root = logging.getLogger("sockio")
    handlers, levels = list(root.handlers), {each: each.level for each in ours()}
    yield
    root.handlers[:] = handlers
    for each in ours():  # including loggers that the test made
        each.setLevel(levels.get(each, logging.NOTSET))


def enabled(**environ: str) -> list[str]:
    loggers = [logs.get(name) for name in NAMES]
    logs.configure_from_environment(environ)
    return [
        name
        for name, logger in zip(NAMES, loggers, strict=True)
        if logger.isEnabledFor(logging.DEBUG)
    ]


def test_a_scope_is_a_logger_of_ours() -> None:
    assert logs.get("engine.session").name == "sockio.engine.session"


@pytest.mark.parametrize(
    "value",
    ["", "1", "0", "True", "true", "yes", "on", "express:*", "app,http", "-engine",
     "socket.io-parser", "socket.io:nothing", "sock", ",", " ", "-", "[a-z]*", "??????",
     "socket.io:*nothing"],
)  # fmt: skip
def test_what_names_no_scope_of_ours_does_nothing(value: str) -> None:
    handlers = list(logging.getLogger("sockio").handlers)

    assert enabled(DEBUG=value) == []

    assert logging.getLogger("sockio").handlers == handlers
    assert not logs.configure_from_environment({"SOCKIO_DEBUG": value})


@pytest.mark.parametrize(
    ("value", "scopes"),
    [
        ("socket.io*", NAMES),
        ("socket.io:*", NAMES),
        ("*", NAMES),
        ("sockio*", NAMES),
        ("engine*", NAMES[:2]),
        ("engine", NAMES[:2]),
        ("engine:*", NAMES[:2]),
        ("socket.io:engine:session", NAMES[:1]),
        ("engine:session", NAMES[:1]),
        ("sockio.engine.session", NAMES[:1]),
        ("socket.io:engine:sess", ()),
        ("adapters:redis*", NAMES[2:3]),
        ("engine,adapters:redis*", NAMES[:3]),
        ("engine adapters:redis*", NAMES[:3]),
        (" engine , 1,adapters:redis*,", NAMES[:3]),
        ("*,-engine:http", (NAMES[0], *NAMES[2:])),
        ("engine*,-engine:http*", NAMES[:1]),
        ("-engine socket.io*", NAMES[2:]),
        ("*:session", NAMES[:1]),
        ("socket.io*:session", NAMES[:1]),
    ],
)
@pytest.mark.parametrize("variable", ["DEBUG", "SOCKIO_DEBUG"])
def test_patterns(variable: str, value: str, scopes: tuple[str, ...]) -> None:
    assert enabled(**{variable: value}) == list(scopes)


def test_our_own_variable_wins() -> None:
    assert enabled(DEBUG="socket.io*", SOCKIO_DEBUG="socket") == ["socket.x"]


def test_an_empty_variable_of_our_own_is_as_none() -> None:
    assert enabled(DEBUG="socket", SOCKIO_DEBUG="") == ["socket.x"]


def test_a_logger_that_is_made_later_is_covered() -> None:
    logs.configure_from_environment({"DEBUG": "engine,-engine:http"})

    assert logs.get("engine.session").isEnabledFor(logging.DEBUG)
    assert not logs.get("engine.http.request").isEnabledFor(logging.DEBUG)
    assert not logs.get("socket.x").isEnabledFor(logging.DEBUG)


def test_what_is_excluded_does_not_inherit_from_the_scope_above() -> None:
    try:
        logs.get("engine")
        logs.get("engine.http.request")

        logs.configure_from_environment({"DEBUG": "engine,-engine:http"})

        assert logs.get("engine").isEnabledFor(logging.DEBUG)
        assert not logs.get("engine.http.request").isEnabledFor(logging.DEBUG)
    finally:
        logging.getLogger("sockio.engine").setLevel(logging.NOTSET)


def test_lines_show_time_scope_and_text(capsys: pytest.CaptureFixture[str]) -> None:
    log = logs.get("engine.session")
    logs.configure_from_environment({"DEBUG": "engine"})

    log.debug("sid=%s in %.5s", "abc", "0123456789")
    log.warning("something to change")
    logs.get("socket.x").debug("not asked for")

    first, second = capsys.readouterr().err.splitlines()
    time = r"\d\d:\d\d:\d\d\.\d\d\d"
    scope = "socket.io:engine:session"
    assert re.fullmatch(f"{time} {scope} sid=abc in 01234", first)
    assert re.fullmatch(f"{time} {scope} WARNING something to change", second)


def test_a_traceback_follows_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure_from_environment({"DEBUG": "engine"})

    try:
        raise ValueError("why")
    except ValueError:
        logs.get("engine.session").exception("it failed")

    printed = capsys.readouterr().err
    assert "it failed\nTraceback" in printed
    assert printed.endswith("ValueError: why\n")


def test_it_is_applied_once(capsys: pytest.CaptureFixture[str]) -> None:
    assert logs.configure_from_environment({"DEBUG": "engine"})
    assert logs.configure_from_environment({"DEBUG": "socket"})

    logs.get("engine.session").debug("one line")
    logs.get("socket.x").debug("no line")

    assert len(capsys.readouterr().err.splitlines()) == 1


def test_an_application_that_prints_our_lines_gets_them_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    own = logging.StreamHandler(sys.stderr)
    logging.getLogger().addHandler(own)
    try:
        logs.configure_from_environment({"DEBUG": "engine"})
        logs.get("engine.session").debug("one line")
    finally:
        logging.getLogger().removeHandler(own)

    assert capsys.readouterr().err == "one line\n"


def test_every_scope_of_the_package_begins_with_a_known_area() -> None:
    calls = re.compile(r'logs\.get\("(\w+)[\w.]*"\)')
    areas = {
        area
        for path in PACKAGE.rglob("*.py")
        for area in calls.findall(path.read_text(encoding="utf-8"))
    }

    assert areas
    assert areas <= set(logs.AREAS)


@pytest.mark.parametrize("off", ["", "0", "no", "False", "off"])
def test_payloads_are_left_out(off: str) -> None:
    assert logs.payload(["secret"], {"SOCKIO_DEBUG_DATA": off}) == ""
    assert logs.payload(["secret"], {}) == ""


def test_payloads_that_are_asked_for() -> None:
    on = {"SOCKIO_DEBUG_DATA": "1"}

    assert logs.payload(["a\n", 1], on) == r" ['a\n', 1]"
    assert logs.payload(None, on) == ""
    assert len(logs.payload("x" * 10**6, on)) < 2000
