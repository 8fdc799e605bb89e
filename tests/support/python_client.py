"""Python client: python-socketio's own client, in a process of its own.

It waits in native threads, which would stop a server in the same thread. Its program
reads one Python literal a line and prints one: what it is to do, and what came of it.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gevent
from gevent.subprocess import PIPE, Popen

from .node import MARGIN

ROOT = Path(__file__).parent.parent.parent


class PythonClient:
    """One connected client; ``close`` ends its process."""

    def __init__(self, url: str, transports: Sequence[str], **options: Any) -> None:
        """Connect to ``url``.

        Blocks:
            Until it is connected.
        """
        command = [sys.executable, "-m", __name__, url, ",".join(transports)]
        command.append(repr(options))
        self._process = Popen(command, cwd=ROOT, stdin=PIPE, stdout=PIPE)
        assert self._answer() == "connected"

    def call(self, event: str, *args: Any) -> list[Any]:
        """Send an event and return what the server acknowledged it with."""
        answer: list[Any] = self._ask("call", event, *args)
        return answer

    def emit(self, event: str, *args: Any) -> None:
        """Send an event."""
        self._ask("emit", event, *args)

    def receive(self) -> list[Any]:
        """Take the oldest event, name and arguments."""
        event: list[Any] = self._ask("receive")
        return event

    def _ask(self, *what: Any) -> Any:
        self._process.stdin.write(repr(what).encode() + b"\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> Any:
        with gevent.Timeout(MARGIN, TimeoutError("python-socketio does not answer")):
            return ast.literal_eval(self._process.stdout.readline().decode())

    def close(self) -> None:
        """Disconnect, and end the process.

        Blocks:
            Until it has ended.
        """
        self._process.stdin.close()
        self._process.wait(timeout=MARGIN)
        self._process.stdout.close()


def _as_list(data: Any) -> list[Any]:
    """Undo what python-socketio makes of one argument, and of none."""
    if data is None:
        return []
    return list(data) if isinstance(data, tuple | list) else [data]


def main(url: str, transports: str, options: str) -> None:
    """Do what the lines of the input say."""
    import socketio  # type: ignore[import-untyped]

    client = socketio.SimpleClient(**ast.literal_eval(options))
    client.connect(url, transports=transports.split(","))
    print(repr("connected"), flush=True)
    for line in sys.stdin:
        operation, *args = ast.literal_eval(line)
        if operation == "call":
            data = client.call(args[0], tuple(args[1:]), timeout=MARGIN)
            answer: Any = _as_list(data)
        elif operation == "emit":
            answer = client.emit(args[0], tuple(args[1:]))
        else:
            answer = client.receive(timeout=MARGIN)
        print(repr(answer), flush=True)
    client.disconnect()


if __name__ == "__main__":
    main(*sys.argv[1:])
