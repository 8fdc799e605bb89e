"""Calls that fail before anything travels: nobody is at the URL."""

from __future__ import annotations

from typing import Any

import pytest

import sockio
from sockio.errors import ConfigError, EncodeError, ReservedEventError, UnknownOption

URL = "redis://user:s3cret@127.0.0.1:1"


@pytest.fixture
def emitter() -> sockio.Emitter:
    return sockio.Emitter(URL)


def test_a_password_is_not_shown(emitter: sockio.Emitter) -> None:
    assert repr(emitter) == "<Emitter 127.0.0.1:1>"


@pytest.mark.parametrize("timeout", [0, -1, 5000, "5", None, True])
def test_the_time_is_in_seconds(emitter: sockio.Emitter, timeout: Any) -> None:
    with pytest.raises(ConfigError, match="timeout="):
        sockio.Emitter(URL, timeout=timeout)
    with pytest.raises(ConfigError, match="timeout="):
        emitter.server_side_emit_with_ack("x", timeout=timeout)


def test_namespaces(emitter: sockio.Emitter) -> None:
    names = [emitter.name, emitter.of("chat").name, emitter.of("/chat").name]

    assert names == ["/", "/chat", "/chat"]
    with pytest.raises(ConfigError, match="of"):
        emitter.of(7)  # type: ignore[arg-type]


def test_rooms_are_those_of_a_server(emitter: sockio.Emitter) -> None:
    for refused in (b"r", None, 1.5, object()):
        with pytest.raises(ConfigError, match="is no room"):
            emitter.to(refused)  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="is no room"):
            emitter.except_(refused)  # type: ignore[arg-type]
        with pytest.raises(ConfigError, match="is no room"):
            emitter.sockets_join(refused)  # type: ignore[arg-type]


def test_answers_of_clients_do_not_come(emitter: sockio.Emitter) -> None:
    with pytest.raises(ConfigError, match="server_side_emit_with_ack"):
        emitter.to("r").emit("x", 1, print)
    with pytest.raises(ConfigError, match="server_side_emit_with_ack"):
        emitter.server_side_emit("x", 1, print)
    with pytest.raises(UnknownOption, match="ack"):
        emitter.emit("x", ack=print)  # type: ignore[call-overload]


def test_options_of_other_libraries(emitter: sockio.Emitter) -> None:
    with pytest.raises(UnknownOption, match=r"io\.to\(room\)"):
        emitter.emit("x", room="r")  # type: ignore[call-overload]


def test_reserved_names(emitter: sockio.Emitter) -> None:
    with pytest.raises(ReservedEventError):
        emitter.emit("disconnect")
    with pytest.raises(ReservedEventError):
        emitter.server_side_emit("connection")
    with pytest.raises(ReservedEventError):
        emitter.server_side_emit_with_ack("connection")


def test_nobody_is_addressed(emitter: sockio.Emitter) -> None:
    nobody = emitter.to([]).volatile.compress(False)

    nobody.emit("x")
    nobody.send("x")
    nobody.sockets_join("r")
    nobody.disconnect_sockets()
    emitter.sockets_leave()
    with pytest.raises(EncodeError):
        nobody.emit("x", object())


def test_without_a_broker(emitter: sockio.Emitter) -> None:
    for call in (emitter.emit, emitter.server_side_emit, emitter.sockets_join):
        with pytest.raises(sockio.BrokerError, match=r"^127\.0\.0\.1:1: ") as it:
            call("x")
        assert not it.value.uncertain
        assert isinstance(it.value, ConnectionError)
    with pytest.raises(sockio.BrokerError):
        emitter.server_side_emit_with_ack("x")
    emitter.close()
