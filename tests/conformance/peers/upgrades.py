"""Upgrades: scripts of sessions that change from polling to a WebSocket, or do not."""

from __future__ import annotations

from functools import partial

from .conversation import ASKED, REFUSED, Conversation, Packets, Script, send
from .requests import lives

#: What a client sends on the new WebSocket, one after the other. ``...`` awaits a
#: message; "poll" polls, "post" posts a packet by polling.
STEPS: dict[str, tuple[object, ...]] = {
    "as clients do": ("2probe", ..., "poll", "5"),
    "without polling": ("2probe", ..., "5"),
    "without a probe": ("5",),
    "a probe without its word": ("2", ...),
    "a probe with another word": ("2other",),
    "a pong for a probe": ("3probe",),
    "a message for a probe": ("4x",),
    "bytes for a probe": (b"x",),
    "a close for a probe": ("1",),
    "a noop for a probe": ("6",),
    "nothing readable for a probe": ("x",),
    "an empty frame for a probe": ("",),
    "two probes": ("2probe", ..., "2probe", ..., "5"),
    "a message between probe and upgrade": ("2probe", ..., "4x"),
    "a noop between probe and upgrade": ("2probe", ..., "6"),
    "two upgrades": ("2probe", ..., "5", "5"),
    "an upgrade with data": ("2probe", ..., "5x"),
    "a post between probe and upgrade": ("2probe", ..., "post", "5"),
    "an event between probe and upgrade": ("2probe", ..., "event", "5"),
}


def _upgrade(steps: tuple[object, ...], conversation: Conversation) -> None:
    session = conversation.client.open_session()
    session.post("40")
    packets = Packets(conversation, session)
    packets.see(2)
    websocket = session.websocket()
    for step in steps:
        if step is ...:
            conversation.receive(websocket)
        elif step == "poll":
            packets.see(1)
        elif step == "post":
            conversation.post(session, ["6"])
        elif step == "event":
            conversation.post(session, ['42["message",1]'])
        else:
            send(websocket, [step], 4)  # type: ignore[list-item]
    if steps[-1] in ("5", "5x"):
        send(websocket, [ASKED], 4)
        if not conversation.messages(websocket, REFUSED):
            conversation.fate(session.sid)
        return
    if steps[-1] is not ...:
        conversation.messages(websocket, "nothing")
    lives(conversation, session)


def _twice(upgraded: bool, conversation: Conversation) -> None:
    """Open a second WebSocket for a session."""
    session = conversation.client.open_session()
    if upgraded:
        first = session.upgrade()
        send(first, [ASKED], 4)
        conversation.messages(first, REFUSED)
    else:
        first = session.websocket()
        send(first, ["2probe"], 4)
        conversation.receive(first)
    conversation.messages(session.websocket(), "nothing")
    if not upgraded:
        send(first, ["5"], 4)
    send(first, [ASKED], 4)
    conversation.messages(first, REFUSED)


def _poll_after(method: str, conversation: Conversation) -> None:
    """Make a request by polling when the session has been upgraded."""
    session = conversation.client.open_session()
    websocket = session.upgrade()
    send(websocket, [ASKED], 4)
    conversation.messages(websocket, REFUSED)
    body = "6" if method == "POST" else None
    conversation.ask(session.target(), method, None, body)
    send(websocket, [ASKED], 4)
    conversation.messages(websocket, REFUSED)


def _not_allowed(conversation: Conversation) -> None:
    """Upgrade a session whose handshake offered no upgrade."""
    session = conversation.client.open_session()
    conversation.see(session.handshake["upgrades"])
    websocket = conversation.websocket(session.target(transport="websocket"))
    if websocket is not None:
        send(websocket, ["2probe"], 4)
        conversation.messages(websocket, "3")
        conversation.see("the probe is answered")


def _while_waiting(conversation: Conversation) -> None:
    """Probe while a poll waits."""
    session = conversation.client.open_session()
    poll = session.start_poll()
    websocket = session.websocket()
    send(websocket, ["2probe"], 4)
    conversation.receive(websocket)
    conversation.answer(poll)
    send(websocket, ["5", ASKED], 4)
    conversation.messages(websocket, REFUSED)


def _of_another_protocol(eio: str | None, conversation: Conversation) -> None:
    session = conversation.client.open_session()
    where = session.target(transport="websocket", EIO=eio)
    if conversation.websocket(where) is not None:
        conversation.see("accepted")
    lives(conversation, session)


def _too_late(conversation: Conversation) -> None:
    """Open a WebSocket for a session, and never probe."""
    session = conversation.client.open_session()
    session.post("40")
    conversation.messages(session.websocket(), "nothing")
    lives(conversation, session)


def _gone(conversation: Conversation) -> None:
    """Break the WebSocket off in the middle of an upgrade."""
    session = conversation.client.open_session()
    websocket = session.websocket()
    send(websocket, ["2probe"], 4)
    conversation.receive(websocket)
    websocket.cut()
    lives(conversation, session)


def scripts() -> dict[str, Script]:
    """Return all scripts of upgrades."""
    found = {
        f"upgrade: {name}": Script(partial(_upgrade, steps))
        for name, steps in STEPS.items()
    }
    found["upgrade: while a poll waits"] = Script(_while_waiting)
    found["upgrade: twice at once"] = Script(partial(_twice, False))
    found["upgrade: twice"] = Script(partial(_twice, True))
    found["upgrade: not allowed"] = Script(_not_allowed, "no upgrades")
    found["upgrade: no probe in time"] = Script(_too_late, "no time to upgrade")
    found["upgrade: broken off"] = Script(_gone)
    for method in ("GET", "POST"):
        found[f"upgrade: {method} behind it"] = Script(partial(_poll_after, method))
    for eio in (None, "3", "5"):
        found[f"upgrade: with EIO {eio}"] = Script(partial(_of_another_protocol, eio))
    return found
