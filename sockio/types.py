"""Names for the types that travel between floors; aliases only."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Any, TypeAlias
from uuid import UUID

#: Public id of a socket: 20 characters, one per client and namespace.
SocketId: TypeAlias = str
#: Private id of an Engine.IO session; a secret between server and client.
SessionId: TypeAlias = str
#: Name of a room; a socket's own id is one too.
Room: TypeAlias = str
#: What may be given as a room: integers, members of enumerations and UUIDs too.
RoomLike: TypeAlias = "str | int | Enum | UUID"
#: One encoded packet or piece of a packet: text or binary.
Frame: TypeAlias = "str | bytes"
#: What JSON can carry, plus bytes-like values at any depth.
Json: TypeAlias = Any
#: A PEP 3333 environment.
Environ: TypeAlias = dict[str, Any]
#: PEP 3333 ``start_response``.
StartResponse: TypeAlias = Callable[..., Any]
#: A PEP 3333 application.
WSGIApp: TypeAlias = Callable[[Environ, StartResponse], Iterable[bytes]]
#: Query string or headers of a request, by name.
Fields: TypeAlias = Mapping[str, str]
