"""Waiting: greenlets that wait for an event of one socket, in a line of code.

They take events out of the inbox: one that somebody waits for goes past the handler
that is running, and ordinary listeners do not get it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from sockio.errors import Disconnected
from sockio.protocol.socketio.packet import Packet
from sockio.runtime.latch import Latch
from sockio.runtime.listeners import EventName, event_name
from sockio.runtime.mailbox import Mailbox
from sockio.runtime.reactor import Reactor

#: Turns a packet into what the waiter gets, or None where it was not let through.
Admit = Callable[[Packet], "tuple[Any, ...] | None"]


class Waiting:
    """Who waits for which event of a socket, in order of arrival."""

    __slots__ = ("_by_event", "_closed", "_inbox", "_reactor", "_streams")

    def __init__(self, reactor: Reactor, inbox: Mailbox, closed: str | None) -> None:
        self._reactor = reactor
        self._inbox = inbox
        #: Why the socket has gone; None while it has not.
        self._closed = closed
        self._by_event: dict[str, deque[Latch[Packet]]] = {}
        #: What each open stream has not been asked for yet.
        self._streams: dict[str, list[_Backlog]] = {}

    def offer(self, packet: Packet) -> bool:
        """Give an arriving event to who waits for it; False if nobody does."""
        name = _name_of(packet)
        if name is None:
            return False
        waiters = self._by_event.get(name)
        if waiters:
            waiters.popleft().set(packet)
            return True
        streams = self._streams.get(name)
        if streams:
            streams[0].add(packet)
            return True
        return False

    def stream(
        self, event: EventName, maxsize: int, admit: Admit
    ) -> Iterator[tuple[Any, ...]]:
        """Collect the events of that name from now on; iterate to take them."""
        name = event_name(event)
        backlog = _Backlog(self._reactor, maxsize, self._closed)
        self._streams.setdefault(name, []).append(backlog)
        while (packet := self._take(name)) is not None:
            backlog.add(packet)
        return _Stream(backlog, admit, lambda: self._end_stream(name, backlog))

    def _end_stream(self, event: str, backlog: _Backlog) -> None:
        streams = self._streams.get(event, [])
        if backlog in streams:
            streams.remove(backlog)
        if not streams:
            self._streams.pop(event, None)

    def _take(self, name: str) -> Any:
        return self._inbox.take(
            lambda item: isinstance(item, Packet) and _name_of(item) == name
        )

    def wait(
        self, event: EventName, timeout: float | None, admit: Admit
    ) -> tuple[Any, ...]:
        """Take the oldest queued event of that name, else wait for the next.

        Raises:
            TimeoutError: None came within ``timeout`` seconds.
            Disconnected: The socket has gone, or goes.

        Blocks:
            Until one of these.
        """
        name = event_name(event)
        clock = self._reactor.clock
        deadline = None if timeout is None else clock.now() + timeout
        while True:
            packet = self._take(name)
            if packet is None:
                # It may have gone while a guard ran, too.
                if self._closed is not None:
                    raise Disconnected(self._closed)
                left = None if deadline is None else deadline - clock.now()
                packet = self._wait_for(name, left)
            args = admit(packet)
            if args is not None:
                return args

    def _wait_for(self, event: str, timeout: float | None) -> Packet:
        latch: Latch[Packet] = self._reactor.latch()
        waiters = self._by_event.setdefault(event, deque())
        waiters.append(latch)
        try:
            return latch.wait(timeout)
        finally:
            if latch in waiters:
                waiters.remove(latch)
            if not waiters and self._by_event.get(event) is waiters:
                del self._by_event[event]

    def close(self, reason: str) -> None:
        """End all waits with Disconnected, and those that begin later."""
        self._closed = reason
        by_event, self._by_event = self._by_event, {}
        for waiters in by_event.values():
            for latch in list(waiters):
                latch.fail(Disconnected(reason))
        for streams in self._streams.values():
            for backlog in streams:
                backlog.close(reason)


class _Backlog:
    """Events that a stream has been given and nobody has taken yet."""

    __slots__ = ("_closed", "_latch", "_maxsize", "_packets", "_reactor")

    def __init__(self, reactor: Reactor, maxsize: int, closed: str | None) -> None:
        self._reactor = reactor
        self._maxsize = maxsize
        self._packets: deque[Packet] = deque()
        self._latch: Latch[None] | None = None
        self._closed = closed

    def add(self, packet: Packet) -> None:
        if self._maxsize and len(self._packets) >= self._maxsize:
            self._packets.popleft()
        self._packets.append(packet)
        if self._latch is not None:
            self._latch.set(None)

    def close(self, reason: str) -> None:
        self._closed = reason
        if self._latch is not None:
            self._latch.set(None)

    def take(self) -> Packet:
        """Blocks: until there is an event, or the socket has gone (Disconnected)."""
        while not self._packets:
            if self._closed is not None:
                raise Disconnected(self._closed)
            self._latch = self._reactor.latch()
            try:
                self._latch.wait()
            finally:
                self._latch = None
        return self._packets.popleft()


class _Stream(Iterator["tuple[Any, ...]"]):
    """What ``stream`` returns; it ends with its last reference, iterated or not."""

    __slots__ = ("_admit", "_backlog", "_end")

    def __init__(
        self, backlog: _Backlog, admit: Admit, end: Callable[[], None]
    ) -> None:
        self._backlog = backlog
        self._admit = admit
        self._end = end

    def __next__(self) -> tuple[Any, ...]:
        while True:
            args = self._admit(self._backlog.take())
            if args is not None:
                return args

    def __del__(self) -> None:
        self._end()


def _name_of(packet: Packet) -> str | None:
    """The name under which listeners are registered; None where there is none."""
    if not packet.data:
        return None
    name = packet.data[0]
    return name if type(name) is str else event_name(name)


class Waits:
    """The part of a socket that waits for events."""

    reactor: Reactor
    _inbox: Mailbox
    _waiting: Waiting | None
    _gone: str | None

    def wait_for(
        self, event: EventName, timeout: float | None = None
    ) -> tuple[Any, ...]:
        """Take the next event of that name, also inside a handler.

        Ordinary listeners do not get it. If the client asked for an acknowledgement,
        the ack function is the last item.

        Raises:
            TimeoutError: None came within ``timeout`` seconds.
            Disconnected: The socket went away.

        Blocks:
            Until one of these.
        """
        return self._waiters().wait(event, timeout, self._let_in)

    def stream(self, event: EventName, maxsize: int = 0) -> Iterator[tuple[Any, ...]]:
        """Take every event of that name, one after the other, from now on.

        Args:
            event: Its name.
            maxsize: Most events that may wait for you; the oldest make room. 0: any
                number.

        Raises:
            Disconnected: The socket went away.

        Blocks:
            Each step, until an event comes.
        """
        return self._waiters().stream(event, maxsize, self._let_in)

    def _waiters(self) -> Waiting:
        self.reactor.may_block("wait_for() or stream()")
        if self._waiting is None:
            self._waiting = Waiting(self.reactor, self._inbox, self._gone)
        return self._waiting

    def _let_in(self, packet: Packet) -> tuple[Any, ...] | None:
        """Show an event to catch-all listeners and guards; None: it was rejected."""
        raise NotImplementedError
