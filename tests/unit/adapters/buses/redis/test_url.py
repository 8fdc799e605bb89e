from __future__ import annotations

from typing import Any

import pytest

from sockio.adapters.buses.redis.url import Address, Options, Tls, parse
from sockio.errors import ConfigError


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("redis://", {}),
        ("redis://host", {"host": "host"}),
        ("valkey://host:7000/", {"host": "host", "port": 7000}),
        ("redis://host/5", {"host": "host", "db": 5}),
        ("REDIS://host?db=5", {"host": "host", "db": 5}),
        ("redis://[::1]:7000", {"host": "::1", "port": 7000}),
        ("redis://:p%40%2Fss@host", {"host": "host", "password": "p@/ss"}),
        (
            "redis://ann:secret@host",
            {"host": "host", "username": "ann", "password": "secret"},
        ),
        ("rediss://host", {"host": "host", "tls": Tls()}),
        (
            "valkeys://host?ssl_ca_certs=/ca.pem&ssl_certfile=a&ssl_keyfile=b",
            {
                "host": "host",
                "tls": Tls(ca_certs="/ca.pem", certfile="a", keyfile="b"),
            },
        ),
        (
            "rediss://h?ssl_cert_reqs=none",
            {"host": "h", "tls": Tls(required=False, check_hostname=False)},
        ),
        ("redis+unix:///run/redis.sock", {"path": "/run/redis.sock"}),
        ("valkey+unix:///a%20b?db=3", {"path": "/a b", "db": 3}),
        (
            "redis+unix://:secret@/run/redis.sock",
            {"path": "/run/redis.sock", "password": "secret"},
        ),
    ],
)
def test_where_the_broker_is(url: str, address: dict[str, Any]) -> None:
    assert parse(url, {}) == (Address(**address), Options())


def test_options() -> None:
    url = "redis://h?prefix=my&publish_on_specific_response_channel=true&outbox=5"

    _, options = parse(f"{url}&mode=pubsub", {})

    assert options == Options(
        prefix="my", publish_on_specific_response_channel=True, outbox=5
    )


def test_user_and_password_of_the_environment() -> None:
    environ = {"SOCKIO_REDIS_USERNAME": "ann", "SOCKIO_REDIS_PASSWORD": "secret"}

    address, _ = parse("redis://host", environ)
    other, _ = parse("redis://bob:other@host", environ)

    assert (address.username, address.password) == ("ann", "secret")
    assert (other.username, other.password) == ("bob", "other")


@pytest.mark.parametrize(
    ("rest", "text"),
    [
        ("?requests_timout=5", "there is no such option"),
        ("?prefx=x", r"prefx=.*did you mean prefix\?"),
        ("?key=x", "write prefix"),
        ("?requestsTimeout=5000", "write requests_timeout, in seconds"),
        ("?requests_timeout=5000", "seconds, 3600 at most, not in milliseconds"),
        ("?requests_timeout=0.0", "is no number of seconds above 0"),
        ("?requests_timeout=nan", "is no number of seconds above 0"),
        ("?max_message=1MB", "max_message= is no number of 1"),
        ("?publishOnSpecificResponseChannel=1", "write publish_on_specific_"),
        ("?password=secret", "SOCKIO_REDIS_PASSWORD"),
        ("?prefix=", "prefix= is empty"),
        ("?prefix=a&prefix=b", "twice"),
        ("?mode=nosuch", "mode= is pubsub"),
        ("?outbox=0", "outbox= is no number of 1"),
        ("?outbox=lots", "outbox= is no number of 1"),
        ("?publish_on_specific_response_channel=maybe", "is true or false"),
        ("?ssl_ca_certs=x", "ssl_ca_certs= is for rediss and valkeys"),
        ("/one", "one number, that of the database"),
        ("/1?db=1", "one number, that of the database"),
        ("/secret#x", "write %23"),
        ("?secret%20word=x", "there is no such option"),
    ],
)
def test_mistakes_are_named(rest: str, text: str) -> None:
    with pytest.raises(ConfigError, match=text) as caught:
        parse(f"redis://ann:secret@host{rest}", {})

    told = str(caught.value)
    assert "adapter='redis:...'" in told or "adapter=redis:" in told
    assert "secret" not in told


@pytest.mark.parametrize(
    "url",
    [
        "redis://host:secret",
        "redis://ann:se/cret@host:1",
        "redis://[secret",
        "redis://host:99999",
        "redis:secret",
        "secret://host",
        "redis+unix://secret/path",
        "redis+unix://",
        "rediss://host?ssl_cert_reqs=secret",
    ],
)
def test_what_cannot_be_read_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse(url, {})

    assert "cret" not in str(caught.value).replace("'secret:...'", "")


def test_an_address_is_shown_without_its_password() -> None:
    address, _ = parse("redis://ann:secret@[::1]:7000", {})

    assert str(address) == "[::1]:7000"
    assert "secret" not in repr(address)
    assert "ann" not in repr(address)
