from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import sockio
from sockio.errors import UnknownOption

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
            call("x", timeout=5)  # type: ignore[arg-type]


def test_a_listener_of_a_namespace_is_registered_there() -> None:
    with pytest.raises(UnknownOption, match=r'io\.of\("/name"\)'):
        sockio.Server().on("x", print, namespace="/y")  # type: ignore[call-overload]
