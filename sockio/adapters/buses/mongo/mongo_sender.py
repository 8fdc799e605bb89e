"""MongoSender: the way of an emitter through MongoDB."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from datetime import datetime, timezone
from typing import Any

import pymongo
from bson.objectid import ObjectId
from bson.raw_bson import RawBSONDocument
from pymongo import MongoClient
from pymongo.collection import Collection
from pymongo.errors import (
    OperationFailure,
    ServerSelectionTimeoutError,
    WriteConcernError,
)

from sockio.adapters.buses.roll_call import RollCall
from sockio.adapters.cluster.messages import Message, MessageType
from sockio.adapters.exclusive import Exclusive
from sockio.adapters.sender import UID
from sockio.errors import BrokerError
from sockio.types import Json

from . import client, wire
from .collection import FAILURES, open_stream, prepare, raw, reason, watch
from .url import Address, Options

__all__ = ["MongoSender"]

#: Milliseconds for which MongoDB waits for the next answer before it says that there
#: is none.
AWAIT = 100
#: What has surely not been inserted.
_SURE = (OperationFailure, ServerSelectionTimeoutError, TimeoutError)


class MongoSender:
    """One client for all threads, which insert one after the other."""

    def __init__(self, address: Address, options: Options) -> None:
        self._at = address
        self._options = options
        # pymongo takes care itself of what a child has from its parent.
        self._client: Exclusive[MongoClient[Any]] = Exclusive(lambda client: None)

    @property
    def address(self) -> str:
        """Where the collection is; no secret is in it."""
        return str(self._at)

    def pack(self, message: Message) -> bytes:
        """Return a message as a document; see ``Sender``."""
        at = None
        if self._options.add_created_at_field:
            at = datetime.now(timezone.utc)
        return self._options.checked(wire.write(message, ObjectId(), UID, at))

    def send(self, parcel: bytes, until: float) -> None:
        """Have MongoDB take it; see ``Sender``."""
        try:
            with self._client.use(until) as place, _within(until):
                _insert(self._collection(place), [parcel])
        except FAILURES as exc:
            raise self._error(exc) from exc

    def ask(self, message: Message, until: float, timeout: float) -> list[Json]:
        """Ask all servers; see ``Sender``."""
        greeting = Message(UID, message.nsp, MessageType.INITIAL_HEARTBEAT)
        question = [self.pack(greeting), self.pack(message)]
        try:
            with self._client.use(until) as place, _within(until):
                collection = self._collection(place)
                stream = open_stream(raw(collection), UID, None, AWAIT)
                _insert(collection, question)
        except FAILURES as exc:
            raise self._error(exc) from exc
        roll_call = RollCall(message, timeout, time.monotonic())
        try:
            for change in watch(stream, lambda: time.monotonic() < roll_call.until):
                match change.document:
                    case wire.Document(nsp=message.nsp, message=Message() as said):
                        roll_call.hear(said)
        except FAILURES as exc:
            text = f"{self.address}: {reason(exc)}"
            raise BrokerError(text, uncertain=True) from exc
        finally:
            with suppress(*FAILURES):
                stream.close()
        return roll_call.answers()

    def close(self, until: float) -> None:
        """Give up the client of this process; see ``Sender``."""
        with suppress(TimeoutError), self._client.use(until) as place:
            found, place.thing = place.thing, None
            if found is not None:
                found.close()

    def _collection(self, place: Any) -> Collection[Any]:
        if place.thing is not None:
            return self._in(place.thing)
        made = client.make(self._at)
        with ExitStack() as undo:
            undo.callback(made.close)
            prepare(self._in(made))
            undo.pop_all()
        # What could not be prepared is prepared next time.
        place.thing = made
        return self._in(made)

    def _in(self, found: Any) -> Collection[Any]:
        collection: Collection[Any] = found[self._at.database][self._at.collection]
        return collection

    def _error(self, exc: Exception) -> BrokerError:
        sure = isinstance(exc, _SURE) and not isinstance(exc, WriteConcernError)
        text = f"{self.address}: {reason(exc)}"
        return BrokerError(text, uncertain=not sure)


def _within(until: float) -> Any:
    """Let pymongo fail when the time is over."""
    return pymongo.timeout(max(until - time.monotonic(), 0.001))


def _insert(collection: Collection[Any], documents: Sequence[bytes]) -> None:
    for document in documents:
        collection.insert_one(RawBSONDocument(document))
