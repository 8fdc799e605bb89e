"""Link: two connections to PostgreSQL; one listens, the other publishes."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, TypeAlias

import gevent
import gevent.socket

from sockio.adapters.buses.reconnecting import Connections, Reconnecting

from .commands import SETTINGS, Command, listen, unlisten
from .connection import (
    FAILURES,
    Address,
    Answer,
    Connection,
    Notification,
)
from .health import Health
from .tables import Table

if TYPE_CHECKING:
    from sockio.adapters.accounting import Account

__all__ = ["FAILURES", "Fetch", "Link"]

#: Asks something in the greenlet that hears; what comes meanwhile waits.
Fetch: TypeAlias = Callable[[Command], Answer]

#: The answer to it says that the server lives, and how full its queue is.
_LOOK = Command("SELECT pg_notification_queue_usage()::text")

#: Of the table for what is too long for a notification.
_COLUMNS = "(id bigserial UNIQUE, created_at timestamptz DEFAULT now(), payload bytea)"


class _Pair(Connections):
    """The two connections, while they last."""

    def __init__(self, link: Link, attempt: int) -> None:
        super().__init__()
        self._link = link
        self._attempt = attempt
        self.listener = Connection(_wait)
        self.publisher = Connection(_wait)
        #: Whether the publisher is writing; whether it writes, or waits for answers.
        self.writing = False
        self.exchanging = False
        #: The channels, by the commands that subscribe to them.
        self._listens: dict[str, bytes] = {}
        #: What was read while an answer was waited for.
        self._read: deque[Answer | Notification] = deque()
        #: Whether the server is being asked whether it lives; and how often the
        #: listener had read when that was due last.
        self.looking = False
        self._asked_at = 0
        #: What the publisher had moved at the last look.
        self._moved_at: object = None

    @property
    def _silent(self) -> bool:
        """Whether nothing has come since the server was asked whether it lives."""
        return self.looking and self._asked_at == self.listener.reads

    @property
    def owed(self) -> bool:
        return bool(self.exchanging or self.unconfirmed or self._silent)

    def open(self) -> None:
        places = self._link.address.places(gevent.socket.getaddrinfo)
        # Each attempt takes the next: one that does not answer must not hide others.
        place = places[self._attempt % len(places)]
        self.publisher.open(place)
        self._carry_out(SETTINGS)
        self._link.health.encoding(self.publisher.encoding)
        if (why := self._link.table.provide(self._carry_out)) is not None:
            self._link.health.no_table(why, self._link.table.making)
        self.listener.open(place)

    def change(self, fresh: set[bytes], old: set[bytes]) -> None:
        commands = [Command(unlisten(name)) for name in old]
        commands += [Command(listen(name)) for name in fresh]
        self._listens = {listen(name): name for name in self.asked}
        self.listener.send(commands)

    def hear(self) -> None:
        said = self._read.popleft() if self._read else self.listener.read()
        if isinstance(said, Notification):
            self._link.heard(said, self.fetch)
        else:
            self._take(said)

    def _take(self, answer: Answer) -> None:
        """Take the answer to a question of the link."""
        name = self._listens.get(answer.command.sql)
        if name is not None:
            if answer.error is not None:
                raise ConnectionError(f"LISTEN is refused: {answer.error}")
            self.unconfirmed.discard(name)
        elif answer.command is _LOOK:
            self.looking = False
            self._link.health.queue(float(answer.value or 0))

    def fetch(self, command: Command) -> Answer:
        """Ask something in the greenlet that hears; what comes meanwhile waits.

        Blocks:
            Until there is an answer.
        """
        self.listener.send([command])
        while True:
            said = self.listener.read()
            if isinstance(said, Answer) and said.command is command:
                return said
            self._read.append(said)

    def look(self) -> None:
        """Have the server say something to the listener."""
        self._asked_at = self.listener.reads
        if not self.looking:
            self.looking = True
            self.listener.send([_LOOK])

    def exchange(self, commands: Sequence[Command], answers: list[Answer]) -> None:
        """Publish commands, and add their answers to a list.

        Raises:
            FAILURES: The server has gone away; those that came are in the list.

        Blocks:
            Until all are there.
        """
        self.exchanging = self.writing = True
        try:
            self.publisher.send(commands)
            self.writing = False
            while len(answers) < len(commands):
                said = self.publisher.read()
                if isinstance(said, Answer):
                    answers.append(said)
        finally:
            self.exchanging = False

    def _carry_out(self, commands: Sequence[Command]) -> list[Answer]:
        answers: list[Answer] = []
        self.exchange(commands, answers)
        return answers

    def stuck(self) -> bool:
        before, self._moved_at = self._moved_at, self.publisher.moved
        return self._silent or (self.exchanging and self._moved_at == before)

    def hang_up(self) -> None:
        self.listener.hang_up()
        self.publisher.hang_up()

    def close(self) -> None:
        self.listener.close()
        self.publisher.close()


def _wait(socket: int, events: int) -> None:
    """Let other greenlets run until a socket can be read or written, or has ended."""
    hub = gevent.get_hub()
    watcher = hub.loop.io(socket, events)  # its numbers are gevent's
    try:
        hub.wait(watcher)
    finally:
        watcher.close()


class Link(Reconnecting[_Pair]):
    """The way to one PostgreSQL; it is up or down."""

    failures = FAILURES

    def __init__(
        self,
        address: Address,
        table: str,
        account: Account,
        heard: Callable[[Notification, Fetch], None],
        ring: Callable[[], None],
        away: Callable[[], None],
    ) -> None:
        """Make a link that is down.

        Args:
            address: Of the server.
            table: Its name.
            account: Is told of outages.
            heard: Takes each notification, in the greenlet that hears, and may fetch
                something there.
            ring: Called when ``ready`` has something to do.
            away: Called when it is down.
        """
        super().__init__(str(address), account, ring)
        self.address = address
        self.table = Table(table, _COLUMNS, passing=True)
        self.heard = heard
        self._away = away
        self._attempts = 0
        self.health = Health(str(address))

    def make(self) -> _Pair:
        self._attempts += 1
        return _Pair(self, self._attempts - 1)

    def _lose(self, connections: _Pair, error: object) -> None:
        was_up = connections is self._current
        super()._lose(connections, error)
        if was_up:
            self._away()

    def end(self, last_words: Sequence[Command]) -> bool:
        """End at once; say whether all of ``last_words`` could be written."""
        if not last_words:
            return self.close()
        return self.close(
            lambda pair: not pair.writing and pair.publisher.send_now(last_words)
        )

    # ---- the greenlet that publishes

    @property
    def exchanging(self) -> bool:
        """Whether something is being published, or waits for its answer."""
        now = self._current
        return now is not None and now.exchanging

    @property
    def looking(self) -> bool:
        """Whether the server is being asked whether it lives, or is about to be."""
        now = self._current
        return now is not None and (self.due or now.looking)

    def look(self) -> None:
        """Have the server say something to the listener, if that is due.

        Blocks:
            Until it is written.
        """
        pair = self._current
        if pair is None or not self.due:
            return
        self.due = False
        try:
            pair.look()
        except FAILURES as exc:
            self._lose(pair, exc)

    def exchange(self, commands: Sequence[Command]) -> list[Answer]:
        """Publish commands; return the answers, fewer if the server has gone away.

        Blocks:
            Until all are there, or the link is down.
        """
        answers: list[Answer] = []
        pair = self._current
        if pair is not None:
            try:
                pair.exchange(commands, answers)
            except FAILURES as exc:
                self._lose(pair, exc)
        return answers
