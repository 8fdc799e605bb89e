"""Server checks: the adapter of a server, and the client that it hands out."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from sockio.adapters.accounting import AdapterStats
from sockio.adapters.cluster.cluster import Cluster
from sockio.adapters.memory import MemoryAdapter
from sockio.adapters.registry import given
from sockio.runtime import logs
from sockio.runtime.reactor import Reactor
from sockio.socket.server.server import Server

from .findings import Finding

__all__ = ["ADVICE_CLIENT", "check_adapter", "check_client", "judged_client"]

#: Seconds that an adapter has to reach its broker.
PATIENCE = 5.0
#: Seconds between two looks at it.
_PAUSE = 0.02
#: How to let the server hand out a client that it can talk to.
ADVICE_CLIENT = "npm install socket.io-client@4 in the folder that the server starts in"


def check_adapter(server: Server[Any], patience: float = PATIENCE) -> Iterator[Finding]:
    """Connect to the broker, without joining the other servers.

    Blocks:
        At most ``patience`` seconds, and some more for the version.
    """
    subject = "adapter"
    provider = server.options.adapter
    if given(provider) is MemoryAdapter:
        yield Finding(
            "ok", subject, "none: a broadcast reaches the clients of one host"
        )
        return
    if not isinstance(provider, Cluster):
        yield Finding(
            "hint", subject, f"{provider!r} is not of sockio, and was not examined"
        )
        return
    bus: Any = provider.bus
    reactor = Reactor()
    reactor.start()
    with _Overheard() as overheard:
        provider.start(reactor)
        try:
            if _reached(provider, reactor, patience):
                yield Finding("ok", subject, f"{bus!r} answers{_version(bus, reactor)}")
            else:
                why = f": {overheard.last}" if overheard.last else ""
                yield Finding(
                    "error",
                    subject,
                    f"{bus!r} was not reached within {patience:g} s{why}",
                    "start the broker, or mend the address, the password or the "
                    "firewall",
                )
        finally:
            provider.close()
            reactor.settle()


def _reached(provider: Cluster, reactor: Reactor, patience: float) -> bool:
    end = reactor.clock.now() + patience
    while True:
        stats: AdapterStats = provider.stats()
        if stats.connected or reactor.clock.now() >= end:
            return stats.connected
        with suppress(TimeoutError):
            reactor.latch().wait(_PAUSE)


def _version(bus: Any, reactor: Reactor) -> str:
    """Return a broker's version as the end of a sentence, if the bus can ask for it."""
    directory: Any = getattr(bus, "directory", None)
    if not hasattr(directory, "version"):
        return ""
    directory.open(reactor)
    try:
        return f": {directory.version()}"
    except OSError as exc:
        return f", but not to INFO: {exc}"
    finally:
        directory.close()


class _Overheard(logging.Handler):
    """Keeps the last line that the adapters log, instead of having it printed."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""
        self._logger = logs.get("adapters")

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line."""
        self.last = record.getMessage()

    def __enter__(self) -> _Overheard:
        self._logger.addHandler(self)
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._logger.removeHandler(self)


def check_client(server: Server[Any]) -> Iterator[Finding]:
    """Look at the JavaScript client that the server hands out."""
    files = server._lifecycle.client_files
    if files is None:
        yield Finding("ok", "client", "the server hands out none")
        return
    found = files.version()
    if found is None:
        yield Finding(
            "hint",
            "client",
            "there is no file of the JavaScript client to hand out",
            f"{ADVICE_CLIENT}; or Server(serve_client=False)",
        )
    else:
        yield judged_client(found, allow_eio3=server.engine.options.allow_eio3)


def judged_client(version: str, *, allow_eio3: bool) -> Finding:
    """Say whether a version of the JavaScript client can talk to the server.

    Args:
        version: Empty: it is not known.
        allow_eio3: Whether the server lets clients of version 2 in.
    """
    major = version.partition(".")[0]
    text = f"the server hands out version {version or 'unknown'} of the client"
    if major in ("3", "4"):
        return Finding("ok", "client", text)
    if major == "2" and allow_eio3:
        return Finding(
            "hint", "client", text, f"a newer one can do more: {ADVICE_CLIENT}"
        )
    if major == "2":
        return Finding(
            "error",
            "client",
            f"{text}, and lets none of version 2 in",
            f"{ADVICE_CLIENT}; or Server(allow_eio3=True)",
        )
    return Finding("warning", "client", text, ADVICE_CLIENT)
