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
        assert str(websocket.receive()).startswith("40/chat,")

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


async def asynchronous(self: Any, socket: Any) -> None: ...


def generator(self: Any, socket: Any) -> Any:
    yield


@pytest.mark.parametrize(
    ("name", "method", "words"),
    [
        ("on_say", 5, "a name that starts with on_ is a handler's"),
        ("on_say", None, "a name that starts with on_ is a handler's"),
        ("on_say", property(lambda self: True), "a name that starts with on_"),
        ("on_say", asynchronous, "is async.*write a plain function"),
        ("on_say", generator, "is a generator.*write a plain function"),
        ("on_say", lambda self: None, "takes no arguments besides self"),
        ("on_say", lambda self, socket, *, volume: None, "'volume'"),
        ("on_connect", asynchronous, "is async"),
        ("on_connect", lambda self: None, "the socket and its auth"),
        ("on_connect", lambda self, a, b, c: None, "the socket and its auth"),
        ("on_disconnect", lambda self, a, b, c, d: None, "a reason and a description"),
        ("on_error", lambda self, a, b, c: None, "the socket and an error"),
        ("on_connection", lambda self, socket: None, "on_connect"),
        ("on_connect_error", lambda self, socket: None, "no client can send"),
        ("on_", lambda self, socket: None, "no client can send"),
        ("trigger_event", asynchronous, "is async"),
        ("trigger_event", lambda self, event: None, "an event, a socket"),
    ],
)
@pytest.mark.parametrize("made", [False, True])
def test_a_method_that_could_not_be_called_is_refused_at_once(
    name: str, method: Any, words: str, made: bool
) -> None:
    handler = type("Bad", (Chat,), {name: method})
    io = sockio.Server()

    with pytest.raises(sockio.ConfigError, match=words) as caught:
        io.register(handler() if made else handler)

    assert str(caught.value).startswith(f"Bad.{name}")
    assert "/chat" not in io.namespaces  # nothing is left half set up


@pytest.mark.parametrize(
    ("name", "method"),
    [
        ("on_say", lambda self, socket: None),
        ("on_say", lambda self, socket, *words: None),
        ("on_say", lambda self, *args: None),
        ("on_say", lambda self, socket, text, *, ack: None),
        ("on_say", staticmethod(lambda socket, text: None)),
        ("on_connect", lambda self, socket: None),
        ("on_disconnect", lambda self, socket: None),
        ("on_disconnect", lambda self, socket, reason, description: None),
        ("on_disconnecting", lambda self, socket, reason: None),
        ("on_error", lambda self, socket, error: None),
        ("trigger_event", lambda self, event, *args: None),
        ("on", 5),
        ("once_upon", 5),
    ],
)
def test_other_methods_are_fine(name: str, method: Any) -> None:
    sockio.Server().register(type("Good", (Chat,), {name: method}))


def test_on_connect_may_be_told_of_without_auth_or_refuse_by_raising() -> None:
    class Closed(Chat):
        def on_connect(self, socket: sockio.Socket) -> None:  # type: ignore[override]
            raise sockio.ConnectError("closed on Mondays")

    io = sockio.Server()
    io.register(Closed)
    loopback = Loopback(io)
    try:
        websocket = loopback.client().websocket()
        websocket.receive()

        websocket.send("40/chat,")

        assert websocket.receive() == '44/chat,{"message":"closed on Mondays"}'
    finally:
        loopback.close()
