"""KeptHere: the events and sessions of a namespace that each server keeps for all.

A server keeps what its own clients get. A client that comes to another server is looked
for: its offset tells which server it had, and that one gives up the session, together
with what the client missed. What the other server had not got by then is added from the
log here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from sockio.adapters.adapter import LocalNamespace, Session
from sockio.adapters.addressing import BroadcastOptions
from sockio.adapters.memory import MemoryAdapter, Prepared
from sockio.errors import EncodeError, ProtocolError
from sockio.protocol.socketio.packet import Packet
from sockio.runtime import logs
from sockio.types import Json, SocketId

from .bus import Bus, OwnLogs
from .legacies import Legacies
from .messages import Message, MessageType, options_in, packet_in, text_in, value_in
from .mirror import Mirror
from .mirrored import Mirrors
from .moves import (
    Moved,
    moved_data,
    moved_in,
    number_in,
    numbers_in,
    ranges_in,
)
from .numbered_log import NumberedLog
from .pieces import Ranges
from .requests import Requests

if TYPE_CHECKING:
    from sockio.runtime.latch import Latch
    from sockio.runtime.reactor import Reactor

__all__ = ["KeptHere"]

log = logs.get("adapters.recovery")

#: Seconds that the others have to say whether they have a session.
PATIENCE = 2.0
#: How many characters of its adapter's id stand for a server in its offsets.
TAG = 4


class KeptHere:
    """The log of one namespace on this server, and how to ask the others."""

    def __init__(
        self,
        nsp: LocalNamespace,
        local: MemoryAdapter,
        requests: Requests,
        bus: Bus,
        logs: OwnLogs,
        duration: float,
    ) -> None:
        """Keep nothing yet.

        Args:
            nsp: The namespace.
            local: Its sockets here.
            requests: The open questions of the adapter.
            bus: The way to the other servers.
            logs: Who inherits, and who can be asked.
            duration: Seconds for which events and sessions are kept.
        """
        self._nsp = nsp
        self._local = local
        self._requests = requests
        self._bus = bus
        self._uid = ""
        self._number = 0
        self._log = NumberedLog(nsp.clock, duration)
        self._logs = logs
        self._legacies = Legacies(nsp, duration, self._log, self.ask, logs)
        #: What we tell another server beforehand, if that is wanted.
        self._mirror = Mirror(nsp, bus, logs.heirs, self._log)
        local.on_rooms = self._mirror.moved if nsp.recovery_mirrored else None
        self._mirrors = Mirrors(nsp, duration, self._log)
        self._reactor: Reactor

    # ---- beginning and end

    def open(self, uid: str, reactor: Reactor) -> None:
        """Begin, as the adapter ``uid``; the others tell which events they have."""
        self._uid = uid
        self._reactor = reactor
        self._log.tag = uid[:TAG]
        self._log.met(uid, 0)
        self._mirror.open(uid, reactor)
        self._legacies.open(reactor)
        self._say(MessageType.NUMBER, number=0)

    def left(self, uid: str) -> None:
        """Another server has left."""
        self._log.left(uid)
        inherited = self._mirrors.left(uid)
        if inherited is not None:
            self._legacies.inherit(inherited)
        self._mirrors.settle()
        self._legacies.left(uid)
        self._mirror.left(uid)

    def hand_on(self, seconds: float) -> None:
        """Give all that is kept to a server that stays.

        Blocks:
            Until it has taken everything, at most ``seconds``.
        """
        if self._uid:
            before = list(self._log.sessions)
            self._legacies.hand_on(seconds)
            for pid in before:
                self._is_over(pid)

    def close(self) -> None:
        """Forget everything."""
        self._mirror.close()
        self._mirrors.close()
        self._log.close()
        self._legacies.close()

    # ---- events

    @property
    def newest(self) -> str | None:
        """Offset of the last event that our clients got."""
        return self._log.newest

    def append(
        self,
        message: Message,
        packet: Packet,
        options: BroadcastOptions,
        to_hub: Callable[..., None],
    ) -> None:
        """Keep an event, publish it, and send it to our clients.

        Raises:
            EncodeError: A value in it cannot travel; nothing was sent.
        """
        offset = self._log.new_offset()
        prepared = self._local.prepared_at(offset, packet, options)
        number = self._number + 1
        data = {**message.data, "number": number}
        self._bus.publish(message._replace(data=data))
        self._number = number
        self._log.arrived(self._uid, number)
        self._log.keep(offset, prepared.wire, options, self._uid, number)
        self._mirror.logged(offset, self._uid, number)
        self._local.deliver(prepared)

    def append_here(self, packet: Packet, options: BroadcastOptions) -> None:
        """Keep an event for our own clients, and send it to them."""
        if options.flags.volatile:
            self._local.deliver(self.prepare(packet, options))
            return
        offset = self._log.new_offset()
        prepared = self._local.prepared_at(offset, packet, options)
        entry = self._log.keep(offset, prepared.wire, options)
        self._mirror.logged_here(entry)
        self._local.deliver(prepared)

    def prepare(self, packet: Packet, options: BroadcastOptions) -> Prepared:
        """Encode an event that is not kept: it repeats the offset before it."""
        return self._local.prepared_at(self.newest, packet, options)

    def hear(self, message: Message, offset: str | None) -> None:
        """Keep an event of another server, and send it to our clients."""
        packet, options = packet_in(message), options_in(message)
        number = message.data.get("number")
        if type(number) is not int:
            self.append_here(packet, options)
            return
        having = self._log.arrived(message.uid, number)
        if having:
            except_ = options.except_.union(having)
            options = BroadcastOptions(
                rooms=options.rooms, except_=except_, flags=options.flags
            )
        at = self._log.new_offset()
        prepared = self._local.prepared_at(at, packet, options)
        self._log.keep(at, prepared.wire, options, message.uid, number)
        self._mirror.logged(at, message.uid, number)
        self._mirrors.go_on()
        self._local.deliver(prepared)

    # ---- sessions

    def watch(self, pid: str, sid: SocketId, session: Callable[[], Session]) -> None:
        """A client was let in; ``session`` returns what is to be kept of its socket."""
        self._mirror.watch(pid, sid, session)

    def forget(self, pid: str) -> None:
        """A client has gone; it may come back only if its session is kept."""
        self._is_over(pid)

    def _is_over(self, pid: str) -> None:
        if pid not in self._log.sessions:
            self._mirror.over(pid)

    def persist(self, session: Session) -> None:
        """Keep a session whose connection broke."""
        self._log.persist(session)
        self._mirror.kept(session.pid)

    def restore(self, pid: str, offset: str | None) -> Session | None:
        """Return, once only, a session and what it missed.

        Blocks:
            Until another server has given it up, if none is here.
        """
        if pid in self._log.sessions:
            session = self._log.restore(pid, offset)
            self._is_over(pid)
            if session is not None:
                missed = [piece.wire for piece in session.missed_packets]
                session = replace(session, missed_packets=missed)
            return session
        claim = self._legacies.claim
        # A session that was on its way to us during the search has arrived by now.
        moved = claim(pid, offset) or self._search(pid, offset) or claim(pid, offset)
        # From here on nothing blocks until the socket is in its rooms.
        if moved is None:
            return None
        session = self._log.adopt(moved.session, offset, moved.missed, moved.seen)
        if session is None:
            log.debug("namespace=%r a session cannot be continued here", self._nsp.name)
        return session

    def _search(self, pid: str, offset: str | None) -> Moved | None:
        """Ask the server that the offset names, then all; see ``restore``."""
        nsp, clock = self._nsp, self._nsp.clock
        end = clock.now() + PATIENCE
        want = partial(self._want, end=end, pid=pid, offset=offset)
        _, _, tag = (offset or "").rpartition("~")
        others = self._logs.others
        told = want([uid for uid in others(nsp.name) if uid[:TAG] == tag], all=False)
        if told is None:
            told = want(asked := others(nsp.name), all=True)
            if told is None and not set(self._logs.heirs(nsp.name)).issuperset(asked):
                # Who leaves may have given it to one that had answered before.
                told = want(others(nsp.name), all=True)
        if isinstance(told, dict) and "sid" in told:
            try:
                return moved_in(told, pid, nsp, self._log.piece)
            except ProtocolError as exc:
                log.debug("namespace=%r %s", nsp.name, exc.reason)
        if told is None:
            settled: Latch[None] = self._reactor.latch()
            self._legacies.when_settled(lambda: settled.set(None))
            with suppress(TimeoutError):
                settled.wait(max(0.0, end - clock.now()))
        return None

    def _want(self, others: Iterable[str], end: float, **question: Any) -> Json:
        """Ask some other servers for a session, until ``end`` at most."""
        left = max(0.0, end - self._nsp.clock.now())
        question["log"] = self._log.ranges
        return self.ask(others, MessageType.SESSION_WANTED, left, **question)

    # ---- asking and answering

    def ask(
        self, others: Iterable[str], kind: MessageType, seconds: float, **data: Any
    ) -> Json:
        """Return what one of some other servers answers.

        Args:
            others: Their adapters.
            kind: What the question is about.
            seconds: How long it may take.
            data: The question.

        Returns:
            None if nobody has answered, or knows the answer.

        Blocks:
            Until it is known.
        """
        asked = list(others)
        if not asked:
            return None
        latch: Latch[Json] = self._reactor.latch()
        id = self._requests.search(asked, latch.set)
        message = Message(self._uid, self._nsp.name, kind, {**data, "requestId": id})
        try:
            for uid in asked:
                self._bus.reply(uid, message)
            return latch.wait(seconds)
        except TimeoutError:
            log.debug("namespace=%r no answer to %s", self._nsp.name, kind.name)
            return None
        finally:
            self._requests.drop(id)

    def _say(self, kind: MessageType, **data: Json) -> None:
        self._bus.publish(Message(self._uid, self._nsp.name, kind, data))

    def _reply(self, to: str, kind: MessageType, **data: Json) -> None:
        self._bus.reply(to, Message(self._uid, self._nsp.name, kind, data))

    def take(self, message: Message) -> None:
        """Carry out what another server says about its log; called in the hub."""
        uid = message.uid
        match message.type:
            case MessageType.NUMBER:
                self._meet(uid, value_in(message, "number"))
                self._reply(uid, MessageType.NUMBERS, numbers=self._log.vector())
            case MessageType.NUMBERS:
                numbers = numbers_in(value_in(message, "numbers"))
                self._meet(uid, numbers.pop(uid, 0))
                self._log.told(numbers)
                self._mirror.told(numbers)
            case MessageType.SESSION_WANTED:
                pid, id = text_in(message, "pid"), text_in(message, "requestId")
                there = ranges_in(value_in(message, "log"))
                offset = message.data.get("offset")
                end = self._nsp.clock.now() + PATIENCE
                give_up = partial(self._give_up, uid, id, pid, offset, there, end)
                settled = partial(self._legacies.when_settled, give_up)
                if message.data.get("all") is True:
                    # Who has the session was asked, too: it answers if it lives.
                    self._mirrors.when_known(pid, settled)
                else:
                    settled()
            case MessageType.LEGACY:
                id = text_in(message, "requestId")
                taken = self._legacies.take(message)
                self._reply(uid, MessageType.LEGACY_TAKEN, requestId=id, answer=taken)
            case MessageType.MIRROR:
                self._mirrors.take(uid, value_in(message, "news"))
            case MessageType.SESSION | MessageType.LEGACY_TAKEN:
                search = self._requests.searching(text_in(message, "requestId"))
                if search is not None:
                    search.answer(uid, message.data.get("answer"))
                elif message.type is MessageType.SESSION:
                    self._keep(message)

    def _meet(self, uid: str, number: Json) -> None:
        self._log.met(uid, number_in(number))
        self._mirror.met(uid, number_in(number))

    # ---- giving up a session

    def _give_up(
        self, uid: str, id: str, pid: str, offset: Any, there: Ranges, end: float
    ) -> None:
        """Give a session to the server that asks for it; that can be done only once.

        Unless that server has left, or waits no longer.
        """
        if self._nsp.clock.now() > end or uid not in self._logs.others(self._nsp.name):
            return
        # The client would not come back if its connection here were not dead.
        self._nsp.let_go(pid)
        answer: dict[str, Any] | None = None
        if pid in self._log.sessions:
            sid = self._log.sessions[pid].session.sid
            session = self._log.restore(pid, offset)
            self._is_over(pid)
            answer = {}
            if session is not None:
                missed = list(session.missed_packets)
                moved = Moved(session, missed, self._log.vector(sid))
                answer = moved_data(moved, self._nsp, there)
        else:
            found = self._legacies.claim(pid, offset)
            if found is not None:
                answer = moved_data(found, self._nsp, there)
        question = {"requestId": id, "pid": pid, "offset": offset}
        try:
            self._reply(uid, MessageType.SESSION, answer=answer, **question)
        except EncodeError as exc:
            log.debug("namespace=%r %s", self._nsp.name, exc)
            self._reply(uid, MessageType.SESSION, answer={}, **question)

    def _keep(self, message: Message) -> None:
        """Keep a session that comes too late: its client was cut off elsewhere."""
        answer = message.data.get("answer")
        if isinstance(answer, dict) and "sid" in answer:
            pid, offset = text_in(message, "pid"), message.data.get("offset")
            moved = moved_in(answer, pid, self._nsp, self._log.piece)
            session = self._log.adopt(moved.session, offset, moved.missed, moved.seen)
            if session is not None:
                self.persist(session)
