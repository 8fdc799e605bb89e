"""Survey: one question to all siblings, and what each answers.

The link itself is the question: its greeting says what kind it is. Who is called sends
one message, and who asks ends the link.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

from sockio.errors import ProtocolError
from sockio.runtime import logs
from sockio.runtime.clock import Timer
from sockio.runtime.latch import Latch
from sockio.runtime.reactor import Reactor

from .link import Link
from .packets import Reader, join, pack
from .siblings import Siblings

__all__ = ["Answers", "Survey"]

log = logs.get("siblings")


class Answers(NamedTuple):
    """What the siblings have said."""

    #: By tag.
    by_tag: dict[str, bytes]
    #: How many have not answered in time.
    silent: int


class Survey:
    """A question of one kind, which this process asks and answers."""

    def __init__(
        self,
        siblings: Siblings,
        reactor: Reactor,
        kind: str,
        answer: Callable[[], bytes],
        *,
        seconds: float,
    ) -> None:
        """Answer those who ask.

        Args:
            siblings: The others.
            reactor: Of the server.
            kind: Of the links; an answer that means something else has another one.
            answer: Returns what this process says; it may block.
            seconds: How long an answer may take.
        """
        self._siblings = siblings
        self._reactor = reactor
        self._kind = kind
        self._answer = answer
        self._seconds = seconds
        #: Until when those who ask have to end their links.
        self._deadlines: dict[Link, Timer] = {}
        siblings.welcome(kind, self._welcome)

    @property
    def tag(self) -> str:
        """The tag of this process."""
        return self._siblings.tag

    def ask(self) -> Answers:
        """Return what the others say.

        Blocks:
            Until all have answered, or the time is up.
        """
        asked = [_Asked(tag, self._reactor.latch()) for tag in self._siblings.others]
        here = [each for each in asked if each.call(self._siblings, self._kind)]
        clock = self._reactor.clock
        end = clock.now() + self._seconds
        said, silent = {}, 0
        for each in here:
            answer = each.wait(end - clock.now())
            if answer is None:
                silent += 1
            else:
                said[each.tag] = answer
        return Answers(said, silent)

    def _welcome(self, link: Link, tag: str) -> None:
        """Answer a sibling, in a worker."""
        link.on_packet = _ignore
        link.on_end = lambda why: self._end(link)
        # Who asks ends the link, unless it hangs.
        self._deadlines[link] = self._reactor.delays.call_later(
            2 * self._seconds, lambda: self._end(link)
        )
        self._reactor.workers.spawn(self._tell, link, tag)

    def _end(self, link: Link) -> None:
        deadline = self._deadlines.pop(link, None)
        if deadline is not None:
            deadline.cancel()
        link.close()

    def close(self) -> None:
        """Answer nobody any more who has asked."""
        for link in list(self._deadlines):
            self._end(link)

    def _tell(self, link: Link, tag: str) -> None:
        try:
            packed = pack(self._answer())
            packets = [join([packed], False)] if isinstance(packed, bytes) else packed
        except Exception:
            # A boundary: what goes wrong here is no mistake of who asks.
            log.exception("the sibling %s gets no answer", tag)
            self._end(link)
            return
        if not all(map(link.send, packets)):
            log.debug("the sibling %s does not take the answer", tag)
            self._end(link)


class _Asked:
    """A sibling, until it has answered."""

    def __init__(self, tag: str, latch: Latch[bytes | None]) -> None:
        self.tag = tag
        #: Set to the answer; to None if it gives none.
        self._latch = latch
        self._reader = Reader()
        self._link: Link | None = None

    def call(self, siblings: Siblings, kind: str) -> bool:
        """Ask it; False if there is no such sibling any more."""
        try:
            self._link = siblings.connect(
                self.tag, kind, most=1024, on_packet=self._on_packet, on_end=self._gone
            )
        except ConnectionRefusedError:
            return False
        except OSError as exc:
            tag = self.tag
            log.debug("the sibling %s is not asked: %s", tag, exc.strerror)
            self._latch.set(None)
        return True

    def wait(self, seconds: float) -> bytes | None:
        """Return its answer; None: there is none in time.

        Blocks:
            For so many seconds at most.
        """
        try:
            return self._latch.wait(seconds)
        except TimeoutError:
            return None
        finally:
            if self._link is not None:
                self._link.close()

    def _on_packet(self, data: bytes, descriptors: Sequence[int]) -> None:
        _ignore(data, descriptors)
        try:
            messages, _ = self._reader.read(data)
        except ProtocolError as exc:
            tag = self.tag
            log.debug("the answer of %s cannot be read: %s", tag, exc.reason)
            self._latch.set(None)
            return
        for message in messages:
            self._latch.set(message)

    def _gone(self, why: str) -> None:
        self._latch.set(None)


def _ignore(data: bytes, descriptors: Sequence[int]) -> None:
    """Nothing is expected; close descriptors that came with it."""
    for descriptor in descriptors:
        os.close(descriptor)
