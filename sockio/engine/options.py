"""EngineOptions (frozen): what an Engine.IO server can be told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

from sockio.engine.http.compression import HttpCompression
from sockio.engine.http.cookie import Cookie
from sockio.engine.http.cors import Cors, OriginJudge, OriginRules
from sockio.engine.http.request import Request, TrustedProxies
from sockio.errors import ConfigError
from sockio.protocol.websocket.deflate import Deflate
from sockio.runtime import guards
from sockio.runtime.unknown_names import tells_unknown

from . import foreign_options
from .intake import InboxPolicy
from .option_checks import flag, seconds, size

__all__ = [
    "KNOWN_TRANSPORTS",
    "BufferPolicy",
    "EngineOptions",
    "HandleProtocols",
    "TransportName",
]

TransportName: TypeAlias = Literal["polling", "websocket", "webtransport"]
#: Chooses one of the WebSocket subprotocols that a client offers, or None.
HandleProtocols: TypeAlias = Callable[[Sequence[str], Request], "str | None"]
KNOWN_TRANSPORTS: tuple[TransportName, ...] = ("polling", "websocket", "webtransport")


@tells_unknown("BufferPolicy")
@dataclass(frozen=True, slots=True, kw_only=True)
class BufferPolicy:
    """How much may wait for a client that reads slowly; sizes are in bytes."""

    #: Above this the client counts as stuck.
    high: int = 16 << 20
    #: Below this it counts as well again.
    low: int = 4 << 20
    #: What happens to a stuck client.
    on_full: Literal["disconnect"] = "disconnect"

    def __post_init__(self) -> None:
        for field in ("high", "low"):
            limit = getattr(self, field)
            if type(limit) is not int or limit < 0:
                raise ConfigError(
                    f"BufferPolicy({field}={limit!r}): give a number of bytes, 0 or "
                    "more"
                )
        if self.low > self.high:
            raise ConfigError(
                f"BufferPolicy(high={self.high}, low={self.low}): low is the larger "
                "one; give high >= low"
            )
        if self.on_full != "disconnect":
            raise ConfigError(
                f'BufferPolicy(on_full={self.on_full!r}): give "disconnect", which is '
                "all there is"
            )


@tells_unknown("EngineServer", foreign_options.SERVER)
@dataclass(frozen=True, slots=True, kw_only=True, init=False)
class EngineOptions:
    """Options of one engine; times are in seconds, defaults are Node's.

    Options that may be given in several forms are kept in one.
    """

    #: Where the engine lives, without a slash at the end.
    path: str
    #: Whether a slash must follow the path.
    add_trailing_slash: bool
    transports: tuple[TransportName, ...]
    #: From the last pong to the next ping.
    ping_interval: float
    #: How long a pong may take.
    ping_timeout: float
    #: How long a client may take to change the transport.
    upgrade_timeout: float
    #: Most bytes of one request body or WebSocket message.
    max_http_buffer_size: int
    allow_upgrades: bool
    #: Whether clients of Engine.IO 3, which are those of Socket.IO 2, are let in.
    allow_eio3: bool
    #: Asked for each handshake; raises ``Forbidden`` or returns False to refuse it.
    allow_request: Callable[[Request], object] | None
    #: Refuse handshakes of pages from elsewhere, unless ``cors`` allows their origin.
    check_origin: bool
    cors: Cors | None
    cookie: Cookie | None
    trusted_proxies: TrustedProxies | None
    per_message_deflate: Deflate | None
    http_compression: HttpCompression | None
    #: Makes the id of a session, from its first request.
    generate_id: Callable[[Request], str] | None
    #: Answers the subprotocols of a WebSocket; None answers the first one offered.
    handle_protocols: HandleProtocols | None
    #: Sent with the handshake, as the first message.
    initial_packet: str | bytes | None
    #: ``None`` lets any number of bytes wait.
    buffer: BufferPolicy | None
    #: ``None`` lets any number of events wait.
    inbox: InboxPolicy | None

    def __init__(
        self,
        *,
        path: str = "/engine.io",
        add_trailing_slash: bool = True,
        transports: Sequence[str] = ("polling", "websocket"),
        ping_interval: float = 25.0,
        ping_timeout: float = 20.0,
        upgrade_timeout: float = 10.0,
        max_http_buffer_size: int = 1_000_000,
        allow_upgrades: bool = True,
        allow_eio3: bool = False,
        allow_request: Callable[[Request], object] | None = None,
        check_origin: bool = False,
        cors: Cors | OriginRules | OriginJudge = None,
        cookie: Cookie | bool | None = False,
        trusted_proxies: TrustedProxies | int | Sequence[str] | None = 0,
        per_message_deflate: Deflate | bool | None = False,
        http_compression: HttpCompression | bool | None = True,
        generate_id: Callable[[Request], str] | None = None,
        handle_protocols: HandleProtocols | None = None,
        initial_packet: str | bytes | None = None,
        buffer: BufferPolicy | None = BufferPolicy(),
        inbox: InboxPolicy | None = InboxPolicy(),  # noqa: B008 - it is immutable
    ) -> None:
        values = {
            "path": _path(path),
            "add_trailing_slash": flag("add_trailing_slash", add_trailing_slash),
            "transports": _transports(transports),
            "ping_interval": seconds("ping_interval", ping_interval),
            "ping_timeout": seconds("ping_timeout", ping_timeout),
            "upgrade_timeout": seconds("upgrade_timeout", upgrade_timeout),
            "max_http_buffer_size": size("max_http_buffer_size", max_http_buffer_size),
            "allow_upgrades": flag("allow_upgrades", allow_upgrades),
            "allow_eio3": flag("allow_eio3", allow_eio3),
            "allow_request": _function(
                "allow_request",
                allow_request,
                "return to let in, raise to refuse",
            ),
            "check_origin": flag("check_origin", check_origin),
            "cors": Cors.of(cors),
            "cookie": Cookie.of(cookie),
            "trusted_proxies": TrustedProxies.of(trusted_proxies or 0),
            "per_message_deflate": _deflate(per_message_deflate),
            "http_compression": HttpCompression.of(http_compression),
            "generate_id": _function("generate_id", generate_id, "return the id"),
            "handle_protocols": _function(
                "handle_protocols",
                handle_protocols,
                "return one of the offered, or None",
                "the offered subprotocols and the request",
                2,
            ),
            "initial_packet": _packet(initial_packet),
            "buffer": _buffer(buffer),
            "inbox": _inbox(inbox),
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)

    @property
    def prefix(self) -> str:
        """What the path of a request for the engine starts with."""
        return self.path + "/" if self.add_trailing_slash else self.path


def _path(value: object) -> str:
    if not isinstance(value, str):
        raise ConfigError(f'path={value!r} is not text: give one such as "/socket.io"')
    if not value.startswith("/"):
        raise ConfigError(f'path={value!r} has no slash in front: give "/{value}"')
    if "?" in value or "#" in value:
        raise ConfigError(f"path={value!r} is more than a path: leave out ? and #")
    return value.removesuffix("/")


def _transports(value: object) -> tuple[str, ...]:
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise ConfigError(
            f'transports={value!r} is not a list: give ["polling", "websocket"]'
        )
    known = ", ".join(f'"{name}"' for name in KNOWN_TRANSPORTS)
    for name in value:
        if name not in KNOWN_TRANSPORTS:
            raise ConfigError(
                f"transports: {name!r} is unknown; known transports are {known}"
            )
    if not value or len(set(value)) < len(value):
        raise ConfigError(
            f"transports={value!r}: name at least one of {known}, each once"
        )
    return tuple(value)


def _function(
    name: str, value: Any, how: str, gets: str = "the request", count: int = 1
) -> object:
    if value is not None and not callable(value):
        raise ConfigError(
            f"{name}={value!r} cannot be called: give a function that takes {gets}, "
            "or None"
        )
    if value is not None:
        guards.check(f"{name}=", value, gets, count, how)
    return value


def _packet(value: object) -> object:
    if value is not None and not isinstance(value, (str, bytes)):
        raise ConfigError(f"initial_packet={value!r}: give text, bytes or None")
    return value


def _buffer(value: object) -> object:
    if value is not None and not isinstance(value, BufferPolicy):
        raise ConfigError(
            f"buffer={value!r}: give BufferPolicy(high=..., low=...), or None for no "
            "limit"
        )
    return value


def _inbox(value: object) -> object:
    if value is not None and not isinstance(value, InboxPolicy):
        raise ConfigError(
            f"inbox={value!r}: give InboxPolicy(high_events=..., low_events=...), or "
            "None for no limit"
        )
    return value


def _deflate(value: object) -> Deflate | None:
    if value is None or isinstance(value, bool):
        return Deflate() if value else None
    if not isinstance(value, Deflate):
        raise ConfigError(
            f"per_message_deflate={value!r}: give True, False or "
            "Deflate(threshold=1024)"
        )
    return value
