from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sockio.adapters.adapter import Flags
from sockio.socket.one_socket.operator import SocketOperator


class Emitted:
    """A sender that records the calls of an operator."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []

    def emit_with(
        self,
        event: Any,
        args: tuple[Any, ...],
        ack: Callable[..., object] | None,
        flags: Flags,
    ) -> None:
        self.calls.append((event, args, ack, flags))

    def ask(self, event: Any, args: tuple[Any, ...], flags: Flags) -> list[Any]:
        self.calls.append((event, args, flags))
        return list(args)


def test_modifiers_add_up_in_any_order() -> None:
    socket = Emitted()
    start = SocketOperator(socket, Flags())

    start.timeout(5).compress(False).volatile.emit("a", 1)
    start.volatile.compress(False).timeout(5).emit("a", 1)

    flags = Flags(timeout=5, compress=False, volatile=True)
    assert socket.calls == [("a", (1,), None, flags)] * 2


def test_the_last_modifier_of_a_kind_wins() -> None:
    socket = Emitted()

    SocketOperator(socket, Flags()).timeout(5).timeout(7).compress(False).compress(
        True
    ).emit("a")

    assert socket.calls[0][3] == Flags(timeout=7)


def test_an_operator_never_changes() -> None:
    socket = Emitted()
    start = SocketOperator(socket, Flags())

    assert start.volatile is not start
    start.emit("a", ack=print)

    assert socket.calls == [("a", (), print, Flags())]


def test_send_can_be_chained() -> None:
    socket = Emitted()

    SocketOperator(socket, Flags()).send(1).write(2)

    assert [call[:2] for call in socket.calls] == [("message", (1,)), ("message", (2,))]


def test_emit_with_ack_returns_the_first_argument_or_none() -> None:
    operator = SocketOperator(Emitted(), Flags()).timeout(5)

    assert operator.emit_with_ack("q", "first", "second") == "first"
    assert operator.emit_with_ack("q") is None
