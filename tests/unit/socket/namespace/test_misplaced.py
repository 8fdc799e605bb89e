from __future__ import annotations

import pytest

from sockio.runtime.listeners import Listeners
from sockio.socket.namespace.misplaced import Misplaced


@pytest.mark.parametrize(
    "event", ["adapter_gap", "connect", "connection", "new_namespace"]
)
def test_the_namespaces_own_events_are_where_they_belong(
    event: str, caplog: pytest.LogCaptureFixture
) -> None:
    listeners = Listeners()
    listeners.on(event, print)

    Misplaced(listeners.count).check(event, listeners, "/")

    assert not caplog.records


def test_what_nobody_listens_to_is_not_remembered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    listeners = Listeners()
    misplaced = Misplaced(listeners.count)
    misplaced.check("x", listeners, "/")
    listeners.on("x", print)

    misplaced.check("x", Listeners(), "/chat")
    misplaced.check("x", Listeners(), "/chat")

    assert ["on the server" in each.getMessage() for each in caplog.records] == [True]
