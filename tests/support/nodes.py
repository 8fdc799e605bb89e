"""Nodes: servers of a cluster that proxy requests to each other."""

from __future__ import annotations

from typing import Any

import sockio
from sockio.engine.handover.nodes import Nodes
from sockio.socket.server.addresses import Addresses

from .loopback import Kind, Loopback
from .ports import free_port


class Node(Loopback):
    """A server of this process that the others reach."""

    def __init__(self, adapter: Any, kind: Kind = "sockio", **options: Any) -> None:
        port = free_port()
        self.address = f"127.0.0.1:{port}"
        self.io: sockio.Server[Any] = sockio.Server(
            adapter=adapter, advertise=self.address, **options
        )
        super().__init__(self.io, kind, port)
        self.io.start()

    @property
    def nodes(self) -> Nodes:
        """What it proxies."""
        nodes = self.io.engine.elsewhere.nodes
        assert nodes is not None
        return nodes

    @property
    def addresses(self) -> Addresses:
        """What it knows of the others."""
        addresses = self.nodes._addresses
        assert isinstance(addresses, Addresses)
        return addresses

    @property
    def tag(self) -> str:
        return self.io.engine.ids.tag
