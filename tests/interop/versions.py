"""The versions of the official JavaScript client.

Those that socket.io-msgpack-parser supports must be able to do everything with that,
too.
"""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from tests.interop.checks import PATIENCE, TRANSPORTS
from tests.support.node import Driver, JsClient, Version

VERSIONS: tuple[Version, ...] = (
    2,
    "3.1",
    "4.0",
    "4.1",
    "4.4",
    "4.5",
    "4.6",
    "4.7",
    4,
)
PARSERS: tuple[Literal["json", "msgpack"], ...] = ("json", "msgpack")
#: Options of a client that comes back soon.
SOON: dict[str, Any] = {"reconnection": True, "reconnectionDelay": 1}


class Kind(NamedTuple):
    """One version of the client, with one parser, over one transport."""

    version: Version
    parser: Literal["json", "msgpack"]
    transport: str

    def __str__(self) -> str:
        return f"{self.version}-{self.parser}-{self.transport}"


#: All that must work. The parser for version 2 has another format, which we do not
#: speak.
KINDS = tuple(
    Kind(version, parser, transport)
    for version in VERSIONS
    for parser in PARSERS
    for transport in TRANSPORTS
    if (version, parser) != (2, "msgpack")
)


class JsWay(NamedTuple):
    """One kind of client, and the server that it speaks with; see ``Way``."""

    node: Driver
    url: str
    kind: Kind

    @property
    def transport(self) -> str:
        return self.kind.transport

    @property
    def protocol(self) -> int:
        return 3 if self.kind.version == 2 else 4

    def start(
        self, namespace: str = "", *, auth: Any = None, reconnection: bool = False
    ) -> JsClient:
        # Version 2 sends a query string where others send "auth".
        sent = {"query" if self.kind.version == 2 else "auth": auth} if auth else {}
        return self.node.connect(
            self.url + namespace,
            version=self.kind.version,
            parser=self.kind.parser,
            transports=TRANSPORTS[self.kind.transport],
            patience=PATIENCE,
            **sent,
            **(SOON if reconnection else {}),
        )
