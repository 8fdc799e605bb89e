"""JSON process: a program that answers requests, each a line of JSON.

A request is ``{"id", "op", ...}``; its answer is ``{"id", "ok"}`` or ``{"id",
"error"}``, in any order. A program may also tell of its own accord what happened; such
a line has no ``id``. Bytes travel as ``{"$bytes": base64}``, a function that answers
an event as ``{"$ack": number}``. It ends when its input ends.

Everything here waits with gevent, so that a server in the same process keeps serving
meanwhile.
"""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import gevent
from gevent.event import AsyncResult
from gevent.subprocess import PIPE, Popen

#: Seconds that an operation may take beyond what it was asked to wait for.
MARGIN = 30.0


class DriverError(Exception):
    """The program answered that something failed on its side."""


class Ack(NamedTuple):
    """A function that the server sent along with an event."""

    number: int


class ClientEvent(NamedTuple):
    """What happened to a client.

    Attributes:
        source: "socket", "manager" or "engine": the object that has the event.
        event: The event's name.
        args: What its listener was given; bytes are ``bytes``, undefined is None.
    """

    source: str
    event: str
    args: list[Any]


class JsonProcess:
    """One process of such a program.

    Args:
        name: Of the program, for errors.
        happened: Called with each line that is no answer.
    """

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        folder: Path,
        happened: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self._name = name
        self._happened = happened
        self._process = Popen(list(command), cwd=folder, stdin=PIPE, stdout=PIPE)
        self._numbers = itertools.count(1)
        self._waiting: dict[int, AsyncResult] = {}
        self._reader = gevent.spawn(self._read)

    def close(self) -> None:
        """End the process; it ends by itself when its input ends.

        Blocks:
            Until it has ended.
        """
        self._process.stdin.close()
        self._process.wait(timeout=MARGIN)
        self._reader.join(timeout=MARGIN)
        self._process.stdout.close()

    def call(self, operation: str, *, wait: float = 0.0, **fields: Any) -> Any:
        """Ask for ``operation`` and return its answer.

        Raises:
            DriverError: The operation failed.
            TimeoutError: The program does not answer.

        Blocks:
            Until the answer comes, at most ``wait`` + ``MARGIN``.
        """
        number = next(self._numbers)
        self._waiting[number] = answer = AsyncResult()
        request = {"id": number, "op": operation, **to_wire(fields)}
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        late = TimeoutError(f"{self._name} did not answer {operation}")
        with gevent.Timeout(wait + MARGIN, late):
            return answer.get()

    def _read(self) -> None:
        for line in self._process.stdout:
            message = from_wire(json.loads(line))
            if "id" not in message:
                assert self._happened is not None, message
                self._happened(message)
                continue
            answer = self._waiting.pop(message["id"])
            if "error" in message:
                answer.set_exception(DriverError(message["error"]))
            else:
                answer.set(message["ok"])
        for answer in self._waiting.values():
            answer.set_exception(DriverError(f"the process of {self._name} ended"))


def to_wire(value: Any) -> Any:
    """Replace bytes by their form on the pipe."""
    if isinstance(value, bytes | bytearray | memoryview):
        return {"$bytes": base64.b64encode(value).decode()}
    if isinstance(value, list | tuple):
        return [to_wire(item) for item in value]
    if isinstance(value, dict):
        return {key: to_wire(item) for key, item in value.items()}
    return value


def from_wire(value: Any) -> Any:
    """Undo ``to_wire``; functions become ``Ack``, undefined becomes None."""
    if isinstance(value, list):
        return [from_wire(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "$bytes" in value:
        return base64.b64decode(value["$bytes"])
    if "$ack" in value:
        return Ack(value["$ack"])
    if "$undefined" in value:
        return None
    return {key: from_wire(item) for key, item in value.items()}
