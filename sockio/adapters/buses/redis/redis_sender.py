"""RedisSender: the way of an emitter through Redis or Valkey, in any language."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Protocol

from sockio.adapters.cluster.messages import Message, MessageType
from sockio.adapters.exclusive import Exclusive, Place
from sockio.errors import BrokerError, ClusterTimeout, ProtocolError
from sockio.types import Json

from .connection import FAILURES, Connection, Refused
from .dialer import Dialer
from .finding import Finder
from .url import Site

__all__ = ["Language", "RedisSender"]

#: A command for the broker, which answers how many servers get what it says.
Command = tuple[Any, ...]

_DIALER = Dialer(socket, ssl)


class Language(Protocol):
    """How the servers are spoken to."""

    def say(self, message: Message) -> Command:
        """Return the command that sends a message.

        Raises:
            EncodeError: A value in it cannot travel, or it is too large.
        """

    def ask(self, message: Message) -> Command:
        """The same, for a question; the broker's answer is the number of servers."""

    def answers(self, nsp: str) -> tuple[str, Sequence[bytes]]:
        """Return the command that subscribes to answers, and their channels."""

    def read(self, data: bytes, nsp: str) -> Message | None:
        """Return an answer, whose uid may be empty; None: it is something else.

        Raises:
            ProtocolError: It cannot be read.
        """


class RedisSender:
    """One connection for all threads, and one more for each question."""

    def __init__(self, site: Site, language: Language) -> None:
        self._finder = Finder(site, _DIALER)
        self._language = language
        self._connection: Exclusive[Connection] = Exclusive(Connection.abandon)

    @property
    def address(self) -> str:
        """Where the broker is; no secret is in it."""
        return str(self._finder.site)

    def pack(self, message: Message) -> Command:
        """Return the command that sends a message; see ``Sender``."""
        return self._language.say(message)

    def send(self, parcel: Command, until: float) -> None:
        """Have the broker take it; see ``Sender``."""
        self._carry_out(parcel, until)

    def ask(self, message: Message, until: float, timeout: float) -> list[Json]:
        """Ask all servers; see ``Sender``."""
        question = self._language.ask(message)
        subscribe, channels = self._language.answers(message.nsp)
        listener = None
        try:
            try:
                listener = self._open(until)
                listener.send([(subscribe, channel) for channel in channels])
                for _ in channels:
                    listener.read()
            except FAILURES as exc:
                raise self._error(exc, uncertain=False) from exc
            servers = int(self._carry_out(question, until))
            return self._gather(listener, message, servers, timeout)
        finally:
            if listener is not None:
                listener.close()

    def close(self, until: float) -> None:
        """Give up the connection of this process; see ``Sender``."""
        with suppress(TimeoutError), self._connection.use(until) as place:
            _drop(place)

    def _carry_out(self, command: Command, until: float) -> Any:
        """Return what the broker answers to a command."""
        written = False
        try:
            with self._connection.use(until) as place:
                try:
                    connection = self._opened(place, until)
                    written = True
                    connection.send([command])
                    return connection.read()
                except Refused:
                    raise  # the connection goes on
                except BaseException:
                    # Something may still be owed: the next call must not read it.
                    _drop(place)
                    raise
        except FAILURES as exc:
            uncertain = written and not isinstance(exc, Refused)
            raise self._error(exc, uncertain) from exc

    def _opened(self, place: Place[Connection], until: float) -> Connection:
        """Return a connection that works; one that has ended meanwhile is replaced."""
        connection = place.thing
        if connection is not None and not connection.idle:
            _drop(place)
            connection = None
        if connection is None:
            connection = place.thing = self._open(until)
        connection.until = until
        return connection

    def _open(self, until: float) -> Connection:
        """Find the broker, and connect to it."""
        (broker,) = self._finder.find(until).nodes
        connection = Connection(broker, _DIALER)
        connection.until = until
        try:
            connection.open()
            self._finder.check(connection)
        except BaseException:
            connection.close()
            raise
        self._finder.keep()
        return connection

    def _gather(
        self, listener: Connection, question: Message, servers: int, timeout: float
    ) -> list[Json]:
        """Return the answers of that many servers."""
        values: list[Json] = []
        heard: set[str] = set()
        listener.until = time.monotonic() + timeout
        while len(values) < servers:
            try:
                said = listener.read()
            except FAILURES as exc:
                if time.monotonic() < listener.until:
                    raise self._error(exc, uncertain=True) from exc
                text = f"{len(values)} of {servers} servers answered"
                text = f"server_side_emit: {text} within {timeout:g} s"
                raise ClusterTimeout(text, values) from None
            answer = self._answer(said, question)
            # Where nobody says who he is, each server answers only once.
            if answer is not None and not (answer.uid and answer.uid in heard):
                heard.add(answer.uid)
                values.append(answer.data["packet"])
        return values

    def _answer(self, said: Any, question: Message) -> Message | None:
        """Return what was said if it answers the question."""
        if not isinstance(said, list) or len(said) != 3 or type(said[2]) is not bytes:
            return None
        try:
            answer = self._language.read(said[2], question.nsp)
        except ProtocolError:
            return None  # of a stranger, or an answer to somebody else
        if answer is None or answer.type is not MessageType.SERVER_SIDE_EMIT_RESPONSE:
            return None
        mine = answer.data.get("requestId") == question.data["requestId"]
        return answer if mine and "packet" in answer.data else None

    def _error(self, exc: Exception, uncertain: bool) -> BrokerError:
        return BrokerError(f"{self.address}: {exc}", uncertain=uncertain)


def _drop(place: Place[Connection]) -> None:
    connection, place.thing = place.thing, None
    if connection is not None:
        connection.close()
