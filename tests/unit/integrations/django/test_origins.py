from __future__ import annotations

import pytest
from django.test import override_settings

import tests.support.django_project  # noqa: F401 - Django has to be set up
from sockio.integrations.django.origins import is_trusted

TRUSTED = [
    "https://app.example",
    "https://*.friends.example:8443",
    "HTTP://Old.example",
]


@pytest.mark.parametrize(
    "origin",
    [
        "https://app.example",
        "https://a.friends.example:8443",
        "https://a.b.friends.example:8443",
        "https://friends.example:8443",
        "http://old.example",
    ],
)
def test_an_origin_in_the_setting_is_trusted(origin: str) -> None:
    with override_settings(CSRF_TRUSTED_ORIGINS=TRUSTED):
        assert is_trusted(origin)
    assert not is_trusted(origin)


@pytest.mark.parametrize(
    "origin",
    [
        "",
        "null",
        "http://app.example",
        "https://app.example:444",
        "https://app.example.evil.example",
        "https://a.friends.example",
        "http://a.friends.example:8443",
        "https://evilfriends.example:8443",
        "https://[",
    ],
)
def test_others_are_not(origin: str) -> None:
    with override_settings(CSRF_TRUSTED_ORIGINS=TRUSTED):
        assert not is_trusted(origin)
