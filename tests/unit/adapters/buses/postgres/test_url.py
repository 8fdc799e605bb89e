from __future__ import annotations

import pytest

from sockio.adapters.buses.postgres.url import Options, parse
from sockio.errors import ConfigError

KEYWORDS = ("host", "password", "sslmode", "target_session_attrs")


def test_the_default() -> None:
    assert parse("postgresql://host/db", KEYWORDS) == (
        "postgresql://host/db",
        Options(),
    )


def test_our_options_are_taken_out_of_the_url() -> None:
    url, options = parse(
        "postgres://ann:s%40cret@a:1,b:2/db?prefix=my%20app&sslmode=require&"
        "table_name=shop.rows&directory_table=shop.found&payload_threshold=100&cleanup_interval=60&"
        "heartbeat_interval=1&heartbeat_timeout=2.5&requests_timeout=3&outbox=4&"
        "max_message=5&target_session_attrs=any",
        KEYWORDS,
    )

    assert url == (
        "postgresql://ann:s%40cret@a:1,b:2/db?sslmode=require&target_session_attrs=any"
    )
    assert options == Options(
        prefix="my app",
        table_name="shop.rows",
        directory_table="shop.found",
        payload_threshold=100,
        cleanup_interval=60,
        heartbeat_interval=1,
        heartbeat_timeout=2.5,
        requests_timeout=3,
        outbox=4,
        max_message=5,
    )


@pytest.mark.parametrize(
    ("rest", "text"),
    [
        ("?prefx=x", r"prefx=.*did you mean prefix\?"),
        ("?sslmod=x", r"sslmod=.*did you mean sslmode\?"),
        ("?channelPrefix=x", "write prefix"),
        ("?tableName=x", "write table_name"),
        ("?payloadThreshold=1", "write payload_threshold"),
        ("?cleanupInterval=1", "write cleanup_interval, in seconds"),
        ("?heartbeatTimeout=1", "write heartbeat_timeout, in seconds"),
        ("?prefix=", "prefix= is empty"),
        ("?prefix=a&prefix=b", "twice"),
        ("?table_name=a-b", "table_name= is no name of a table that needs no quotes"),
        ("?table_name=a.b.c", "needs no quotes"),
        ("?directory_table=a-b", "directory_table= is no name of a table"),
        ("?payload_threshold=8000", "payload_threshold= is 7999 at most"),
        ("?cleanup_interval=30000", "seconds, 3600 at most, not in milliseconds"),
        ("?heartbeat_timeout=5", "no more than heartbeat_interval="),
        ("?outbox=0", "outbox= is no number of 1"),
        ("?secret%20word=x", "there is no such option"),
        ("?secret@host", "write %3F for a"),
        ("#secret", "%23 for a #"),
    ],
)
def test_mistakes_are_named(rest: str, text: str) -> None:
    with pytest.raises(ConfigError, match=text) as caught:
        parse(f"postgresql://ann:secret@host/db{rest}", KEYWORDS)

    told = str(caught.value)
    assert "adapter='postgresql:...'" in told or "adapter=postgresql:" in told
    assert "secret" not in told


@pytest.mark.parametrize("url", ["postgresql:secret", "secret://host"])
def test_what_is_no_url_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(url, KEYWORDS)

    assert "secret" not in str(caught.value).replace("'secret:...'", "")
