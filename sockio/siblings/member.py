"""Member: another process of the group, and the two links to it.

We speak on the link that we have made, and hear on the one that it has made. Who hears
answers now and then, so that who speaks knows that it is heard.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from sockio.errors import ProtocolError

from .link import Link
from .packets import ASKED, HERE, LARGEST, Packed, Reader, count, join

if TYPE_CHECKING:
    from sockio.runtime.clock import Timer
    from sockio.runtime.reactor import Reactor

__all__ = ["HANGING", "PAUSE", "QUEUE", "SILENT", "Member", "Owner", "State"]

#: Bytes that may wait for a member that is silent. For one that answers, the longest
#: message may wait besides.
QUEUE = 16 << 20
#: Seconds without an answer after which nobody waits for a member.
SILENT = 2.0
#: Seconds without an answer after which a member is dropped, with all that waits.
HANGING = 30.0
#: Seconds between an answer and the next request for one.
PAUSE = 0.5
#: Bytes of messages after which a packet is made of them. The next one may be so long
#: that a packet of both would be too long, and then has one of its own.
_PACKET = 32768
#: What packets add to the messages that wait.
_OVERHEAD = 1 << 20

#: There is no link to it; it was called, and may still answer; it answers; it should
#: have answered by now.
State: TypeAlias = Literal["away", "called", "here", "silent"]


class Owner(Protocol):
    """Who has the members."""

    @property
    def reactor(self) -> Reactor: ...

    def make_link(
        self,
        tag: str,
        *,
        most: int,
        patience: float,
        on_packet: Callable[[bytes, Sequence[int]], None],
        on_end: Callable[[str], None],
    ) -> Link:
        """See ``Siblings.connect``."""

    def greeting(self) -> Packed:
        """Return what is said first on each link."""

    def heard(self, member: Member, message: bytes) -> None:
        """Take what a member has said."""

    def changed(self, member: Member) -> None:
        """Its state is another one, though it has not left."""

    def left(self, member: Member, why: str, *, dropped: bool) -> None:
        """Both links have ended; with ``dropped``, because this process wants it."""

    def will_flush(self, member: Member) -> None:
        """Call ``flush`` of the member when the present greenlet or callback ends."""


class Member:
    """One other process, whether there are links to it at present or not."""

    def __init__(self, tag: str, owner: Owner) -> None:
        """Know that there is, or was, somebody of this tag.

        Args:
            tag: Its tag.
            owner: Hears it, and is told what becomes of it.
        """
        self.tag = tag
        self.state: State = "away"
        #: How often it has left.
        self.leaves = 0
        #: Messages for it that it did not get since it was here last.
        self.missed = 0
        self._owner = owner
        self._heard = owner.heard
        #: On which we speak; None: there is none at present.
        self._out: Link | None = None
        #: On which we hear.
        self._in: Link | None = None
        self._reader = Reader()
        #: Messages for the next packet, packed, and their bytes.
        self._next: list[bytes] = []
        self._size = 0
        #: Until when an answer has to come; None: none is expected.
        self._deadline: Timer | None = None
        #: Until when no answer is asked for.
        self._pause: Timer | None = None
        #: Whether something was said since an answer was asked for.
        self._unproved = False

    @property
    def linked(self) -> bool:
        """Whether we can speak to it."""
        return self._out is not None

    @property
    def waiting(self) -> int:
        """Bytes that are to be sent to it."""
        return self._size + (0 if self._out is None else self._out.waiting)

    # ------------------------------------------------------------------ links

    def call(self) -> None:
        """Make the link on which we speak, unless there is one; never blocks.

        Raises:
            ConnectionRefusedError: It has gone.
            OSError: It cannot be reached now.
        """
        if self._out is not None:
            return
        self._out = self._owner.make_link(
            self.tag,
            most=QUEUE + LARGEST + _OVERHEAD,
            patience=HANGING,
            on_packet=self._on_answer,
            on_end=self._on_out_end,
        )
        self.state = "called"
        self.put(self._owner.greeting())
        self.flush()

    def accept(self, link: Link) -> None:
        """Hear on a link that it has made."""
        if self._in is not None:
            # It makes one only after the end of the one before.
            self._in.read_all()
        if self._in is not None:
            self.end("it has called again")
        self._in = link
        self._reader = Reader()
        link.on_packet = self._on_packet
        link.on_end = self._on_in_end

    def end(self, why: str, *, dropped: bool = False) -> None:
        """End both links, if there is one, and tell the owner.

        Args:
            why: For the log.
            dropped: Whether this process wants it; else the member has left.
        """
        out, into = self._out, self._in
        if out is None and into is None:
            return
        self._out = self._in = None
        self._stop_asking()
        self.state = "away"
        self.leaves += 1
        self.missed += len(self._next)
        self._next.clear()
        self._size = 0
        if out is not None:
            self.missed += count(out.unsent)
            out.close()
        if into is not None:
            into.close()
        self._owner.left(self, why, dropped=dropped)

    def close(self) -> None:
        """Say what is to be said, and end both links without telling the owner."""
        self.flush()
        self._stop_asking()
        for link in (self._out, self._in):
            if link is not None:
                link.close()
        self._out = self._in = None
        self.state = "away"

    def _on_out_end(self, why: str) -> None:
        out = self._out
        if self._in is not None:
            # What it said before its end counts.
            self._in.read_all()
        if self._out is out:
            self.end(why)

    def _on_in_end(self, why: str) -> None:
        self.end(why)

    # ------------------------------------------------------------------ speaking

    def put(self, packed: Packed) -> None:
        """Say something, behind all that was said before; never blocks."""
        if self._out is None:
            self.missed += 1
        elif isinstance(packed, tuple):
            self.flush()
            self._send(packed)
        else:
            if not self._next:
                self._owner.will_flush(self)
            elif self._size + len(packed) > _PACKET:
                self.flush()
            self._next.append(packed)
            self._size += len(packed)

    def flush(self) -> None:
        """Send the messages that were put into the next packet."""
        if self._next:
            packet = join(self._next, asks=self._may_ask())
            messages = len(self._next)
            self._next.clear()
            self._size = 0
            self._send((packet,), messages)

    def _send(self, packets: Sequence[bytes], messages: int = 1) -> None:
        out = self._out
        if out is None:
            self.missed += messages
            return
        too_slow = self.state == "silent" and out.waiting > QUEUE
        if too_slow or not all(map(out.send, packets)):
            self.missed += messages
            # If it has ended by itself, that is told, or will be when all is read.
            if self._out is out and not out.closed:
                self.end(f"{out.waiting >> 20} MiB wait for it", dropped=True)

    # ------------------------------------------------------------------ answers

    def _may_ask(self) -> bool:
        """Whether the packet that is made now asks for an answer."""
        if self._deadline is None and self._pause is None:
            self._expect_answer()
            return True
        self._unproved = True
        return False

    def _expect_answer(self) -> None:
        self._unproved = False
        self._deadline = self._owner.reactor.deadline(SILENT, self._on_silence)

    def _on_silence(self) -> None:
        self._deadline = self._owner.reactor.deadline(
            HANGING - SILENT, self._on_long_silence
        )
        self.state = "silent"
        self._owner.changed(self)

    def _on_long_silence(self) -> None:
        self.end(f"it has not answered for {HANGING:g} seconds", dropped=True)

    def _on_answer(self, data: bytes, descriptors: Sequence[int]) -> None:
        _close_all(descriptors)
        self._stop_asking()
        self._pause = self._owner.reactor.delays.call_later(PAUSE, self._on_pause)
        if self.state != "here":
            self.state = "here"
            self._owner.changed(self)

    def _on_pause(self) -> None:
        self._pause = None
        if self._unproved and self._out is not None:
            self._expect_answer()
            self._send((ASKED,), 0)

    def _stop_asking(self) -> None:
        for timer in (self._deadline, self._pause):
            if timer is not None:
                timer.cancel()
        self._deadline = self._pause = None

    # ------------------------------------------------------------------ hearing

    def _on_packet(self, data: bytes, descriptors: Sequence[int]) -> None:
        if descriptors:
            _close_all(descriptors)
        try:
            messages, asks = self._reader.read(data)
        except ProtocolError as exc:
            self.end(exc.reason, dropped=True)
            return
        if asks and self._in is not None:
            self._in.send(HERE)
        for message in messages:
            self._heard(self, message)


def _close_all(descriptors: Sequence[int]) -> None:
    """Close descriptors that nobody expects."""
    for descriptor in descriptors:
        os.close(descriptor)
