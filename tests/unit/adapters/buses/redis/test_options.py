from __future__ import annotations

import pytest

from sockio.adapters.buses.redis.options import Options, Query
from sockio.errors import ConfigError


def test_without_options() -> None:
    assert Query("redis", "").options(None) == Options()


def test_options() -> None:
    query = Query(
        "redis",
        "prefix=my&publish_on_specific_response_channel=true&outbox=5&mode=pubsub"
        "&max_message=6&requests_timeout=2.5",
    )

    assert query.options(None) == Options(
        prefix="my",
        publish_on_specific_response_channel=True,
        outbox=5,
        max_message=6,
        requests_timeout=2.5,
    )


@pytest.mark.parametrize("text", ["", "mode=sharded&"])
def test_the_mode_of_the_scheme(text: str) -> None:
    query = Query("redis+sharded", f"{text}subscription_mode=static")

    assert query.options("sharded") == Options(
        mode="sharded", subscription_mode="static"
    )


def test_options_of_streams() -> None:
    query = Query(
        "redis+streams",
        "stream_name=s&stream_count=3&max_len=5&read_count=7&session_key_prefix=k",
    )

    assert query.options("streams") == Options(
        mode="streams",
        stream_name="s",
        stream_count=3,
        max_len=5,
        read_count=7,
        session_key_prefix="k",
    )


def test_two_modes_cannot_be() -> None:
    with pytest.raises(ConfigError, match="another one than before the colon"):
        Query("redis+sharded", "mode=pubsub").options("sharded")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("requests_timout=5", "there is no such option"),
        ("prefx=x", r"prefx=.*did you mean prefix\?"),
        ("key=x", "write prefix"),
        ("requestsTimeout=5000", "write requests_timeout, in seconds"),
        ("requests_timeout=5000", "seconds, 3600 at most, not in milliseconds"),
        ("requests_timeout=0.0", "is no number of seconds above 0"),
        ("requests_timeout=nan", "is no number of seconds above 0"),
        ("max_message=1MB", "max_message= is no number of 1"),
        ("publishOnSpecificResponseChannel=1", "write publish_on_specific_"),
        ("password=secret", "SOCKIO_REDIS_PASSWORD"),
        ("prefix=", "prefix= is empty"),
        ("prefix=a&prefix=b", "twice"),
        ("mode=nosuch", "mode= is pubsub, sharded or streams"),
        ("subscriptionMode=static", "write subscription_mode"),
        ("streamName=x", "write stream_name"),
        ("mode=streams&maxLen=5", "write max_len"),
        ("mode=streams&heartbeat_interval=5", "the broker counts the servers"),
        ("max_len=5", "max_len= is for mode=streams"),
        ("mode=streams&stream_count=0", "stream_count= is no number of 1"),
        ("mode=streams&stream_count=1000", "stream_count= is 100 at most"),
        ("subscription_mode=static", "subscription_mode= is for mode=sharded"),
        (
            "mode=sharded&publish_on_specific_response_channel=1",
            "publish_on_specific_response_channel= is for mode=pubsub",
        ),
        (
            "mode=sharded&subscription_mode=all",
            "subscription_mode= is dynamic, dynamic-private or static",
        ),
        ("outbox=0", "outbox= is no number of 1"),
        ("outbox=lots", "outbox= is no number of 1"),
        ("publish_on_specific_response_channel=maybe", "is true or false"),
        ("secret%20word=x", "there is no such option"),
    ],
)
def test_mistakes_are_named(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        Query("redis", text).options(None)

    told = str(caught.value)
    assert "adapter='redis:...'" in told or "adapter=redis:" in told
    assert "secret" not in told
