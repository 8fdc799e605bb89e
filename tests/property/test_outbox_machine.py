from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from sockio.engine.outbox import Outbox
from sockio.protocol.engineio.wire import Wire


class OutboxMachine(RuleBasedStateMachine):
    """An outbox beside a list: nothing is lost, doubled or reordered."""

    def __init__(self) -> None:
        super().__init__()
        self.outbox = Outbox()
        self.model: list[Wire] = []

    @rule(frames=st.lists(st.text(max_size=20) | st.binary(max_size=20), min_size=1))
    def put(self, frames: list[str | bytes]) -> None:
        wire = Wire(frames)
        self.outbox.put(wire)
        self.model.append(wire)

    @rule()
    def take(self) -> None:
        taken, self.model = self.model, []
        assert self.outbox.take() == taken

    @precondition(lambda self: self.model)
    @rule()
    def take_first(self) -> None:
        assert self.outbox.take_first() is self.model.pop(0)

    @invariant()
    def they_agree(self) -> None:
        assert list(self.outbox.wires) == self.model
        assert self.outbox.size == sum(wire.size for wire in self.model)
        assert self.outbox.behind == sum(wire.size for wire in self.model[1:])


TestOutboxMachine = OutboxMachine.TestCase
