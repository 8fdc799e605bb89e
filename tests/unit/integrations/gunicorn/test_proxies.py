from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from sockio.httpd.request_head import Refused
from sockio.integrations.gunicorn.proxies import Proxies
from sockio.types import Environ
from tests.support.gunicorn_worker import config

PROXY = ("127.0.0.1", 5000)
STRANGER = ("192.0.2.1", 5000)


def told(
    address: Any, block: bytes = b"", path: str = "/a", cfg: Any = None, **fields: str
) -> Environ:
    """Return what the application gets to know."""
    environ: Environ = {"wsgi.url_scheme": "http", "PATH_INFO": path, **fields}
    Proxies(cfg or config()).tell(environ, address, block)
    return environ


@pytest.mark.parametrize(
    ("allowed", "address", "believed"),
    [
        ("127.0.0.1,::1", PROXY, True),
        ("127.0.0.1,::1", ("::1", 5000, 0, 0), True),
        ("127.0.0.1", STRANGER, False),
        ("192.0.2.0/24", STRANGER, True),
        ("*", STRANGER, True),
        ("fe80::/10", ("fe80::1%eth0", 5000, 0, 2), True),
        ("127.0.0.1", ("no address", 5000), False),
        ("127.0.0.1", "", True),
    ],
)
def test_whom_it_believes(allowed: str, address: Any, believed: bool) -> None:
    proxies = Proxies(config(forwarded_allow_ips=allowed))

    assert proxies.believes(address) is believed


def test_releases_that_keep_the_addresses_as_text() -> None:
    cfg = SimpleNamespace(forwarded_allow_ips="10.0.0.1, ", secure_scheme_headers={})

    assert Proxies(cfg).believes(("10.0.0.1", 1))


@pytest.mark.parametrize(
    ("address", "value", "scheme"),
    [
        (PROXY, "https", "https"),
        (PROXY, "http", "http"),
        (PROXY, "https, https", "http"),
        (STRANGER, "https", "http"),
    ],
)
def test_the_scheme(address: Any, value: str, scheme: str) -> None:
    environ = told(address, HTTP_X_FORWARDED_PROTO=value)

    assert environ["wsgi.url_scheme"] == scheme


def test_headers_that_contradict_each_other() -> None:
    with pytest.raises(Refused, match="contradict"):
        told(PROXY, HTTP_X_FORWARDED_PROTO="https", HTTP_X_FORWARDED_SSL="off")


BLOCK = b"SCRIPT_NAME: /a \r\nx_other: 1\r\nX-A: SCRIPT_NAME: b\r\nx_last:2"


def test_forwarded_headers_with_an_underscore() -> None:
    environ = told(PROXY, BLOCK, "/a/b")

    assert (environ["SCRIPT_NAME"], environ["PATH_INFO"]) == ("/a", "/b")
    assert "HTTP_X_OTHER" not in environ


def test_a_stranger_moves_nothing() -> None:
    assert told(STRANGER, BLOCK, "/a/b")["PATH_INFO"] == "/a/b"


def test_all_headers_with_an_underscore_are_joined_with_others() -> None:
    cfg = config(forwarder_headers="*")

    environ = told(PROXY, BLOCK, "/a/b", cfg, HTTP_X_OTHER="0")

    assert (environ["HTTP_X_OTHER"], environ["HTTP_X_LAST"]) == ("0,1", "2")


def test_the_place_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SCRIPT_NAME", "/a")

    assert told(STRANGER, path="/a/b")["PATH_INFO"] == "/b"
    with pytest.raises(ValueError, match="not below SCRIPT_NAME"):
        told(STRANGER, path="/b")
