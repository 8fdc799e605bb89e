from __future__ import annotations

from typing import Any

import pytest
from django.core.checks import run_checks
from django.test import override_settings

import sockio
import tests.support.django_project  # noqa: F401 - Django has to be set up
from sockio.integrations.django.checks import check_databases

HERE = "tests.unit.integrations.django.test_checks"
io: sockio.Server[Any] = sockio.Server()


class AsyncOnly:
    sync_capable = False
    async_capable = True


def found(**settings: Any) -> list[tuple[str, str]]:
    with override_settings(**settings):
        return [(message.id, message.msg) for message in run_checks()]


def test_a_project_in_order_is_told_nothing() -> None:
    assert found() == []
    path = "sockio.integrations.django.application"
    assert found(SOCKIO={"server": f"{HERE}.io"}, WSGI_APPLICATION=path) == []


def test_a_server_that_is_not_there() -> None:
    [(name, text)] = found(SOCKIO={"server": f"{HERE}.nothing"})

    assert name == "sockio.E001"
    assert "cannot be imported" in text


@pytest.mark.parametrize("path", [None, f"{HERE}.nothing"])
def test_an_application_that_serves_no_clients(path: str | None) -> None:
    messages = found(SOCKIO={"server": f"{HERE}.io"}, WSGI_APPLICATION=path)

    assert [name for name, _ in messages] == ["sockio.W002"] * (path is None)


def test_a_middleware_that_is_async_only() -> None:
    [(name, text)] = found(MIDDLEWARE=[f"{HERE}.AsyncOnly", f"{HERE}.lost"])

    assert name == "sockio.E002"
    assert f"{HERE}.AsyncOnly is async only" in text


@pytest.mark.parametrize(("age", "count"), [(0, 0), (60, 1), (None, 1)])
def test_connections_that_are_to_be_kept(age: int | None, count: int) -> None:
    messages = check_databases(None, {"default": {"CONN_MAX_AGE": age}})

    assert [message.id for message in messages] == ["sockio.W001"] * count
