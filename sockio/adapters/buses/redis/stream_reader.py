"""Stream reader: reads all that is added to streams, on a connection of its own.

It begins behind the last entry, and goes on behind the entry that it has read last,
also over a new connection. If that entry is no longer there, others may have gone with
it: the stream was trimmed, deleted, or lost with its broker. This is announced as a
gap.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from sockio.runtime import logs

from .circuit import Circuit
from .connection import Connection
from .finding import Finder
from .link import Link
from .stream_wire import order

if TYPE_CHECKING:
    from sockio.adapters.accounting import Account
    from sockio.runtime.latch import Latch
    from sockio.runtime.reactor import Reactor

log = logs.get("adapters.redis")

__all__ = ["Stream", "StreamLink", "Streams"]

#: Milliseconds for which the broker holds back its answer if there is nothing new.
BLOCK = 2000
#: How many looks at the broker may find that it has sent no byte.
LOOKS = 3
#: What a new stream begins with, so that there is an id to begin behind. It has no
#: namespace: Node ignores it, too.
BEGINNING = ("uid", "sockio")
#: Behind it is everything.
ZERO = "0-0"


class Stream:
    """One stream, and how far it is read."""

    def __init__(self, name: bytes) -> None:
        self.name = name
        #: Id of the entry read last; empty before the first connection.
        self.position = ""
        #: Whether that entry was there when it was looked for last.
        self.whole = False
        #: The same, once the hub has carried out what it read; so is all below.
        self.reached = ""
        #: Each gets the entries that come while somebody restores a session.
        self._tails: list[list[Any]] = []
        self._waiting: list[tuple[tuple[int, int], Latch[None]]] = []

    def begin(self, id: str) -> None:
        """Begin behind an entry."""
        self.position = self.reached = id
        self.whole = True

    def forget(self) -> None:
        """Take note that another stream has taken its place; called in the hub."""
        self.reached = ZERO

    def reach(self, entries: Sequence[Any]) -> None:
        """Take note that entries were carried out; called in the hub."""
        for tail in self._tails:
            tail.extend(entries)
        self.reached = entries[-1][0].decode()
        for waits in self._waiting.copy():
            if order(self.reached) >= waits[0]:
                self._waiting.remove(waits)
                waits[1].set(None)

    def wait_for(self, id: str, latch: Latch[None], seconds: float) -> None:
        """Wait until an entry has been carried out.

        Args:
            id: Of the entry, or of one that is no longer there.
            latch: A new one.
            seconds: How long to wait.

        Raises:
            TimeoutError: It was not in that time.

        Blocks:
            Until then.
        """
        if order(self.reached) >= order(id):
            return
        waits = order(id), latch
        self._waiting.append(waits)
        try:
            latch.wait(seconds)
        finally:
            if waits in self._waiting:
                self._waiting.remove(waits)

    def follow(self) -> list[Any]:
        """Return a list that grows by the entries which are carried out from now on."""
        tail: list[Any] = []
        self._tails.append(tail)
        return tail

    def leave(self, tail: list[Any]) -> None:
        """Let a list grow no more."""
        self._tails = [each for each in self._tails if each is not tail]


class Streams:
    """All streams that are read, and what is done with their entries."""

    def __init__(
        self,
        names: Sequence[bytes],
        take: Callable[[Stream, str, Any], None],
        *,
        read_count: int,
        max_len: int,
    ) -> None:
        """Make some of which nothing is known yet.

        Args:
            names: Of the streams.
            take: Takes each entry, in order: its stream, its id and its fields.
            read_count: How many entries are read at once.
            max_len: About how many a stream has at most.
        """
        self.by_name = {name: Stream(name) for name in names}
        self._take = take
        self.read_count = read_count
        self.max_len = max_len
        self._reactor: Reactor
        self._account: Account
        #: When the broker has answered last, by the clock.
        self._heard_at = 0.0
        #: Since when entries may be missing; None: all were read.
        self._missing_since: float | None = None

    def open(self, reactor: Reactor, account: Account) -> None:
        """Begin; ``account`` is told of gaps."""
        self._reactor = reactor
        self._account = account
        self._heard_at = reactor.clock.now()

    def heard(self, gone: Sequence[Stream]) -> None:
        """The broker has answered.

        Args:
            gone: Where the entry read last is gone, and later ones, perhaps.
        """
        for stream in gone:
            stream.whole = False
        if gone and self._missing_since is None:
            self._missing_since = self._heard_at
            names = [stream.name.decode() for stream in gone]
            log.warning("entries of %r may be lost: trimmed or deleted unread", names)
        self._heard_at = self._reactor.clock.now()

    def caught_up(self) -> None:
        """All that is there was read."""
        since, self._missing_since = self._missing_since, None
        if since is not None:
            self._account.announce(self._reactor, self._heard_at - since)

    def hand_on(self, stream: Stream, entries: Sequence[Any]) -> None:
        """Take what was read."""
        # Nothing may switch greenlets here: the entries and ``reach`` belong together.
        for id, fields in entries:
            stream.position = id.decode()
            self._take(stream, stream.position, fields)
        stream.whole = True
        self._reactor.to_hub(stream.reach, entries)

    def restart(self, stream: Stream) -> None:
        """Read all that is in a stream: it is another one than before."""
        stream.position = ZERO
        self._reactor.to_hub(stream.forget)


class _Reading:
    """The connection on which streams are read, while it lasts."""

    def __init__(self, connection: Connection, streams: Streams) -> None:
        self.connection = connection
        self._streams = streams
        #: How long the broker may hold back its next answer.
        self._block: tuple[Any, ...] = ()
        #: Bytes received at the last look, and how many looks have found no more.
        self._received = 0
        self._looks = 0

    def begin(self) -> None:
        """Find out where to begin, unless that is known."""
        for stream in self._streams.by_name.values():
            if not stream.position:
                stream.begin(self._last(stream))

    def stuck(self) -> bool:
        """Whether the broker has been silent for long; called every few seconds."""
        before, self._received = self._received, self.connection.received
        self._looks = self._looks + 1 if before == self._received else 0
        return self._looks == LOOKS

    def read(self) -> None:
        """Take what is new; or nothing, after a while."""
        streams = self._streams.by_name
        checked = [stream for stream in streams.values() if stream.whole]
        commands: list[tuple[Any, ...]] = [
            ("XRANGE", stream.name, stream.position, stream.position, "COUNT", 1)
            for stream in checked
        ]
        positions = [stream.position for stream in streams.values()]
        how = ("COUNT", self._streams.read_count, *self._block)
        commands.append(("XREAD", *how, "STREAMS", *streams, *positions))
        self.connection.send(commands)
        # The broker does both at once: what is trimmed after the first was read.
        gone = [stream for stream in checked if not self.connection.read()]
        found = self.connection.read() or ()
        self._streams.heard(gone)
        for name, entries in found:
            self._streams.hand_on(streams[name], entries)
        for stream in gone:
            if not stream.whole and self._is_another(stream):
                self._streams.restart(stream)
        if all(len(entries) < self._streams.read_count for _, entries in found):
            self._streams.caught_up()
        # After an outage it is found out first whether entries are gone.
        self._block = ("BLOCK", BLOCK)

    def _is_another(self, stream: Stream) -> bool:
        """Whether another stream has taken its place, with smaller ids."""
        return order(self._last(stream)) <= order(stream.position)

    def _last(self, stream: Stream) -> str:
        """Return the id of the last entry; an empty stream gets one."""
        self.connection.send([("XREVRANGE", stream.name, "+", "-", "COUNT", 1)])
        found = self.connection.read()
        if found:
            last: bytes = found[0][0]
        else:
            how = ("MAXLEN", "~", self._streams.max_len, "*")
            self.connection.send([("XADD", stream.name, *how, *BEGINNING)])
            last = self.connection.read()
        return last.decode()


class StreamCircuit(Circuit):
    """The connections to a broker, one of them for reading streams."""

    def __init__(self, streams: Streams, finder: Finder, *rest: Any) -> None:
        super().__init__(finder, *rest)
        self._streams = streams
        self._reading: _Reading | None = None

    def open(self) -> None:
        super().open()
        connection = Connection(self._finder.find().owner(b""), self._dialer)
        reading = self._reading = _Reading(connection, self._streams)
        connection.open()
        self._finder.check(connection)
        reading.begin()

    def readers(self) -> list[Callable[[], None]]:
        assert self._reading is not None
        return [*super().readers(), self._reading.read]

    def stuck(self) -> bool:
        assert self._reading is not None
        return any([super().stuck(), self._reading.stuck()])

    def hang_up(self) -> None:
        super().hang_up()
        if self._reading is not None:
            self._reading.connection.hang_up()

    def close(self) -> None:
        super().close()
        if self._reading is not None:
            self._reading.connection.close()


class StreamLink(Link):
    """The way to a broker whose streams are read."""

    def __init__(self, streams: Streams, *rest: Any) -> None:
        super().__init__(*rest, keeps=True)
        self._streams = streams

    def open(self, reactor: Reactor) -> None:
        self._streams.open(reactor, self._account)
        super().open(reactor)

    def make(self) -> Circuit:
        return StreamCircuit(self._streams, *self.parts)
