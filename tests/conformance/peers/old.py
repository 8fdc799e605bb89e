"""Old: the scripts of messages that matter to clients of Engine.IO 3."""

from __future__ import annotations

from functools import partial

from .conversation import Script
from .talking import by_polling, by_websocket
from .talks import TALKS, raw, said

#: Talks that begin with one of these are the same for old clients.
SAME: tuple[str, ...] = (
    "bytes",
    "the server",
    "leaving",
    "an event just before",
    "order",
    "packet ",
)
SAME += (
    "a room",
    "another namespace",
    "an ack in",
    "connecting: 0/",
    "an id 1844",
    "not ",
)
OWN = {
    "a ping": raw("2"),
    "a ping with data": raw("2x"),
    "a namespace with a query and auth": said('0/custom?a=1&b=2,{"c":3}', ..., ...),
    "a namespace with an empty query": said("0/custom?,", ..., ...),
    "joining the main namespace": said("0", mark="namespace"),
    "attachments: none": said('50-["message",1]'),
}


def scripts() -> dict[str, Script]:
    """Return all talks for old clients."""
    talks = {name: talk for name, talk in TALKS.items() if name.startswith(SAME)}
    talks = {name: talk for name, talk in talks.items() if talk.joined} | OWN
    found = {}
    for name, talk in talks.items():
        found[f"old WebSocket: {name}"] = Script(partial(by_websocket, talk), "old", 3)
        found[f"old polling: {name}"] = Script(partial(by_polling, talk), "old", 3)
    return found
