"""Options: those of Flask-SocketIO, read as those of our server.

All options of ``sockio.Server`` may be given too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import flask

from sockio.engine.http.compression import HttpCompression
from sockio.engine.http.cookie import Cookie
from sockio.engine.http.cors import Cors
from sockio.engine.option_checks import flag
from sockio.errors import ConfigError
from sockio.runtime.listeners import Listener
from sockio.socket.options import Recovery

from .json_codec import FlaskJson
from .queue import adapter_url

__all__ = ["Behaviour", "server_options", "take_behaviour"]

#: Matches every name of a namespace.
_ANY_NAME = re.compile("")
_MODES = "sockio always uses gevent: leave it out, or write async_mode='gevent'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What the integration itself does differently, by option."""

    #: Whether handlers get a copy of the user's session.
    manage_session: bool = True
    #: Whether clients are let in before their connect handler runs.
    always_connect: bool = False
    #: Whether the handlers of one client run beside each other.
    concurrent: bool = False
    #: Namespaces that clients may join besides those with handlers; "*": all.
    namespaces: tuple[str, ...] = ("/",)
    #: What accepts all namespaces.
    any_namespace: re.Pattern[str] = _ANY_NAME


def take_behaviour(given: dict[str, Any]) -> Behaviour:
    """Take the options out of ``given`` that the integration itself has.

    Raises:
        ConfigError: One is wrong.
    """
    namespaces = given.pop("namespaces", None) or ("/",)
    if isinstance(namespaces, str):
        namespaces = (namespaces,)
    if not all(isinstance(name, str) for name in namespaces):
        raise ConfigError(f"namespaces={namespaces!r}: give names, or '*'")
    return Behaviour(
        manage_session=_flag(given, "manage_session", True),
        always_connect=_flag(given, "always_connect", False),
        concurrent=_flag(given, "async_handlers", False),
        namespaces=tuple(namespaces),
    )


def _flag(given: dict[str, Any], name: str, default: bool) -> bool:
    return flag(name, given.pop(name, default))


def server_options(given: Mapping[str, Any], app: flask.Flask) -> dict[str, Any]:
    """Return the options of ``sockio.Server`` for Flask-SocketIO's.

    Raises:
        ConfigError: One cannot be had, or is wrong; the text says what to give instead.
    """
    options = {"check_origin": True, **given}
    for name, read in _READERS.items():
        if name in options:
            read(options, options.pop(name))
    if "json" in options:
        options["json"] = FlaskJson.of(options["json"], app)
    return options


# ------------------------------------------------------------------ one by one


def _path(options: dict[str, Any], value: Any) -> None:
    if value is None:
        return
    if not isinstance(value, str):
        raise ConfigError(f"path={value!r}: give text, such as 'socket.io'")
    options["path"] = f"/{value.strip('/')}"


def _origins(options: dict[str, Any], value: Any) -> None:
    credentials = options.pop("cors_credentials", True)
    if value is None:
        return
    if "cors" in options:
        raise ConfigError("give cors_allowed_origins or cors, not both")
    if isinstance(value, (list, tuple, set, frozenset)) and not value:
        options["check_origin"] = False  # as documented: nothing is handled
        return
    options["cors"] = Cors(
        origin=_origin_rules(value), credentials=flag("cors_credentials", credentials)
    )


def _origin_rules(value: Any) -> Any:
    if value == "*" or (not isinstance(value, str) and _has_star(value)):
        return True
    if callable(value):
        return _judge(value)
    return value if isinstance(value, (str, re.Pattern)) else list(value)


def _has_star(value: Any) -> bool:
    return isinstance(value, (list, tuple, set, frozenset)) and "*" in value


def _judge(allows: Callable[..., object]) -> Callable[[str, Any], bool]:
    """Return our judge of origins for theirs, which takes the environ or not."""
    wants_environ = Listener("cors_allowed_origins", allows).accepts(2)

    def judge(origin: str, request: Any) -> bool:
        more = (request.environ,) if wants_environ else ()
        return bool(allows(origin, *more))

    return judge


def _ping_interval(options: dict[str, Any], value: Any) -> None:
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            raise ConfigError(
                f"ping_interval={value!r}: give seconds, or seconds and a grace period"
            )
        value, grace = value
        # Both ends allow for the grace period before they give the other up.
        options["ping_timeout"] = options.get("ping_timeout", 20.0) + grace
    options["ping_interval"] = value


def _transports(options: dict[str, Any], value: Any) -> None:
    if value is not None:
        options["transports"] = [value] if isinstance(value, str) else value


def _threshold(options: dict[str, Any], value: Any) -> None:
    if options.get("http_compression", True) is True:
        options["http_compression"] = HttpCompression(threshold=value)


def _cookie(options: dict[str, Any], value: Any) -> None:
    if isinstance(value, str):
        value = Cookie(name=value)
    elif isinstance(value, Mapping):
        value = Cookie(**dict(_attribute(*each) for each in value.items()))
    options["cookie"] = value


_COOKIE_FIELDS = {
    "maxage": "max_age",
    "httponly": "http_only",
    "samesite": "same_site",
}


def _attribute(name: str, value: Any) -> tuple[str, Any]:
    if callable(value):
        raise ConfigError(f"cookie: {name} is a function; give its value")
    field = re.sub("[-_]", "", name.lower())
    field = _COOKIE_FIELDS.get(field, field)
    if field == "max_age" and isinstance(value, str) and value.isdecimal():
        value = int(value)
    if field in ("same_site", "priority") and isinstance(value, str):
        value = value.lower()
    return field, value


def _serializer(options: dict[str, Any], value: Any) -> None:
    if value not in ("default", "msgpack"):
        raise ConfigError(
            f"serializer={value!r}: there are 'default' and 'msgpack'; for another one "
            "write parser= with an object of your own"
        )
    options["parser"] = value


def _async_mode(options: dict[str, Any], value: Any) -> None:
    if value not in (None, "gevent"):
        raise ConfigError(f"async_mode={value!r}: {_MODES}")


def _client_manager(options: dict[str, Any], value: Any) -> None:
    if value is not None:
        raise ConfigError(
            "client_manager=: write adapter=, or message_queue='redis://...'"
        )


def _message_queue(options: dict[str, Any], value: Any) -> None:
    channel = options.pop("channel", None)
    if value is not None:
        options["adapter"] = adapter_url(value, channel)


def _json(options: dict[str, Any], value: Any) -> None:
    if value is not None:
        options["json"] = value


def _recovery(options: dict[str, Any], value: Any) -> None:
    # The connect handler is a middleware: each disconnect is to have its connect.
    options["connection_state_recovery"] = (
        Recovery(skip_middlewares=False) if value is True else value
    )


def _nothing(options: dict[str, Any], value: Any) -> None:
    """Accept an option that has no meaning here."""


_READERS: dict[str, Callable[[dict[str, Any], Any], None]] = {
    "resource": _path,
    "path": _path,
    "cors_allowed_origins": _origins,
    "cors_credentials": _nothing,
    "ping_interval": _ping_interval,
    "transports": _transports,
    "compression_threshold": _threshold,
    "cookie": _cookie,
    "serializer": _serializer,
    "async_mode": _async_mode,
    "client_manager": _client_manager,
    "connection_state_recovery": _recovery,
    "message_queue": _message_queue,
    "channel": _nothing,
    "json": _json,
    "monitor_clients": _nothing,
}
