from __future__ import annotations

from sockio.engine.callbacks import Callbacks
from sockio.protocol.engineio.wire import Wire


def first() -> None: ...
def second() -> None: ...
def third() -> None: ...


def test_callbacks_come_out_in_the_order_of_their_wires() -> None:
    callbacks = Callbacks()
    wires = [Wire(("a",)), Wire(("b",)), Wire(("c",))]
    for wire, callback in zip(wires, (first, second, third), strict=True):
        callbacks.add(wire, callback)

    callbacks.on_sent(wires[:2])

    assert callbacks.take_written() == [first, second]
    assert callbacks.take_written() == []
    assert callbacks.waiting == [(wires[2], third)]


def test_a_wire_without_a_callback_disturbs_nobody() -> None:
    callbacks = Callbacks()
    wire = Wire(("b",))
    callbacks.add(wire, first)

    callbacks.on_sent([Wire(("b",))])

    assert not callbacks.sent
    assert callbacks.waiting == [(wire, first)]


def test_dropped_callbacks_are_forgotten_sent_or_not() -> None:
    callbacks = Callbacks()
    wires = [Wire(("a",)), Wire(("b",))]
    for wire, callback in zip(wires, (first, second), strict=True):
        callbacks.add(wire, callback)
    callbacks.on_sent(wires[:1])

    callbacks.drop()

    assert not callbacks.sent
    assert not callbacks.waiting
