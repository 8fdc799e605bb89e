"""The plugin for pytest: a server, clients without a network, and a port for others.

pytest loads this module before it reads the project's configuration, so it imports
neither gevent nor, beside the empty package, anything of ours: a project may have its
process patched, and its coverage measured, from then on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from sockio.socket.server.server import Server
    from sockio.testing import LiveServer, TestClient

__all__ = ["sockio_client", "sockio_live", "sockio_server"]


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addini(
        "sockio_server", "the server that the fixtures use: MODULE:NAME", default=""
    )


@pytest.fixture
def sockio_server(pytestconfig: pytest.Config) -> Iterator[Server[Any]]:
    """Give the server: the one that the configuration names, else a new one.

    A project may define a fixture of this name, which returns its server.
    """
    name: str = pytestconfig.getini("sockio_server")
    if name:
        yield _named(name)
        return
    import sockio

    server: Server[Any] = sockio.Server()
    yield server
    server.close()


@pytest.fixture
def sockio_client(sockio_server: Server[Any]) -> Iterator[Callable[..., TestClient]]:
    """Give a function that connects clients; they are closed at the end.

    Its arguments are those of ``sockio.testing.TestClient``, without the server.
    """
    from sockio.testing import TestClient

    clients: list[TestClient] = []

    def connect(**options: Any) -> TestClient:
        clients.append(TestClient(sockio_server, **options))
        return clients[-1]

    yield connect
    errors: list[BaseException] = []
    for client in reversed(clients):
        try:
            client.close()
        except Exception as exc:
            # A boundary: handlers are the application's code; all clients are closed.
            errors.append(exc)
    if errors:
        raise errors[0]


@pytest.fixture
def sockio_live(sockio_server: Server[Any]) -> Iterator[LiveServer]:
    """Give the server on a free port of 127.0.0.1, for real clients: it has a ``url``.

    A driver that blocks, as those of browsers do, has to run by its ``run``.
    """
    from sockio.testing import LiveServer

    live = LiveServer(sockio_server)
    yield live
    live.close()


def _named(name: str) -> Server[Any]:
    from sockio.errors import ConfigError
    from sockio.socket.server.naming import server_named

    try:
        return server_named(name)
    except ConfigError as exc:
        pytest.fail(f"sockio_server: {exc}", pytrace=False)
