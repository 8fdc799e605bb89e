from __future__ import annotations

import pytest

from sockio.adapters import Cluster, Exchange, MemoryAdapter
from sockio.adapters.registry import adapter_factory, given
from sockio.errors import ConfigError


def test_the_default_is_this_server_only() -> None:
    assert given(adapter_factory(None)) is MemoryAdapter


def test_a_callable_is_taken_as_it_is() -> None:
    class Mine(MemoryAdapter):
        pass

    assert given(adapter_factory(Mine)) is Mine


def test_what_has_a_life_of_its_own_is_not_wrapped() -> None:
    cluster = Cluster(Exchange().bus())

    assert adapter_factory(cluster) is cluster
    assert given(cluster) is cluster


@pytest.mark.parametrize("url", ["nosuch://localhost:1234/0", "memory"])
def test_an_unknown_url_names_what_there_is(url: str) -> None:
    with pytest.raises(
        ConfigError, match=r"None \(this server only\), .* or a callable"
    ):
        adapter_factory(url)


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(ConfigError, match=r"'nosuch:\.\.\.'") as caught:
        adapter_factory("nosuch://user:secret@host")

    assert "secret" not in str(caught.value)


def test_what_makes_no_adapter_is_refused() -> None:
    with pytest.raises(ConfigError, match="adapter= is int"):
        adapter_factory(7)  # type: ignore[arg-type]
