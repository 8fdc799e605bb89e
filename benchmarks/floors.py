"""Which floor of a server a stack belongs to: recv, frame, decode, ... send.

A stack counts for the innermost of its frames that a rule knows; what sockio calls in
other packages counts for the caller.
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Frame(NamedTuple):
    """One frame of a stack as py-spy prints it: `function (path:line)`."""

    function: str
    path: str
    line: int

    @property
    def name(self) -> str:
        """The function's own name, without class or function around it."""
        return self.function.rpartition(".")[2]

    @property
    def file(self) -> str:
        """The path, starting at the package."""
        return re.split(r"/site-packages/|/(?=sockio/)|/(?=peers/)", self.path)[-1]


class Rule(NamedTuple):
    """The floor of the functions that match, in the files that match."""

    floor: str
    path: re.Pattern[str]
    function: re.Pattern[str]


def _rule(floor: str, path: str, function: str = "") -> Rule:
    return Rule(floor, re.compile(path), re.compile(function))


#: In the order in which they are printed: a packet's way through the house.
FLOORS = {
    "recv": "bytes from the kernel",
    "http": "requests, their heads and answers",
    "frame": "bytes to WebSocket messages",
    "decode": "messages to packets",
    "session": "Engine.IO: transports, heartbeat, outbox",
    "dispatch": "packets to handlers: mailboxes, workers, listeners",
    "handler": "the application's functions",
    "emit": "Socket.IO: what handlers call",
    "rooms": "who receives a broadcast",
    "encode": "packets to bytes",
    "send": "bytes to the kernel, and when",
    "hub": "gevent: loop and switches",
    "other": "whatever no rule names",
}

#: The first that matches decides.
RULES = (
    _rule("handler", r"/peers/"),
    _rule("recv", r"/sockio/runtime/(syscalls|speedups)\.py", r"recei"),
    _rule("send", r"/sockio/runtime/(syscalls|speedups)\.py"),
    _rule("frame", r"/protocol/websocket/(payload|speedups)\.py", r"mask"),
    _rule("encode", r"/protocol/websocket/(payload|speedups)\.py"),
    _rule("recv", r"/sockio/runtime/stream\.py", r"rece|read|early|space|fill"),
    _rule("send", r"/sockio/runtime/(stream|batch)\.py"),
    _rule("encode", r"/protocol/websocket/frames\.py", r"^(frame|close_frame)$"),
    _rule("frame", r"/protocol/websocket/frames\.py"),
    _rule("frame", r"/engine/websockets/", r"recei|fill|space|_on_"),
    _rule("send", r"/engine/websockets/", r"send|write|drain"),
    _rule("encode", r"/protocol/.*deflate\.py", r"[Dd]eflate|compress"),
    _rule("encode", r"/sockio/protocol/", r"enc|dump|take|_add|plain|simpl|head"),
    _rule("encode", r"/protocol/engineio/wire\.py"),
    _rule("decode", r"/sockio/protocol/"),
    _rule("http", r"/sockio/httpd/|/sockio/engine/http/|/sockio/engine/verify\.py"),
    _rule("session", r"/sockio/engine/"),
    _rule("rooms", r"/sockio/adapters/"),
    _rule("dispatch", r"/sockio/runtime/"),
    _rule(
        "dispatch",
        r"/sockio/socket/(middleware|namespace/.*|one_socket/(incoming|waiting))\.py",
    ),
    _rule("emit", r"/sockio/socket/"),
    _rule("http", r"/gevent/(pywsgi|baseserver|server|_socket.*)\.py|/gunicorn/"),
    _rule("hub", r"/gevent/|/greenlet/"),
)


def parse(stack: str) -> list[Frame]:
    """Read one stack of py-spy's raw form, outermost first."""
    frames = []
    for text in stack.split(";"):
        function, _, place = text.rpartition(" (")
        path, _, line = place.rstrip(")").rpartition(":")
        if function and line.isdigit():
            frames.append(Frame(function, path, int(line)))
    return frames


def is_waiting(stack: list[Frame]) -> bool:
    """Tell whether the thread waits for work: gevent's resolver, which looks busy."""
    return not stack or stack[-1].name == "acquire_with_timeout"


def floor_of(stack: list[Frame]) -> str:
    """Return the floor in which a sample with this stack was taken."""
    return next(filter(None, map(_floor, reversed(stack))), "other")


def _floor(frame: Frame) -> str:
    """Return the floor of a frame, "" if no rule knows it."""
    for rule in RULES:
        if rule.path.search(frame.path) and rule.function.search(frame.name):
            return rule.floor
    return ""
