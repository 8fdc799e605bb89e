"""``message_queue`` and ``channel`` become the URL of an adapter."""

from __future__ import annotations

from typing import Any

import pytest

from sockio.errors import ConfigError
from sockio.integrations.flask.queue import adapter_url


@pytest.mark.parametrize(
    ("queue", "channel", "url"),
    [
        ("redis://", None, "redis://"),
        ("redis://h:1/0", "shop", "redis://h:1/0?prefix=shop"),
        ("redis://h?timeout=1", "a b", "redis://h?timeout=1&prefix=a%20b"),
    ],
)
def test_the_channel_is_the_prefix(queue: str, channel: Any, url: str) -> None:
    assert adapter_url(queue, channel) == url


@pytest.mark.parametrize("queue", ["kafka://h", "amqp://u:secret@h", "zmq+tcp://h"])
def test_a_bus_that_there_is_not_is_named_without_its_password(queue: str) -> None:
    with pytest.raises(ConfigError, match="there is no such bus") as caught:
        adapter_url(queue, None)

    assert "secret" not in str(caught.value)


def test_what_is_no_url_or_no_name_is_refused() -> None:
    with pytest.raises(ConfigError, match="the URL of a broker"):
        adapter_url(5, None)  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="give a name"):
        adapter_url("redis://", "")
