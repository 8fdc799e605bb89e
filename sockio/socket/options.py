"""ServerOptions: what a Socket.IO server can be told, beside its engine's options."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sockio.adapters.adapter import AdapterFactory
from sockio.engine import option_checks
from sockio.errors import ConfigError
from sockio.protocol.socketio import (
    AutoParser,
    JsonCodec,
    JsonParser,
    MsgpackParser,
    Parser,
)
from sockio.runtime.unknown_names import tells_unknown

#: Seconds of the longest time for which a client may be expected back: a day.
LONGEST_KEPT = 86400.0


@tells_unknown("Recovery")
@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """Clients whose connection broke get their socket back, and what they missed."""

    #: Seconds after which a session that nobody came back for is forgotten.
    max_disconnection_duration: float = 120.0
    #: Let recovered sockets in without asking the middlewares of the namespace again.
    skip_middlewares: bool = True

    def __post_init__(self) -> None:
        option_checks.seconds(
            "max_disconnection_duration", self.max_disconnection_duration, LONGEST_KEPT
        )
        option_checks.flags_of(self, "skip_middlewares")

    @classmethod
    def of(cls, value: Recovery | bool | None) -> Recovery | None:
        """Read the option ``connection_state_recovery``; ``None`` is off."""
        if value is None or isinstance(value, bool):
            return cls() if value else None
        if isinstance(value, Recovery):
            return value
        raise ConfigError(
            f"connection_state_recovery={value!r}: give True, False or "
            "Recovery(max_disconnection_duration=120.0, skip_middlewares=True)"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """Options of one server; times are in seconds, defaults are Node's."""

    #: How long a client may stay without joining a namespace.
    connect_timeout: float = 45.0
    #: Most binary attachments of one packet.
    max_attachments: int = 10
    #: How packets are written: "default" is JSON with binary attachments, "auto" that
    #: or MessagePack, as each client begins.
    parser: Parser | Literal["default", "msgpack", "auto"] = "default"
    #: ``dumps(value, *, default)`` and ``loads(text)``; None: orjson. What ``dumps``
    #: converts is converted in MessagePack too.
    json: JsonCodec | None = None
    #: Makes the adapter of each namespace; None: in memory, or a URL.
    adapter: AdapterFactory | str | None = None
    #: Give clients back what they had when their connection broke.
    connection_state_recovery: Recovery | bool | None = None
    #: Remove a namespace made on demand when its last socket has left.
    cleanup_empty_child_namespaces: bool = False
    #: Kill a handler of a client that goes away while it runs.
    cancel_on_disconnect: bool = False
    #: Answer an event whose handler failed with ``{"error": {...}}``.
    error_acks: bool = False
    #: Reject events with the wrong number of arguments for their listener.
    strict_args: bool = True
    #: What happens to a client whose connection handler has failed: "disconnect" lets
    #: it go, "keep" leaves it as it is.
    error_in_connection: Literal["disconnect", "keep"] = "disconnect"
    #: Seconds for which a handler may hold the loop before it is logged; None: any.
    slow_handler: float | None = 1.0

    def __post_init__(self) -> None:
        option_checks.seconds("connect_timeout", self.connect_timeout)
        for name in (
            "cleanup_empty_child_namespaces",
            "cancel_on_disconnect",
            "error_acks",
            "strict_args",
        ):
            option_checks.flag(name, getattr(self, name))
        if self.error_in_connection not in ("disconnect", "keep"):
            raise ConfigError(
                f"error_in_connection={self.error_in_connection!r}: give "
                '"disconnect", or "keep" as Node does'
            )
        if type(self.max_attachments) is not int or self.max_attachments < 0:
            raise ConfigError(
                f"max_attachments={self.max_attachments!r}: give a whole number, "
                "0 or more (10 is the default)"
            )
        if self.slow_handler is not None:
            option_checks.seconds("slow_handler", self.slow_handler)
        self._check_parser()
        Recovery.of(self.connection_state_recovery)

    def _check_parser(self) -> None:
        if isinstance(self.parser, str):
            known = self.parser in ("default", "msgpack", "auto")
        else:
            known = not isinstance(self.parser, type) and all(
                callable(getattr(self.parser, name, None))
                for name in ("encode", "decoder")
            )
        if not known:
            raise ConfigError(
                f"parser={self.parser!r}: give 'default', 'msgpack', 'auto' or an "
                "object with the methods encode(packet) and decoder()"
            )
        if self.json is not None and not (
            hasattr(self.json, "dumps") and hasattr(self.json, "loads")
        ):
            raise ConfigError(
                f"json={self.json!r}: give an object with the functions "
                "dumps(value, *, default) and loads(text)"
            )
        if self.json is not None and not isinstance(self.parser, str):
            raise ConfigError(
                f"json={self.json!r}: it is not used by a parser of your own; give it "
                "to that parser (JsonParser and MsgpackParser take json=)"
            )

    @property
    def recovery(self) -> Recovery | None:
        """How sessions are kept for clients that come back; None: not at all."""
        return Recovery.of(self.connection_state_recovery)

    def make_parser(self) -> Parser:
        """Return the parser that these options describe."""
        if not isinstance(self.parser, str):
            return self.parser
        if self.parser == "msgpack":
            return MsgpackParser(self.json)
        make = JsonParser if self.parser == "default" else AutoParser
        return make(self.json, max_attachments=self.max_attachments)
