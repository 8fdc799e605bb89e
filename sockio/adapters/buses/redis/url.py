"""URLs of Redis and Valkey: where the broker is, and how it is spoken to (pure).

redis://user:password@host:6379/0?prefix=socket.io
rediss://...                           over TLS
redis+unix:///path/to/socket?db=0      through a Unix socket

``valkey://``, ``valkeys://`` and ``valkey+unix://`` mean the same. No text that this
module makes has a password, or a part of the URL that may hold one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from sockio.adapters.cluster.requests import TIMEOUT
from sockio.errors import ConfigError, EncodeError, UnknownOption
from sockio.runtime.unknown_names import refuse

__all__ = ["Address", "Options", "Tls", "parse"]

SCHEMES = ("redis", "rediss", "redis+unix", "valkey", "valkeys", "valkey+unix")
#: Those over TLS.
ENCRYPTED = ("rediss", "valkeys")
PORT = 6379
#: Seconds; more are taken for milliseconds.
LONGEST = 3600
#: Where user and password are looked for if the URL has none.
USER, PASSWORD = "SOCKIO_REDIS_USERNAME", "SOCKIO_REDIS_PASSWORD"

_HINTS = {
    "key": "write prefix",
    "requestsTimeout": "write requests_timeout, in seconds",
    "password": f"write it before the host, or set {PASSWORD}",
    "username": f"write it before the host, or set {USER}",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """How the broker's certificate is checked, and our own."""

    #: File with the certificates to trust; None: the system's.
    ca_certs: str | None = None
    certfile: str | None = None
    keyfile: str | None = None
    #: Whether a certificate is asked for, and whether it must name the host.
    required: bool = True
    check_hostname: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a broker is."""

    host: str = "localhost"
    port: int = PORT
    #: Of a Unix socket; then there is no host.
    path: str | None = None
    db: int = 0
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    tls: Tls | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.path or f"{host}:{self.port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the broker is used."""

    #: What the names of all channels begin with; Node calls it ``key``.
    prefix: str = "socket.io"
    #: Answer only the server that asked: all others on the broker must listen there.
    publish_on_specific_response_channel: bool = False
    #: Seconds that other servers have for an answer, where a call gives no time.
    requests_timeout: float = TIMEOUT
    #: Bytes that may wait while the broker is away.
    outbox: int = 64 << 20
    #: Most bytes of one message. A broker cuts off a server for which 32 MB wait.
    max_message: int = 16 << 20

    def fitting(self, data: bytes) -> bytes:
        """Return a message that is not too large.

        Raises:
            EncodeError: It is.
        """
        if len(data) > self.max_message:
            raise EncodeError(
                f"the message has {len(data)} bytes, and {self.max_message} are the "
                "most for other servers: max_message= in the URL allows more"
            )
        return data


def parse(url: str, environ: Mapping[str, str]) -> tuple[Address, Options]:
    """Return what a URL says.

    Args:
        url: See above.
        environ: Where user and password may be.

    Raises:
        ConfigError: Something in it is unknown or cannot be; the text names that.
    """
    scheme = url.partition(":")[0].lower()
    if scheme not in SCHEMES or not url[len(scheme) :].startswith("://"):
        raise _wrong(scheme, f"the URLs are {', '.join(f'{s}://' for s in SCHEMES)}")
    try:
        parts = urlsplit(url)
        port = parts.port
        host = parts.hostname
    except ValueError:
        # The library's own text would repeat parts of the URL.
        raise _wrong(scheme, "the host or the port cannot be read") from None
    if parts.fragment:
        raise _wrong(scheme, "write %23 for a # in it")
    given = _query(scheme, parts.query)
    _check_mode(scheme, given)
    tls = _tls(scheme, given) if scheme in ENCRYPTED else None
    if tls is None and (odd := next((n for n in given if n.startswith("ssl_")), None)):
        raise _wrong(scheme, f"{odd}= is for {' and '.join(ENCRYPTED)}")
    where: dict[str, Any] = {"tls": tls, "db": _number(scheme, given, "db", 0)}
    if scheme.endswith("+unix"):
        if host or not parts.path:
            raise _wrong(scheme, "write three slashes and the path of the socket")
        where["path"] = unquote(parts.path)
    else:
        where |= {"host": host or "localhost", "port": PORT if port is None else port}
        where |= _database(scheme, parts.path, given)
    where["username"] = _secret(parts.username, environ.get(USER))
    where["password"] = _secret(parts.password, environ.get(PASSWORD))
    return Address(**where), _options(scheme, given)


def _options(scheme: str, given: dict[str, str]) -> Options:
    prefix = given.get("prefix", Options().prefix)
    if not prefix:
        raise _wrong(scheme, "prefix= is empty")
    name = "publish_on_specific_response_channel"
    return Options(
        prefix=prefix,
        publish_on_specific_response_channel=_truth(scheme, given, name, False),
        requests_timeout=_seconds(scheme, given, "requests_timeout", TIMEOUT),
        outbox=_number(scheme, given, "outbox", Options().outbox, least=1),
        max_message=_number(
            scheme, given, "max_message", Options().max_message, least=1
        ),
    )


def _tls(scheme: str, given: dict[str, str]) -> Tls:
    required = given.get("ssl_cert_reqs", "required")
    if required not in ("required", "none"):
        raise _wrong(scheme, "ssl_cert_reqs= is required or none")
    return Tls(
        ca_certs=given.get("ssl_ca_certs"),
        certfile=given.get("ssl_certfile"),
        keyfile=given.get("ssl_keyfile"),
        required=required == "required",
        check_hostname=_truth(
            scheme, given, "ssl_check_hostname", required == "required"
        ),
    )


_KNOWN = (
    "db",
    "max_message",
    "mode",
    "outbox",
    "prefix",
    "publish_on_specific_response_channel",
    "requests_timeout",
    "ssl_ca_certs",
    "ssl_cert_reqs",
    "ssl_certfile",
    "ssl_check_hostname",
    "ssl_keyfile",
)


def _query(scheme: str, query: str) -> dict[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True)
    given = dict(pairs)
    if len(given) < len(pairs):
        raise _wrong(scheme, "an option is given twice")
    if not given.keys() <= set(_KNOWN):
        # A name may be anything, if the URL is broken: only words are repeated.
        shown = {n if re.fullmatch(r"\w{1,40}", n) else "?": "" for n in given}
        try:
            refuse(f"adapter={scheme}:", shown, _KNOWN, _HINTS)
        except UnknownOption as exc:
            raise ConfigError(str(exc)) from None
    return given


def _check_mode(scheme: str, given: dict[str, str]) -> None:
    if given.get("mode", "pubsub") != "pubsub":
        raise _wrong(scheme, "mode= is pubsub")


def _database(scheme: str, path: str, given: dict[str, str]) -> dict[str, int]:
    name = path.strip("/")
    if not name:
        return {}
    if "db" in given or not re.fullmatch(r"[0-9]{1,6}", name):
        raise _wrong(scheme, "behind the host is one number, that of the database")
    return {"db": int(name)}


def _number(
    scheme: str, given: dict[str, str], name: str, default: int, least: int = 0
) -> int:
    value = given.get(name)
    if value is None:
        return default
    if not re.fullmatch(r"[0-9]{1,15}", value) or int(value) < least:
        raise _wrong(scheme, f"{name}= is no number of {least} or more")
    return int(value)


def _seconds(scheme: str, given: dict[str, str], name: str, default: float) -> float:
    value = given.get(name)
    if value is None:
        return default
    if not re.fullmatch(r"[0-9]{1,15}(\.[0-9]{1,15})?", value) or not float(value):
        raise _wrong(scheme, f"{name}= is no number of seconds above 0")
    if float(value) > LONGEST:
        raise _wrong(
            scheme, f"{name}= is in seconds, {LONGEST} at most, not in milliseconds"
        )
    return float(value)


_TRUTHS: Mapping[str, bool] = {
    "1": True,
    "true": True,
    "yes": True,
    "0": False,
    "false": False,
    "no": False,
}


def _truth(scheme: str, given: dict[str, str], name: str, default: bool) -> bool:
    value = given.get(name)
    if value is None:
        return default
    if value.lower() not in _TRUTHS:
        raise _wrong(scheme, f"{name}= is true or false")
    return _TRUTHS[value.lower()]


def _secret(part: str | None, otherwise: str | None) -> str | None:
    return unquote(part) if part else otherwise or None


def _wrong(scheme: str, text: str) -> ConfigError:
    shown = scheme if re.fullmatch(r"[a-z+]{1,20}", scheme) else "?"
    return ConfigError(f"adapter='{shown}:...': {text}")
