"""MongoBus: a collection of MongoDB as the bus of a cluster, as Node's adapter uses it.

io = sockio.Server(adapter="mongodb://localhost/shop?replicaSet=rs0")

Each message is a document. All servers watch the collection through a change stream,
which goes on after an outage where it ended.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Container, Sequence
from datetime import datetime, timezone
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, TypeVar

from bson.objectid import ObjectId
from gevent import GreenletExit

from sockio.adapters.accounting import Account
from sockio.adapters.buses.outbox import Outbox, Parcel
from sockio.adapters.buses.presence import Presence
from sockio.adapters.buses.tenures import LASTS, Tenures
from sockio.adapters.cluster.messages import Message, MessageType
from sockio.errors import ProtocolError
from sockio.runtime import logs

from . import collection, session_wire, wire
from .client import check
from .directory import MongoDirectory
from .history import History
from .link import Link
from .url import parse
from .wire import Document

if TYPE_CHECKING:
    from sockio.adapters.adapter import LocalNamespace, Session
    from sockio.adapters.cluster.bus import Receive
    from sockio.runtime.reactor import Reactor

log = logs.get("adapters.mongo")

__all__ = ["MongoBus"]

#: What a parcel takes beside its content.
OVERHEAD = 100

_HEARTBEATS = (MessageType.INITIAL_HEARTBEAT, MessageType.HEARTBEAT)

T = TypeVar("T")


class _Letter(NamedTuple):
    """What waits in the outbox: a document, a question for the others, or both."""

    document: bytes | None
    #: Called when it is inserted.
    done: Callable[[], None] | None


class MongoBus:
    """The way to all servers that watch one collection."""

    def __init__(self, url: str) -> None:
        """Make a bus that connects when its server starts.

        Args:
            url: ``mongodb://user:password@host/database.collection``; see the docs for
                the options.

        Raises:
            ConfigError: Something in the URL is unknown; the text names it.
        """
        address, self._options = parse(url, os.environ)
        check(address)
        self.address = str(address)
        self.account = Account()
        self.history = History(self)
        self._outbox = Outbox(self, self.account, self._options.outbox)
        self._link = Link(
            address,
            self.account,
            self.message,
            self._hear,
            self._outbox.ring,
            self._greet,
            self._changed,
        )
        self._presence = Presence(
            self._say,
            self._silent,
            self._options.heartbeat_interval,
            self._options.heartbeat_timeout,
        )
        self._tenures = Tenures(self)
        self.lease = self._tenures.lease
        #: In which the servers find each other.
        self.directory = MongoDirectory(lambda: self._link.raw)
        self._reactor: Reactor | None = None
        self._receive: Receive | None = None
        #: The namespaces in which this server takes part: the ids of its adapters.
        self._members: dict[str, str] = {}
        #: Who waits for a document of ours to come back.
        self._echoes: dict[str, Callable[[], None]] = {}
        self._refused = False
        #: Id of the document that came last.
        self.newest = ""

    def __repr__(self) -> str:
        return f"<MongoBus {self.address}>"

    @property
    def requests_timeout(self) -> float:
        """Seconds that other servers have for an answer, as the URL says."""
        return self._options.requests_timeout

    # ---- its state, for tests

    @property
    def up(self) -> bool:
        """Whether MongoDB can be reached, and tells us what is inserted."""
        return self._link.up

    @property
    def connecting(self) -> bool:
        """Whether an attempt to connect is under way."""
        return self._link.connecting

    @property
    def owed(self) -> bool:
        """Whether MongoDB owes us something."""
        return self._link.owed or self._link.questions > 0

    @property
    def idle(self) -> bool:
        """Whether MongoDB has taken all that was published."""
        return self._outbox.idle

    @property
    def said(self) -> int:
        """Messages ever published, waiting ones among them, and questions."""
        return self._outbox.taken

    # ---- what a bus must have

    @property
    def log(self) -> History:
        """The collection keeps what clients miss."""
        return self.history

    def open(self, reactor: Reactor, receive: Receive) -> None:
        """Begin to connect."""
        self._reactor = reactor
        self._receive = receive
        self.history.open(reactor)
        self._tenures.open(reactor)
        self._presence.open(reactor)
        self._link.open(reactor)
        self._outbox.open()
        self.directory.open(reactor)

    @property
    def uid(self) -> str:
        """Under which the other servers know this one, in all namespaces."""
        return self._link.uid

    def join(self, nsp: LocalNamespace, uid: str, rooms: Container[str]) -> None:
        """Take part in a namespace; what it says waits until it would be answered."""
        self._members[nsp.name] = uid
        self._presence.join(nsp.name)
        self.history.join(nsp)
        self._link.want([nsp.name])

    def leave(self, nsp: LocalNamespace, uid: str) -> None:
        """Take part in the namespace no longer."""
        if self._members.get(nsp.name) == uid:
            del self._members[nsp.name]
            self._presence.leave(nsp.name)
            self.history.leave(nsp.name)
            self._link.forgo([nsp.name])

    def publish(
        self, message: Message, reached: Callable[[int], None] | None = None
    ) -> None:
        """Send a message to all others; see ``Bus``."""
        document = self.message(message, ObjectId())
        done = None
        if reached is not None:
            asked = self._presence.others(message.nsp)
            done = partial(self._presence.count, message.nsp, reached, asked)
        self._put(message.nsp, document, done)

    def reply(self, uid: str, message: Message) -> None:
        """Send an answer; all servers get it, and those that did not ask ignore it."""
        self.publish(message)

    def count(self, nsp: LocalNamespace, told: Callable[[int], None]) -> None:
        """Tell the number of other servers; see ``Bus``."""
        done = partial(self._presence.count, nsp.name, told)
        self._outbox.put(_Letter(None, done), OVERHEAD)

    def close(self) -> None:
        """End; what waits is still inserted if MongoDB is there."""
        self._receive = None
        self.directory.close()
        self.history.close()
        self._presence.close()
        left = [parcel.content.document for parcel in self._outbox.close()]
        documents = [document for document in left if document is not None]
        if not self._link.end(documents):
            self.account.lost += len(documents)

    # ---- leases

    def claim(self, name: str, who: str, told: Callable[[bool], None]) -> None:
        """Have ``name`` if nobody else has it, unless MongoDB is away."""
        if self._link.up:
            self._link.learn(collection.claim, told, name, who, LASTS)

    def release(self, name: str, who: str) -> None:
        """Let others have ``name``; see ``Registrar``."""
        self._link.learn(collection.release, lambda _: None, name, who)

    # ---- saying

    def _put(
        self,
        nsp: str,
        document: bytes,
        done: Callable[[], None] | None = None,
    ) -> None:
        self._presence.said(nsp)
        self._outbox.put(_Letter(document, done), len(document) + OVERHEAD)

    def _say(self, nsp: str, kind: MessageType) -> None:
        """Say that we are here, unless the link does so."""
        if self._link.up and kind is not MessageType.INITIAL_HEARTBEAT:
            self.publish(Message("", nsp, kind))

    def _greet(self, nsp: str) -> None:
        """The link has said in a namespace that we are here."""
        if nsp in self._members:
            self._presence.greet(nsp)

    @property
    def _created_at(self) -> datetime | None:
        if self._options.add_created_at_field:
            return datetime.now(timezone.utc)
        return None

    # ---- what the history asks of us

    @property
    def flowing(self) -> bool:
        """Whether what we insert is heard again."""
        return self._link.up

    def message(self, message: Message, id: ObjectId) -> bytes:
        """Return a message as a document."""
        uid, at = self._link.uid, self._created_at
        return self._options.checked(wire.write(message, id, uid, at))

    def session(self, session: Session, nsp: str) -> bytes:
        """Return a session as a document."""
        uid, at = self._link.uid, self._created_at
        return self._options.checked(
            session_wire.write_session(session, nsp, ObjectId(), uid, at)
        )

    def tombstone(self, pid: str, nsp: str) -> bytes:
        """Return what replaces a session in a capped collection."""
        return session_wire.write_tombstone(pid, nsp, ObjectId(), self._link.uid)

    def insert(self, nsp: str, document: bytes) -> None:
        """Insert a document, after all earlier ones."""
        self._put(nsp, document)

    def ask(self, fn: Callable[..., T], *args: object) -> T:
        """Return what a function of ``collection`` finds; it blocks."""
        return self._link.ask(fn, *args)

    def echo(self, nsp: str, heard: Callable[[], None]) -> None:
        """Call ``heard`` when all that is in the collection by now was heard."""
        id = ObjectId()
        self._echoes[str(id)] = heard
        self._put(nsp, self.message(Message("", nsp, MessageType.HEARTBEAT), id))

    # ---- what the outbox asks of us

    def ready(self) -> None:
        """Wait until documents can be inserted, would be answered, and be heard."""
        assert self._reactor is not None
        while True:
            self._link.ready()
            if self._link.due:
                self.account.announce(self._reactor)
                self._link.ping()
            if self._link.up:
                return

    def carry(self, parcels: Sequence[Parcel]) -> int:
        """Insert documents; after an outage, those that are not there already."""
        letters: list[_Letter] = [parcel.content for parcel in parcels]
        documents = [each.document for each in letters if each.document is not None]
        again = False
        try:
            while (refused := self._link.insert(documents, again)) is None:
                again = True
                self.ready()
        except GreenletExit:
            if not self._link.inserting:
                raise
            return len(parcels)  # we end, and the native thread inserts all the same
        if refused:
            self.account.lost += len(refused)
            self.history.stop_waiting()
            if not self._refused:
                self._refused = True
                why = refused[0].reason
                log.warning("%s refuses a document: %r", self.address, why)
        for letter in letters:
            if letter.done is not None:
                letter.done()
        return len(parcels)

    # ---- hearing

    def _changed(self, up: bool) -> None:
        if up:
            self._presence.back()
        else:
            self._presence.away()
            self.history.stop_waiting()
            self._echoes.clear()

    def _hear(self, document: Document | ProtocolError) -> None:
        """Take what was inserted; see ``Link``."""
        if isinstance(document, ProtocolError):
            self.account.unreadable += 1
            exc = document
            log.debug("a document is dropped: %s", exc.reason)
            return
        self.newest = document.id
        nsp, message = document.nsp, document.message
        if nsp not in self._members:
            return
        if document.uid == self._link.uid:
            self.history.came(document)
            if (heard := self._echoes.pop(document.id, None)) is not None:
                heard()
            return
        kind = None if message is None else message.type
        self._presence.heard(nsp, document.uid, kind)
        if message is None or kind in _HEARTBEATS or self._receive is None:
            return
        self._receive(message, self.history.heard(document))

    def _silent(self, nsp: str, uid: str) -> None:
        """Have the adapter wait no longer for a server that has fallen silent."""
        if self._receive is not None:
            self._receive(Message(uid, nsp, MessageType.ADAPTER_CLOSE), None)
