"""Inbox: the events of one socket that wait for its handlers, in order of arrival.

The first event of a quiet socket is handled in the pass of the loop in which it came.
Those behind it are counted, so that a client cannot fill the memory behind a slow
handler.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sockio.engine.intake import Intake
from sockio.protocol.socketio.packet import Packet
from sockio.runtime.mailbox import Mailbox

__all__ = ["Inbox", "Queued"]


class Queued:
    """An event that waits, and the size of the message it came in."""

    __slots__ = ("packet", "size")

    def __init__(self, packet: Packet, size: int) -> None:
        self.packet = packet
        self.size = size


class Inbox:
    """A mailbox of events, which are counted, and of jobs between them.

    Whoever handles its items gives those of type ``Queued`` to ``counted``.
    """

    __slots__ = ("_intake", "_mailbox")

    def __init__(self, mailbox: Mailbox, intake: Intake) -> None:
        self._mailbox = mailbox
        #: Counts what waits, of all sockets of the client.
        self._intake = intake

    def put_event(self, packet: Packet, size: int) -> None:
        """Have an event handled, which came in a message of ``size``, in its turn."""
        mailbox = self._mailbox
        if mailbox.busy:
            mailbox.put(Queued(packet, size))
            self._intake.add(size)
        else:
            mailbox.put(packet)

    def put(self, job: Callable[[], object]) -> None:
        """Have ``job`` run behind what waits."""
        self._mailbox.put(job)

    def counted(self, queued: Queued) -> Packet:
        """Count an event no longer, and return it: it has its turn."""
        self._intake.remove(queued.size)
        return queued.packet

    def take(self, wanted: Callable[[Packet], bool]) -> Queued | None:
        """Remove and return the oldest event that is ``wanted``; it stays counted."""
        item = self._mailbox.take(lambda item: _is_event(item) and wanted(_event(item)))
        if isinstance(item, Packet):
            self._intake.add(0)
            return Queued(item, 0)
        return item  # type: ignore[no-any-return]

    def drop(self) -> None:
        """Remove the events that wait; jobs stay."""
        self._mailbox.drop(self._dropped)

    def _dropped(self, item: Any) -> bool:
        if isinstance(item, Queued):
            self.counted(item)
        return _is_event(item)

    @property
    def has_events(self) -> bool:
        """Whether an event waits."""
        return self._mailbox.holds(_is_event)

    def kill_running(self) -> None:
        """Raise ``GreenletExit`` in the handler that runs, if it blocks."""
        self._mailbox.kill_running()


def _is_event(item: object) -> bool:
    return isinstance(item, (Packet, Queued))


def _event(item: Packet | Queued) -> Packet:
    return item if isinstance(item, Packet) else item.packet
