"""Node: the official JavaScript client, driven by one Node process for all tests.

The process answers JSON lines; see ``tests/js/driver.mjs``. Everything here waits with
gevent, so that a server in the same process keeps serving meanwhile.
"""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeAlias

import gevent
from gevent.event import AsyncResult
from gevent.subprocess import PIPE, Popen

from . import services

FOLDER = Path(__file__).parent.parent / "js"
#: The browser's form of the client.
BUNDLE = FOLDER / "node_modules" / "socket.io-client" / "dist" / "socket.io.min.js"
#: Seconds that an operation may take beyond what it was asked to wait for.
MARGIN = 30.0


#: The official clients; 4 is the newest of all.
Version: TypeAlias = Literal[2, "3.1", "4.0", "4.1", "4.4", "4.5", "4.6", "4.7", 4]


class DriverError(Exception):
    """The driver answered that something failed on its side."""


class Ack(NamedTuple):
    """A function that the server sent along with an event; see ``JsClient.ack``."""

    number: int


class JsEvent(NamedTuple):
    """What happened to a client.

    Attributes:
        source: "socket", "manager" or "engine": the object that has the event.
        event: The event's name.
        args: What its listener was given; bytes are ``bytes``, undefined is None.
    """

    source: str
    event: str
    args: list[Any]


class Driver:
    """One Node process with the official clients in it."""

    def __init__(self) -> None:
        services.node_modules(FOLDER)
        command = [services.program("node"), "--no-warnings", "driver.mjs"]
        self._process = Popen(command, cwd=FOLDER, stdin=PIPE, stdout=PIPE)
        self._numbers = itertools.count(1)
        self._waiting: dict[int, AsyncResult] = {}
        self._reader = gevent.spawn(self._read)
        self._open: list[tuple[str, str, int]] = []

    def close(self) -> None:
        """End the process; it ends by itself when its input ends."""
        self._process.stdin.close()
        self._process.wait(timeout=MARGIN)
        self._reader.join(timeout=MARGIN)
        self._process.stdout.close()

    def reset(self) -> None:
        """Close everything that was opened since the last time."""
        opened, self._open = self._open, []
        for operation, field, number in reversed(opened):
            self.call(operation, **{field: number})

    def call(self, operation: str, *, wait: float = 0.0, **fields: Any) -> Any:
        """Ask for ``operation`` and return its answer.

        Raises:
            DriverError: The operation failed.
            TimeoutError: Node does not answer.

        Blocks:
            Until the answer comes, at most ``wait`` + ``MARGIN``.
        """
        number = next(self._numbers)
        self._waiting[number] = answer = AsyncResult()
        request = {"id": number, "op": operation, **to_wire(fields)}
        self._process.stdin.write(json.dumps(request).encode() + b"\n")
        self._process.stdin.flush()
        late = TimeoutError(f"Node did not answer {operation}")
        with gevent.Timeout(wait + MARGIN, late):
            return answer.get()

    def _read(self) -> None:
        for line in self._process.stdout:
            message = json.loads(line)
            answer = self._waiting.pop(message["id"])
            if "error" in message:
                answer.set_exception(DriverError(message["error"]))
            else:
                answer.set(from_wire(message["ok"]))
        for answer in self._waiting.values():
            answer.set_exception(DriverError("the Node process ended"))

    # ------------------------------------------------------------------ what it can do

    def connect(
        self,
        url: str,
        *,
        transports: Sequence[str] | None = None,
        version: Version = 4,
        parser: str = "json",
        patience: float = 30.0,
        **options: Any,
    ) -> JsClient:
        """Start a client for ``url``; its path names the namespace.

        Args:
            parser: "json", "msgpack", or the text of a module that exports one.
            patience: Seconds that the client waits for what must come.
            options: More of the client's own options, by their JavaScript names.
        """
        if transports is not None:
            options["transports"] = list(transports)
        number = self.call(
            "connect", url=url, version=version, parser=parser, options=options
        )
        self._open.append(("close", "client", number))
        return JsClient(self, number, patience)

    def page(self, url: str | None = None) -> Page:
        """Open a page in the browser."""
        program = services.program("chromium")
        number = self.call("browser_open", wait=20, url=url, program=program)
        self._open.append(("browser_close", "page", number))
        return Page(self, number)

    def server(
        self,
        library: str,
        port: int,
        mode: str = "pubsub",
        server: Any = None,
        **options: Any,
    ) -> NodeServer:
        """Start a server with an adapter for Redis, PostgreSQL or MongoDB.

        Args:
            library: redis or ioredis, pg, or mongodb.
            port: Of the broker.
            mode: How the adapter uses it: pubsub, sharded, streams, postgres or mongo.
            server: Options of the server.
            options: Those of the adapter, by their JavaScript names; of mongo also the
                name of the ``collection``.
        """
        found = self.call(
            "server_open",
            library=library,
            port=port,
            mode=mode,
            options=options,
            server=server or {},
        )
        self._open.append(("server_close", "server", found["number"]))
        return NodeServer(self, found["number"], f"http://127.0.0.1:{found['port']}")

    def admin(self, **options: Any) -> NodeServer:
        """Start a server that is alone, with Node's half of the admin page."""
        found = self.call("admin_open", options=options)
        self._open.append(("server_close", "server", found["number"]))
        return NodeServer(self, found["number"], f"http://127.0.0.1:{found['port']}")

    def emitter(self, library: str, port: int, **options: Any) -> NodeServer:
        """Make an emitter for a broker; see ``server``."""
        found = self.call("emitter_open", library=library, port=port, options=options)
        self._open.append(("server_close", "server", found["number"]))
        return NodeServer(self, found["number"], "")

    def codec(
        self,
        name: Literal["json", "msgpack", "engine", "engine3", "stream", "subprotocols"],
        direction: Literal["encode", "decode"],
        items: Sequence[Any],
    ) -> list[dict[str, Any]]:
        """Run Node's own codec over ``items``; each result is {"ok"} or {"error"}."""
        answers: list[dict[str, Any]] = self.call(
            "codec", wait=20, name=name, direction=direction, items=list(items)
        )
        return answers


class JsClient:
    """One socket of the official client."""

    def __init__(self, driver: Driver, number: int, patience: float) -> None:
        self._driver = driver
        self._number = number
        self._patience = patience

    def _call(self, operation: str, **fields: Any) -> Any:
        return self._driver.call(operation, client=self._number, **fields)

    def next(self, event: str | None = None, timeout: float | None = None) -> JsEvent:
        """Take the oldest event of this socket, or the oldest of that name.

        Args:
            event: Also one of the manager ("reconnect", ...) or engine ("upgrade").
            timeout: In seconds; None: the client's patience.

        Blocks:
            Until it comes; DriverError after ``timeout``.
        """
        wait = self._patience if timeout is None else timeout
        fields = self._call(
            "next_event", wait=wait, event=event, milliseconds=wait * 1000
        )
        return JsEvent(**fields)

    def take(self, event: str) -> list[JsEvent]:
        """Take all events of that name that have come, oldest first."""
        return [JsEvent(**fields) for fields in self._call("take_events", event=event)]

    def emit(self, event: str, *args: Any, volatile: bool = False) -> None:
        """Send an event."""
        self._call("emit", event=event, args=list(args), volatile=volatile)

    def emit_with_ack(
        self, event: str, *args: Any, timeout: float | None = None
    ) -> list[Any]:
        """Send an event and return what the server acknowledged it with.

        Blocks:
            Until it did; DriverError after ``timeout``.
        """
        wait = self._patience if timeout is None else timeout
        answer: list[Any] = self._call(
            "emit_with_ack",
            wait=wait,
            event=event,
            args=list(args),
            milliseconds=wait * 1000,
        )
        return answer

    def ack(self, ack: Ack, *args: Any) -> None:
        """Answer an event that came with an ``Ack`` as its last argument."""
        self._driver.call("ack", number=ack.number, args=list(args))

    def namespace(self, name: str, auth: Any = None) -> JsClient:
        """Join another namespace over the same connection."""
        number = self._call_of(name, auth)
        self._driver._open.append(("close", "client", number))
        return JsClient(self._driver, number, self._patience)

    def _call_of(self, name: str, auth: Any) -> int:
        number: int = self._driver.call(
            "namespace", of=self._number, name=name, auth=auth
        )
        return number

    def state(self) -> dict[str, Any]:
        """Return connected, id, recovered, active, transport, subprotocol, engine."""
        fields: dict[str, Any] = self._call("state")
        return fields

    def cut(self) -> None:
        """Lose the connection without a close, as when the network fails."""
        self._call("cut")

    def disconnect(self) -> None:
        """Disconnect from the namespace in the orderly way."""
        self._call("disconnect")

    def reopen(self) -> None:
        """Connect again after a disconnection."""
        self._call("reopen")


class NodeServer:
    """A Socket.IO server of Node's, or an emitter."""

    def __init__(self, driver: Driver, number: int, url: str) -> None:
        self._driver = driver
        self._number = number
        self.url = url

    def run(self, code: str, *args: Any) -> Any:
        """Run JavaScript with ``it``, the server, and ``args``; return its value.

        Blocks:
            Until the promise that it returns has resolved.
        """
        return self._driver.call(
            "server_run", server=self._number, code=code, args=list(args)
        )


class Page:
    """One page of the browser."""

    def __init__(self, driver: Driver, number: int) -> None:
        self._driver = driver
        self._number = number

    def _call(self, operation: str, **fields: Any) -> Any:
        return self._driver.call(operation, page=self._number, **fields)

    def goto(self, url: str) -> int:
        """Load ``url`` and return the HTTP status."""
        status: int = self._call("browser_goto", wait=20, url=url)
        return status

    def script(self, source: str | Path) -> None:
        """Load a script into the page, from a URL or from a file."""
        of = "path" if isinstance(source, Path) else "url"
        self._call("browser_script", wait=20, **{of: str(source)})

    def run(self, code: str, timeout: float = 30.0) -> Any:
        """Evaluate ``code``; when it is a promise, return what it resolves to."""
        return self._call("browser_run", wait=timeout, code=code)

    def log(self) -> list[str]:
        """Take what the page wrote to its console, errors included."""
        lines: list[str] = self._call("browser_log")
        return lines


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
