"""Polling of protocol 3: payloads with lengths; bytes, where the client takes them.

Spec: Engine.IO protocol v3, "Encoding", "Transports".
"""

from __future__ import annotations

from collections.abc import Iterator

from sockio.engine.options import EngineOptions
from sockio.protocol.engineio import v3
from sockio.protocol.engineio.dialect import V3_BASE64, Dialect
from sockio.protocol.engineio.packet import Packet
from sockio.protocol.engineio.wire import Wire
from sockio.runtime.reactor import Reactor

from .polling import PollingTransport


class PollingV3Transport(PollingTransport):
    """The HTTP requests of one session of a client of Socket.IO 2."""

    upgrades_to: tuple[str, ...] = ("websocket",)
    takes_bytes = True

    def __init__(
        self, options: EngineOptions, reactor: Reactor, dialect: Dialect = V3_BASE64
    ) -> None:
        super().__init__(options, reactor)
        self._dialect = dialect

    def _encode(self, wires: list[Wire]) -> str | bytes:
        packets = [packet for wire in wires for packet in wire.packets]
        return v3.encode_payload(packets, binary=self._dialect.binary)

    def decode(self, payload: str | bytes) -> Iterator[Packet]:
        return v3.decode_payload(payload)
