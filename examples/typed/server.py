"""A shop whose events have types: for Python, on the wire, and for TypeScript.

    python examples/typed/server.py 3000

What the JavaScript client may send and gets, in ``events.ts``, from this folder:

    python -m sockio schema server:io --ts
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Annotated, Literal, Protocol

import msgspec

import sockio


@dataclass
class Item:
    """One of the things that are ordered."""

    name: str
    count: Annotated[int, msgspec.Meta(ge=1, le=100)] = 1
    picture: bytes = b""


@dataclass
class Order:
    """What a client orders."""

    items: list[Item]
    delivery: Literal["post", "courier"] = "post"


@dataclass
class Customer:
    """What the server keeps with a socket."""

    name: str
    orders: int = 0


class ToClient(Protocol):
    """The events to clients."""

    @sockio.alias("order:new")
    def order_new(self, customer: str, items: int) -> None: ...


io: sockio.Server[Customer] = sockio.Server(cors="*", validate=True)
everybody = io.only_typed(ToClient)

#: A question to a client, and what it answers.
confirm: sockio.Event[[str], bool] = sockio.event("confirm")


@io.use
def greet(socket: sockio.Socket[Customer]) -> None:
    """Let a customer in."""
    auth = socket.handshake.auth
    if not isinstance(auth.get("name"), str):
        raise sockio.ConnectError("who are you?")
    socket.data = Customer(auth["name"])


@io.on("connection")
def connected(socket: sockio.Socket[Customer]) -> None:
    """Take orders."""

    @socket.on("order:create")
    def create(order: Order, note: str = "") -> int:
        items = sum(item.count for item in order.items)
        if items > 10 and not socket.timeout(30).emit_with_ack(confirm, f"{items}?"):
            raise sockio.EventRejected("not confirmed")
        socket.data.orders += 1
        everybody.order_new(socket.data.name, items)
        return socket.data.orders


if __name__ == "__main__":
    io.run(int(sys.argv[1]) if len(sys.argv) > 1 else 3000)
