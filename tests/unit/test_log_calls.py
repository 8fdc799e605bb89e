"""Every call of a log in the package: what a peer wrote cannot forge a line."""

from __future__ import annotations

import ast
import importlib
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

import sockio
from sockio.runtime import logs

PACKAGE = Path(sockio.__file__).parent
LEVELS = ("debug", "info", "warning", "error", "exception", "critical", "log")
HOSTILE = "a\r\n2026-01-01 INFO forged \x1b[2J\x9b\u2028\u202e\0\ud800" + "x" * 5000
#: Ways past the logs: what is written so is written raw.
BYPASSES = ("print", "print_exc", "print_exception", "getLogger", "warn")
#: The other one says where a program serves.
SPEAKERS = ("logs.py", "workers.py")
#: It counts lines of others, and writes how many there were into their logs.
COUNTER = "repeats.py"
#: What stands in a line without quotes: no peer chooses it, or it is a sentence of ours
#: in which a peer's words are quoted, or an exception with its own words. The tag of a
#: process consists of four letters, digits, - or _.
UNQUOTED = {
    "Lines(''.join(_lines(stack)))", "address", "code", "code.co_filename", "context",
    "data", "description", "error", "error or 'end of stream'", "error.reason", "exc",
    "exc.reason", "exc.strerror", "f' {data[0]!r}' if event else ''",
    "http_server.address", "f'signal {-code}' if code < 0 else f'exit code {code}'",
    "kind", "kind.name", "line", "live.id", "logs.payload(data)",
    "logs.payload(data[1:] if event else data)", "logs.payload(packet.data)",
    "member.tag", "middleware", "via", "old", "new", "packet.type",
    "reason", "request.environ.get('SERVER_SOFTWARE')", "self._holder", "self.address",
    "self._outgoing.sid", "self._tag", "self.conn.id", "self.id", "self.name",
    "self.name_of(option)", "self.ready_state", "self.sid", "session.id",
    "session.transport_name", "shown(self._wanted)",
    "siblings.tag", "sid", "socket.id", "tag", "transport.name", "way", "way.tag",
    "'lines' if option == 'max_fields' else 'bytes'", "what", "where", "why",
    "why.status",
    "NOT_FOUND", "detail", "cause", "cause.code",
    "culprit", "name_of(listener.fn)", "outgoing.label", "advice",
    "lack.advice", "lack.code", "lack.why",
    "self._outgoing.label",
    "f'{self.code} {self.part}'.rstrip()", "transport", "who(fn, exc)",
    "who(self._fn, exc)", "who(fn, left)",
}  # fmt: skip


class Call(NamedTuple):
    where: str
    scope: str
    level: str
    message: str
    arguments: tuple[str, ...]


def scope_of(tree: ast.Module) -> str | None:
    """The scope in ``log = logs.get("...")`` of a module."""
    for node in tree.body:
        match node:
            case ast.Assign(
                targets=[ast.Name("log")],
                value=ast.Call(
                    func=ast.Attribute(ast.Name("logs"), "get"),
                    args=[ast.Constant(str() as scope)],
                ),
            ):
                return scope
    return None


def calls() -> Iterator[Call]:
    for path in sorted(PACKAGE.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Attribute(log, level)) if level in LEVELS:
                    where = f"{path.relative_to(PACKAGE)}:{node.lineno}"
                    scope = scope_of(tree) if ast.unparse(log) == "log" else None
                    if path.name == COUNTER:
                        scope = "engine.server"
                    assert scope, f"{where}: write log = logs.get(...), and log.{level}"
                    given = node.args[1:] if level == "log" else node.args
                    message = ast.unparse(given[0])
                    assert isinstance(given[0], (ast.Constant, ast.Name)), where
                    text = eval(message, vars(importlib.import_module(name)))
                    assert type(text) is str, where
                    arguments = tuple(ast.unparse(each) for each in given[1:])
                    yield Call(where, scope, level, text, arguments)


CALLS = list(calls())


def directives(message: str) -> list[str]:
    found = re.findall(r"%([^%a-zA-Z]*[a-zA-Z])", message)
    assert "(" not in "".join(found), "name no arguments: they come one by one"
    return found


@pytest.mark.parametrize("call", CALLS, ids=[call.where for call in CALLS])
def test_a_hostile_argument_stays_in_its_line(
    call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    kinds = directives(call.message)
    assert len(kinds) == len(call.arguments)
    log = logs.get(call.scope)
    for hostile in (HOSTILE, ValueError(HOSTILE), {HOSTILE: HOSTILE}):
        given: list[object] = [hostile if kind[-1] in "sr" else 5 for kind in kinds]
        with caplog.at_level(logging.DEBUG, logger=log.name):
            log.debug(call.message, *given)

        text = caplog.records[-1].getMessage()
        lines = text.split("\n")
        assert len(lines) == 1 + call.message.count("\n")
        assert all(line.isprintable() for line in lines)
        assert len(text) < 1500 * (1 + len(kinds))


@pytest.mark.parametrize("call", CALLS, ids=[call.where for call in CALLS])
def test_names_of_peers_are_quoted(call: Call) -> None:
    for kind, argument in zip(directives(call.message), call.arguments, strict=True):
        assert kind[-1] in "dfrx" or argument in UNQUOTED, (
            f"write {argument} with %r, or say here that no peer chooses it"
        )


def test_there_are_log_calls() -> None:
    assert len(CALLS) > 50


def test_nothing_is_written_past_the_logs() -> None:
    past = []
    for path in PACKAGE.rglob("*.py"):
        if path.name in SPEAKERS:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(name) | ast.Attribute(_, name)) if (
                    name in BYPASSES
                ):
                    past.append(f"{path.name}:{node.lineno} {name}")

    assert past == []


def test_a_message_of_an_exception_begins_no_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    try:
        raise ValueError(HOSTILE)
    except ValueError:
        logs.get("engine.session").exception("it failed")

    lines = caplog.text.splitlines()
    assert not [line for line in lines if line.startswith("2026-01-01")]
    assert all(line.isprintable() for line in lines)
