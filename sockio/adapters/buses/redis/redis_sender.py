"""RedisSender: the way of an emitter through Redis or Valkey, in any language."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from typing import Any, Protocol, TypeVar

from sockio.adapters.cluster.messages import Message, MessageType
from sockio.adapters.exclusive import Exclusive
from sockio.errors import BrokerError, ClusterTimeout, ProtocolError
from sockio.types import Json

from .connection import FAILURES, Connection, Refused, Unsettled
from .nodes import Command, Nodes
from .url import Site

__all__ = ["Language", "RedisSender"]

T = TypeVar("T")


class Language(Protocol):
    """How the servers are spoken to."""

    def say(self, message: Message) -> Command:
        """Return the command that sends a message, with the channel or the key second.

        Raises:
            EncodeError: A value in it cannot travel, or it is too large.
        """

    def ask(self, message: Message) -> tuple[Command, Command]:
        """Return the command that counts the servers, and the one that asks them."""

    def answers(self, nsp: str) -> tuple[str, Sequence[bytes]]:
        """Return the command that subscribes to answers, and their channels."""

    def read(self, data: bytes, nsp: str) -> Message | None:
        """Return an answer, whose uid may be empty; None: it is something else.

        Raises:
            ProtocolError: It cannot be read.
        """


class RedisSender:
    """One connection to a node for all threads, and one more for each question."""

    def __init__(self, site: Site, language: Language) -> None:
        self._site = site
        self._language = language
        self._nodes: Exclusive[Nodes] = Exclusive(Nodes.abandon)

    @property
    def address(self) -> str:
        """Where the broker is; no secret is in it."""
        return str(self._site)

    def pack(self, message: Message) -> Command:
        """Return the command that sends a message; see ``Sender``."""
        return self._language.say(message)

    def send(self, parcel: Command, until: float) -> None:
        """Have the broker take it; see ``Sender``."""
        self._with_nodes(lambda nodes: nodes.send(parcel), until)

    def ask(self, message: Message, until: float, timeout: float) -> list[Json]:
        """Ask all servers; see ``Sender``."""
        count, question = self._language.ask(message)
        listener = self._with_nodes(lambda nodes: self._listen(nodes, message), until)
        try:

            def put(nodes: Nodes) -> int:
                servers = nodes.add_up(count)
                nodes.send(question)
                return servers

            servers = self._with_nodes(put, until)
            return self._gather(listener, message, servers, timeout)
        finally:
            listener.close()

    def close(self, until: float) -> None:
        """Give up the connections of this process; see ``Sender``."""
        with suppress(TimeoutError), self._nodes.use(until) as place:
            if place.thing is not None:
                place.thing.close()

    def _with_nodes(self, use: Callable[[Nodes], T], until: float) -> T:
        """Return what ``use`` returns; do it again where the nodes have moved."""
        sent = False
        try:
            with self._nodes.use(until) as place:
                nodes = place.thing = place.thing or Nodes(self._site)
                nodes.until = until
                nodes.sent = settled = False
                try:
                    try:
                        answer = use(nodes)
                    except Unsettled:
                        # Nobody has got it: the nodes are not those that they were.
                        nodes.close()
                        answer = use(nodes)
                    settled = True
                    return answer
                except Refused:
                    settled = True  # the connection goes on
                    raise
                finally:
                    if not settled:
                        # Something may still be owed: the next call must not read it.
                        sent = nodes.sent
                        nodes.close()
        except FAILURES as exc:
            raise self._error(exc, uncertain=sent) from exc

    def _listen(self, nodes: Nodes, question: Message) -> Connection:
        """Return a connection that hears the answers."""
        subscribe, channels = self._language.answers(question.nsp)
        listener = nodes.connect(nodes.owner(channels[0]))
        with ExitStack() as undo:
            undo.callback(listener.close)
            listener.open()
            listener.send([(subscribe, channel) for channel in channels])
            for _ in channels:
                listener.read()
            undo.pop_all()
        return listener

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
