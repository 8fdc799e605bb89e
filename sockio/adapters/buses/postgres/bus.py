"""PostgresBus: PostgreSQL as the bus of a cluster, as Node's Postgres adapter uses it.

io = sockio.Server(adapter="postgresql://user:password@localhost/database")

Channels, notifications and the table are those of @socket.io/postgres-adapter, so that
servers of Node are in the same cluster. PostgreSQL keeps nothing for a server that is
away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from sockio.adapters.accounting import Account
from sockio.adapters.buses.outbox import Outbox, Parcel
from sockio.adapters.buses.presence import Presence
from sockio.adapters.buses.query import wrong
from sockio.adapters.buses.reconnecting import LONGEST_PAUSE
from sockio.adapters.buses.tenures import Tenures
from sockio.adapters.cluster.messages import Message, MessageType
from sockio.runtime import logs

from . import wire
from .commands import Command, Commands
from .connection import KEYWORDS, Address, Answer, Notification
from .directory import PostgresDirectory
from .hearing import Hearing, Member
from .link import Fetch, Link
from .locks import CLAIM, RELEASE, key_of
from .url import parse

if TYPE_CHECKING:
    from sockio.adapters.adapter import LocalNamespace
    from sockio.adapters.cluster.bus import LocalRooms, Receive
    from sockio.runtime.latch import Latch
    from sockio.runtime.reactor import Reactor

log = logs.get("adapters.postgres")

__all__ = ["PostgresBus"]

#: What a parcel takes beside its content.
OVERHEAD = 200
#: Seconds for which messages are held after an outage: the longest pause between two
#: attempts to connect, and a second to connect.
HOLD = LONGEST_PAUSE + 1


class _Letter(NamedTuple):
    """What a parcel holds."""

    #: None: there is nothing to publish.
    command: Command | None
    #: Called when it is published.
    done: Callable[[], None] | None = None
    #: Takes the answer to a question.
    told: Callable[[bool], None] | None = None


class PostgresBus:
    """The way to all servers on one PostgreSQL."""

    def __init__(self, url: str) -> None:
        """Make a bus that connects when its server starts.

        Args:
            url: ``postgresql://user:password@host:5432/database?prefix=socket.io``; see
                the docs for the options.

        Raises:
            ConfigError: Something in the URL is unknown; the text names it.
        """
        for_libpq, self._options = parse(url, KEYWORDS)
        try:
            address = Address(for_libpq)
        except ValueError as exc:
            raise wrong(url.partition(":")[0].lower(), str(exc)) from None
        self.address = str(address)
        self.account = Account()
        table = self._options.table_name
        self._commands = Commands(self._options)
        self._clean_up = Command(
            f"DELETE FROM {table} WHERE created_at < now() - $1::text::interval",
            [f"{self._options.cleanup_interval} seconds".encode()],
        )
        self._outbox = Outbox(self, self.account, self._options.outbox)
        self._tenures = Tenures(self)
        self.lease = self._tenures.lease
        #: In which the servers find each other.
        self.directory = PostgresDirectory(address, self._options)
        self._presence = Presence(
            self._signal,
            self._gone,
            self._options.heartbeat_interval,
            self._options.heartbeat_timeout,
        )
        self._hearing = Hearing(self.account, self._presence, self._commands)
        self._link = Link(
            address,
            table,
            self.account,
            self._hear,
            self._ring,
            self._away,
        )
        self._reactor: Reactor
        #: By namespace.
        self._members: dict[str, Member] = {}
        #: Heartbeats that are to be said, before all else, by namespace.
        self._signals: dict[str, MessageType] = {}
        self._heartbeats = 0
        #: Over which connection all have been waited for, and over which they are, and
        #: until when.
        self._complete = 1
        self._holding = 1
        self._held_until = 0.0
        #: Wakes who waits for others.
        self._stir: Latch[None] | None = None
        self._cleaned_at = 0.0

    def __repr__(self) -> str:
        return f"<PostgresBus {self.address}>"

    @property
    def requests_timeout(self) -> float:
        """Seconds that other servers have for an answer, as the URL says."""
        return self._options.requests_timeout

    # ---- its state, for tests

    @property
    def up(self) -> bool:
        """Whether PostgreSQL can be reached, and sends what is for us."""
        return self._link.up

    @property
    def connecting(self) -> bool:
        """Whether an attempt to connect is under way."""
        return self._link.connecting

    @property
    def owed(self) -> bool:
        """Whether PostgreSQL owes us an answer."""
        return self._link.owed

    @property
    def idle(self) -> bool:
        """Whether PostgreSQL has taken all that was published."""
        waiting = self._signals or self._link.exchanging
        return self._outbox.idle and not waiting

    @property
    def said(self) -> int:
        """Messages ever published, waiting ones among them, and questions."""
        return self._outbox.taken + self._heartbeats

    @property
    def heard(self) -> int:
        """Notifications that arrived, our own among them."""
        return self._hearing.heard

    @property
    def looking(self) -> bool:
        """Whether PostgreSQL has yet to answer to ``look``."""
        return self._link.looking

    def look(self) -> None:
        """Have PostgreSQL answer; its answer comes behind all that was published."""
        self._link.due = True
        self._outbox.ring()

    # ---- what a bus must have

    @property
    def log(self) -> None:
        """Nothing: PostgreSQL keeps no events here."""

    def open(self, reactor: Reactor, receive: Receive) -> None:
        """Begin to connect."""
        self._reactor = reactor
        self._tenures.open(reactor)
        self._cleaned_at = reactor.clock.now()
        self._presence.open(reactor)
        self._hearing.open(reactor, receive)
        self._link.open(reactor)
        self._outbox.open()
        self.directory.open(reactor)

    def join(self, nsp: LocalNamespace, uid: str, rooms: LocalRooms) -> None:
        """Take part in a namespace."""
        prefix, name = self._options.prefix, nsp.name
        if wire.is_too_long(prefix, name):
            log.warning(
                "namespace=%r servers of Node have no channel for it: its name and the "
                "prefix have more than %d bytes",
                name,
                wire.LONGEST_CHANNEL - 1,
            )
        self._presence.join(name)
        member = self._members[name] = Member(nsp, uid, wire.channel_of(prefix, name))
        self._hearing.add(member)
        self._link.want([member.channel])

    def leave(self, nsp: LocalNamespace, uid: str) -> None:
        """Take part in the namespace no longer."""
        member = self._members.get(nsp.name)
        if member is not None and member.uid == uid:
            del self._members[nsp.name]
            self._signals.pop(nsp.name, None)
            self._presence.leave(nsp.name)
            self._hearing.remove(member)
            self._link.forgo([member.channel])

    def publish(
        self, message: Message, reached: Callable[[int], None] | None = None
    ) -> None:
        """Send a message to all others; see ``Bus``."""
        member = self._members[message.nsp]
        command, size = self._command(member, message)
        done = None
        if reached is not None:
            asked = self._presence.others(message.nsp)
            done = partial(self._presence.count, message.nsp, reached, asked)
        self._presence.said(message.nsp)
        self._outbox.put(_Letter(command, done), size)

    def reply(self, uid: str, message: Message) -> None:
        """Send a message to the adapter ``uid``: all get it, and others ignore it."""
        if message.nsp in self._members:
            self.publish(message)

    def count(self, nsp: LocalNamespace, told: Callable[[int], None]) -> None:
        """Tell the number of other servers; see ``Bus``."""
        done = partial(self._presence.count, nsp.name, told)
        self._outbox.put(_Letter(None, done), OVERHEAD)

    def close(self) -> None:
        """End; what waits is still said if that needs no waiting."""
        self.directory.close()
        self._hearing.close()
        self._presence.close()
        left = [parcel.content.command for parcel in self._outbox.close()]
        commands = [command for command in left if command is not None]
        if not self._link.end(commands):
            self.account.lost += len(commands)

    # ---- leases

    def claim(self, name: str, who: str, told: Callable[[bool], None]) -> None:
        """Have ``name`` as long as the connection lasts; see ``Registrar``."""
        if self._link.up:
            self._ask(CLAIM, name, told)

    def release(self, name: str, who: str) -> None:
        """Let others have ``name``; see ``Registrar``."""
        self._ask(RELEASE, name, None)

    def _ask(self, sql: str, name: str, told: Callable[[bool], None] | None) -> None:
        command = Command(sql, [key_of(self._options.prefix, name)])
        self._outbox.put(_Letter(command, told=told), OVERHEAD)

    # ---- saying

    def _ring(self) -> None:
        if self._stir is not None:
            self._stir.set(None)
        self._outbox.ring()

    def _command(self, member: Member, message: Message) -> tuple[Command, int]:
        """Return what says a message, and its size."""
        command, size = self._commands.say(member.channel, message)
        return command, size + OVERHEAD

    def _signal(self, nsp: str, kind: MessageType) -> None:
        """Say a heartbeat as soon as that is possible."""
        if self._signals.get(nsp) is not MessageType.INITIAL_HEARTBEAT:
            self._signals[nsp] = kind
            self._heartbeats += 1
        self._ring()

    def _away(self) -> None:
        """PostgreSQL is away: nobody is waited for."""
        self._presence.away()
        self._ring()

    def _hear(self, said: Notification, fetch: Fetch) -> None:
        self._hearing.hear(said, fetch)
        if self._stir is not None and self._presence.complete:
            self._stir.set(None)

    def _gone(self, nsp: str, uid: str) -> None:
        """Have the adapter wait no longer for another server."""
        self._hearing.hand_on(Message(uid, nsp, MessageType.ADAPTER_CLOSE))

    # ---- what the outbox asks of us

    def ready(self) -> None:
        """Wait until messages can be published, would be answered, and be heard."""
        while True:
            self._link.ready()
            self._greet()
            self._say_signals()
            if self._link.due:
                self._link.look()
                self.account.announce(self._reactor)
                self._remove_old_rows()
            if self._link.up and not self._hold():
                return

    def _greet(self) -> None:
        self._presence.back()
        for name, member in self._members.items():
            if member.greeted != self._link.connections:
                member.greeted = self._link.connections
                self._presence.greet(name)

    def _say_signals(self) -> None:
        while self._signals and self._link.up:
            name, kind = self._signals.popitem()
            member = self._members[name]
            command, _ = self._command(member, Message(member.uid, name, kind))
            self._link.exchange([command])

    def _remove_old_rows(self) -> None:
        now = self._reactor.clock.now()
        if now - self._cleaned_at >= self._options.cleanup_interval:
            self._cleaned_at = now
            self._link.exchange([self._clean_up])

    def _hold(self) -> bool:
        """After an outage, wait for the others; say whether that is to be repeated.

        PostgreSQL gives a message to those who are connected. After an outage the
        other servers come back some moments before or after this one.
        """
        link, clock = self._link, self._reactor.clock
        if link.connections <= self._complete:
            return False
        if link.connections != self._holding:
            self._holding = link.connections
            self._held_until = clock.now() + HOLD
        left = self._held_until - clock.now()
        if self._presence.complete or left <= 0:
            self._complete = link.connections
            return False
        self._stir = self._reactor.latch()
        try:
            self._stir.wait(left)
        except TimeoutError:
            self._complete = link.connections
        finally:
            self._stir = None
        return True

    def carry(self, parcels: Sequence[Parcel]) -> int:
        """Publish; return for how many of the parcels PostgreSQL has answered."""
        letters: list[_Letter] = [parcel.content for parcel in parcels]
        answers = iter(self._link.exchange([x.command for x in letters if x.command]))
        for taken, letter in enumerate(letters):
            if letter.command is not None:
                answer = next(answers, None)
                if answer is None:
                    log.debug("%d messages without an answer", len(letters) - taken)
                    return taken + self._count_later(parcels[taken:])
                self._answered(answer)
                if letter.told is not None:
                    letter.told(answer.value == b"true")
            if letter.done is not None:
                letter.done()
        return len(letters)

    def _count_later(self, parcels: Sequence[Parcel]) -> int:
        """Count again for those that only ask; return how many these are."""
        asks = [parcel for parcel in parcels if parcel.content.command is None]
        if not asks:
            return 0
        self.ready()
        return self.carry(asks)

    def _answered(self, answer: Answer) -> None:
        if answer.error is not None:
            self.account.lost += 1
            self._link.health.refused(answer.error)
