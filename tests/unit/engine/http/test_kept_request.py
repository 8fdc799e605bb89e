"""KeptRequest: what is left of a request when its server has finished it."""

from __future__ import annotations

import gc
import io
import sys
import weakref
from typing import Any

import pytest

from sockio.engine.http.kept_request import KeptRequest
from sockio.engine.http.request import Request, TrustedProxies


class Connection:
    """What a server puts into environ."""


def make(**more: Any) -> Request:
    environ: dict[str, Any] = {
        "REQUEST_METHOD": "GET",
        "PATH_INFO": "/socket.io/",
        "QUERY_STRING": "EIO=4&transport=websocket",
        "RAW_URI": "/socket.io/?EIO=4&transport=websocket",
        "REMOTE_ADDR": "10.0.0.1",
        "SERVER_NAME": "localhost",
        "HTTP_HOST": "example.com",
        "HTTP_USER_AGENT": "".join(["some", " ", "browser"]),
        "HTTP_CONNECTION": "Upgrade",
        "HTTP_UPGRADE": "websocket",
        "HTTP_X_FORWARDED_FOR": "1.2.3.4",
        "HTTP_X_FORWARDED_PROTO": "https",
        "wsgi.url_scheme": "http",
        "wsgi.input": Connection(),
        "sockio.connection": Connection(),
        "app.user": "somebody",
        **more,
    }
    return Request(environ, TrustedProxies(hops=1))


FACTS = (
    "path",
    "url",
    "query",
    "headers",
    "is_upgrade",
    "wants_close",
    "remote_address",
    "secure",
    "host",
    "method",
    "trusted_proxies",
)


@pytest.mark.parametrize("asked_for_environ", [False, True])
@pytest.mark.parametrize("name", FACTS)
def test_it_answers_as_the_request_did(name: str, asked_for_environ: bool) -> None:
    request = make()
    kept = KeptRequest(request)
    if asked_for_environ:
        assert kept.environ

    assert getattr(kept, name) == getattr(request, name)
    assert kept.header("x-forwarded-for") == "1.2.3.4"
    assert kept.header("x-none", "?") == "?"
    assert repr(kept) == repr(request)


def test_environ_has_everything_but_the_servers_own() -> None:
    request = make()

    environ = KeptRequest(request).environ

    body = environ.pop("wsgi.input")
    assert body.read() == b""
    assert isinstance(body, io.BytesIO)
    own = ("wsgi.input", "sockio.connection")
    assert environ == {k: v for k, v in request.environ.items() if k not in own}


def test_environ_may_be_changed() -> None:
    kept = KeptRequest(make())

    kept.environ["HTTP_HOST"] = "elsewhere"

    assert kept.environ["HTTP_HOST"] == "elsewhere"
    assert kept.host == "elsewhere"


def test_the_servers_objects_are_let_go() -> None:
    request = make()
    connection = weakref.ref(request.environ["sockio.connection"])
    kept = KeptRequest(request)

    del request
    gc.collect()

    assert connection() is None
    assert kept.method == "GET"


def test_other_names_are_no_attributes() -> None:
    with pytest.raises(AttributeError):
        KeptRequest(make()).nothing  # noqa: B018


def test_clients_of_one_kind_share_what_they_send() -> None:
    first, second = KeptRequest(make()), KeptRequest(make())

    assert first._names is second._names
    agent = first.environ["HTTP_USER_AGENT"]
    assert agent is second.environ["HTTP_USER_AGENT"]
    size = sum(map(sys.getsizeof, (second, second._values)))
    assert size < sys.getsizeof(first.environ)
