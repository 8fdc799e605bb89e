"""Values of every type: what the JavaScript client makes of them, in each form."""

from __future__ import annotations

from typing import Any

import pytest

import sockio
from sockio.errors import EncodeError
from tests.support.loopback import Loopback
from tests.support.node import Driver
from tests.support.values import REFUSED, SENT, shown


@pytest.mark.parametrize(
    ("parser", "speaks"),
    [
        ("default", "json"),
        ("msgpack", "msgpack"),
        ("auto", "json"),
        ("auto", "msgpack"),
    ],
)
@pytest.mark.parametrize("broadcast", [False, True], ids=["to one", "to many"])
def test_the_same_arrives_in_each_form(
    node: Driver, parser: Any, speaks: str, broadcast: bool
) -> None:
    io: sockio.Server[Any] = sockio.Server(parser=parser)
    loopback = Loopback(io)
    client = node.connect(loopback.url, transports=["websocket"], parser=speaks)
    assert client.next().event == "connect"
    target: Any = io if broadcast else io.fetch_sockets()[0]

    for name, (make, _) in SENT.items():
        target.emit("value", name, make())
    for make in REFUSED.values():
        with pytest.raises(EncodeError):
            target.emit("value", make(), "not an ack function")
    target.emit("end")

    arrived: dict[str, str] = {}
    while (event := client.next()).event != "end":
        name, value = event.args
        arrived[name] = shown(value)
    assert arrived == {name: shown(arrives) for name, (_, arrives) in SENT.items()}
    loopback.close()
