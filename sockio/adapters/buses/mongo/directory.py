"""MongoDirectory: texts that the servers keep in MongoDB, in a collection of our own.

No server of Node watches it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from sockio.adapters.buses.broker_directory import BrokerDirectory

from .aside import Aside
from .collection import FAILURES, reason
from .texts import Question, ask

if TYPE_CHECKING:
    from pymongo.collection import Collection

    from sockio.runtime.reactor import Reactor

__all__ = ["MongoDirectory"]


class MongoDirectory(BrokerDirectory[Question, str | None]):
    """A directory beside one collection; MongoDB's clock decides what has run out."""

    failures = FAILURES

    def __init__(self, collection: Callable[[], Collection[Any]]) -> None:
        """Make a directory that asks nothing yet.

        Args:
            collection: Returns that for messages, once the server has started.
        """
        super().__init__()
        self._beside = collection
        self._aside: Aside

    def open(self, reactor: Reactor) -> None:
        """Answer from now on."""
        super().open(reactor)
        self._aside = Aside(reactor)

    def close(self) -> None:
        """End; whoever waits gets an error."""
        super().close()
        self._aside.end()

    def claim(self, name: str, text: str, seconds: float) -> str:
        """Keep a text, unless another one is there; see ``Directory``."""
        found = self.ask(Question(name, text, seconds))
        if found is None:
            raise OSError("the broker keeps nothing")
        return found

    def read(self, name: str) -> str | None:
        """Return what is there; see ``Directory``."""
        return self.ask(Question(name))

    # ---- the greenlet that asks

    def answers(
        self, questions: Sequence[Question], until: float
    ) -> Iterator[str | OSError | None]:
        """Ask all in a native thread, and yield what MongoDB says to each."""
        try:
            answers = self._aside.call(ask, self._beside(), questions)
        except FAILURES as exc:
            raise OSError(reason(exc)) from exc
        yield from answers

    def hang_up(self) -> None:
        """Nothing: pymongo takes care of its connections."""
