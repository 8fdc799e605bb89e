"""Texts: what a directory does in MongoDB; it blocks the native thread it is in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import pymongo
from pymongo import ReadPreference, UpdateOne
from pymongo.errors import BulkWriteError, OperationFailure

from sockio.adapters.buses.broker_directory import PATIENCE

from .collection import reason

if TYPE_CHECKING:
    from pymongo.collection import Collection

__all__ = ["SUFFIX", "Question", "ask"]

#: Behind the name of the collection for messages.
SUFFIX = ".sockio"

_NOW = {"$toLong": "$$NOW"}
_LEFT = {"$gt": ["$until", _NOW]}
_DUPLICATE, _ID = 11000, {"_id": 1}


class Question(NamedTuple):
    """What somebody asks."""

    name: str
    #: What is to be kept there, and for how many seconds; None: nothing.
    text: str | None = None
    seconds: float = 0.0


def ask(
    beside: Collection[Any], questions: Sequence[Question]
) -> list[str | OSError | None]:
    """Return the answers to all; an ``OSError`` is a refusal.

    Args:
        beside: The collection for messages.
        questions: Asked together.

    Raises:
        PyMongoError: MongoDB is away.
    """
    texts: Collection[Any] = beside.database.get_collection(
        beside.name + SUFFIX, read_preference=ReadPreference.PRIMARY
    )
    try:
        with pymongo.timeout(PATIENCE):
            return _ask(texts, questions)
    except OperationFailure as exc:
        return [_refusal(reason(exc))] * len(questions)


def _ask(
    texts: Collection[Any], questions: Sequence[Question]
) -> list[str | OSError | None]:
    claimed = [question for question in questions if question.text is not None]
    names = [question.name for question in questions if question.text is None]
    refused = _claim(texts, claimed)
    kept = _read(texts, {"_id": {"$in": [question.name for question in claimed]}})
    read = _read(texts, {"_id": {"$in": names}, "$expr": _LEFT})
    if claimed:
        # What has run out is removed by those who write.
        texts.delete_many({"$expr": {"$lte": ["$until", _NOW]}})
    return [
        refused.get(question)
        or (read if question.text is None else kept).get(question.name)
        for question in questions
    ]


def _claim(
    texts: Collection[Any], questions: Sequence[Question]
) -> dict[Question, OSError]:
    """Keep texts, unless others are there; return what is refused."""
    if not questions:
        return {}
    refused: dict[Question, OSError] = {}
    try:
        texts.bulk_write([_keeping(question) for question in questions], ordered=False)
    except BulkWriteError as exc:
        for error in (exc.details or {}).get("writeErrors", ()):
            # Of two that come at the same moment, one may be told of the other.
            if error.get("code") != _DUPLICATE or error.get("keyPattern", _ID) != _ID:
                refused[questions[error["index"]]] = _refusal(error.get("errmsg"))
    return refused


def _keeping(question: Question) -> UpdateOne:
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
