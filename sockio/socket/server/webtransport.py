"""WebTransport: how a server listens on a UDP port."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sockio.engine.server import EngineServer
from sockio.errors import ConfigError
from sockio.httpd.listening_socket import Address

__all__ = ["Listening", "listen"]


class Listening(Protocol):
    """A port that is served."""

    @property
    def address(self) -> tuple[str, int]:
        """The interface and the port."""

    def close(self, timeout: float | None = None) -> None:
        """Stop serving it."""


def listen(
    engine: EngineServer,
    start: Callable[[], object],
    address: Address,
    certfile: str,
    keyfile: str,
    *,
    max_connections: int,
) -> Listening:
    """Serve WebTransport on a UDP port; returns once bound.

    Args:
        engine: Whose clients use it.
        start: Starts the server, if it has not started.
        address: Where to listen.
        certfile: PEM file with the certificate.
        keyfile: PEM file with its private key.
        max_connections: Most connections at a time.

    Raises:
        ConfigError: Nobody could use it, or what it needs is not installed.
    """
    options = engine.options
    if "webtransport" not in options.transports:
        raise ConfigError(
            "listen_webtransport: nobody could use it; give Server(transports="
            '["polling", "websocket", "webtransport"])'
        )
    try:
        from sockio.engine.quic.listener import Listener
    except ModuleNotFoundError as exc:
        raise ConfigError(
            f"WebTransport needs the package {exc.name}: pip install "
            '"sockio[webtransport]"'
        ) from exc
    start()
    return Listener(
        engine.reactor,
        certfile=certfile,
        keyfile=keyfile,
        on_session=engine.on_webtransport_session,
        idle_timeout=options.ping_interval + options.ping_timeout,
        session_timeout=options.upgrade_timeout,
        max_connections=max_connections,
    ).listen(address)
