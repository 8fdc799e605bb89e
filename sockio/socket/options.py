"""ServerOptions: the options of a Socket.IO server, besides those of its engine."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from math import inf
from typing import Any, Literal, TypeAlias

from sockio.adapters.provider import Provider
from sockio.adapters.registry import adapter_factory
from sockio.engine.option_checks import flag, flags_of, seconds
from sockio.errors import ConfigError
from sockio.httpd.listening_socket import host_and_port
from sockio.protocol.socketio import (
    AutoParser,
    JsonCodec,
    JsonParser,
    MsgpackParser,
    Parser,
)
from sockio.runtime.option_fields import by, option, reads_given
from sockio.runtime.unknown_names import tells_unknown

#: The most seconds for which a session may be kept: a day.
LONGEST_KEPT = 86400.0


#: A parser, or the name of one.
ParserChoice: TypeAlias = "Parser | Literal['default', 'msgpack', 'auto']"


@tells_unknown("Recovery")
@dataclass(frozen=True, slots=True, kw_only=True)
class Recovery:
    """Clients whose connection broke get their socket back, and what they missed."""

    #: Seconds after which a session is forgotten if its client does not come back.
    max_disconnection_duration: float = 120.0
    #: Let recovered sockets in without asking the middlewares of the namespace again.
    skip_middlewares: bool = True
    #: Tell another process of this host beforehand what is kept, so that clients are
    #: recovered even if their process was killed.
    mirror: bool = False

    def __post_init__(self) -> None:
        seconds(
            "max_disconnection_duration", self.max_disconnection_duration, LONGEST_KEPT
        )
        flags_of(self, "skip_middlewares", "mirror")

    @classmethod
    def of(cls, value: Recovery | bool | None) -> Recovery | None:
        """Read the option ``connection_state_recovery``; ``None`` is off."""
        if value is None or isinstance(value, bool):
            return cls() if value else None
        if isinstance(value, Recovery):
            return value
        raise ConfigError(
            f"connection_state_recovery={value!r}: give True, False or "
            "Recovery(max_disconnection_duration=120.0, skip_middlewares=True, "
            "mirror=False)"
        )


@tells_unknown("Metrics")
@dataclass(frozen=True, slots=True, kw_only=True)
class Metrics:
    """What is counted for Prometheus."""

    #: How many events are counted by name, and how many namespaces; all others are one.
    names: int = 100
    #: Upper bounds, in seconds, of the groups into which the times of handlers fall.
    buckets: Sequence[float] = (
        0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0
    )  # fmt: skip

    def __post_init__(self) -> None:
        if type(self.names) is not int or self.names < 0:
            raise ConfigError(
                f"Metrics(names={self.names!r}): give a whole number, 0 or more"
            )
        ascending = isinstance(self.buckets, Sequence) and _ascends(self.buckets)
        if not ascending:
            raise ConfigError(
                f"Metrics(buckets={self.buckets!r}): give seconds above 0, each more "
                "than the one before it, such as (0.01, 0.1, 1.0)"
            )
        # A list given here could be changed later.
        object.__setattr__(self, "buckets", tuple(map(float, self.buckets)))

    @classmethod
    def of(cls, value: Metrics | bool) -> Metrics | None:
        """Read the option ``metrics``; ``False`` and ``None`` are off."""
        if value is None or isinstance(value, bool):
            return cls() if value else None
        if isinstance(value, Metrics):
            return value
        raise ConfigError(
            f"metrics={value!r}: give True, False or Metrics(names=100, buckets=...)"
        )


def _ascends(bounds: Sequence[Any]) -> bool:
    """Whether these are finite numbers above 0, each more than the one before it."""
    before = 0.0
    for bound in bounds:
        number = isinstance(bound, (int, float)) and not isinstance(bound, bool)
        if not number or not before < bound < inf:
            return False
        before = bound
    return bool(bounds)


def _parser(name: str, value: Any) -> ParserChoice:
    if isinstance(value, str):
        known = value in ("default", "msgpack", "auto")
    else:
        known = not isinstance(value, type) and all(
            callable(getattr(value, method, None)) for method in ("encode", "decoder")
        )
    if not known:
        raise ConfigError(
            f"parser={value!r}: give 'default', 'msgpack', 'auto' or an "
            "object with the methods encode(packet) and decoder()"
        )
    choice: ParserChoice = value
    return choice


def _codec(name: str, value: Any) -> JsonCodec | None:
    if value is not None and not (hasattr(value, "dumps") and hasattr(value, "loads")):
        raise ConfigError(
            f"json={value!r}: give an object with the functions "
            "dumps(value, *, default) and loads(text)"
        )
    codec: JsonCodec | None = value
    return codec


def _attachments(name: str, value: object) -> int:
    if type(value) is not int or value < 0:
        raise ConfigError(
            f"max_attachments={value!r}: give a whole number, "
            "0 or more (10 is the default)"
        )
    return value


def _page(name: str, value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not re.fullmatch(r'/[!"$->@-~]+', value):
        raise ConfigError(
            f'{name}={value!r}: give a path of ASCII letters such as "/{name}", or None'
        )
    return value


def _check_pages(options: ServerOptions) -> None:
    """Check that each page has a path of its own, and something to say."""
    names = ("health", "ready", "metrics_path")
    pages = {name: getattr(options, name) for name in names}
    used = [(name, path) for name, path in pages.items() if path is not None]
    if len({path for _, path in used}) < len(used):
        told = ", ".join(f"{name}={path!r}" for name, path in used)
        raise ConfigError(f"{told}: give each page a path of its own")
    if options.metrics_path is not None and options.metrics is None:
        raise ConfigError(
            f"metrics_path={options.metrics_path!r}: nothing is counted for this page; "
            "give metrics=True, too"
        )


def _error_in_connection(name: str, value: Any) -> Literal["disconnect", "keep"]:
    if value not in ("disconnect", "keep"):
        raise ConfigError(
            f'error_in_connection={value!r}: give "disconnect", or "keep" as Node does'
        )
    choice: Literal["disconnect", "keep"] = value
    return choice


def _workers(name: str, value: Any) -> Literal["auto", "off"]:
    if value not in ("auto", "off"):
        raise ConfigError(
            f'workers={value!r}: give "auto", or "off" to let each worker serve alone; '
            "how many there are is said to gunicorn"
        )
    choice: Literal["auto", "off"] = value
    return choice


_POD = (
    "in Kubernetes, give the pod's status.podIP as the environment variable POD_IP, "
    "and advertise=os.environ['POD_IP'] + ':3000'"
)


def _advertise(name: str, value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or value.startswith("unix:"):
        raise ConfigError(
            f'{name}={value!r}: give "host:port", where the other machines reach this '
            f"process; {_POD}"
        )
    host, port = host_and_port(value)
    if _means_all(host):
        raise ConfigError(
            f"{name}={value!r}: a server may listen on all addresses, but the other "
            f"machines need one of this machine, such as 10.0.0.5:3000; {_POD}"
        )
    if not port:
        raise ConfigError(f"{name}={value!r}: give the port, too")
    if ":" in host and not value.startswith("["):
        raise ConfigError(
            f"{name}={value!r}: write an address of IPv6 in brackets, [fd00::5]:3000"
        )
    if not re.fullmatch(r"[A-Za-z0-9._:%-]{1,255}", host):
        raise ConfigError(f"{name}={value!r}: that is no name of a host")
    return value


def _means_all(host: str) -> bool:
    """Whether ``host`` means all addresses of a machine."""
    try:
        return not host or ip_address(host).is_unspecified
    except ValueError:
        return False  # a name


#: Fewer characters could be guessed.
_LEAST_SECRET = 16


def _advertise_secret(name: str, value: Any) -> str | None:
    # The value stays out of the texts.
    if value is not None and not (
        isinstance(value, str) and re.fullmatch(rf"[!-~]{{{_LEAST_SECRET},256}}", value)
    ):
        raise ConfigError(
            f"{name}: give {_LEAST_SECRET} to 256 characters of ASCII without spaces, "
            "such as those of secrets.token_urlsafe(), the same to all nodes; or None, "
            "and they agree on a secret through the broker"
        )
    secret: str | None = value
    return secret


def _slow_handler(name: str, value: object) -> float | None:
    return None if value is None else seconds(name, value)


@reads_given
@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """Options of one server; times are in seconds, defaults are Node's.

    An option that may be given in several forms is stored in one of them.
    """

    #: How long a client may stay without joining a namespace.
    connect_timeout: float = option(45.0, seconds)
    #: Most binary attachments of one packet.
    max_attachments: int = option(10, _attachments)
    #: How packets are encoded: "default" is JSON with binary attachments; "auto" is
    #: JSON or MessagePack, whichever the client's first packet is in.
    parser: ParserChoice = option("default", _parser)
    #: ``dumps(value, *, default)`` and ``loads(text)``; None: orjson. Types that
    #: ``dumps`` converts are converted for MessagePack too.
    json: JsonCodec | None = option(None, _codec)
    #: Makes the adapter of each namespace.
    adapter: Provider = option(None, by(adapter_factory))
    #: How clients whose connection broke get their socket back; None: not at all.
    connection_state_recovery: Recovery | None = option(None, by(Recovery.of))
    #: Whether several workers of this host are one server: "auto", or "off".
    workers: Literal["auto", "off"] = option("auto", _workers)
    #: ``host:port`` where other machines reach this process, so that they proxy the
    #: requests for its sessions to it; None: clients come to the right one.
    advertise: str | None = option(None, _advertise)
    #: What the processes that advertise know each other by; None: drawn, and shared
    #: through the broker.
    advertise_secret: str | None = option(None, _advertise_secret, secret=True)
    #: Remove a namespace made on demand when its last socket has gone.
    cleanup_empty_child_namespaces: bool = option(False, flag)
    #: Kill a handler if its client goes away while it runs.
    cancel_on_disconnect: bool = option(False, flag)
    #: Acknowledge an event with ``{"error": {...}}`` if its handler failed.
    error_acks: bool = option(False, flag)
    #: Reject events with the wrong number of arguments for their listener.
    strict_args: bool = option(True, flag)
    #: Convert the arguments of events to the types that their listeners declare, and
    #: reject events that have others.
    validate: bool = option(False, flag)
    #: What happens to a client if its connection handler fails: "disconnect"
    #: disconnects it, "keep" leaves it connected.
    error_in_connection: Literal["disconnect", "keep"] = option(
        "disconnect", _error_in_connection
    )
    #: What is counted for Prometheus; None: nothing is.
    metrics: Metrics | None = option(False, by(Metrics.of))
    #: Path of the page that says that the process answers; None: there is none.
    health: str | None = option(None, _page)
    #: Path of the page that says whether new clients may come; None: there is none.
    ready: str | None = option(None, _page)
    #: Path of the page for Prometheus; None: there is none.
    metrics_path: str | None = option(None, _page)
    #: Seconds for which a handler may hold the loop before it is logged; None: any.
    slow_handler: float | None = option(1.0, _slow_handler)

    def __post_init__(self) -> None:
        _check_pages(self)
        if self.json is not None and not isinstance(self.parser, str):
            raise ConfigError(
                f"json={self.json!r}: it is not used by a parser of your own; give it "
                "to that parser (JsonParser and MsgpackParser take json=)"
            )
        if self.advertise is not None:
            self.adapter.directory()
        elif self.advertise_secret is not None:
            raise ConfigError(
                "advertise_secret= is what processes that advertise know each other "
                "by: give advertise=, too, or leave it out"
            )

    def make_parser(self) -> Parser:
        """Return the parser that these options describe."""
        if not isinstance(self.parser, str):
            return self.parser
        if self.parser == "msgpack":
            return MsgpackParser(self.json)
        make = JsonParser if self.parser == "default" else AutoParser
        return make(self.json, max_attachments=self.max_attachments)
