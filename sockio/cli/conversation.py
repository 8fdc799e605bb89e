"""Conversation: a client that obeys the lines of the terminal, or of a script."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from sockio.errors import ConfigError
from sockio.protocol.client import Client
from sockio.protocol.socketio import JsonParser, MsgpackParser
from sockio.runtime.tasks import in_thread

from .client import Failed, TerminalClient, interrupted_here
from .link import Link
from .telling import as_line, as_object, plain
from .web import Place

__all__ = ["converse"]

_TRANSPORTS = (["polling"], ["websocket"], ["polling", "websocket"])
#: More attachments than any packet has.
_ANY_NUMBER = 1 << 53
#: Bytes that are read at a time.
_SIZE = 65536
#: The exit code of a program that Ctrl-C has ended, as shells have it.
_INTERRUPTED = 130


def converse(
    place: Place,
    *,
    path: str,
    headers: Sequence[str],
    namespaces: Sequence[str],
    auth: str | None,
    transports: str,
    msgpack: bool,
    in_json: bool,
    watch: bool,
) -> None:
    """Connect, and obey lines until they end.

    Args:
        place: Where the server is.
        path: That of the server.
        headers: Of each request, as ``Name: value``.
        namespaces: To join.
        auth: An object of JSON for all of them.
        transports: Their names, with commas between them.
        msgpack: Whether the server's parser is that of MessagePack.
        in_json: Whether to write JSON.
        watch: Whether to stay when the lines end.

    Raises:
        ConfigError: An argument is wrong.
        SystemExit: Something failed.

    Blocks:
        Until the end.
    """
    named = transports.split(",")
    if named not in _TRANSPORTS:
        raise ConfigError(
            f"--transports {transports}: give polling, websocket or polling,websocket"
        )
    if not path.startswith("/"):
        raise ConfigError(f"--path {path}: it begins with a slash")
    place = replace(place, headers={**place.headers, **dict(map(_header, headers))})
    parser = MsgpackParser() if msgpack else JsonParser(max_attachments=_ANY_NUMBER)
    core = Client(parser)
    link = Link(place, f"{place.path}{path.rstrip('/')}/", core, named)
    tell = as_object if in_json else as_line
    client = TerminalClient(core, link, tell, _write, place.timeout)
    given = None if auth is None else _object(auth)
    try:
        with interrupted_here():
            client.connect(namespaces, given)
            _obey(client, in_json=in_json)
            if watch:
                client.watch()
    except Failed as exc:
        _complain(exc, in_json=in_json)
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        raise SystemExit(_INTERRUPTED) from None
    finally:
        client.close()


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip() or not text.isprintable():
        raise ConfigError(f"--header {text!r}: give NAME: VALUE")
    return name.strip(), value.strip()


def _object(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as exc:
        raise ConfigError(f"--auth is no JSON: {exc}") from None


def _obey(client: TerminalClient, *, in_json: bool) -> None:
    """Obey the lines; in a script the first that fails is the last."""
    typed = sys.stdin.isatty()
    for line in _typed() if typed else _lines(sys.stdin.fileno()):
        try:
            if not client.obey(line):
                return
        except Failed as exc:
            if not typed or client.ended:
                raise
            _complain(exc, in_json=in_json)


def _typed() -> Iterator[str]:
    """Yield what somebody types, with the arrow keys for former lines."""
    with suppress(ImportError):  # then there are no arrow keys
        import readline  # noqa: F401 - input() uses it if it is imported
    while True:
        try:
            yield in_thread(input, "> ")
        except EOFError:
            return


def _lines(file: int) -> Iterator[str]:
    """Yield the lines of a file or a pipe, while other greenlets run."""
    rest = b""
    # Not by sys.stdin, which could not be closed at the end while a thread reads it.
    while data := in_thread(os.read, file, _SIZE):
        *lines, rest = (rest + data).split(b"\n")
        yield from (line.decode(errors="replace") for line in lines)
    if rest:
        yield rest.decode(errors="replace")


def _write(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _complain(error: Failed, *, in_json: bool) -> None:
    if in_json:
        _write(as_object("error", {"message": str(error)}))
    else:
        sys.stderr.write(f"sockio: {plain(str(error))}\n")
