"""BrokerDirectory: a directory at a broker, which is asked beside all messages.

It has a connection of its own, so that no message waits for it, and it for none. Who
asks meanwhile is asked for together, and gets an answer or an error in time.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, ClassVar, Generic, TypeVar

import gevent

if TYPE_CHECKING:
    from sockio.runtime.latch import Latch
    from sockio.runtime.reactor import Reactor

__all__ = ["PATIENCE", "BrokerDirectory"]

#: Seconds that a caller waits for an answer.
PATIENCE = 2.0
#: Most questions that are asked together.
BATCH = 200

Q = TypeVar("Q")
A = TypeVar("A")


class BrokerDirectory(ABC, Generic[Q, A]):
    """Connects when it is asked; see ``Directory`` for ``claim`` and ``read``."""

    #: What goes wrong when the broker is asked.
    failures: ClassVar[tuple[type[Exception], ...]]

    def __init__(self) -> None:
        self._reactor: Reactor | None = None
        self._greenlet: gevent.Greenlet[[], None] | None = None
        #: What is to be asked, and what is being asked; who waits for it.
        self._waiting: deque[tuple[Q, Latch[A]]] = deque()
        self._asked: deque[tuple[Q, Latch[A]]] = deque()

    def open(self, reactor: Reactor) -> None:
        """Answer from now on."""
        self._reactor = reactor

    def close(self) -> None:
        """End; whoever waits gets an error."""
        self._reactor = None
        greenlet, self._greenlet = self._greenlet, None
        if greenlet is not None:
            greenlet.kill(block=False)
        self._asked += self._waiting
        self._waiting.clear()
        self._fail(OSError("the directory is closed"))
        self.hang_up()

    @abstractmethod
    def claim(self, name: str, text: str, seconds: float) -> str:
        """Keep a text, unless another one is there; see ``Directory``."""

    @abstractmethod
    def read(self, name: str) -> str | None:
        """Return what is there; see ``Directory``."""

    def ask(self, question: Q) -> A:
        """Return the broker's answer.

        Raises:
            OSError: There is none, or it is a refusal.

        Blocks:
            Until it is there, at most ``PATIENCE`` seconds.
        """
        if self._reactor is None:
            raise OSError("the directory is closed")
        latch: Latch[A] = self._reactor.latch()
        self._waiting.append((question, latch))
        if self._greenlet is None:
            self._greenlet = gevent.spawn(self._run)
        try:
            return latch.wait(PATIENCE)
        except TimeoutError:
            text = f"the broker is away: no answer in {PATIENCE:g} s"
            raise TimeoutError(text) from None

    # ---- the greenlet that asks

    @abstractmethod
    def answers(self, questions: Sequence[Q], until: float) -> Iterator[A | OSError]:
        """Ask all, and yield the answers in order; an ``OSError`` is a refusal.

        Args:
            questions: What is asked.
            until: By ``time.monotonic``, when it fails.

        Raises:
            failures: The broker is away.

        Blocks:
            Until all are there.
        """

    @abstractmethod
    def hang_up(self) -> None:
        """End the connection, if there is one; never blocks."""

    def _run(self) -> None:
        while self._waiting:
            while self._waiting and len(self._asked) < BATCH:
                self._asked.append(self._waiting.popleft())
            try:
                self._exchange(time.monotonic() + PATIENCE)
            except self.failures as exc:
                self.hang_up()
                self._fail(OSError(f"the broker is away: {exc}"))
        self._greenlet = None

    def _exchange(self, until: float) -> None:
        refused = False
        for answer in self.answers([question for question, _ in self._asked], until):
            if self._reactor is None:
                return  # closed meanwhile, and all have been told
            _, latch = self._asked.popleft()
            if isinstance(answer, OSError):
                refused = True
                latch.fail(answer)
            else:
                latch.set(answer)
        if refused:
            # It may be that another broker is responsible by now.
            self.hang_up()

    def _fail(self, error: OSError) -> None:
        while self._asked:
            self._asked.popleft()[1].fail(error)
