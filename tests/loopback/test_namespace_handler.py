"""Handlers of a namespace as the methods of a class."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

import sockio
from tests.support.loopback import Loopback


class Chat(sockio.NamespaceHandler):
    namespace = "/chat"

    def on_connect(self, socket: sockio.Socket, auth: dict[str, Any]) -> bool:
        return auth.get("token") != "bad"

    def on_shout(self, socket: sockio.Socket, text: str) -> str:
        self.nsp.emit("heard", text.upper())
        return "ok"


def test_a_method_handles_the_event_of_its_name() -> None:
    io = sockio.Server()
    io.register(Chat)
    loopback = Loopback(io)
    try:
        websocket = loopback.client().websocket()
        assert websocket.receive()[0] == "0"
        websocket.send("40/chat,")
        assert websocket.receive().startswith("40/chat,")

        websocket.send('42/chat,1["shout","hi"]')

        assert websocket.receive() == '42/chat,["heard","HI"]'
        assert websocket.receive() == '43/chat,1["ok"]'
    finally:
        loopback.close()


def test_on_connect_refuses_by_returning_false() -> None:
    io = sockio.Server()
    io.register(Chat())
    loopback = Loopback(io)
    try:
        websocket = loopback.client().websocket()
        websocket.receive()

        websocket.send('40/chat,{"token":"bad"}')

        assert websocket.receive() == '44/chat,{"message":"Connection refused"}'
    finally:
        loopback.close()


def test_trigger_event_sees_every_event() -> None:
    class Traced(Chat):
        seen: ClassVar[list[str]] = []

        def trigger_event(self, event: str, socket: Any, *args: Any) -> Any:
            self.seen.append(event)
            return super().trigger_event(event, socket, *args)

    io = sockio.Server()
    io.register(Traced)
    loopback = Loopback(io)
    try:
        websocket = loopback.client().websocket()
        websocket.receive()
        websocket.send("40/chat,")
        websocket.receive()
        websocket.send('42/chat,1["shout","hi"]')
        websocket.receive()
        assert Traced.seen == ["connect", "shout"]
    finally:
        loopback.close()


def test_something_else_cannot_be_registered() -> None:
    with pytest.raises(sockio.ConfigError, match="NamespaceHandler"):
        sockio.Server().register(object)  # type: ignore[arg-type]
