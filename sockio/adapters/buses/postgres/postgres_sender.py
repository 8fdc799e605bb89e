"""PostgresSender: the way of an emitter through PostgreSQL."""

from __future__ import annotations

import select
import socket
import time
from collections import deque
from collections.abc import Sequence
from contextlib import suppress

from sockio.adapters.buses.roll_call import RollCall
from sockio.adapters.cluster.messages import Message, MessageType
from sockio.adapters.exclusive import Exclusive
from sockio.adapters.sender import UID
from sockio.errors import BrokerError, ProtocolError
from sockio.types import Json

from . import wire
from .commands import SETTINGS, Command, Commands, listen
from .connection import (
    FAILURES,
    READ,
    WRITE,
    Address,
    Answer,
    Connection,
    Notification,
)
from .url import Options

__all__ = ["PostgresSender"]


class _Refused(Exception):
    """PostgreSQL does not do what it is told; the connection goes on."""


#: What goes wrong when PostgreSQL is told something.
_FAILURES: tuple[type[Exception], ...] = (*FAILURES, _Refused)


class _Thread:
    """A connection that the thread waits for."""

    def __init__(self) -> None:
        #: By ``time.monotonic``, when what is under way fails.
        self.until = 0.0
        #: Whether ``exchange`` has sent something since somebody has set it to False.
        self.sent = False
        self.connection = Connection(self._wait)
        #: What was heard while an answer was awaited.
        self._heard: deque[Notification] = deque()

    def open(self, address: Address) -> None:
        """Connect to the first place that is possible; see ``Connection.open``."""
        error: Exception = OSError("there is no address")
        for place in address.places(socket.getaddrinfo):
            try:
                self.connection.open(place)
                self.exchange(SETTINGS)
                return
            except FAILURES as exc:
                error = exc
                self.connection.close()
                self.connection = Connection(self._wait)
        raise error

    def exchange(self, commands: Sequence[Command]) -> bytes | None:
        """Have commands carried out; return the first value of the last answer.

        Raises:
            _Refused: One is not.
            FAILURES: The connection has ended.
        """
        self.connection.send(commands)
        self.sent = True
        refused: str | None = None
        for command in commands:
            answer = self._answer(command)
            refused = refused or answer.error
        if refused is not None:
            raise _Refused(refused)
        return answer.value

    def _answer(self, command: Command) -> Answer:
        while True:
            said = self.connection.read()
            if isinstance(said, Notification):
                self._heard.append(said)
            elif said.command is command:
                return said

    def hear(self) -> Notification:
        """Return the next notification."""
        while not self._heard:
            said = self.connection.read()
            if isinstance(said, Notification):
                return said
        return self._heard.popleft()

    def close(self) -> None:
        self.connection.close()

    def abandon(self) -> None:
        self.connection.abandon()

    def _wait(self, socket: int, events: int) -> None:
        left = self.until - time.monotonic()
        poll = select.poll()
        reads = select.POLLIN if events & READ else 0
        poll.register(socket, reads | (select.POLLOUT if events & WRITE else 0))
        if left <= 0 or not poll.poll(left * 1000):
            raise TimeoutError("it took too long")


class PostgresSender:
    """One connection for all threads, and one more for each question."""

    def __init__(self, address: Address, options: Options) -> None:
        self._at = address
        self._prefix = options.prefix
        self._commands = Commands(options)
        self._connection: Exclusive[_Thread] = Exclusive(_Thread.abandon)

    @property
    def address(self) -> str:
        """Where PostgreSQL is; no secret is in it."""
        return str(self._at)

    def pack(self, message: Message) -> Command:
        """Return the command that says a message; see ``Sender``."""
        return self._commands.say(self._channel(message.nsp), message)[0]

    def send(self, parcel: Command, until: float) -> None:
        """Have PostgreSQL take it; see ``Sender``."""
        self._carry_out([parcel], until)

    def ask(self, message: Message, until: float, timeout: float) -> list[Json]:
        """Ask all servers; see ``Sender``."""
        greeting = Message(UID, message.nsp, MessageType.INITIAL_HEARTBEAT)
        question = [self.pack(greeting), self.pack(message)]
        listener = _Thread()
        try:
            listener.until = until
            try:
                listener.open(self._at)
                listener.exchange([Command(listen(self._channel(message.nsp)))])
            except _FAILURES as exc:
                raise self._error(exc, uncertain=False) from exc
            self._carry_out(question, until)
            roll_call = RollCall(message, timeout, time.monotonic())
            try:
                self._gather(listener, message.nsp, roll_call)
            except _FAILURES as exc:
                raise self._error(exc, uncertain=True) from exc
            return roll_call.answers()
        finally:
            listener.close()

    def close(self, until: float) -> None:
        """Give up the connection of this process; see ``Sender``."""
        with suppress(TimeoutError), self._connection.use(until) as place:
            thread, place.thing = place.thing, None
            if thread is not None:
                thread.close()

    def _channel(self, nsp: str) -> bytes:
        return wire.channel_of(self._prefix, nsp)

    def _carry_out(self, commands: list[Command], until: float) -> None:
        sent = False
        try:
            with self._connection.use(until) as place:
                thread, place.thing = place.thing, None
                try:
                    if thread is not None and not thread.connection.idle:
                        thread.close()
                        thread = None
                    if thread is None:
                        thread = _Thread()
                        thread.until = until
                        thread.open(self._at)
                    thread.until = until
                    thread.sent = False
                    thread.exchange(commands)
                    place.thing = thread
                except _Refused:
                    place.thing = thread  # the connection goes on
                    raise
                finally:
                    if thread is not None and place.thing is not thread:
                        # Something may still be owed: the next call must not read it.
                        sent = thread.sent
                        thread.close()
        except _FAILURES as exc:
            raise self._error(exc, uncertain=sent) from exc

    def _gather(self, listener: _Thread, nsp: str, roll_call: RollCall) -> None:
        """Hear the servers until all have answered, or it is too late."""
        while (until := roll_call.until) > time.monotonic():
            listener.until = until
            try:
                said = listener.hear()
            except TimeoutError:
                continue
            try:
                message = wire.read(said.payload, nsp)
                if isinstance(message, wire.Attached):
                    if message.uid == UID:
                        continue
                    row = listener.exchange([self._commands.fetch(message)])
                    message = wire.read_attachment(row or b"", nsp)
            except ProtocolError:
                continue  # of a stranger, or the row is gone
            if message is not None:
                roll_call.hear(message)

    def _error(self, exc: Exception, uncertain: bool) -> BrokerError:
        text = " ".join(str(exc).split())
        return BrokerError(f"{self.address}: {text}", uncertain=uncertain)
