"""A server that its operators see, under every kind of HTTP server in these tests."""

from __future__ import annotations

import os
from typing import Any

import sockio

io: sockio.Server[Any] = sockio.Server(
    health="/health", ready="/ready", metrics=True, metrics_path="/metrics"
)


@io.on("connection")
def connected(socket: sockio.Socket[Any]) -> None:
    @socket.on("who")
    def who() -> int:
        return os.getpid()
