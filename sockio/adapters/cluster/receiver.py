"""Receiver: applies the messages of other servers to our sockets.

It is called in the hub: nothing here blocks or runs the application's code.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sockio.adapters.adapter import LocalNamespace
from sockio.adapters.memory import MemoryAdapter
from sockio.types import Json

from .elsewhere import found_in, shown
from .errand import Errand, Reply
from .keeper import Keeper
from .messages import (
    Message,
    MessageType,
    event_in,
    options_in,
    packet_in,
    text_in,
    texts_in,
    trail_in,
    value_in,
)
from .requests import TIMEOUT, Requests

if TYPE_CHECKING:
    from sockio.runtime.reactor import Reactor

__all__ = ["Receiver"]


class Receiver:
    """The messages of other servers in one namespace."""

    def __init__(
        self,
        nsp: LocalNamespace,
        local: MemoryAdapter,
        requests: Requests,
        reply: Reply,
    ) -> None:
        """Make one for ``nsp``.

        Args:
            nsp: The namespace.
            local: Its sockets here.
            requests: Our open questions to other servers.
            reply: Sends a message to one of them.
        """
        self._nsp = nsp
        self._local = local
        self._requests = requests
        self._reply = reply
        #: The questions that our clients are asked on behalf of other servers.
        self._errands: set[Errand] = set()

    def close(self) -> None:
        """Stop asking our clients."""
        for errand in tuple(self._errands):
            errand.end()

    def hear(
        self,
        message: Message,
        offset: str | None,
        kept: Keeper | None,
        reactor: Reactor,
    ) -> None:
        """Carry out a message of another server.

        Args:
            message: From the other server.
            offset: Of an event that the bus keeps.
            kept: The events that the bus keeps; None: it keeps none.
            reactor: Of this server.

        Raises:
            ProtocolError: The message does not fit its type.
        """
        match message.type:
            case MessageType.BROADCAST if "requestId" in message.data:
                self._ask(message)
            case MessageType.BROADCAST if kept is not None:
                kept.hear(message, offset)
            case MessageType.BROADCAST:
                self._local.broadcast(packet_in(message), options_in(message))
            case MessageType.SERVER_SIDE_EMIT:
                self._serve(message, reactor.to_hub)
            case MessageType.FETCH_SOCKETS:
                self._fetch(message)
            case MessageType.ADAPTER_CLOSE:
                self._requests.gone(message.uid)
                if kept is not None:
                    kept.left(message.uid)
            case kind if kind >= MessageType.NUMBER:
                if kept is not None:
                    kept.take(message)
            case kind if kind in _ANSWERS:
                self._take_answer(message)
            case _:
                self._change(message)

    def _change(self, message: Message) -> None:
        local = self._local
        match message.type:
            case MessageType.SOCKETS_JOIN:
                local.add_sockets(options_in(message), texts_in(message, "rooms"))
            case MessageType.SOCKETS_LEAVE:
                local.del_sockets(options_in(message), texts_in(message, "rooms"))
            case MessageType.DISCONNECT_SOCKETS:
                close = message.data.get("close") is True
                local.disconnect_sockets(options_in(message), close)

    def _ask(self, message: Message) -> None:
        """Ask our clients on behalf of another server."""
        options = options_in(message)
        packet = packet_in(message)._replace(id=self._nsp.next_ack_id())
        errand = Errand(self._reply, message, self._errands.discard)
        wire = self._nsp.encode(packet, options.flags)
        self._errands.add(errand)
        stop = self._local.ask(wire, packet, options, errand)
        seconds = options.flags.timeout
        errand.started(stop, self._nsp.clock, TIMEOUT if seconds is None else seconds)

    def _fetch(self, message: Message) -> None:
        id = text_in(message, "requestId")
        sockets = [shown(s) for s in self._local.fetch_sockets(options_in(message))]
        kind = MessageType.FETCH_SOCKETS_RESPONSE
        self._reply(message.uid, kind, requestId=id, sockets=sockets)

    def _serve(self, message: Message, to_hub: Callable[..., None]) -> None:
        name, args = event_in(message)
        trail = trail_in(message)
        if "requestId" not in message.data:
            self._nsp.serve(name, args, None, trail)
            return
        id = text_in(message, "requestId")
        kind = MessageType.SERVER_SIDE_EMIT_RESPONSE
        reply = self._reply

        def answer(value: Json) -> None:
            to_hub(lambda: reply(message.uid, kind, requestId=id, packet=value))

        self._nsp.serve(name, args, answer, trail)

    def _take_answer(self, message: Message) -> None:
        """Hand an answer to the question that it belongs to, if that is still open."""
        uid, kind = message.uid, message.type
        id = text_in(message, "requestId")
        gathering, poll = self._requests.gathering(id), self._requests.clients(id)
        if gathering is not None:
            if kind is MessageType.FETCH_SOCKETS_RESPONSE:
                gathering.answer(uid, found_in(message))
            elif kind is MessageType.SERVER_SIDE_EMIT_RESPONSE:
                gathering.answer(uid, value_in(message, "packet"))
        elif poll is not None:
            if kind is MessageType.BROADCAST_ACK:
                poll.answered(uid, message.data.get("packet"))
            elif kind is MessageType.BROADCAST_LOST:
                poll.lost(uid)
            elif kind is MessageType.BROADCAST_CLIENT_COUNT:
                clients = message.data.get("clientCount", 0)  # Go's servers omit 0
                if type(clients) is int and clients >= 0:
                    poll.count(uid, clients)


_ANSWERS = frozenset(
    {
        MessageType.FETCH_SOCKETS_RESPONSE,
        MessageType.SERVER_SIDE_EMIT_RESPONSE,
        MessageType.BROADCAST_CLIENT_COUNT,
        MessageType.BROADCAST_ACK,
        MessageType.BROADCAST_LOST,
    }
)
