from __future__ import annotations

from typing import Any

import pytest
from django.test import override_settings

import sockio
import tests.support.django_project  # noqa: F401 - Django has to be set up
from sockio.errors import ConfigError
from sockio.integrations.django.setting import is_set, named_server

HERE = "tests.unit.integrations.django.test_setting"
io: sockio.Server[Any] = sockio.Server()


def test_it_names_a_server() -> None:
    assert not is_set()
    with override_settings(SOCKIO={"server": f"{HERE}.io"}):
        assert is_set()
        assert named_server() is io


@pytest.mark.parametrize(
    ("given", "error"),
    [
        (None, "SOCKIO is not set"),
        ("events.io", "write SOCKIO = "),
        ({}, "write SOCKIO = "),
        ({"server": io}, "write SOCKIO = "),
        ({"server": f"{HERE}.io", "path": "/x"}, "'path' is unknown"),
        ({"server": "no_such_module.io"}, r"'no_such_module\.io' cannot be imported"),
        ({"server": f"{HERE}.nothing"}, "cannot be imported"),
        ({"server": f"{HERE}.HERE"}, r"not a sockio\.Server"),
    ],
)
def test_what_is_wrong_is_named(given: Any, error: str) -> None:
    with override_settings(SOCKIO=given), pytest.raises(ConfigError, match=error):
        named_server()
