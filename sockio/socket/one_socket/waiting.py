"""Waiting: greenlets that wait for an event of one socket, in a line of code.

They take events out of the inbox: an event that a greenlet waits for does not wait for
the running handler, and ordinary listeners do not get it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from typing import Any

from sockio.engine.intake import Intake
from sockio.errors import Disconnected
from sockio.protocol.socketio.packet import Packet
from sockio.runtime.event_names import EventName, event_name
from sockio.runtime.latch import Latch
from sockio.runtime.reactor import Reactor

from .inbox import Inbox, Queued, name_of

#: Turns a packet into what the waiter gets, or None if it is not let through.
Admit = Callable[[Packet], "tuple[Any, ...] | None"]


class Waiting:
    """The greenlets that wait for events of a socket, in order of arrival."""

    __slots__ = ("_by_event", "_closed", "_inbox", "_intake", "_reactor", "_streams")

    def __init__(
        self, reactor: Reactor, inbox: Inbox, intake: Intake, closed: str | None
    ) -> None:
        self._reactor = reactor
        self._inbox = inbox
        #: Counts what waits in all sockets of the client.
        self._intake = intake
        #: Why the socket has gone; None while it has not.
        self._closed = closed
        self._by_event: dict[str, deque[Latch[Packet]]] = {}
        #: The events of each open stream that nobody has taken yet.
        self._streams: dict[str, list[_Backlog]] = {}

    def offer(self, packet: Packet, size: int) -> bool:
        """Give an arriving event to a greenlet that waits for it; False if none does.

        Args:
            packet: The event.
            size: The size of the message that it came in.
        """
        name = name_of(packet)
        if name is None:
            return False
        waiters = self._by_event.get(name)
        if waiters:
            waiters.popleft().set(packet)
            self._intake.end_wait()
            return True
        streams = self._streams.get(name)
        if streams:
            self._intake.add(size)
            streams[0].add(Queued(packet, size))
            return True
        return False

    def stream(
        self, event: EventName, maxsize: int, admit: Admit
    ) -> Iterator[tuple[Any, ...]]:
        """Collect the events of that name from now on; iterate to take them."""
        name = event_name(event)
        backlog = _Backlog(self._reactor, self._intake, maxsize, self._closed)
        self._streams.setdefault(name, []).append(backlog)
        for queued in self._inbox.take_all(name):
            backlog.add(queued)
        return _Stream(backlog, admit, lambda: self._end_stream(name, backlog))

    def _end_stream(self, event: str, backlog: _Backlog) -> None:
        streams = self._streams.get(event, [])
        if backlog in streams:
            streams.remove(backlog)
        if not streams:
            self._streams.pop(event, None)
        backlog.clear()

    def wait(
        self, event: EventName, timeout: float | None, admit: Admit
    ) -> tuple[Any, ...]:
        """Take the oldest queued event of that name, else wait for the next.

        Raises:
            TimeoutError: None came within ``timeout`` seconds.
            Disconnected: The socket has gone, or went away meanwhile.

        Blocks:
            Until the event comes or one of these happens.
        """
        name = event_name(event)
        clock = self._reactor.clock
        deadline = None if timeout is None else clock.now() + timeout
        while True:
            queued = self._inbox.take(name)
            if queued is not None:
                packet = self._inbox.counted(queued)
            else:
                # The socket may also have gone while a guard ran.
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
        self._intake.begin_wait()
        try:
            return latch.wait(timeout)
        finally:
            if latch in waiters:
                waiters.remove(latch)
                self._intake.end_wait()
            if not waiters and self._by_event.get(event) is waiters:
                del self._by_event[event]

    def close(self, reason: str) -> None:
        """End all present and later waits with Disconnected."""
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

    __slots__ = (
        "_closed",
        "_intake",
        "_latch",
        "_maxsize",
        "_queue",
        "_reactor",
        "_takers",
    )

    def __init__(
        self, reactor: Reactor, intake: Intake, maxsize: int, closed: str | None
    ) -> None:
        self._reactor = reactor
        self._intake = intake
        self._maxsize = maxsize
        self._queue: deque[Queued] = deque()
        #: What wakes the greenlets that wait for an event, and how many they are.
        self._latch: Latch[None] | None = None
        self._takers = 0
        self._closed = closed

    def add(self, queued: Queued) -> None:
        if self._maxsize and len(self._queue) >= self._maxsize:
            self._take_first()
        self._queue.append(queued)
        self._wake()

    def close(self, reason: str) -> None:
        self._closed = reason
        self._wake()

    def _wake(self) -> None:
        """Wake all takers; those that find nothing wait, and are counted, again."""
        if self._latch is not None:
            self._latch.set(None)
            self._latch = None
            while self._takers:
                self._end_wait()

    def _end_wait(self) -> None:
        self._takers -= 1
        self._intake.end_wait()

    def take(self) -> Packet:
        """Blocks: until there is an event, or the socket has gone (Disconnected)."""
        while not self._queue:
            if self._closed is not None:
                raise Disconnected(self._closed)
            latch = self._latch
            if latch is None:
                latch = self._latch = self._reactor.latch()
            self._takers += 1
            self._intake.begin_wait()
            try:
                latch.wait()
            finally:
                if self._latch is latch:  # killed: ``_wake`` has not ended its wait
                    self._end_wait()
        return self._take_first()

    def _take_first(self) -> Packet:
        queued = self._queue.popleft()
        self._intake.remove(queued.size)
        return queued.packet

    def clear(self) -> None:
        while self._queue:
            self._take_first()


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
