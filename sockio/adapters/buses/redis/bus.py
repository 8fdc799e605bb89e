"""RedisBus: Redis or Valkey as the bus of a cluster, as Node's Redis adapters use it.

io = sockio.Server(adapter="redis://localhost:6379")

Channels and messages are those of @socket.io/redis-adapter, so that servers of Node are
in the same cluster. Redis keeps nothing: what is published while a server is away does
not reach it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sockio.adapters.accounting import Account
from sockio.adapters.buses.outbox import Outbox, Parcel
from sockio.adapters.buses.tenures import LASTS, Tenures
from sockio.adapters.cluster.messages import Message
from sockio.runtime import logs

from .census import Census
from .circuit import Subscription
from .classic import CLASSIC
from .connection import Refused, Unsettled
from .directory import RedisDirectory
from .hearing import Hearing
from .member import Member, Mode
from .sharded import SHARDED
from .url import parse

if TYPE_CHECKING:
    from sockio.adapters.adapter import LocalNamespace
    from sockio.adapters.cluster.bus import LocalRooms, Log, Receive
    from sockio.runtime.reactor import Reactor

log = logs.get("adapters.redis")

__all__ = ["RedisBus"]

MODES = {"pubsub": CLASSIC, "sharded": SHARDED}
#: Scripts for a lease: the key, who wants it, for how many milliseconds.
_CLAIM = """
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 1 end
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('PEXPIRE', KEYS[1], ARGV[2])
"""
_RELEASE = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
"""
#: Commands that may be given twice.
_QUESTIONS = ("PUBSUB", "XRANGE")
#: What a parcel takes beside its content.
OVERHEAD = 100


class RedisBus:
    """The way to all servers on one Redis or Valkey."""

    def __init__(self, url: str, mode: Mode | None = None) -> None:
        """Make a bus that connects when its server starts.

        Args:
            url: ``redis://user:password@host:6379/0?prefix=socket.io``; see the docs
                for the other forms and the options.
            mode: How messages travel; None: as the URL says.

        Raises:
            ConfigError: Something in the URL is unknown; the text names it.
        """
        site, self._options = parse(url, os.environ)
        self.address = str(site)
        self._mode = MODES[self._options.mode] if mode is None else mode
        self.account = Account()
        self._outbox = Outbox(self, self.account, self._options.outbox)
        self._hearing = Hearing(self.account, self._respond)
        #: The channels whose subscribers are counted, which are servers.
        self._common: set[bytes] = set()
        self._link = self._mode.link(
            site,
            self._options.prefix,
            self.account,
            self._common,
            self._hearing.hear,
            self._outbox.ring,
        )
        self._tenures = Tenures(self)
        self.lease = self._tenures.lease
        self._census = Census(self._link, self._mode.count)
        #: In which the servers find each other.
        self.directory = RedisDirectory(site, self._options.prefix)
        self._reactor: Reactor | None = None
        #: By namespace.
        self._members: dict[str, Member] = {}
        self._refused = False
        #: To how many subscribers the broker gave our messages, all added up.
        self.delivered = 0

    def __repr__(self) -> str:
        return f"<RedisBus {self.address}>"

    @property
    def requests_timeout(self) -> float:
        """Seconds that other servers have for an answer, as the URL says."""
        return self._options.requests_timeout

    # ---- its state, for tests

    @property
    def up(self) -> bool:
        """Whether the broker can be reached, and sends what is for us."""
        return self._link.up

    @property
    def connecting(self) -> bool:
        """Whether an attempt to connect is under way."""
        return self._link.connecting

    @property
    def owed(self) -> bool:
        """Whether the broker owes us an answer."""
        return self._link.owed

    @property
    def idle(self) -> bool:
        """Whether the broker has taken all that was published."""
        return self._outbox.idle

    @property
    def said(self) -> int:
        """Messages ever published, waiting ones among them, and questions."""
        return self._outbox.taken

    @property
    def heard(self) -> int:
        """Messages that arrived, our own among them."""
        return self._hearing.heard

    # ---- what a bus must have

    @property
    def log(self) -> Log | None:
        """Nothing: Redis keeps no events here."""
        return None

    def open(self, reactor: Reactor, receive: Receive) -> None:
        """Begin to connect."""
        self._reactor = reactor
        self._hearing.open(reactor, receive)
        self._tenures.open(reactor)
        self._link.open(reactor)
        self._outbox.open()
        self.directory.open(reactor)

    def join(self, nsp: LocalNamespace, uid: str, rooms: LocalRooms) -> None:
        """Take part in a namespace; what it says waits until it would be answered."""
        member = self._mode.member(self._options, nsp, uid, rooms)
        self._members[nsp.name] = member
        self._common.add(member.common)
        subscriptions = member.subscriptions()
        self._hearing.listen(member, subscriptions)
        self._link.want(subscriptions)

        def resubscribe(subscription: Subscription, wanted: bool) -> None:
            if wanted:
                self._hearing.listen(member, [subscription])
                self._link.want([subscription])
            else:
                self._hearing.ignore([subscription])
                self._link.forgo([subscription])

        member.watch(resubscribe)

    def leave(self, nsp: LocalNamespace, uid: str) -> None:
        """Take part in the namespace no longer."""
        member = self._members.get(nsp.name)
        if member is not None and member.uid == uid:
            del self._members[nsp.name]
            self._common.discard(member.common)
            member.leave()
            subscriptions = member.subscriptions()
            self._hearing.ignore(subscriptions)
            self._link.forgo(subscriptions)

    def publish(
        self, message: Message, reached: Callable[[int], None] | None = None
    ) -> None:
        """Send a message to all others; see ``Bus``."""
        self._put(*self._members[message.nsp].write(message), reached)

    def reply(self, uid: str, message: Message) -> None:
        """Send a message to the adapter ``uid``, if it is still there."""
        member = self._members.get(message.nsp)
        if member is not None:
            self._put(*member.write_reply(uid, message))

    def count(self, nsp: LocalNamespace, told: Callable[[int], None]) -> None:
        """Tell the number of other servers; see ``Bus``."""
        common = self._members[nsp.name].common
        self._outbox.put([self._how_many(common)], OVERHEAD, told)

    def close(self) -> None:
        """End; what waits is still said if that needs no waiting."""
        self.directory.close()
        self._hearing.close()
        left = self._outbox.close()
        commands = [command for parcel in left for command in parcel.content]
        if not self._link.end(commands):
            self.account.lost += len(left)

    # ---- leases

    def claim(self, name: str, who: str, told: Callable[[bool], None]) -> None:
        """Have ``name`` if nobody else has it, unless the broker is away."""
        if self._link.up:
            self._ask(_CLAIM, name, who, lambda having: told(having == 1))

    def release(self, name: str, who: str) -> None:
        """Let others have ``name``; see ``Registrar``."""
        self._ask(_RELEASE, name, who, None)

    def _ask(
        self, script: str, name: str, who: str, told: Callable[[int], None] | None
    ) -> None:
        key = f"{self._options.prefix}:lease:{name}".encode()
        command = ("EVAL", script, 1, key, who, int(LASTS * 1000))
        self._outbox.put([command], len(script) + OVERHEAD, told)

    # ---- saying

    def _put(
        self, channel: bytes, data: bytes, reached: Callable[[int], None] | None = None
    ) -> None:
        """Publish ``data``; before that ask how many get it, if somebody asks."""
        data = self._options.fitting(data)
        commands: list[tuple[Any, ...]] = [(self._mode.publish, channel, data)]
        if reached is not None:
            commands.insert(0, self._how_many(channel))
        self._outbox.put(commands, len(data) + len(channel) + OVERHEAD, reached)

    def _respond(self, member: Member, uid: str, data: bytes) -> None:
        self._put(member.reply_to(uid), data)

    def _how_many(self, channel: bytes) -> tuple[Any, ...]:
        return ("PUBSUB", self._mode.count, channel)

    # ---- what the outbox asks of us

    def ready(self) -> None:
        """Wait until messages can be published, would be answered, and be heard."""
        assert self._reactor is not None
        while True:
            self._link.ready()
            if self._link.due:
                self.account.announce(self._reactor)
            self.wait_for_others(self._reactor)
            if self._link.up:
                return

    def wait_for_others(self, reactor: Reactor) -> None:
        """Wait until the other servers hear, too.

        Blocks:
            Until then, for some seconds at most.
        """
        self._census.keep(reactor, self._common)

    def carry(self, parcels: Sequence[Parcel]) -> int:
        """Publish; return for how many of the parcels the broker has answered."""
        taken = 0
        while parcels:
            commands = [command for parcel in parcels for command in parcel.content]
            answers = iter(self._link.exchange(commands))
            again: list[Parcel] = []
            for parcel in parcels:
                own = [next(answers) for _ in parcel.content]
                if any(isinstance(answer, Unsettled) for answer in own):
                    again.append(parcel)
                elif None not in own:
                    self._answered(parcel, own)
                    taken += 1
                elif all(command[0] in _QUESTIONS for command in parcel.content):
                    again.append(parcel)
            # The nodes of a cluster have changed, and none has taken these; or the
            # connection has ended, and a question may be asked twice.
            parcels = again
            if parcels:
                self.ready()
        return taken

    def _answered(self, parcel: Parcel, answers: Sequence[Any]) -> None:
        """Take what the broker answered to the commands of one parcel."""
        for command, answer in zip(parcel.content, answers, strict=True):
            if isinstance(answer, Refused):
                self._refuse(command[0], answer)
            elif command[0] == self._mode.publish:
                self.delivered += int(answer)
            elif command[0] == "EVAL":
                if parcel.answer is not None:
                    parcel.answer(int(answer))
            elif parcel.answer is not None:
                # [channel, number]; one of them is us.
                channel, number = answer
                self._census.note(channel, int(number))
                parcel.answer(max(int(number) - 1, 0))

    def _refuse(self, command: str, answer: Exception) -> None:
        if command == self._mode.publish:
            self.account.lost += 1
        if not self._refused:
            self._refused = True
            log.warning("%s refuses a %r: %r", self.address, command, answer)
