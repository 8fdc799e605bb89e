"""Collection: what is done in MongoDB; all of it blocks the native thread it is in."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

from bson.codec_options import CodecOptions
from bson.objectid import ObjectId
from bson.raw_bson import RawBSONDocument
from pymongo import ASCENDING, DESCENDING, ReturnDocument
from pymongo.errors import (
    BulkWriteError,
    OperationFailure,
    PyMongoError,
    WriteConcernError,
)

from sockio.adapters.cluster.messages import MessageType
from sockio.errors import ProtocolError

from .wire import ADAPTER_CLOSE, LEASE, SESSION, Document, read

if TYPE_CHECKING:
    from pymongo.collection import Collection
    from pymongo.command_cursor import CommandCursor

    #: Its documents are read as bytes.
    Raw = Collection[RawBSONDocument]

__all__ = [
    "FAILURES",
    "Change",
    "Ended",
    "Refusal",
    "claim",
    "insert",
    "is_capped",
    "is_there",
    "missed",
    "open_stream",
    "prepare",
    "raw",
    "reason",
    "release",
    "take_session",
    "tells_of_gap",
    "watch",
]

#: Milliseconds for which MongoDB waits for the next change before it says that there
#: is none; less if it has no time for that.
AWAIT = 1000
#: Seconds after which documents are deleted, in a collection that we make.
LIFETIME = 3600
#: Changes after which there is no collection to watch any more.
_ENDS = ("drop", "rename", "dropDatabase", "invalidate")
#: Refusals of a change stream that say nothing about its place in it: no permission,
#: the cursor has gone.
_PASSING = frozenset((13, 18, 43, 237))
_DUPLICATE, _ID = 11000, {"_id": 1}

_RAW: CodecOptions[RawBSONDocument] = CodecOptions(document_class=RawBSONDocument)


class Ended(Exception):
    """The collection has been dropped or renamed."""


class Change(NamedTuple):
    """A document that was inserted."""

    #: With which a change stream goes on behind it.
    token: Mapping[str, Any]
    document: Document | ProtocolError


class Refusal(NamedTuple):
    """A document that MongoDB does not take."""

    #: Its place among those that were to be inserted.
    number: int
    reason: str


def raw(collection: Collection[Any]) -> Raw:
    """Return a collection whose documents are read as bytes."""
    return collection.with_options(codec_options=_RAW)


def prepare(collection: Collection[Any]) -> None:
    """Make the collection, with documents that go after a while, if there is none."""
    database = collection.database
    with contextlib.suppress(OperationFailure):  # if that is forbidden, it may be there
        if not database.list_collection_names(filter={"name": collection.name}):
            key = [("createdAt", ASCENDING)]
            collection.create_index(key, expireAfterSeconds=LIFETIME)


def is_capped(collection: Collection[Any]) -> bool:
    """Whether nothing can be deleted in it."""
    return bool(collection.options().get("capped"))


# ---------------------------------------------------------------- listening


def open_stream(
    collection: Raw, uid: str, token: Mapping[str, Any] | None, wait: int = AWAIT
) -> CommandCursor[RawBSONDocument]:
    """Return the changes of a collection from now on.

    Unlike pymongo's own change streams, it does not reconnect without telling.

    Args:
        collection: To watch.
        uid: Our server. Of its documents only those are in the stream that tell us
            where we are: heartbeats, broadcasts, and the last one.
        token: Where to go on; None: from now on.
        wait: Milliseconds; see ``AWAIT``.
    """
    own = [
        MessageType.INITIAL_HEARTBEAT.value,
        MessageType.HEARTBEAT.value,
        MessageType.BROADCAST.value,
        ADAPTER_CLOSE,
    ]
    match = {
        "operationType": {"$in": ["insert", *_ENDS]},
        "$or": [
            {"fullDocument.uid": {"$ne": uid}},
            {"fullDocument.type": {"$in": own}},
        ],
    }
    after = {} if token is None else {"resumeAfter": token}
    pipeline: list[dict[str, Any]] = [{"$changeStream": after}, {"$match": match}]
    seconds = collection.database.client.options.pool_options.socket_timeout
    wait = wait if seconds is None else min(wait, int(seconds * 500))
    return collection.aggregate(pipeline, maxAwaitTimeMS=wait)


def watch(
    cursor: CommandCursor[RawBSONDocument], goes_on: Callable[[], bool]
) -> Iterator[Change]:
    """Yield the documents that are inserted.

    Args:
        cursor: From ``open_stream``.
        goes_on: Whether anybody wants more.

    Raises:
        Ended: There is no collection any more.
        PyMongoError: MongoDB is away, or refuses.
    """
    while goes_on():
        if not cursor.alive:
            raise Ended("the collection has been dropped or renamed")
        change = cursor.try_next()
        if change is None:
            continue
        if change["operationType"] != "insert":
            raise Ended("the collection has been dropped or renamed")
        yield Change(change["_id"], _read(change.get("fullDocument")))


def _read(document: object) -> Document | ProtocolError:
    if not isinstance(document, RawBSONDocument):
        return ProtocolError("a change without its document")
    try:
        return read(bytes(document.raw))
    except ProtocolError as exc:
        return exc


def tells_of_gap(error: object) -> bool:
    """Whether a change stream cannot go on where it was."""
    if not isinstance(error, OperationFailure):
        return isinstance(error, Ended)
    passing = error.has_error_label("ResumableChangeStreamError")
    return not passing and error.code not in _PASSING


def reason(error: object) -> str:
    """Return what went wrong in a few words, for the log."""
    text = str(error)
    for rest in (", full error:", ", Timeout:", " (configured timeouts:"):
        text = text.partition(rest)[0]
    return text or type(error).__name__


# ---------------------------------------------------------------- inserting


def insert(
    collection: Collection[Any], documents: Sequence[bytes], again: bool
) -> list[Refusal]:
    """Insert documents, in order; return those that MongoDB does not take.

    Args:
        collection: Where they go.
        documents: As ``wire`` has written them.
        again: Whether some of them may be there already: the first ones.
    """
    left = [(n, RawBSONDocument(document)) for n, document in enumerate(documents)]
    if again:
        there = _known(collection, [document["_id"] for _, document in left])
        left = [each for each in left if each[1]["_id"] not in there]
    refused = []
    while left:
        try:
            collection.insert_many([document for _, document in left], ordered=True)
            break
        except BulkWriteError as exc:
            errors = (exc.details or {}).get("writeErrors")
            if not errors:  # it is there, but not on as many servers as was asked for
                break
            error = errors[0]
            at = error["index"]
            if error.get("code") != _DUPLICATE or error.get("keyPattern", _ID) != _ID:
                refused.append(Refusal(left[at][0], str(error.get("errmsg"))))
            left = left[at + 1 :]
        except WriteConcernError:
            break
        except OperationFailure as exc:
            refused += [Refusal(number, reason(exc)) for number, _ in left]
            break
    return refused


def _known(collection: Collection[Any], ids: Sequence[ObjectId]) -> set[ObjectId]:
    found = collection.find({"_id": {"$in": list(ids)}}, {"_id": 1})
    return {document["_id"] for document in found}


# ---------------------------------------------------------------- clients come back


def take_session(collection: Raw, nsp: str, pid: str, tombstone: bytes) -> bytes | None:
    """Return, once only, the newest session of a client.

    Args:
        collection: Where it is.
        nsp: Name of the namespace.
        pid: The secret of the client.
        tombstone: Takes the place of a session that cannot be deleted.
    """
    key = {"type": SESSION, "nsp": nsp, "data.pid": pid}
    newest = [("_id", DESCENDING)]
    if not is_capped(collection):
        found = collection.find_one_and_delete(key, sort=newest)
        return None if found is None else bytes(found.raw)
    found = collection.find_one(key, sort=newest)
    if found is not None:
        collection.insert_one(RawBSONDocument(tombstone))
    return None if found is None else bytes(found.raw)


def missed(
    collection: Raw,
    nsp: str,
    rooms: Sequence[str],
    first: ObjectId,
    most: int,
) -> list[bytes] | None:
    """Return the broadcasts to some rooms from a document on, by their ids.

    Args:
        collection: Where they are.
        nsp: Name of the namespace.
        rooms: Of the client.
        first: The first document; it may be missing.
        most: How many there may be.

    Returns:
        None if there are more.
    """
    key = {
        "type": MessageType.BROADCAST.value,
        "nsp": nsp,
        "_id": {"$gte": first},
        "data.requestId": {"$exists": False},
        "$or": [
            {"data.opts.rooms": {"$size": 0}},
            {"data.opts.rooms": {"$in": list(rooms)}},
        ],
        "data.opts.except": {"$nin": list(rooms)},
    }
    cursor = collection.find(key, sort=[("_id", ASCENDING)], limit=most + 1)
    found = [bytes(document.raw) for document in cursor]
    return None if len(found) > most else found


def is_there(collection: Raw, nsp: str, id: ObjectId) -> bool:
    """Whether there is a document of this namespace."""
    return collection.find_one({"_id": id, "nsp": nsp}, {"_id": 1}) is not None


def claim(collection: Raw, name: str, who: str, seconds: float) -> bool:
    """Have a name for some seconds if nobody else has it; say whether ``who`` has it.

    MongoDB's clock decides. A name is a document, which nobody takes for a message.
    """
    now = {"$toLong": "$$NOW"}
    ended = {"$lt": [{"$ifNull": ["$until", 0]}, now]}
    free = {"$or": [{"$eq": ["$who", who]}, ended]}
    until = {"$add": [now, int(seconds * 1000)]}
    lease = {
        "type": LEASE,
        "nsp": "",
        "who": {"$cond": [free, who, "$who"]},
        "until": {"$cond": [free, until, "$until"]},
    }
    found = collection.find_one_and_update(
        {"_id": _lease_id(name)},
        [{"$set": lease}],
        upsert=True,
        return_document=ReturnDocument.AFTER,
    )
    return found is not None and bool(found["who"] == who)


def release(collection: Raw, name: str, who: str) -> None:
    """Let others have a name, if ``who`` has it."""
    key = {"_id": _lease_id(name), "who": who}
    collection.update_one(key, {"$set": {"until": 0}})


def _lease_id(name: str) -> ObjectId:
    return ObjectId(sha256(name.encode("utf-8", "replace")).digest()[:12])


#: What goes wrong with MongoDB.
FAILURES: tuple[type[Exception], ...] = (PyMongoError, Ended, OSError)
