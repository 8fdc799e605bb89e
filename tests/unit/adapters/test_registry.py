from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sockio.adapters import Cluster, Exchange, MemoryAdapter, SiblingsBus
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


@pytest.mark.parametrize("slashes", ["", "//"])
def test_a_folder_is_where_processes_meet(tmp_path: Path, slashes: str) -> None:
    cluster = adapter_factory(f"unix:{slashes}{tmp_path}/folder")

    assert isinstance(cluster, Cluster)
    assert isinstance(cluster.bus, SiblingsBus)
    # The folder is made when the server starts.
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("unix:", "from the root on: unix:/run/shop"),
        ("unix:shop", "from the root on"),
        ("unix://shop", "from the root on"),
        ("unix:////shop", "from the root on"),
        ("unix:/run/shop?prefix=a", "there are no options"),
        (f"unix:/{'x' * 100}", "too long for Unix sockets"),
    ],
)
def test_what_is_no_folder_is_refused(url: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        adapter_factory(url)


@pytest.mark.parametrize(
    "url", ["redis://host:7000/0?prefix=p", "VALKEYS+sharded://host"]
)
def test_a_url_of_redis(url: str) -> None:
    provider = adapter_factory(url)

    assert isinstance(provider, Cluster)
    assert repr(provider.bus).startswith("<RedisBus host:")
    assert provider.requests_timeout == 5.0


def test_the_url_says_how_long_others_are_waited_for() -> None:
    provider = adapter_factory("redis://host?requests_timeout=2.5")

    assert isinstance(provider, Cluster)
    assert provider.requests_timeout == 2.5


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ann:secret@host/db", "host:5432/db"),
        ("POSTGRES://ann@host:7000/db?password=secret", "host:7000/db"),
        ("postgresql://ann:secret@a:1,b:2/db", "a:1,b:2/db"),
        ("postgresql:///db?host=/run/pg", "/run/pg:5432/db"),
    ],
)
def test_a_url_of_postgresql(url: str, shown: str) -> None:
    provider = adapter_factory(url)

    assert isinstance(provider, Cluster)
    assert repr(provider.bus) == f"<PostgresBus {shown}>"


def test_what_libpq_cannot_read_is_not_repeated() -> None:
    with pytest.raises(ConfigError, match="libpq cannot read it") as caught:
        adapter_factory("postgresql://ann:se%zzcret@host")

    assert "cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("scheme", "package", "extra"),
    [("redis", "redis", "redis"), ("postgresql", "psycopg", "postgres")],
)
def test_without_the_package_the_command_is_named(
    scheme: str, package: str, extra: str
) -> None:
    code = f"""
import sys
sys.modules["{package}"] = None
from sockio.adapters.registry import adapter_factory
try:
    adapter_factory("{scheme}://:secret@host")
except ValueError as exc:
    print(exc)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert f"python -m pip install 'sockio[{extra}]'" in run.stdout
    assert "secret" not in run.stdout


def test_a_password_is_not_repeated() -> None:
    with pytest.raises(ConfigError, match=r"'nosuch:\.\.\.'") as caught:
        adapter_factory("nosuch://user:secret@host")

    assert "secret" not in str(caught.value)


def test_what_makes_no_adapter_is_refused() -> None:
    with pytest.raises(ConfigError, match="adapter= is int"):
        adapter_factory(7)  # type: ignore[arg-type]
