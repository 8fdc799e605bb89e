"""Circuit: the connections to a broker, or to all nodes of a cluster, at one time.

To each node there are two: one listens, the other publishes. A message goes to the node
that is responsible for its channel, if it is sharded, and otherwise to the same node as
all others. If one connection ends, so do all.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence
from functools import partial
from typing import Any

import gevent

from sockio.adapters.buses.reconnecting import Connections

from .connection import FAILURES, Connection, Moved, Refused, slot_of
from .dialer import Dialer
from .finding import Finder

__all__ = ["Circuit", "Subscription"]

#: ``(b"subscribe", channel)``, ``(b"psubscribe", pattern)`` or ``(b"ssubscribe",
#: channel)``.
Subscription = tuple[bytes, bytes]

#: How often a slot may change hands until a node takes something for it. The pauses
#: meanwhile: the first and the longest one, in seconds.
MOST_MOVES = 10
FIRST_PAUSE, LONGEST_PAUSE = 0.01, 1.0

_UNDO = {
    b"subscribe": b"unsubscribe",
    b"psubscribe": b"punsubscribe",
    b"ssubscribe": b"sunsubscribe",
}


class _Pair:
    """The two connections to one node."""

    def __init__(self, subscriber: Connection, publisher: Connection) -> None:
        self.subscriber = subscriber
        self.publisher = publisher
        #: Whether the publisher is writing; whether it writes, or waits for answers.
        self.writing = False
        self.exchanging = False
        #: Bytes received by the subscriber when it sent the last PING.
        self._pinged_at: int | None = None
        #: Bytes moved by the publisher at the last look.
        self._moved_at: int | None = None

    @property
    def _silent(self) -> bool:
        """Whether nothing has come since the last PING."""
        return self._pinged_at == self.subscriber.received

    @property
    def owed(self) -> bool:
        """Whether the node owes us an answer."""
        return self.exchanging or self._silent

    def stuck(self) -> bool:
        """Whether the node owes something, and nothing moved since the last call."""
        before, self._moved_at = self._moved_at, self.publisher.moved
        return self._silent or (self.exchanging and self._moved_at == before)

    def ping(self) -> None:
        """Have the node say something to the subscriber."""
        self._pinged_at = self.subscriber.received
        self.subscriber.send([["PING"]])

    def exchange(self, commands: Sequence[Sequence[Any]], answers: list[Any]) -> None:
        """Send commands, and append the answers; a refusal is one.

        Raises:
            FAILURES: The connection has ended; some answers may be missing.

        Blocks:
            Until all are there.
        """
        self.exchanging = self.writing = True
        try:
            self.publisher.send(commands)
            self.writing = False
            while len(answers) < len(commands):
                try:
                    answers.append(self.publisher.read())
                except Refused as refusal:
                    answers.append(refusal)
        finally:
            self.exchanging = False

    def hang_up(self) -> None:
        self.subscriber.hang_up()
        self.publisher.hang_up()

    def close(self) -> None:
        self.subscriber.close()
        self.publisher.close()


class Circuit(Connections):
    """A pair of connections to each node."""

    def __init__(
        self,
        finder: Finder,
        dialer: Dialer,
        meeting: bytes,
        counted: Container[bytes],
        heard: Callable[[Sequence[bytes]], None],
        ask_anew: Callable[[Iterable[Subscription]], None],
    ) -> None:
        """Make one that is not open yet.

        Args:
            finder: Finds the nodes.
            dialer: Makes gevent's sockets.
            meeting: Names the node for all that is not sharded: the same one for all
                servers that say the same here, as long as nothing moves.
            counted: The channels whose subscribers are counted.
            heard: Takes ``[b"message", channel, data]``, ``[b"pmessage", pattern,
                channel, data]`` or ``[b"smessage", channel, data]``.
            ask_anew: Takes note of subscriptions that another node must be asked for.
        """
        super().__init__()
        self._finder = finder
        self._dialer = dialer
        self._meeting = meeting
        self._counted = counted
        self._heard = heard
        self._ask_anew = ask_anew
        #: By host and port.
        self._pairs: dict[tuple[str, int], _Pair] = {}
        #: Who is responsible, by slot.
        self._owners: list[_Pair] = []
        #: How often a slot has changed hands since a node took something for it.
        self._moves: dict[int, int] = {}
        #: Whether each node is listened to by a greenlet of its own.
        self._listening = False
        #: Who was asked for a subscription.
        self._asked_at: dict[Subscription, _Pair] = {}

    @property
    def owed(self) -> bool:
        pairs = self._pairs.values()
        return bool(self.unconfirmed) or any(pair.owed for pair in pairs)

    def open(self) -> None:
        found = self._finder.find()
        for address in found.nodes:
            subscriber, publisher = (
                Connection(address, self._dialer) for _ in range(2)
            )
            pair = _Pair(subscriber, publisher)
            self._pairs[address.host, address.port] = pair
            pair.publisher.open()
            self._finder.check(pair.publisher)
            pair.subscriber.open()
        self._owners = [self._pairs[node.host, node.port] for node in found.owners]
        self._finder.keep()

    def stuck(self) -> bool:
        return any([pair.stuck() for pair in self._pairs.values()])

    def ping(self) -> None:
        """Have all nodes say something.

        Raises:
            FAILURES: A connection has ended.

        Blocks:
            Until that is written.
        """
        for pair in self._pairs.values():
            pair.ping()

    def hang_up(self) -> None:
        for pair in self._pairs.values():
            pair.hang_up()

    def close(self) -> None:
        for pair in self._pairs.values():
            pair.close()

    # ---- subscriptions

    def subscribe(self, wanted: set[Any], changed: set[Any]) -> None:
        if not self._listening:
            # Whoever is counted must have subscribed to everything else.
            rest = {each for each in changed if each[1] not in self._counted}
            super().subscribe(wanted, rest)
            while self.unconfirmed:
                self.hear()
        self._pause()
        super().subscribe(wanted, changed)

    def change(self, fresh: set[Subscription], old: set[Subscription]) -> None:
        commands: dict[_Pair, list[Subscription]] = {}
        for command, name in fresh:
            pair = self._owner(name) if command == b"ssubscribe" else self._home
            self._asked_at[command, name] = pair
            commands.setdefault(pair, []).append((command, name))
        for command, name in old:
            pair = self._asked_at.pop((command, name))
            commands.setdefault(pair, []).append((_UNDO[command], name))
        for pair, listed in commands.items():
            pair.subscriber.send(listed)

    def hear(self) -> None:
        """Take one message of a node that owes a confirmation."""
        self._hear(self._asked_at[next(iter(self.unconfirmed))])

    def readers(self) -> list[Callable[[], None]]:
        self._listening = True
        return [partial(self._hear, pair) for pair in self._pairs.values()]

    def _hear(self, pair: _Pair) -> None:
        try:
            message = pair.subscriber.read()
        except Moved as moved:
            error = self.move(moved)
            if error is not None:
                raise error from moved
            return
        except Refused as refusal:
            if "unknown command" in str(refusal):
                raise ConnectionError(
                    f"mode=sharded needs Redis 7 or Valkey: {refusal}"
                ) from refusal
            raise
        if not isinstance(message, list) or not message:
            return
        match message[0]:
            case b"message" | b"pmessage" | b"smessage":
                self._heard(message)
            case b"subscribe" | b"psubscribe" | b"ssubscribe":
                self.unconfirmed.discard((message[0], message[1]))
                if message[0] == b"ssubscribe":
                    self._has_taken(message[1])
            case b"sunsubscribe":
                subscription = (b"ssubscribe", message[1])
                if self._asked_at.get(subscription) is pair:
                    # We have not asked for that: another node is responsible now.
                    self._forget({subscription})

    def move(self, moved: Moved) -> Exception | None:
        """Another node is responsible for a slot, as one of them says.

        Returns:
            Why these connections are of no use any more; None: they are.
        """
        slot, host, port = moved.slot_id, moved.host, moved.port
        pair = self._pairs.get((host, port))
        if pair is None:
            return ConnectionError(f"the cluster has another node now, {host}:{port}")
        if self._owners[slot] is not pair:
            self._owners[slot] = pair
            self._moves[slot] = self._moves.get(slot, 0) + 1
            if self._moves[slot] > MOST_MOVES:
                return ConnectionError(
                    "the nodes of the cluster do not agree on which of them is "
                    f"responsible for slot {slot}"
                )
        self._forget(
            {
                (command, name)
                for (command, name), at in self._asked_at.items()
                if command == b"ssubscribe" and self._owner(name) is not at
            }
        )
        return None

    def _pause(self) -> None:
        """Wait a moment if the nodes do not agree on who is responsible."""
        moves = max(self._moves.values(), default=0)
        if moves > 1:
            gevent.sleep(min(FIRST_PAUSE * 2 ** (moves - 2), LONGEST_PAUSE))

    def _has_taken(self, name: bytes | None) -> None:
        """The node that is responsible for a channel or a key has said so."""
        if self._moves and name is not None:
            self._moves.pop(slot_of(name, len(self._owners)), None)

    def _forget(self, subscriptions: set[Subscription]) -> None:
        for subscription in subscriptions:
            del self._asked_at[subscription]
        self.asked -= subscriptions
        self.unconfirmed -= subscriptions
        self._ask_anew(subscriptions)

    # ---- commands

    def exchange(
        self, commands: Sequence[Sequence[Any]], lose: Callable[[Exception], None]
    ) -> list[Any]:
        """Send commands; return what is answered to each, which may be a ``Refused``.

        Args:
            commands: Each goes to the node that is responsible, and questions for
                numbers to all nodes: their answers are added up.
            lose: Called if a connection has ended.

        Returns:
            None where there is no answer.

        Blocks:
            Until all are there.
        """
        self._pause()
        answers: list[list[Any]] = [[] for _ in commands]

        def exchange(pair: _Pair, share: list[int]) -> None:
            found: list[Any] = []
            try:
                pair.exchange([commands[number] for number in share], found)
            except FAILURES as exc:
                lose(exc)
            for number, answer in zip(share, found, strict=False):
                answers[number].append(answer)
                if self._moves and not isinstance(answer, Refused):
                    self._has_taken(_place_of(commands[number]))

        shares = self._shares(commands)
        if len(shares) == 1:
            exchange(*next(iter(shares.items())))
        else:
            gevent.joinall([gevent.spawn(exchange, *share) for share in shares.items()])
        return [
            _added(found) if len(found) == len(self._takers(command)) else None
            for command, found in zip(commands, answers, strict=True)
        ]

    def send_now(self, commands: Sequence[Sequence[Any]]) -> bool:
        """Write commands as far as that needs no waiting; say whether all were.

        Nothing else can be done with the connections after that.
        """
        shares = self._shares(commands)
        if any(pair.writing for pair in shares):
            return False
        sent = [
            pair.publisher.send_now([commands[number] for number in share])
            for pair, share in shares.items()
        ]
        return all(sent)

    def _shares(self, commands: Sequence[Sequence[Any]]) -> dict[_Pair, list[int]]:
        """Return the numbers of the commands that are for each node."""
        shares: dict[_Pair, list[int]] = {}
        for number, command in enumerate(commands):
            for pair in self._takers(command):
                shares.setdefault(pair, []).append(number)
        return shares

    def _takers(self, command: Sequence[Any]) -> list[_Pair]:
        if command[0] == "PUBSUB":
            return list(self._pairs.values())
        name = _place_of(command)
        return [self._home if name is None else self._owner(name)]

    @property
    def _home(self) -> _Pair:
        return self._owner(self._meeting)

    def _owner(self, name: bytes) -> _Pair:
        return self._owners[slot_of(name, len(self._owners))]


def _place_of(command: Sequence[Any]) -> Any:
    """Return the channel or the key whose node takes a command; None: any node does."""
    match command[0]:
        case "SPUBLISH":
            return command[1]
        case "EVAL":  # script, number of keys, key
            return command[3]
    return None


def _added(answers: list[Any]) -> Any:
    """Return one answer, or the sum of several, each ``[channel, number, ...]``."""
    first, *rest = answers
    for other in rest:
        if isinstance(first, Refused):
            break
        if isinstance(other, Refused):
            return other
        numbers = zip(first[1::2], other[1::2], strict=True)
        first[1::2] = [int(a) + int(b) for a, b in numbers]
    return first
