"""Peers: the other servers of the cluster, asked and told in the admin namespace."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sockio.adapters.memory import MemoryAdapter
from sockio.errors import ClusterTimeout, EncodeError, ProtocolError
from sockio.runtime import logs
from sockio.socket.namespace.namespace import Namespace

__all__ = ["UNFIT", "Peers"]

log = logs.get("admin")

#: What the names of our events begin with; no client can send an event to servers.
PREFIX = "sockio:admin:"
#: What is raised for a value that cannot be encoded, or that the others cannot decode:
#: a bus in this process tries both at once.
UNFIT = (EncodeError, ProtocolError)
#: Seconds that the others have for their answers.
PATIENCE = 2.0


class Peers:
    """The other servers, as far as they are instrumented, too."""

    def __init__(self, namespace: Namespace) -> None:
        self._namespace = namespace

    @property
    def alone(self) -> bool:
        """Whether no adapter connects this server to others."""
        return type(self._namespace.adapter) is MemoryAdapter

    def hear(self, what: str, fn: Callable[..., object]) -> None:
        """Call ``fn`` when another server tells or asks; it may return an answer."""
        self._namespace.on(PREFIX + what, fn)

    def tell(self, what: str, *args: Any) -> None:
        """Tell all others, unless a value cannot travel to them."""
        if self.alone:
            return
        try:
            self._namespace.server_side_emit(PREFIX + what, *args)
        except UNFIT as exc:
            log.debug("%r cannot be told to other servers: %r", what, exc)

    def ask(self, what: str, *args: Any) -> list[Any]:
        """Return the answers of the others, as many as come in time.

        Blocks:
            Until all have answered, or the time is up.
        """
        if self.alone:
            return []
        try:
            return self._namespace.server_side_emit_with_ack(
                PREFIX + what, *args, timeout=PATIENCE
            )
        except ClusterTimeout as exc:
            log.debug("some servers did not answer: %r", what)
            return exc.responses
