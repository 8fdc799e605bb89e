from __future__ import annotations

from typing import Any

import pytest

from sockio.adapters.buses.redis.options import Options
from sockio.adapters.buses.redis.url import Address, Site, Tls, parse
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
    assert parse(url, {}) == (Site(addresses=(Address(**address),)), Options())


def test_the_hosts_of_a_cluster() -> None:
    site, _ = parse("valkeys+cluster://ann:x@h1:7000,[::1],h3?ssl_cert_reqs=none", {})

    assert site.cluster
    tls = Tls(required=False, check_hostname=False)
    common: dict[str, Any] = {"username": "ann", "password": "x", "tls": tls}
    assert site.addresses == (
        Address(host="h1", port=7000, **common),
        Address(host="::1", **common),
        Address(host="h3", **common),
    )
    assert str(site) == "the cluster of h1:7000,[::1]:6379,h3:6379"


def test_sentinels_and_the_broker_that_they_know() -> None:
    environ = {
        "SOCKIO_REDIS_PASSWORD": "broker's",
        "SOCKIO_SENTINEL_USERNAME": "ann",
        "SOCKIO_SENTINEL_PASSWORD": "sentinels'",
    }
    site, options = parse("redis+sentinel://h1,h2:7000/my%20master/3?outbox=5", environ)

    assert not site.cluster
    own: dict[str, Any] = {"username": "ann", "password": "sentinels'"}
    assert site.addresses == (
        Address(host="h1", port=26379, **own),
        Address(host="h2", port=7000, **own),
    )
    assert site.master == "my master"
    assert site.broker == Address(db=3, password="broker's")
    assert options.outbox == 5
    assert str(site) == "my master of h1:26379,h2:7000"


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("redis://h1,h2", "several hosts are for"),
        ("redis+unix://h1,h2/path", "several hosts are for"),
        ("redis+cluster://h1,,h2", "a host is missing between commas"),
        ("redis+cluster://h1/2", "in no database"),
        ("redis+cluster://h1?db=2", "in no database"),
        ("redis+sentinel://h1", "the name of the broker, as in /mymaster/0"),
        ("redis+sentinel://h1/", "the name of the broker"),
        ("redis+sentinel://h1/name/x", "the name of the broker"),
        ("redis+sentinel://h1/name/0/1", "the name of the broker"),
        ("redis+sentinel://h1/name/1?db=2", "the name of the broker"),
        ("redis+nosuch://h1", "redis[+]cluster://, .* and the same with valkey"),
    ],
)
def test_what_several_brokers_cannot_be(url: str, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        parse(url, {})


def test_user_and_password_of_the_environment() -> None:
    environ = {"SOCKIO_REDIS_USERNAME": "ann", "SOCKIO_REDIS_PASSWORD": "secret"}

    site, _ = parse("redis://host", environ)
    other, _ = parse("redis://bob:other@host", environ)

    ann = Address(host="host", username="ann", password="secret")
    bob = Address(host="host", username="bob", password="other")
    assert site.addresses == (ann,)
    assert other.addresses == (bob,)


@pytest.mark.parametrize(
    ("rest", "text"),
    [
        ("?ssl_ca_certs=x", "ssl_ca_certs= is for rediss and valkeys"),
        ("/one", "one number, that of the database"),
        ("/1?db=1", "one number, that of the database"),
        ("/secret#x", "write %23"),
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
    site, _ = parse("redis://ann:secret@[::1]:7000", {})

    assert str(site) == "[::1]:7000"
    assert "secret" not in repr(site)
    assert "ann" not in repr(site)
