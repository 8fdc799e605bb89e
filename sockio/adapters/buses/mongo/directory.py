"""MongoDirectory: texts that the servers keep in MongoDB, in a collection of our own.

No server of Node watches it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import pymongo
from pymongo import ReadPreference, UpdateOne
from pymongo.errors import BulkWriteError, OperationFailure

from sockio.adapters.buses.broker_directory import PATIENCE, BrokerDirectory

from .aside import Aside
from .collection import FAILURES, reason

if TYPE_CHECKING:
    from pymongo.collection import Collection

    from sockio.runtime.reactor import Reactor

__all__ = ["SUFFIX", "MongoDirectory"]

#: Behind the name of the collection for messages.
SUFFIX = ".sockio"

_NOW = {"$toLong": "$$NOW"}
_LEFT = {"$gt": ["$until", _NOW]}
_DUPLICATE, _ID = 11000, {"_id": 1}


class _Question(NamedTuple):
    """What somebody asks."""

    name: str
    #: What is to be kept there, and for how many seconds; None: nothing.
    text: str | None = None
    seconds: float = 0.0


class MongoDirectory(BrokerDirectory[_Question, str | None]):
    """A directory beside one collection; MongoDB's clock decides what has run out."""

    failures = FAILURES

    def __init__(self, collection: Callable[[], Collection[Any]]) -> None:
        """Make a directory that asks nothing yet.

        Args:
            collection: Returns that for messages, once the server has started.
        """
        super().__init__()
        self._beside = collection
        self._aside: Aside | None = None

    def open(self, reactor: Reactor) -> None:
        """Answer from now on."""
        super().open(reactor)
        self._aside = Aside(reactor)

    def close(self) -> None:
        """End; whoever waits gets an error."""
        super().close()
        if self._aside is not None:
            self._aside.end()

    def claim(self, name: str, text: str, seconds: float) -> str:
        """Keep a text, unless another one is there; see ``Directory``."""
        found = self.ask(_Question(name, text, seconds))
        if found is None:
            raise OSError("the broker keeps nothing")
        return found

    def read(self, name: str) -> str | None:
        """Return what is there; see ``Directory``."""
        return self.ask(_Question(name))

    # ---- the greenlet that asks

    def answers(
        self, questions: Sequence[_Question], until: float
    ) -> Iterator[str | OSError | None]:
        """Ask all in a native thread, and yield what MongoDB says to each."""
        assert self._aside is not None
        try:
            answers = self._aside.call(self._ask_all, questions)
        except FAILURES as exc:
            raise OSError(reason(exc)) from exc
        yield from answers

    def hang_up(self) -> None:
        """Nothing: pymongo takes care of its connections."""

    # ---- the native thread

    def _ask_all(self, questions: Sequence[_Question]) -> list[str | OSError | None]:
        beside = self._beside()
        texts: Collection[Any] = beside.database.get_collection(
            beside.name + SUFFIX, read_preference=ReadPreference.PRIMARY
        )
        with pymongo.timeout(PATIENCE):
            try:
                return _ask(texts, questions)
            except OperationFailure as exc:
                return [_refusal(reason(exc))] * len(questions)


def _ask(
    texts: Collection[Any], questions: Sequence[_Question]
) -> list[str | OSError | None]:
    claimed = [question for question in questions if question.text is not None]
    refused = _claim(texts, claimed)
    names = [question.name for question in claimed]
    kept = _read(texts, {"_id": {"$in": names}})
    names = [question.name for question in questions if question.text is None]
    read = _read(texts, {"_id": {"$in": names}, "$expr": _LEFT})
    return [
        refused.get(question)
        or (read if question.text is None else kept).get(question.name)
        for question in questions
    ]


def _claim(
    texts: Collection[Any], questions: Sequence[_Question]
) -> dict[_Question, OSError]:
    """Keep texts, unless others are there; return what is refused."""
    if not questions:
        return {}
    refused: dict[_Question, OSError] = {}
    try:
        texts.bulk_write([_keeping(question) for question in questions], ordered=False)
    except BulkWriteError as exc:
        for error in (exc.details or {}).get("writeErrors", ()):
            # Of two that come at the same moment, one may be told of the other.
            if error.get("code") != _DUPLICATE or error.get("keyPattern", _ID) != _ID:
                refused[questions[error["index"]]] = _refusal(error.get("errmsg"))
    # What has run out is removed by those who write.
    texts.delete_many({"$expr": {"$lte": ["$until", _NOW]}})
    return refused


def _keeping(question: _Question) -> UpdateOne:
    """Return what keeps a text in one operation, so that nobody comes in between."""
    ours = {"$literal": question.text}
    stays = {"$gt": [{"$ifNull": ["$until", 0]}, _NOW]}
    of_another = {"$and": [stays, {"$ne": ["$text", ours]}]}
    until = {"$add": [_NOW, int(question.seconds * 1000)]}
    kept = {
        "text": {"$cond": [stays, "$text", ours]},
        "until": {"$cond": [of_another, "$until", until]},
    }
    return UpdateOne({"_id": question.name}, [{"$set": kept}], upsert=True)


def _read(texts: Collection[Any], key: dict[str, Any]) -> dict[str, str]:
    """Return texts by name."""
    if not key["_id"]["$in"]:
        return {}
    return {each["_id"]: str(each["text"]) for each in texts.find(key)}


def _refusal(why: object) -> OSError:
    return OSError(f"the broker refuses: {why}")
