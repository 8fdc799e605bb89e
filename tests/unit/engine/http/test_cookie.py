from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from sockio.engine.http.cookie import Cookie, header
from sockio.errors import ConfigError

NEW_YEAR = datetime(2030, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("fields", "value"),
    [
        ({}, "io=sid; Path=/; HttpOnly; SameSite=Lax"),
        ({"name": "woot"}, "woot=sid; Path=/; HttpOnly; SameSite=Lax"),
        ({"path": "/custom"}, "io=sid; Path=/custom; HttpOnly; SameSite=Lax"),
        ({"path": False}, "io=sid; HttpOnly; SameSite=Lax"),
        ({"path": None}, "io=sid; HttpOnly; SameSite=Lax"),
        ({"http_only": True}, "io=sid; Path=/; HttpOnly; SameSite=Lax"),
        ({"http_only": False}, "io=sid; Path=/; SameSite=Lax"),
        ({"same_site": "strict"}, "io=sid; Path=/; HttpOnly; SameSite=Strict"),
        ({"same_site": True}, "io=sid; Path=/; HttpOnly; SameSite=Strict"),
        ({"same_site": "none"}, "io=sid; Path=/; HttpOnly; SameSite=None"),
        ({"same_site": None}, "io=sid; Path=/; HttpOnly"),
        ({"same_site": False}, "io=sid; Path=/; HttpOnly"),
        ({"max_age": 0}, "io=sid; Max-Age=0; Path=/; HttpOnly; SameSite=Lax"),
        (
            {
                "max_age": 60,
                "domain": "a.example",
                "expires": NEW_YEAR,
                "secure": True,
                "partitioned": True,
                "priority": "high",
            },
            "io=sid; Max-Age=60; Domain=a.example; Path=/; "
            "Expires=Wed, 02 Jan 2030 03:04:05 GMT; HttpOnly; Secure; Partitioned; "
            "Priority=High; SameSite=Lax",
        ),
    ],
)
def test_header(fields: dict[str, Any], value: str) -> None:
    assert header(Cookie(**fields), "sid") == value


def test_an_id_with_special_characters_is_escaped() -> None:
    assert header(Cookie(path=None), "a/b c=;é").startswith("io=a%2Fb%20c%3D%3B%C3%A9;")


def test_option_forms() -> None:
    mine = Cookie(name="mine")

    assert Cookie.of(None) is None
    assert Cookie.of(False) is None
    assert Cookie.of(True) == Cookie()
    assert Cookie.of(mine) is mine


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": ""}, "give a name"),
        ({"name": "a b"}, "give a name"),
        ({"name": 5}, "give a name"),
        ({"path": "/;x"}, "path"),
        ({"path": "/\r\nX: y"}, "path"),
        ({"domain": "é.example"}, "domain"),
        ({"domain": 5}, "domain"),
        ({"same_site": "Lax"}, '"lax", "strict", "none" or None'),
        ({"priority": "urgent"}, '"low", "medium", "high" or None'),
        ({"priority": True}, '"low", "medium", "high" or None'),
        ({"http_only": "no"}, r"Cookie\(http_only='no'\): give True or False"),
        ({"secure": 1}, "give True or False"),
        ({"partitioned": None}, "give True or False"),
        ({"sameSite": "lax"}, "write same_site"),
        ({"httponly": True}, "write http_only"),
        ({"max_age": 1.5}, "whole seconds"),
        ({"expires": datetime(2030, 1, 1)}, "time zone"),
        ({"expires": 1}, "time zone"),
    ],
)
def test_wrong_fields(fields: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        Cookie(**fields)


def test_wrong_option() -> None:
    with pytest.raises(ConfigError, match="give True, False or Cookie"):
        Cookie.of("io")  # type: ignore[arg-type]
