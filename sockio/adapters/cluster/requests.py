"""Requests: questions to the other servers, until all have answered or it is too late.

How many servers there are is known only after they have been asked, and perhaps late:
an answer can arrive before the number of answers to expect.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from sockio.errors import ClusterTimeout
from sockio.types import Json

if TYPE_CHECKING:
    from sockio.adapters.adapter import Asking
    from sockio.runtime.clock import Clock, Timer

__all__ = ["TIMEOUT", "Done", "Gathering", "Poll", "Requests", "Search", "new_id"]

#: Seconds that other servers have for an answer.
TIMEOUT = 5.0

#: Takes the error, or None, and the answers that came.
Done: TypeAlias = Callable[["ClusterTimeout | None", list[Any]], object]


def new_id() -> str:
    """Return an id for an adapter or a question: 16 hexadecimal digits."""
    return os.urandom(8).hex()


class Question(Protocol):
    """Something that waits for other servers."""

    def expect(self, servers: int) -> None:
        """This many servers have been asked."""

    def gone(self, uid: str) -> None:
        """A server has left."""

    def end(self) -> None:
        """Report what came: nothing more will."""

    def close(self) -> None:
        """Stop waiting, and report nothing more."""


class Requests:
    """The open questions of one adapter, by their ids."""

    def __init__(self) -> None:
        self._open: dict[str, Question] = {}

    def gather(
        self, what: str, clock: Clock, timeout: float, done: Done
    ) -> tuple[str, Gathering]:
        """Open a question that each server answers with one value.

        Args:
            what: The call's name, for the error.
            clock: Of the server.
            timeout: Seconds that the others have.
            done: Called once, in the hub.
        """
        id = new_id()

        def over(error: ClusterTimeout | None, values: list[Any]) -> None:
            self._open.pop(id, None)
            done(error, values)

        gathering = self._open[id] = Gathering(what, clock, timeout, over)
        return id, gathering

    def poll(self, asking: Asking) -> tuple[str, Poll]:
        """Open a question to the clients of all servers; ``drop`` ends it."""
        id = new_id()
        poll = self._open[id] = Poll(asking)
        return id, poll

    def search(self, asked: Iterable[str], done: Callable[[Json], object]) -> str:
        """Open a question to which one server may know the answer; ``drop`` ends it.

        Args:
            asked: At least one server.
            done: Called once, in the hub, with that answer, or with None if nobody has
                one.
        """
        id = new_id()
        self._open[id] = Search(asked, done)
        return id

    def drop(self, id: str) -> None:
        """Stop waiting for this question."""
        question = self._open.pop(id, None)
        if question is not None:
            question.close()

    def gathering(self, id: str) -> Gathering | None:
        """Return a question that servers answer, if it is still open."""
        found = self._open.get(id)
        return found if isinstance(found, Gathering) else None

    def clients(self, id: str) -> Poll | None:
        """Return a question that clients answer, if it is still open."""
        found = self._open.get(id)
        return found if isinstance(found, Poll) else None

    def searching(self, id: str) -> Search | None:
        """Return a question to which one server may know the answer, if still open."""
        found = self._open.get(id)
        return found if isinstance(found, Search) else None

    def gone(self, uid: str) -> None:
        """A server has left: wait for it no longer."""
        for question in list(self._open.values()):
            question.gone(uid)

    def close(self) -> None:
        """End all questions: who has not answered by now is asked no longer."""
        while self._open:
            _, question = self._open.popitem()
            question.end()


class Gathering:
    """A question that each other server answers with one value."""

    def __init__(self, what: str, clock: Clock, timeout: float, done: Done) -> None:
        self._what = what
        self._timeout = timeout
        self._done: Done | None = done
        self._servers: int | None = None
        #: By server.
        self._values: dict[str, Json] = {}
        self._gone: set[str] = set()
        self._timer: Timer | None = clock.call_later(timeout, self._time_out)

    def expect(self, servers: int) -> None:
        """This many servers have been asked."""
        self._servers = servers
        self._check()

    def answer(self, uid: str, value: Json) -> None:
        """A server has answered; only its first answer counts."""
        self._values.setdefault(uid, value)
        self._check()

    def gone(self, uid: str) -> None:
        """A server has left: wait for it no longer."""
        self._gone.add(uid)
        self._check()

    def end(self) -> None:
        """Report the answers that came, as an error: nothing more will come."""
        self._fail("when the adapter was closed")

    def close(self) -> None:
        """Stop waiting, and report nothing more."""
        self._done = None
        self._stop()

    def _check(self) -> None:
        heard = len(self._gone | self._values.keys())
        if self._servers is not None and heard >= self._servers:
            self._end(None)

    def _time_out(self) -> None:
        self._fail(f"within {self._timeout:g} s")

    def _fail(self, when: str) -> None:
        answers = list(self._values.values())
        expected = "an unknown number" if self._servers is None else self._servers
        text = f"{self._what}: {len(answers)} of {expected} other servers answered"
        self._end(ClusterTimeout(f"{text} {when}", answers))

    def _end(self, error: ClusterTimeout | None) -> None:
        self._stop()
        done, self._done = self._done, None
        if done is not None:
            done(error, list(self._values.values()))

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Search:
    """A question to which one of the servers asked may know the answer."""

    def __init__(self, asked: Iterable[str], done: Callable[[Json], object]) -> None:
        self._done: Callable[[Json], object] | None = done
        self._open = set(asked)

    def expect(self, servers: int) -> None:
        """Nothing: it is known which servers were asked."""

    def answer(self, uid: str, value: Json) -> None:
        """A server has answered; None: it does not know."""
        if value is not None:
            self._end(value)
        else:
            self.gone(uid)

    def gone(self, uid: str) -> None:
        """A server has left: wait for it no longer."""
        self._open.discard(uid)
        if not self._open:
            self._end(None)

    def end(self) -> None:
        """Report that nobody knows it."""
        self._end(None)

    def close(self) -> None:
        """Stop waiting, and report nothing more."""
        self._done = None

    def _end(self, value: Json) -> None:
        done, self._done = self._done, None
        if done is not None:
            done(value)


class Poll:
    """A question to the clients of all servers; each one says how many it asked."""

    def __init__(self, asking: Asking) -> None:
        self._asking: Asking | None = asking
        self._servers: int | None = None
        #: Clients that have not answered, by server; negative where a server has not
        #: counted yet.
        self._asked: Counter[str] = Counter()
        self._counted: set[str] = set()
        #: Servers that have left, or seem to: what they say later has been given up.
        self._gone: set[str] = set()

    def expect(self, servers: int) -> None:
        """This many other servers have been asked, and ours."""
        self._servers = servers
        if self._asking is not None:
            self._asking.expect(servers + 1)

    def count(self, uid: str, clients: int) -> None:
        """A server has asked this many clients; only its first count matters."""
        if self._asking is not None and uid not in self._counted:
            self._counted.add(uid)
            self._asked[uid] += clients
            self._asking.count(clients)

    def answered(self, uid: str, value: Json) -> None:
        """A client of that server has answered."""
        if self._asking is not None and uid not in self._gone:
            self._asked[uid] -= 1
            self._asking.answered([value])

    def lost(self, uid: str) -> None:
        """A client of that server has gone."""
        if self._asking is not None and uid not in self._gone:
            self._asked[uid] -= 1
            self._asking.lost()

    def gone(self, uid: str) -> None:
        """A server has left, and its clients with it."""
        if self._asking is None or uid in self._gone:
            return
        self._gone.add(uid)
        if uid not in self._counted:
            self._counted.add(uid)
            # Clients that answered before the server could count were asked, too.
            self._asking.count(max(-self._asked[uid], 0))
        else:
            for _ in range(self._asked[uid]):
                self._asking.lost()
        self._asked[uid] = 0

    def end(self) -> None:
        """Report that all who have not answered are gone; ours are still asked."""
        for uid in list(self._asked):
            self.gone(uid)
        if self._asking is not None:
            if self._servers is None:
                self.expect(len(self._counted))
            for _ in range((self._servers or 0) - len(self._counted)):
                self._asking.count(0)
        self._asking = None

    def close(self) -> None:
        """Stop waiting, and report nothing more."""
        self._asking = None
