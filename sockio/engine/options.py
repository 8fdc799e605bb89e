"""EngineOptions (frozen): the options of an Engine.IO server."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, TypedDict

from sockio.engine.http.compression import HttpCompression
from sockio.engine.http.cookie import Cookie
from sockio.engine.http.cors import Cors, OriginJudge, OriginRules
from sockio.engine.http.request import Request, TrustedProxies
from sockio.errors import ConfigError
from sockio.protocol.websocket.deflate import Deflate
from sockio.runtime import guards
from sockio.runtime.option_fields import by, option, reads_given
from sockio.runtime.unknown_names import tells_unknown

from . import foreign_options
from .intake import InboxPolicy
from .option_checks import flag, seconds, size

if TYPE_CHECKING:
    from typing_extensions import Unpack

__all__ = [
    "KNOWN_TRANSPORTS",
    "BufferPolicy",
    "Deflate",
    "EngineOptions",
    "EngineSettings",
    "HandleProtocols",
    "TransportName",
]

TransportName: TypeAlias = Literal["polling", "websocket", "webtransport"]
#: Chooses one of the WebSocket subprotocols that a client offers, or None.
HandleProtocols: TypeAlias = Callable[[Sequence[str], Request], "str | None"]
KNOWN_TRANSPORTS: tuple[TransportName, ...] = ("polling", "websocket", "webtransport")

# Not done in its own module, since protocol may not import runtime.
tells_unknown("Deflate")(Deflate)


@tells_unknown("BufferPolicy")
@dataclass(frozen=True, slots=True, kw_only=True)
class BufferPolicy:
    """How much may wait for a client that reads slowly; sizes are in bytes."""

    #: Above this the client counts as stuck.
    high: int = 16 << 20
    #: Has no effect as long as "disconnect" is all there is; at most ``high``.
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


def _path(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise ConfigError(f'path={value!r} is not text: give one such as "/socket.io"')
    if not value.startswith("/"):
        raise ConfigError(f'path={value!r} has no slash in front: give "/{value}"')
    if "?" in value or "#" in value:
        raise ConfigError(f"path={value!r} is more than a path: leave out ? and #")
    return value.removesuffix("/")


def _transports(name: str, value: object) -> tuple[TransportName, ...]:
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
    how: str, gets: str = "the request", count: int = 1
) -> Callable[[str, Any], Any]:
    """Make a reader for an option: None, or a function of ``count`` arguments.

    Args:
        how: What the function has to do, for the error's text.
        gets: Its arguments, for the error's text.
        count: How many they are.
    """

    def read(name: str, value: Any) -> Any:
        if value is not None and not callable(value):
            raise ConfigError(
                f"{name}={value!r} cannot be called: give a function that takes "
                f"{gets}, or None"
            )
        if value is not None:
            guards.check(f"{name}=", value, gets, count, how)
        return value

    return read


def _proxies(name: str, value: Any) -> TrustedProxies | None:
    return TrustedProxies.of(value or 0)


def _packet(name: str, value: object) -> str | bytes | None:
    if value is not None and not isinstance(value, (str, bytes)):
        raise ConfigError(f"initial_packet={value!r}: give text, bytes or None")
    return value


def _buffer(name: str, value: object) -> BufferPolicy | None:
    if value is not None and not isinstance(value, BufferPolicy):
        raise ConfigError(
            f"buffer={value!r}: give BufferPolicy(high=..., low=...), or None for no "
            "limit"
        )
    return value


def _inbox(name: str, value: object) -> InboxPolicy | None:
    if value is not None and not isinstance(value, InboxPolicy):
        raise ConfigError(
            f"inbox={value!r}: give InboxPolicy(high_events=..., low_events=...), or "
            "None for no limit"
        )
    return value


def _deflate(name: str, value: object) -> Deflate | None:
    if value is None or isinstance(value, bool):
        return Deflate() if value else None
    if not isinstance(value, Deflate):
        raise ConfigError(
            f"per_message_deflate={value!r}: give True, False or "
            "Deflate(threshold=1024)"
        )
    return value


class EngineSettings(TypedDict, total=False):
    """The arguments that set the options of an engine, for type checkers."""

    path: str
    add_trailing_slash: bool
    transports: Sequence[str]
    ping_interval: float
    ping_timeout: float
    upgrade_timeout: float
    max_http_buffer_size: int
    allow_upgrades: bool
    allow_eio3: bool
    allow_request: Callable[[Request], object] | None
    check_origin: bool
    cors: Cors | OriginRules | OriginJudge
    cookie: Cookie | bool | None
    trusted_proxies: TrustedProxies | int | Sequence[str] | None
    per_message_deflate: Deflate | bool | None
    http_compression: HttpCompression | bool | None
    generate_id: Callable[[Request], str] | None
    handle_protocols: HandleProtocols | None
    initial_packet: str | bytes | None
    buffer: BufferPolicy | None
    inbox: InboxPolicy | None


@tells_unknown("EngineServer", foreign_options.SERVER)
@reads_given
@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """Options of one engine; times are in seconds, defaults are Node's.

    An option that may be given in several forms is kept in one form.
    """

    #: Where the engine lives, without a slash at the end.
    path: str = option("/engine.io", _path)
    #: Whether a slash must follow the path.
    add_trailing_slash: bool = option(True, flag)
    transports: tuple[TransportName, ...] = option(
        ("polling", "websocket"), _transports
    )
    #: From the last pong to the next ping.
    ping_interval: float = option(25.0, seconds)
    #: How long a pong may take.
    ping_timeout: float = option(20.0, seconds)
    #: How long a client may take to change the transport.
    upgrade_timeout: float = option(10.0, seconds)
    #: Most bytes of one request body or WebSocket message.
    max_http_buffer_size: int = option(1_000_000, size)
    allow_upgrades: bool = option(True, flag)
    #: Whether clients of Engine.IO 3, which are those of Socket.IO 2, are let in.
    allow_eio3: bool = option(False, flag)
    #: Called for each handshake; raises ``Forbidden`` or returns False to refuse it.
    allow_request: Callable[[Request], object] | None = option(
        None, _function("return to let in, raise to refuse")
    )
    #: Refuse handshakes of pages from elsewhere, unless ``cors`` allows their origin.
    check_origin: bool = option(False, flag)
    cors: Cors | None = option(None, by(Cors.of))
    cookie: Cookie | None = option(False, by(Cookie.of))
    trusted_proxies: TrustedProxies | None = option(0, _proxies)
    per_message_deflate: Deflate | None = option(False, _deflate)
    http_compression: HttpCompression | None = option(True, by(HttpCompression.of))
    #: Makes the id of a session, from its first request.
    generate_id: Callable[[Request], str] | None = option(
        None, _function("return the id")
    )
    #: Answers the subprotocols of a WebSocket; None answers the first one offered.
    handle_protocols: HandleProtocols | None = option(
        None,
        _function(
            "return one of those offered, or None",
            "the offered subprotocols and the request",
            2,
        ),
    )
    #: Sent with the handshake, as the first message.
    initial_packet: str | bytes | None = option(None, _packet)
    #: ``None`` lets any number of bytes wait.
    buffer: BufferPolicy | None = option(BufferPolicy(), _buffer)
    #: ``None`` lets any number of events wait.
    inbox: InboxPolicy | None = option(InboxPolicy(), _inbox)

    if TYPE_CHECKING:

        def __init__(self, **given: Unpack[EngineSettings]) -> None:
            """Read what is given."""

    @property
    def prefix(self) -> str:
        """What the path of a request for the engine starts with."""
        return self.path + "/" if self.add_trailing_slash else self.path
