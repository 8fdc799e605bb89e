"""A server with events of many types, for the tests of schemas."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from functools import partial
from typing import Annotated, Any, Literal, NamedTuple, Protocol, TypedDict

import msgspec

import sockio

#: A number within bounds.
Bounded = Annotated[int, msgspec.Meta(ge=1)]


class Color(Enum):
    """A closed set."""

    RED = "red"
    BLUE = "blue"


class Point(NamedTuple):
    """A list on the wire."""

    x: int
    y: float


class Cat(msgspec.Struct, tag="cat", rename="camel"):
    """One kind of animal."""

    lives_left: int = 9


class Dog(msgspec.Struct, tag="dog"):
    """Another kind."""

    tricks: list[str]


class Profile(TypedDict, total=False):
    """A dict with known keys."""

    name: str
    born: datetime


@dataclass
class Node:
    """A type that contains itself."""

    color: Color
    nodes: list[Node] = field(default_factory=list)
    picture: bytes | None = None


class Plain:
    """No type of JSON."""


class ToClient(Protocol):
    """Events to all clients."""

    def joined(self, name: str, profile: Profile) -> None: ...

    @sockio.alias("how-many")
    def how_many(self, where: Point) -> int: ...


@sockio.prefix("admin:")
class ToAdmins(Protocol):
    """Events to the clients of another namespace."""

    def alarm(self, text: str, *places: Point) -> None: ...


moved: sockio.Event[[Point, Literal["up", "down"]], None] = sockio.event("moved")
asked: sockio.Event[[str], bool] = sockio.event("asked")
loose: sockio.Event[..., str] = sockio.event("loose")
elsewhere: sockio.Event[[int], None] = sockio.event("elsewhere")
ready: sockio.Event[[], None] = sockio.event("ready")
untyped = sockio.event("untyped")

io = sockio.Server(validate=True)
everybody = io.only_typed(ToClient)


@io.on("connection")
def connected(socket: sockio.Socket) -> None:
    """Register listeners in each way."""

    @socket.on("say")
    def say(text: str, times: Bounded = 1) -> bool:
        return text.isascii() and times > 0

    @socket.on(asked)
    def answer(question: str) -> bool:
        return bool(question)

    @socket.event
    def tell(*words: str) -> int:
        return len(words)

    @socket.once("first")
    def first(animal: Cat | Dog, new: Node, /, *, ack: Callable[..., None]) -> None:
        socket.to("room").emit(moved, Point(1, 2), "up")
        ack(animal, new)

    def later(data: dict[str, list[int]], where: Point | None) -> tuple[str, bytes]:
        return str(data), bytes(len(where or ()))

    socket.on("later", later)
    socket.on("bare", lambda *args: None)
    socket.on("imported", outside)
    register_more(socket, "more")
    for name in ("a", "b"):
        socket.on(name, outside)


def outside(default: Any, plain: Plain) -> Plain:
    """Handle an event with what JavaScript does not know."""
    return plain


def register_more(socket: sockio.Socket, name: str) -> None:
    """Register more listeners."""

    @socket.on("more")
    def more(profile: Profile) -> None: ...

    register_more(socket, name)


class Admin(sockio.NamespaceHandler):
    """Handlers as methods."""

    namespace = "/admin"

    def on_connect(self, socket: sockio.Socket) -> None:
        """Let everybody in."""

    def on_ban(self, socket: sockio.Socket, user: str, days: int = 1) -> str | None:
        socket.nsp.only_typed(ToAdmins).alarm(user)
        socket.emit(elsewhere, days)
        return user


io.register(Admin)
admins = io.of("/admin").to("room").only_typed(ToAdmins)


def in_a_room(room: str, socket: sockio.Socket) -> None:
    """Listen in a namespace that is made on demand."""
    socket.on("leave", partial(leave, room))


def leave(room: str, why: str) -> None:
    """Leave a room."""


io.of(re.compile(r"^/room-\d+$")).on("connection", partial(in_a_room, "any"))
