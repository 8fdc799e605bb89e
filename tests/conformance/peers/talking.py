"""Talking: how a script of messages is held, over a WebSocket or by polling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from .conversation import BROUGHT, EVENT, Conversation, Packets, send

#: Namespaces that are joined at the end.
JOINED_LAST = ("/dynamic-998", "/dynamic-999")


class Talk(NamedTuple):
    """Messages of a client that has joined ``/``.

    Attributes:
        messages: What it sends, without the digit of Engine.IO; bytes are messages.
            ``...`` awaits one message of the server.
        mark: What tells that all is done: an event, or a namespace that is refused.
        joined: Whether the client joins ``/`` first.
        packets: Whether the messages are packets, with the digit of Engine.IO.
    """

    messages: tuple[Any, ...]
    mark: str = "event"
    joined: bool = True
    packets: bool = False


def _rounds(talk: Talk) -> Iterator[list[str | bytes]]:
    """Yield what is sent together; a message is awaited behind all but the last."""
    together: list[str | bytes] = []
    for message in talk.messages:
        if message is ...:
            yield together
            together = []
        else:
            digit = "" if talk.packets else "4"
            is_text = isinstance(message, str)
            together.append(f"{digit}{message}" if is_text else message)
    yield together


def _marks(talk: Talk) -> list[tuple[str, str]]:
    """Return what is sent behind the messages, and what it brings.

    Joining takes its time: what came of it is there when others have been joined, one
    after the other.
    """
    if talk.mark == "event":
        return [(EVENT, BROUGHT)]
    return [(f"40{name},", f"42{name},[") for name in JOINED_LAST]


def by_websocket(talk: Talk, conversation: Conversation) -> None:
    """Hold a talk over a WebSocket."""
    client = conversation.client
    websocket, fields = client.open_websocket_session()
    if talk.joined:
        if client.protocol == 4:
            websocket.send("40")
        conversation.welcomed(websocket)
    *before, last = _rounds(talk)
    for together in before:
        send(websocket, map(conversation.answered, together), client.protocol)
        conversation.receive(websocket)
    for asked, brought in _marks(talk):
        last = [*map(conversation.answered, last), asked]
        send(websocket, last, client.protocol)
        last = []
        if not conversation.messages(websocket, brought):
            conversation.fate(fields["sid"])
            break


def by_polling(talk: Talk, conversation: Conversation) -> None:
    """Hold a talk by polling."""
    client = conversation.client
    old = client.protocol == 3
    session = client.open_session(b64=1 if old else None)
    packets = Packets(conversation, session)
    if talk.joined:
        if not old:
            session.post("40")
        packets.see(2)
    *before, last = _rounds(talk)
    for together in before:
        if together:
            conversation.post(session, map(conversation.answered, together))
        packets.see(1)
    for asked, brought in _marks(talk):
        last = [*map(conversation.answered, last), asked]
        conversation.post(session, last)
        last = []
        if not packets.see_until(brought):
            conversation.fate(session.sid)
            break
