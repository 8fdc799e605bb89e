from __future__ import annotations

from typing import Any

import pytest

from sockio.engine.handover.passport import KEY, NAME, Origin, read, write

SECRET = "0123456789abcdef"


def value(secret: str, origin: Origin) -> str:
    name, _, text = write(secret, origin).decode().partition(": ")
    assert name == NAME
    return text


@pytest.mark.parametrize(
    ("environ", "origin"),
    [
        (
            {
                "wsgi.url_scheme": "https",
                "REMOTE_ADDR": "192.0.2.7",
                "REMOTE_PORT": "5000",
            },
            Origin("https", "192.0.2.7", "5000"),
        ),
        ({"REMOTE_ADDR": "fe80::1%eth0"}, Origin("http", "fe80::1%eth0", "")),
        ({"REMOTE_ADDR": "", "REMOTE_PORT": ""}, Origin("http", "", "")),
        ({"REMOTE_ADDR": "a b\r\nc", "REMOTE_PORT": "x"}, Origin("http", "", "")),
        ({"REMOTE_ADDR": b"\0name"}, Origin("http", "", "")),
    ],
)
def test_where_a_request_comes_from_is_carried_on(
    environ: dict[str, Any], origin: Origin
) -> None:
    assert Origin.of(environ) == origin
    assert read(value(SECRET, origin), (SECRET,)) == origin


def test_a_server_says_it_of_the_client() -> None:
    environ = {"wsgi.url_scheme": "http", "REMOTE_ADDR": "10.0.0.5", "REMOTE_PORT": "1"}

    Origin("https", "192.0.2.7", "5000").put_into(environ)

    assert environ == {
        "wsgi.url_scheme": "https",
        "REMOTE_ADDR": "192.0.2.7",
        "REMOTE_PORT": "5000",
    }


def test_both_secrets_are_good_while_nodes_change_it() -> None:
    origin = Origin("http", "192.0.2.7", "5000")

    for secret in ("old" * 8, SECRET):
        assert read(value(secret, origin), (SECRET, "old" * 8)) == origin


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        f"{SECRET}",
        f"{SECRET} http 192.0.2.7",
        f"{SECRET} ftp 192.0.2.7 5000",
        f"{SECRET} http 192.0.2.7 5000 more",
        f"{SECRET[:-1]} http 192.0.2.7 5000",
        f"{SECRET}x http 192.0.2.7 5000",
        f"\xe9{SECRET[1:]} http 192.0.2.7 5000",
        f"{SECRET} http 192.0.2.7 5000,{SECRET} http 192.0.2.8 5000",
    ],
)
def test_others_are_not_believed(text: str) -> None:
    assert read(text, (SECRET,)) is None


def test_without_a_secret_nobody_is_believed() -> None:
    assert read(" http 192.0.2.7 5000", ()) is None


def test_the_key_is_that_of_the_header() -> None:
    assert "HTTP_" + NAME.upper().replace("-", "_") == KEY
