from __future__ import annotations

import enum
from collections.abc import Callable
from typing import Any

import pytest

import sockio
from sockio.errors import ReservedEventError, UnknownOption
from sockio.socket.emit_arguments import event_name, take_ack
from sockio.socket.events import event

Emits = Callable[..., Any]


def calls(io: sockio.Server[Any]) -> list[Emits]:
    nsp = io.of("/x")
    return [io.emit, io.to("a").emit, nsp.emit, io.send, io.to("a").send]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("room", r"io\.to\(room\)\.emit"),
        ("to", r"socket\.to\(room\)\.emit"),
        ("broadcast", r"socket\.broadcast\.emit"),
        ("include_self", r"socket\.broadcast\.emit"),
        ("skip_sid", r"io\.except_\(sid\)\.emit"),
        ("namespace", r'io\.of\("/name"\)\.emit'),
        ("callback", "write ack=callback"),
        ("timeout", r"\.timeout\(seconds\)"),
        ("acks", "did you mean ack"),
        ("nonsense", "there are ack"),
    ],
)
def test_options_of_other_servers_lead_to_our_calls(name: str, words: str) -> None:
    for call in calls(sockio.Server()):
        with pytest.raises(UnknownOption, match=words):
            call("x", 1, **{name: "secret"})


def test_calls_that_take_none() -> None:
    io = sockio.Server()

    for call in (io.emit_with_ack, io.timeout(1).emit_with_ack):
        with pytest.raises(UnknownOption, match=r"emit_with_ack\(timeout=\)"):
            call("x", timeout=5)  # type: ignore[call-overload]


def test_a_listener_of_a_namespace_is_registered_there() -> None:
    with pytest.raises(UnknownOption, match=r'io\.of\("/name"\)'):
        sockio.Server().on("x", print, namespace="/y")  # type: ignore[call-overload]


class Word(str, enum.Enum):
    CHAT = "chat"
    CONNECT = "connect"


def test_event_name() -> None:
    assert event_name("chat") == "chat"
    assert event_name(event("chat")) == "chat"
    assert event_name(Word.CHAT) == "chat"
    assert event_name(5) == "5"  # type: ignore[arg-type]
    for name in ("connect", event("disconnect"), Word.CONNECT):
        with pytest.raises(ReservedEventError):
            event_name(name)
    no_name: Any
    for no_name in (None, b"chat", True, ["chat"]):
        with pytest.raises(TypeError, match="an event is"):
            event_name(no_name)


def test_take_ack() -> None:
    assert take_ack((1, print), None) == ((1,), print)
    assert take_ack((1, print), repr) == ((1, print), repr)
    assert take_ack((print, 1), None) == ((print, 1), None)
    assert take_ack((), None) == ((), None)
