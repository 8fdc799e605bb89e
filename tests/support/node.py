"""Node: the official JavaScript client, driven by one Node process for all tests.

The process answers JSON lines; see ``tests/js/driver.mjs``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, TypeAlias

from . import services
from .json_process import Ack, ClientEvent, JsonProcess

FOLDER = Path(__file__).parent.parent / "js"
#: The browser's form of the client.
BUNDLE = FOLDER / "node_modules" / "socket.io-client" / "dist" / "socket.io.min.js"

#: The official clients; 4 is the newest of all.
Version: TypeAlias = Literal[2, "3.1", "4.0", "4.1", "4.4", "4.5", "4.6", "4.7", 4]


class Driver:
    """One Node process with the official clients in it."""

    def __init__(self) -> None:
        services.node_modules(FOLDER)
        command = [services.program("node"), "--no-warnings", "driver.mjs"]
        self._process = JsonProcess("Node", command, FOLDER)
        #: Ask for an operation, and return its answer; see ``JsonProcess.call``.
        self.call = self._process.call
        self._open: list[tuple[str, str, int]] = []

    def close(self) -> None:
        """End the process."""
        self._process.close()

    def reset(self) -> None:
        """Close everything that was opened since the last time."""
        opened, self._open = self._open, []
        for operation, field, number in reversed(opened):
            self.call(operation, **{field: number})

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

    def alone(self, **options: Any) -> NodeServer:
        """Start a server that is alone.

        Args:
            options: Those of the server, by their JavaScript names; ``parser`` may be
                "msgpack".
        """
        return self._one_server("alone_open", options)

    def admin(self, **options: Any) -> NodeServer:
        """Start a server that is alone, with Node's half of the admin page."""
        return self._one_server("admin_open", options)

    def _one_server(self, operation: str, options: dict[str, Any]) -> NodeServer:
        found = self.call(operation, options=options)
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

    def next(
        self, event: str | None = None, timeout: float | None = None
    ) -> ClientEvent:
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
        return ClientEvent(**fields)

    def take(self, event: str) -> list[ClientEvent]:
        """Take all events of that name that have come, oldest first."""
        return [
            ClientEvent(**fields) for fields in self._call("take_events", event=event)
        ]

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
