from __future__ import annotations

from typing import Any

import pytest

from sockio.adapters.cluster.messages import Message, MessageType
from sockio.adapters.senders import sender_of
from sockio.errors import ConfigError, EncodeError

BROADCAST = Message(
    "emitter",
    "/",
    MessageType.BROADCAST,
    {"packet": {"type": 2, "data": ["n", {"a": ("b",)}]}, "opts": {"rooms": ["r"]}},
)


class Shown:
    """A parser whose bytes people can read."""

    def encode(self, value: Any) -> bytes:
        return repr(value).encode()


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://user:s3cret@10.0.0.7/2?prefix=a", "10.0.0.7:6379"),
        ("VALKEY://[::1]:1", "[::1]:1"),
        ("redis+unix:///run/redis.sock", "/run/redis.sock"),
    ],
)
def test_the_address_of_a_broker(url: str, address: str) -> None:
    assert sender_of(url, None).address == address


@pytest.mark.parametrize("url", ["http://s3cret@host", "unix:/run/s3cret", 7, None])
def test_what_is_no_url_of_a_broker(url: Any) -> None:
    with pytest.raises(ConfigError, match="give the URL of") as it:
        sender_of(url, None)

    assert "s3cret" not in str(it.value)


def test_a_parser_gets_the_simplest_types_alone() -> None:
    _, channel, data = sender_of("redis://h", Shown()).pack(BROADCAST)

    assert channel == b"socket.io#/#r#"
    assert data.decode() == repr(
        [
            "emitter",
            {"type": 2, "data": ["n", {"a": ["b"]}], "nsp": "/"},
            {"rooms": ["r"]},
        ]
    )


def test_a_parser_gets_nothing_that_cannot_travel() -> None:
    odd = BROADCAST._replace(data={**BROADCAST.data, "packet": {"data": [object()]}})

    with pytest.raises(EncodeError, match="object"):
        sender_of("redis://h", Shown()).pack(odd)


def test_a_parser_is_for_classic_pub_sub() -> None:
    with pytest.raises(ConfigError, match="classic"):
        sender_of("redis+sharded://h", Shown())
    with pytest.raises(ConfigError, match="classic"):
        sender_of("redis+streams://h", Shown())


def test_what_is_no_parser() -> None:
    class Texts:
        def encode(self, value: Any) -> str:
            return repr(value)

    with pytest.raises(ConfigError, match="encode"):
        sender_of("redis://h", object())  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="must return bytes"):
        sender_of("redis://h", Texts()).pack(BROADCAST)  # type: ignore[arg-type]
