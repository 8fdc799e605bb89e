"""Conversation: a client that obeys the lines of the terminal, or of a script."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from sockio.runtime.tasks import in_thread

from .client import HELP, Failed, TerminalClient, interrupted_here
from .exit_codes import FAILED, INTERRUPTED
from .link import Dialer
from .prompt import typed_lines
from .screen import Screen
from .telling import as_line, as_object, plain

__all__ = ["converse"]

#: With which a line begins.
_WORDS = [line.split()[0].rstrip(",") for line in HELP.splitlines()]
#: Bytes that are read at a time.
_SIZE = 65536


def converse(
    dialer: Dialer, namespaces: Sequence[str], auth: Any, *, in_json: bool, watch: bool
) -> None:
    """Connect, and obey lines until they end.

    Args:
        dialer: Makes the client.
        namespaces: To join.
        auth: For all of them; None: nothing.
        in_json: Whether to write JSON.
        watch: Whether to stay when the lines end.

    Raises:
        SystemExit: Something failed.

    Blocks:
        Until the end.
    """
    core, link = dialer.client()
    screen = Screen(colours=not in_json)
    tell = as_object if in_json else as_line
    client = TerminalClient(core, link, tell, screen.write, dialer.place.timeout)
    try:
        with interrupted_here():
            client.connect(namespaces, auth)
            _obey(client, screen, in_json=in_json)
            if watch:
                client.watch()
    except Failed as exc:
        _complain(screen, exc, in_json=in_json)
        raise SystemExit(FAILED) from None
    except KeyboardInterrupt:
        raise SystemExit(INTERRUPTED) from None
    finally:
        client.close()


def _obey(client: TerminalClient, screen: Screen, *, in_json: bool) -> None:
    """Obey the lines; in a script the first that fails is the last."""
    typed = sys.stdin.isatty()
    lines = typed_lines(_WORDS) if typed else _lines(sys.stdin.fileno())
    for line in lines:
        try:
            if not client.obey(line):
                return
        except Failed as exc:
            if not typed or client.ended:
                raise
            _complain(screen, exc, in_json=in_json)


def _lines(file: int) -> Iterator[str]:
    """Yield the lines of a file or a pipe, while other greenlets run."""
    rest = b""
    # Not by sys.stdin, which could not be closed at the end while a thread reads it.
    while data := in_thread(os.read, file, _SIZE):
        *lines, rest = (rest + data).split(b"\n")
        yield from (line.decode(errors="replace") for line in lines)
    if rest:
        yield rest.decode(errors="replace")


def _complain(screen: Screen, error: Failed, *, in_json: bool) -> None:
    if in_json:
        screen.write(as_object("error", {"message": str(error)}))
    else:
        Screen(error=True).write(f"sockio: {plain(str(error))}", "error")
