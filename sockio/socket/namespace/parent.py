"""Dynamic namespaces: made on demand, if a pattern or a predicate accepts the name.

A parent namespace holds the middlewares and listeners that its children get when they
are made. What is emitted on the parent reaches all its children.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any, NoReturn, TypeAlias

from sockio.adapters.adapter import (
    Adapter,
    Asking,
    FoundSocket,
    LocalNamespace,
    ServerAnswers,
)
from sockio.adapters.addressing import BroadcastOptions
from sockio.errors import NotSupported
from sockio.protocol.socketio.packet import Packet
from sockio.runtime import guards
from sockio.types import Json, Room, SocketId

from .namespace import Namespace

#: ``(name, auth) -> whether to accept this namespace``; may block.
Predicate: TypeAlias = Callable[[str, Any], object]


class ParentNamespace(Namespace):
    """The namespaces that one pattern or predicate has accepted."""

    def __init__(self, name: str, test: Any, **parts: Any) -> None:
        #: The namespaces made so far.
        self.children: set[Namespace] = set()
        self._parts = parts
        self._test: re.Pattern[str] | Predicate = test
        super().__init__(name, **{**parts, "make_adapter": self._fan_out})

    def _fan_out(self, nsp: LocalNamespace) -> Adapter:
        return FanOutAdapter(nsp, self.children)

    @property
    def accepted(self) -> str:
        """Which names it accepts: the pattern, or the name of the predicate."""
        if isinstance(self._test, re.Pattern):
            return self._test.pattern
        return getattr(self._test, "__name__", repr(self._test))

    @property
    def blocking(self) -> bool:
        """Whether ``accepts`` runs user code, which must not run in the hub."""
        return not isinstance(self._test, re.Pattern)

    def accepts(self, name: str, auth: Any) -> bool:
        """Return whether to make a namespace of this name."""
        if isinstance(self._test, re.Pattern):
            return self._test.search(name) is not None
        verdict = self._test(name, auth)
        return guards.passes(self._test, verdict) and bool(verdict)

    def make_child(self, name: str) -> Namespace:
        """Make a namespace with the parent's middlewares, listeners, error handlers."""
        child = Namespace(name, **self._parts)
        child.guards.extend(self._guards)
        child.errors.adopt(self.errors)
        for event in ("connect", "connection"):
            for fn in self.listeners(event):
                child.on(event, fn)
        self.children.add(child)
        return child

    def fetch_sockets(self, *, allow_partial: bool = False) -> NoReturn:
        """Raise ``NotSupported``: call it on the children instead."""
        raise NotSupported(
            "fetch_sockets() is not supported on parent namespaces: "
            "call it on each of .children"
        )


class FanOutAdapter(Adapter):
    """The adapter of a parent: it passes calls on to the adapter of each child."""

    def __init__(self, nsp: LocalNamespace, children: AbstractSet[Namespace]) -> None:
        super().__init__(nsp)
        self._children = children

    @property
    def rooms(self) -> Mapping[Room, AbstractSet[SocketId]]:
        return {}

    @property
    def sids(self) -> Mapping[SocketId, AbstractSet[Room]]:
        return {}

    def add_all(self, sid: SocketId, rooms: Any) -> None:
        raise NotSupported("a parent namespace has no sockets of its own")

    def del_(self, sid: SocketId, room: Room) -> None:
        raise NotSupported("a parent namespace has no sockets of its own")

    def del_all(self, sid: SocketId) -> None:
        raise NotSupported("a parent namespace has no sockets of its own")

    def socket_rooms(self, sid: SocketId) -> frozenset[Room] | None:
        return None

    def sockets(self, rooms: Collection[Room]) -> set[SocketId]:
        found: set[SocketId] = set()
        for child in tuple(self._children):
            found |= child.adapter.sockets(rooms)
        return found

    def server_count(self) -> int:
        """Return the sum for all children, since each child's servers report to us."""
        return sum(child.adapter.server_count() for child in self._children)

    def broadcast(self, packet: Packet, options: BroadcastOptions) -> None:
        for child in tuple(self._children):
            child.adapter.broadcast(packet._replace(nsp=child.name), options)

    def broadcast_with_ack(
        self, packet: Packet, options: BroadcastOptions, asking: Asking
    ) -> Callable[[], None]:
        children = tuple(self._children)
        if not children:
            asking.expect(0)
        all_children = _AllChildren(asking, len(children))
        stops = [
            child.adapter.broadcast_with_ack(
                packet._replace(nsp=child.name, id=child.next_ack_id()),
                options,
                all_children,
            )
            for child in children
        ]

        def stop() -> None:
            for each in stops:
                each()

        return stop

    def fetch_sockets(self, options: BroadcastOptions) -> Sequence[FoundSocket]:
        raise NotSupported(
            "fetch_sockets() is not supported on parent namespaces: "
            "call it on each of .children"
        )

    def add_sockets(self, options: BroadcastOptions, rooms: Collection[Room]) -> None:
        for child in tuple(self._children):
            child.adapter.add_sockets(options, rooms)

    def del_sockets(self, options: BroadcastOptions, rooms: Collection[Room]) -> None:
        for child in tuple(self._children):
            child.adapter.del_sockets(options, rooms)

    def disconnect_sockets(self, options: BroadcastOptions, close: bool) -> None:
        for child in tuple(self._children):
            child.adapter.disconnect_sockets(options, close)

    def server_side_emit(
        self,
        packet: Sequence[Json],
        ack: ServerAnswers | None = None,
        timeout: float | None = None,
    ) -> None:
        for child in tuple(self._children):
            child.adapter.server_side_emit(packet, ack, timeout)


class _AllChildren:
    """Collects the answers from all children; adds up the numbers of their servers."""

    def __init__(self, asking: Asking, children: int) -> None:
        self._children = children
        self._servers = 0
        self._asking = asking
        self.count = asking.count
        self.answered = asking.answered
        self.lost = asking.lost

    def expect(self, servers: int) -> None:
        """Note how many servers share one of the namespaces."""
        self._children -= 1
        self._servers += servers
        if not self._children:
            self._asking.expect(self._servers)
