"""Link: a change stream of one collection, and a way to insert documents there.

pymongo's calls are made in native threads: one for each change stream, one that inserts
in order, one for all else. A namespace counts as subscribed to when our own heartbeat
in it has come back through the stream: only that shows that we hear.
"""

from __future__ import annotations

import contextlib
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from bson.objectid import ObjectId
from gevent.event import Event
from pymongo.errors import PyMongoError

from sockio.adapters.buses.reconnecting import Connections, Reconnecting
from sockio.adapters.cluster.messages import Message, MessageType
from sockio.adapters.cluster.requests import new_id
from sockio.errors import ProtocolError

from . import client as clients
from . import collection as mongo
from .aside import Aside
from .collection import FAILURES, Change, Ended, Refusal
from .wire import Document

if TYPE_CHECKING:
    from pymongo import MongoClient

    from sockio.adapters.accounting import Account
    from sockio.runtime.reactor import Reactor

    from .collection import Raw
    from .url import Address

__all__ = ["Link"]

#: Documents that were read and wait for the hub.
AHEAD = 1000
_HEARTBEATS = (MessageType.INITIAL_HEARTBEAT, MessageType.HEARTBEAT)

T = TypeVar("T")
#: Writes a message as a document with this id.
Write = Callable[[Message, ObjectId], bytes]


class Stream(Connections):
    """A change stream, while it lasts."""

    def __init__(self, link: Link, token: Mapping[str, Any] | None) -> None:
        super().__init__()
        self._link = link
        self._token = token
        #: Whether it goes on where one that was up has ended: then nothing was missed.
        self.complete = link.prepared and token is not None
        #: What the thread has read: None when the stream is open, changes, an error.
        self._read: deque[Change | Exception | None] = deque()
        self._bell = Event()
        self._room = threading.Semaphore(AHEAD)
        self._cursor: Any = None
        self._wanted = True
        #: Whether our heartbeats were inserted, so that they should come back.
        self.inserted = False
        #: Id of the last one that nobody asked for; None: it has come back.
        self.pinged: str | None = None

    @property
    def owed(self) -> bool:
        return bool(self.unconfirmed or self.pinged)

    def open(self) -> None:
        thread = threading.Thread(
            target=self._run, name="sockio-mongo-watch", daemon=True
        )
        thread.start()
        self._next()

    def change(self, fresh: set[str], old: set[str]) -> None:
        if fresh:
            self._link.introduce(sorted(fresh))
            self.inserted = True

    def hear(self) -> None:
        change = self._next()
        assert change is not None
        self._link.token = change.token
        document = change.document
        if isinstance(document, Document) and document.uid == self._link.uid:
            self._come_back(document)
        self._link.heard(document)

    def _come_back(self, document: Document) -> None:
        """Take note of a document of our own."""
        if document.message is not None and document.message.type in _HEARTBEATS:
            self.unconfirmed.discard(document.nsp)
            if document.id == self.pinged:
                self.pinged = None

    def _next(self) -> Change | None:
        """Return what the thread has read next.

        Blocks:
            Until there is something.
        """
        while not self._read:
            self._bell.clear()
            self._bell.wait()
        item = self._read.popleft()
        self._room.release()
        if isinstance(item, Exception):
            raise item
        return item

    def stuck(self) -> bool:
        return self.pinged is not None and not self._link.inserting

    def hang_up(self) -> None:
        self.close()
        self._put(Ended("the change stream is closed"))

    def _end(self, error: Exception) -> None:
        """Take note that the thread has ended."""
        self._cursor = None
        self._put(error)

    def close(self) -> None:
        if self._wanted:
            self._wanted = False
            self._room.release()
            if self._cursor is not None:
                self._link.later(self._cursor.close)

    def _put(self, item: Change | Exception | None) -> None:
        self._read.append(item)
        self._bell.set()

    def _opened(self, cursor: Any) -> None:
        self._cursor = cursor
        if self._wanted:
            self._put(None)
        else:
            self._link.later(cursor.close)

    # ---- the native thread

    def _run(self) -> None:
        to_hub = self._link.to_hub
        try:
            raw = self._link.raw
            if not self._link.prepared:
                mongo.prepare(raw)
            cursor = mongo.open_stream(raw, self._link.uid, self._token)
            to_hub(self._opened, cursor)
            for change in mongo.watch(cursor, lambda: self._wanted):
                self._room.acquire()
                to_hub(self._put, change)
        except Exception as exc:
            # A boundary between two threads: the greenlet that hears gets the error.
            to_hub(self._end, exc)


class Link(Reconnecting[Stream]):
    """The way to one collection; it is up or down."""

    failures = FAILURES

    def __init__(
        self,
        address: Address,
        account: Account,
        write: Write,
        heard: Callable[[Document | ProtocolError], None],
        ring: Callable[[], None],
        greeted: Callable[[str], None],
        changed: Callable[[bool], None],
    ) -> None:
        """Make a link that is down.

        Args:
            address: Of the collection.
            account: Is told of outages.
            write: Writes a document of ours.
            heard: Takes each document, some of our own among them.
            ring: Called when ``ready`` has something to do.
            greeted: Told of each namespace in which others were told of us.
            changed: Told when the link comes up, and when it goes down.
        """
        super().__init__(str(address), account, ring)
        self._address = address
        #: Our server, in MongoDB; empty before the start.
        self.uid = ""
        self._write = write
        self.heard = heard
        self._greeted = greeted
        self._tell_up = changed
        #: Where the next change stream goes on.
        self.token: Mapping[str, Any] | None = None
        #: Whether the collection is there.
        self.prepared = False
        #: Namespaces that were introduced to the others.
        self._introduced: set[str] = set()
        #: Whether MongoDB owes an answer to an insert.
        self.inserting = False
        #: Questions of ``learn`` that MongoDB has yet to answer.
        self.questions = 0
        self._client: MongoClient[Any] | None = None
        self.raw: Raw
        self._writing: Aside
        self._asking: Aside

    def open(self, reactor: Reactor) -> None:
        """Begin to connect."""
        self.uid = new_id()
        self.to_hub = reactor.to_hub
        self._writing = Aside(reactor)
        self._asking = Aside(reactor)
        address = self._address
        self._client = clients.make(address)
        collection = self._client[address.database][address.collection]
        self.raw = mongo.raw(collection)
        super().open(reactor)

    def make(self) -> Stream:
        return Stream(self, self.token)

    def end(self, last_words: Sequence[bytes]) -> bool:
        """End at once; say whether all of ``last_words`` will be inserted."""
        client, self._client = self._client, None
        if client is None:
            return not last_words

        def say(stream: Stream) -> bool:
            self.later(lambda: mongo.insert(self.raw, last_words, False))
            return True

        said = self.close(say if last_words else None)
        self.later(client.close)
        self._writing.end()
        self._asking.end()
        return said

    def _begin(self, connections: Stream) -> None:
        self.prepared = True
        super()._begin(connections)
        self._tell_up(True)

    def _lose(self, connections: Stream, error: object) -> None:
        super()._lose(connections, error)
        self._tell_up(False)

    def _end(self, connections: Stream, error: object) -> None:
        silent = isinstance(error, TimeoutError) and connections.inserted
        if silent or mongo.tells_of_gap(error):
            # It cannot go on there, or it does and says nothing.
            self.token = None
            self.prepared = False
        super()._end(connections, mongo.reason(error))

    # ---- inserting

    def introduce(self, namespaces: Sequence[str]) -> None:
        """Insert a heartbeat of ours for each of these namespaces.

        Raises:
            FAILURES: They were not inserted.

        Blocks:
            Until they are.
        """
        documents = []
        for nsp in namespaces:
            kind = MessageType.INITIAL_HEARTBEAT
            if nsp in self._introduced:
                kind = MessageType.HEARTBEAT
            self._introduced.add(nsp)
            documents.append(self._write(Message("", nsp, kind), ObjectId()))
        for refusal in self._insert(documents, False):
            raise PyMongoError(f"no document can be inserted: {refusal.reason}")
        for nsp in namespaces:
            self._greeted(nsp)

    def ping(self) -> None:
        """Have MongoDB say something through the change stream, if that is due.

        Blocks:
            Until it is inserted, or the link is down.
        """
        stream = self._current
        self.due = False
        if stream is None or not stream.asked:
            return
        id = ObjectId()
        stream.pinged = str(id)
        message = Message("", min(stream.asked), MessageType.HEARTBEAT)
        self.insert([self._write(message, id)])

    def insert(
        self, documents: Sequence[bytes], again: bool = False
    ) -> list[Refusal] | None:
        """Insert documents, in order; return those that MongoDB does not take.

        Args:
            documents: As ``wire`` has written them.
            again: Whether they may be there already.

        Returns:
            None if MongoDB is away; some of them may be there then.

        Blocks:
            Until MongoDB has answered, or is away.
        """
        stream = self._current
        if stream is None:
            return None
        try:
            return self._insert(documents, again)
        except FAILURES as exc:
            self._lose(stream, mongo.reason(exc))
            return None

    def _insert(self, documents: Sequence[bytes], again: bool) -> list[Refusal]:
        self.inserting = True
        found = self._writing.call(self._inserted, documents, again)
        self.inserting = False
        if isinstance(found, Exception):
            raise found
        return found

    def _inserted(
        self, documents: Sequence[bytes], again: bool
    ) -> list[Refusal] | Exception:
        try:
            return mongo.insert(self.raw, documents, again)
        except FAILURES as exc:
            return exc

    def later(self, fn: Callable[[], object]) -> None:
        """Make a call behind all inserts; wait for nothing."""

        def make() -> None:
            with contextlib.suppress(*FAILURES):
                fn()

        self._writing.post(make)

    def ask(self, fn: Callable[..., T], *args: Any) -> T:
        """Return what ``fn`` finds in the collection.

        Raises:
            FAILURES: MongoDB is away, or refuses.

        Blocks:
            Until MongoDB has answered, or is away.
        """
        return self._asking.call(fn, self.raw, *args)

    def learn(
        self, fn: Callable[..., T], told: Callable[[T], object], *args: Any
    ) -> None:
        """Tell in the hub what ``fn`` finds, if that becomes known; never wait."""

        def make() -> None:
            with contextlib.suppress(*FAILURES):
                self.to_hub(told, fn(self.raw, *args))
            self.to_hub(self._learnt)

        self.questions += 1
        self._asking.post(make)

    def _learnt(self) -> None:
        self.questions -= 1
