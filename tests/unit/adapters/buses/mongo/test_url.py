from __future__ import annotations

import pytest

from sockio.adapters.buses.mongo.client import check
from sockio.adapters.buses.mongo.url import COLLECTION, Options, parse
from sockio.errors import ConfigError


@pytest.mark.parametrize(
    ("url", "uri", "shown"),
    [
        ("mongodb://h/shop", "mongodb://h/shop?", f"h/shop.{COLLECTION}"),
        ("MongoDB://h:7/shop.a.b", "mongodb://h:7/shop?", "h:7/shop.a.b"),
        (
            "mongodb://a,b:7/shop.x?replicaSet=r&outbox=5&W=majority",
            "mongodb://a,b:7/shop?replicaSet=r&W=majority",
            "a,b:7/shop.x",
        ),
        ("mongodb+srv://h/shop.x", "mongodb+srv://h/shop?", "h/shop.x"),
        ("mongodb://%2Frun%2Fm.sock/x", "mongodb://%2Frun%2Fm.sock/x?", None),
    ],
)
def test_where_the_collection_is(url: str, uri: str, shown: str | None) -> None:
    address, options = parse(url, {})

    assert address.uri == uri
    assert shown is None or str(address) == shown
    assert address.username is address.password is None
    assert options == Options(outbox=5 if "outbox" in url else 64 << 20)
    check(address)


def test_options() -> None:
    url = "mongodb://h/x?heartbeat_interval=1&heartbeat_timeout=2.5&outbox=9"
    url += "&requests_timeout=4&add_created_at_field=false&max_message=1000"

    assert parse(url, {})[1] == Options(
        heartbeat_interval=1,
        heartbeat_timeout=2.5,
        outbox=9,
        requests_timeout=4,
        add_created_at_field=False,
        max_message=1000,
    )


def test_options_that_may_be_given_several_times() -> None:
    tags = "readPreferenceTags=dc:ny&readPreferenceTags=dc:sf"

    address, _ = parse(f"mongodb://h/x?{tags}", {})

    assert address.uri == f"mongodb://h/x?{tags}"


@pytest.mark.parametrize(
    ("url", "environ"),
    [
        ("mongodb://ann:p%40%2Fss@h/x", {}),
        (
            "mongodb://h/x",
            {"SOCKIO_MONGODB_USERNAME": "ann", "SOCKIO_MONGODB_PASSWORD": "p@/ss"},
        ),
    ],
)
def test_user_and_password(url: str, environ: dict[str, str]) -> None:
    address, _ = parse(url, environ)

    assert (address.username, address.password) == ("ann", "p@/ss")
    assert "p@" not in f"{address!r}{address}"


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("mongodb:h/x", r"the URLs are mongodb:// and mongodb\+srv://"),
        ("mongodb://h", "name the database"),
        ("mongodb://h/.events", "name the database"),
        ("mongodb://h/shop.", "name the collection"),
        ("mongodb:///shop", "there is no host"),
        ("mongodb://ann:se@cret@h/x", "write %40"),
        ("mongodb://ann:se/cret@h/x", "there is no host|write %40|name the"),
        ("mongodb://h/x#y", "write %23"),
        ("mongodb://h/x?requestsTimeout=5000", "requests_timeout, in seconds"),
        ("mongodb://h/x?addCreatedAtField=true", "write add_created_at_field"),
        ("mongodb://h/x?replica_set=a", "write replicaSet"),
        ("mongodb://h/x?replicSet=a", "did you mean replicaSet"),
        ("mongodb://h/x?outbocks=a", "did you mean outbox"),
        ("mongodb://h/x?outbox=1&outbox=2", "given twice"),
        ("mongodb://h/x?outbox=0", "outbox= is no number"),
        ("mongodb://h/x?max_message=17000000", "max_message= is"),
        ("mongodb://h/x?requests_timeout=5000", "not in milliseconds"),
        ("mongodb://h/x?add_created_at_field=maybe", "is true or false"),
        (
            "mongodb://h/x?heartbeat_interval=10",
            "heartbeat_timeout= is longer than heartbeat_interval=",
        ),
    ],
)
def test_what_cannot_be(url: str, text: str) -> None:
    with pytest.raises(ConfigError, match=text) as caught:
        parse(url, {})

    assert "cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("mongodb://h/x?maxPoolSize=many", "maxpoolsize must be an integer"),
        ("mongodb+srv://h/x?tls=maybe", "tls must be"),
        ("mongodb://h:99999/x", "Port must be"),
        ("mongodb://a,b/x?directConnection=true", "multiple hosts"),
        (
            "mongodb://h/x?tlsCertificateKeyFilePassword=secret&tlsCAFile=/none",
            "pymongo refuses it",
        ),
    ],
)
def test_values_of_options_of_mongodb(url: str, text: str) -> None:
    address, _ = parse(url, {})

    with pytest.raises(ConfigError, match=text) as caught:
        check(address)

    assert "secret" not in str(caught.value)
