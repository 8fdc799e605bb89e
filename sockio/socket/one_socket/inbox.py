"""Inbox: the events of one socket that wait for its handlers, in order of arrival.

The first event of a quiet socket is handled in the pass of the loop in which it came.
The events after it are counted, so that a client cannot fill the memory while a handler
is slow.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sockio.engine.intake import Intake
from sockio.protocol.socketio.packet import Packet
from sockio.runtime.event_names import event_name
from sockio.runtime.mailbox import Mailbox

__all__ = ["Inbox", "Queued", "name_of"]


class Queued:
    """An event that waits, and the size of the message it came in."""

    __slots__ = ("packet", "size")

    def __init__(self, packet: Packet, size: int) -> None:
        self.packet = packet
        self.size = size


class Inbox:
    """A mailbox of events, which are counted, and of jobs between them.

    The handler of its items must pass those of type ``Queued`` to ``counted``.
    """

    __slots__ = ("_intake", "_mailbox")

    def __init__(self, mailbox: Mailbox, intake: Intake) -> None:
        self._mailbox = mailbox
        #: Counts what waits in all sockets of the client.
        self._intake = intake

    def put_event(self, packet: Packet, size: int) -> None:
        """Queue an event that came in a message of ``size``; count it if it waits."""
        mailbox = self._mailbox
        if mailbox.busy:
            mailbox.put(Queued(packet, size))
            self._intake.add(size)
        else:
            mailbox.put(packet)

    def put(self, job: Callable[[], object]) -> None:
        """Run ``job`` after everything that waits."""
        self._mailbox.put(job)

    def turn_to(self, handle: Callable[[Any], object]) -> None:
        """Give the items to another function, from the next item on."""
        self._mailbox.turn_to(handle)

    def counted(self, queued: Queued) -> Packet:
        """Stop counting an event, which no longer waits, and return it."""
        self._intake.remove(queued.size)
        return queued.packet

    def take(self, name: str) -> Queued | None:
        """Remove and return the oldest event of that name; it stays counted."""
        item = self._mailbox.take(_event_named(name))
        return None if item is None else self._queued(item)

    def take_all(self, name: str) -> list[Queued]:
        """Remove and return all events of that name; they stay counted."""
        items = self._mailbox.take_all(_event_named(name))
        return [self._queued(item) for item in items]

    def _queued(self, item: Any) -> Queued:
        """Count an event if it is not counted yet: it found the inbox empty."""
        if isinstance(item, Packet):
            self._intake.add(0)
            return Queued(item, 0)
        return item  # type: ignore[no-any-return]

    def drop(self) -> None:
        """Remove the events that wait; jobs stay."""
        for item in self._mailbox.take_all(_is_event):
            if isinstance(item, Queued):
                self.counted(item)

    @property
    def has_events(self) -> bool:
        """Whether an event waits."""
        return self._mailbox.holds(_is_event)

    def kill_running(self) -> None:
        """Raise ``GreenletExit`` in the handler that runs, if it blocks."""
        self._mailbox.kill_running()


def _is_event(item: object) -> bool:
    return isinstance(item, (Packet, Queued))


def name_of(packet: Packet) -> str | None:
    """Return the name under which listeners are registered; None if there is none."""
    if not packet.data:
        return None
    name = packet.data[0]
    return name if type(name) is str else event_name(name)


def _event_named(wanted: str) -> Callable[[Any], bool]:
    """Return a test for events of that name; a fast one, since many are tested."""

    def is_it(item: Any) -> bool:
        if type(item) is Queued:
            packet = item.packet
        elif isinstance(item, Packet):
            packet = item
        else:
            return False
        return name_of(packet) == wanted

    return is_it
