"""Foreign clients: those of other languages, each driven through one program.

The programs are in ``tests/clients``; they all speak the protocol of ``JsonProcess``,
with these operations. ``client`` is a number that the caller chooses.

=================  =====================================================================
Operation          What the program does, and what its answer is
=================  =====================================================================
``connect``        Makes ``client`` for the ``url``, whose path is the namespace, with
                   the ``transports``, the ``auth`` unless it is null, and
                   ``reconnection``: whether it comes back, as soon as it can. Null, at
                   once or when it has connected.
``namespace``      Makes ``client`` for the namespace ``name``, with ``auth``, over the
                   connection of the client ``of``. Null.
``emit``           Sends ``event`` with ``args``. Null.
``emit_with_ack``  Does, too. The arguments of the acknowledgement, when it has come.
``ack``            Acknowledges, with ``args``, the event that came with the function
                   ``number``. Null.
``disconnect``     Disconnects from the namespace. Null.
``close``          Closes the connection, for ever. Null.
``recovered``      Whether the server recovered the client's state. True or false.
=================  =====================================================================

What happens to a client, the program tells with ``{"client", "event", "args"}``: its
``connect``, ``connect_error`` and ``disconnect``, and all events of the server. The
argument of ``connect_error`` is an object with a ``message``, and the ``data`` if there
is some; that of ``disconnect`` is the reason, if the client knows one. For an operation
that a client does not have, the answer is an error that begins with ``cannot``.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gevent
from gevent.event import Event

from .cutting_proxy import CuttingProxy
from .json_process import Ack, ClientEvent, DriverError, JsonProcess


class ForeignDriver:
    """One process of such a program."""

    def __init__(self, name: str, command: Sequence[str], folder: Path) -> None:
        self._process = JsonProcess(name, command, folder, self._happened)
        #: Ask for an operation, and return its answer; see ``JsonProcess.call``.
        self.call = self._process.call
        self._numbers = itertools.count(1)
        self._clients: dict[int, ForeignClient] = {}
        self._proxies: list[CuttingProxy] = []

    def connect(
        self,
        url: str,
        *,
        transports: Sequence[str],
        auth: Any = None,
        reconnection: bool = False,
        patience: float = 30.0,
    ) -> ForeignClient:
        """Start a client for ``url``; its path names the namespace.

        Args:
            reconnection: It comes back when its connection was lost; it speaks through
                a proxy, so that the connection can be.
            patience: Seconds that the client waits for what must come.
        """
        proxy = None
        if reconnection:
            proxy = CuttingProxy(url)
            self._proxies.append(proxy)
            url = proxy.url
        client = self.add(patience, proxy)
        client.call(
            "connect",
            url=url,
            transports=list(transports),
            auth=auth,
            reconnection=reconnection,
        )
        return client

    def add(self, patience: float, proxy: CuttingProxy | None) -> ForeignClient:
        """Return a client that the program has yet to make."""
        client = ForeignClient(self, next(self._numbers), patience, proxy)
        self._clients[client.number] = client
        return client

    def reset(self) -> None:
        """Close everything that was opened since the last time."""
        clients, self._clients = self._clients, {}
        for client in reversed(clients.values()):
            client.call("close")
        proxies, self._proxies = self._proxies, []
        for proxy in proxies:
            proxy.close()

    def close(self) -> None:
        """End the process."""
        self._process.close()

    def _happened(self, what: dict[str, Any]) -> None:
        if client := self._clients.get(what["client"]):
            client.add(ClientEvent("socket", what["event"], what["args"]))


class ForeignClient:
    """One socket of a client, in one namespace."""

    def __init__(
        self,
        driver: ForeignDriver,
        number: int,
        patience: float,
        proxy: CuttingProxy | None,
    ) -> None:
        self.number = number
        self._driver = driver
        self._patience = patience
        self._proxy = proxy
        self._events: list[ClientEvent] = []
        self._news = Event()

    def call(self, operation: str, **fields: Any) -> Any:
        """Ask for an operation of this client."""
        return self._driver.call(operation, client=self.number, **fields)

    def add(self, event: ClientEvent) -> None:
        """Note what has happened."""
        self._events.append(event)
        self._news.set()

    def next(self, event: str | None = None) -> ClientEvent:
        """Take the oldest event, or the oldest of that name.

        Raises:
            DriverError: Nothing came in time.

        Blocks:
            Until it comes.
        """
        return self._events.pop(self._wait_for(event))

    def _wait_for(self, name: str | None) -> int:
        """Return the place of the oldest event of that name."""
        with gevent.Timeout(self._patience, False):
            while True:
                for place, event in enumerate(self._events):
                    if name in (None, event.event):
                        return place
                self._news.clear()
                self._news.wait()
        raise DriverError(f"nothing came in time; waiting: {self._events}")

    def emit(self, event: str, *args: Any) -> None:
        """Send an event."""
        self.call("emit", event=event, args=list(args))

    def emit_with_ack(self, event: str, *args: Any) -> list[Any]:
        """Send an event and return what the server acknowledged it with.

        Raises:
            DriverError: It did not in time.

        Blocks:
            Until it did.
        """
        late = DriverError(f"no acknowledgement of {event} came in time")
        with gevent.Timeout(self._patience, late):
            answer: list[Any] = self.call("emit_with_ack", event=event, args=list(args))
        return answer

    def ack(self, ack: Ack, *args: Any) -> None:
        """Answer an event that came with an ``Ack`` as its last argument."""
        self.call("ack", number=ack.number, args=list(args))

    def namespace(self, name: str, auth: Any = None) -> ForeignClient:
        """Join another namespace over the same connection."""
        client = self._driver.add(self._patience, self._proxy)
        client.call("namespace", of=self.number, name=name, auth=auth)
        return client

    def recovered(self) -> bool:
        """Return whether the server recovered its state."""
        return bool(self.call("recovered"))

    def cut(self) -> None:
        """Lose the connection without a close, as when the network fails.

        A client may repeat a request of its own accord; so the network fails until the
        client has seen that.

        Blocks:
            Until it has seen it.
        """
        assert self._proxy is not None, "only clients that reconnect can be cut"
        with self._proxy.refusing():
            self._wait_for("disconnect")

    def disconnect(self) -> None:
        """Disconnect from the namespace in the orderly way."""
        self.call("disconnect")
