"""What may be registered as a handler, and what is found."""

from __future__ import annotations

import pytest

from sockio.errors import ConfigError
from sockio.integrations.flask.handlers import Handled, Handlers
from sockio.integrations.flask.namespace import Namespace


class Chat(Namespace):
    def on_connect(self) -> None: ...
    def on_say(self, text: str) -> str:
        return f"class {text}"


@pytest.mark.parametrize("event", ["disconnecting", "connect_error", "newListener"])
def test_events_that_no_client_can_send_have_no_handlers(event: str) -> None:
    with pytest.raises(ConfigError, match="no client can send"):
        Handlers().add(event, lambda: None, "/")


def test_handlers_that_could_never_work_are_refused() -> None:
    async def later() -> None: ...

    def by_hand(*, ack: object) -> None: ...

    class Odd(Namespace):
        on_something = 5

    with pytest.raises(TypeError, match="callable"):
        Handlers().add("x", 5, "/")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="async"):
        Handlers().add("x", later, "/")
    with pytest.raises(ConfigError, match="leave out ack="):
        Handlers().add("x", by_hand, "/")
    with pytest.raises(TypeError, match="callable"):
        Handlers().add_class(Odd())


def test_names_go_before_stars_and_functions_before_classes() -> None:
    handlers = Handlers()
    handlers.add_class(Chat("/chat"))
    assert handlers.handle("/chat", "say", "sid", ("hi",)) == Handled("class hi")
    assert not handlers.catch_all("/chat")

    handlers.add("*", lambda event, *args: [event, *args], "*")
    assert handlers.handle("/chat", "say", "sid", ("hi",)).answer == ["say", "hi"]
    handlers.add("say", lambda text: f"any {text}", "*")
    assert handlers.handle("/chat", "say", "sid", ("hi",)).answer == "any hi"
    handlers.add("*", lambda event, *args: "star", "/chat")
    assert handlers.handle("/chat", "say", "sid", ("hi",)).answer == "star"
    handlers.add("say", lambda text: f"own {text}", "/chat")
    assert handlers.handle("/chat", "say", "sid", ("hi",)).answer == "own hi"

    assert handlers.catch_all("/chat")
    assert set(handlers.events("/chat")) == {"say"}
    assert handlers.namespaces == {"/chat"}


def test_connect_and_disconnect_are_no_events_of_a_star() -> None:
    handlers = Handlers()
    handlers.add("*", lambda *args: "star", "/")

    for event in ("connect", "disconnect"):
        assert handlers.handle("/", event, "sid", ({}, None)) == Handled(None)
