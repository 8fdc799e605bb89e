"""Times: scripts of heartbeats and time limits, with servers that wait briefly."""

from __future__ import annotations

from functools import partial

from .conversation import Conversation, Packets, Script, send


def _answers(conversation: Conversation) -> None:
    """Answer pings over a WebSocket: the next one comes."""
    websocket, _ = conversation.client.open_websocket_session()
    for _ in range(3):
        conversation.receive(websocket)
        send(websocket, ["3"], 4)


def _answers_by_polling(conversation: Conversation) -> None:
    session = conversation.client.open_session()
    packets = Packets(conversation, session)
    for _ in range(3):
        packets.see(1)
        conversation.post(session, ["3"])


def _old_pings(conversation: Conversation) -> None:
    """Send pings of protocol 3."""
    websocket, _ = conversation.client.open_websocket_session()
    conversation.welcomed(websocket)
    for ping in ("2", "21"):
        send(websocket, [ping], 3)
        conversation.receive(websocket)


def _silent(conversation: Conversation) -> None:
    """Open a WebSocket, and be silent."""
    websocket, fields = conversation.client.open_websocket_session()
    conversation.messages(websocket, "nothing")
    conversation.fate(fields["sid"])


def _silent_by_polling(conversation: Conversation) -> None:
    """Poll, and do nothing else; what the polls bring depends on when they come."""
    session = conversation.client.open_session()
    while session.poll(conversation.patience).status == 200:
        pass
    conversation.fate(session.sid)


def _no_polls(conversation: Conversation) -> None:
    """Open a session, and never poll."""
    session = conversation.client.open_session()
    conversation.fate(session.sid)
    conversation.see(session.poll().status)


def scripts() -> dict[str, Script]:
    """Return all scripts of times."""
    short = partial(Script, options="short patience")
    return {
        "heartbeat: answers": Script(_answers, "many pings"),
        "heartbeat: answers by polling": Script(_answers_by_polling, "many pings"),
        "heartbeat: old pings": Script(_old_pings, "old", 3),
        "heartbeat: silence": short(_silent),
        "heartbeat: silence by polling": short(_silent_by_polling),
        "heartbeat: silence of an old client": short(_silent, protocol=3),
        "heartbeat: no polls": short(_no_polls),
        "no namespace in time: WebSocket": Script(_silent, "no time to join"),
        "no namespace in time: polling": Script(_silent_by_polling, "no time to join"),
    }
