"""URLs of Redis and Valkey: where the brokers are, and how they are used (pure).

redis://user:password@host:6379/0?prefix=socket.io
rediss://...                                        over TLS
redis+unix:///path/to/socket?db=0                   through a Unix socket
redis+sentinel://h1:26379,h2:26379/mymaster/0       the broker that sentinels name
redis+cluster://h1:6379,h2:6379                     the nodes of a cluster
redis+sharded://...                                 means redis://...?mode=sharded
redis+streams://...                                 means redis://...?mode=streams

``valkey://`` and all the other forms mean the same. No text that this module makes has
a password, or a part of the URL that may hold one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote, urlsplit

from sockio.adapters.buses.query import wrong

from .options import MODES, Options, Query

__all__ = ["Address", "Site", "Tls", "parse"]

#: Those over TLS.
ENCRYPTED = ("rediss", "valkeys")
PLAIN = ("redis", "valkey")
SCHEMES = (
    *PLAIN,
    *ENCRYPTED,
    *(f"{scheme}+unix" for scheme in PLAIN),
    *(
        f"{scheme}+{form}"
        for scheme in (*PLAIN, *ENCRYPTED)
        for form in ("sentinel", "cluster", *MODES)
    ),
)
PORT, SENTINEL_PORT = 6379, 26379
#: Where user and password are looked for if the URL has none.
USER, PASSWORD = "SOCKIO_REDIS_USERNAME", "SOCKIO_REDIS_PASSWORD"
#: The sentinels' own.
SENTINEL_USER = "SOCKIO_SENTINEL_USERNAME"
SENTINEL_PASSWORD = "SOCKIO_SENTINEL_PASSWORD"


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
class Site:
    """One broker, or those who know where the brokers are."""

    #: The broker, or some nodes of a cluster, or sentinels.
    addresses: tuple[Address, ...] = (Address(),)
    #: Whether it is a cluster.
    cluster: bool = False
    #: The name of the broker that the sentinels know; empty: there are none.
    master: str = ""
    #: The broker, as far as that is known where sentinels tell the rest.
    broker: Address = Address()

    def __str__(self) -> str:
        where = ",".join(str(address) for address in self.addresses)
        if self.master:
            return f"{self.master} of {where}"
        return f"the cluster of {where}" if self.cluster else where


def parse(url: str, environ: Mapping[str, str]) -> tuple[Site, Options]:
    """Return what a URL says.

    Args:
        url: See above.
        environ: Where users and passwords may be.

    Raises:
        ConfigError: Something in it is unknown or cannot be; the text names that.
    """
    scheme = url.partition(":")[0].lower()
    if scheme not in SCHEMES or not url[len(scheme) :].startswith("://"):
        forms = ", ".join(f"{s}://" for s in SCHEMES if s.startswith("redis"))
        raise wrong(scheme, f"the URLs are {forms}, and the same with valkey")
    base, _, form = scheme.partition("+")
    # Several hosts are more than the library takes.
    authority = re.match(r"[^/?#]*", url[len(scheme) + 3 :])
    assert authority is not None
    parts = urlsplit(f"x://{url[len(scheme) + 3 + authority.end() :]}")
    if parts.fragment:
        raise wrong(scheme, "write %23 for a # in it")
    query = Query(scheme, parts.query)
    user, hosts = _authority(scheme, authority.group(), environ)
    common: dict[str, Any] = {**user, "tls": _tls(scheme, base in ENCRYPTED, query)}
    common["db"] = query.number("db", 0)
    options = query.options(form if form in MODES else None)
    if form == "sentinel":
        return _sentinels(scheme, hosts, parts.path, common, environ), options
    if len(hosts) > 1 and form != "cluster":
        raise wrong(scheme, "several hosts are for +sentinel and +cluster")
    if form == "unix":
        if hosts != [{}] or not parts.path:
            raise wrong(scheme, "write three slashes and the path of the socket")
        common["path"] = unquote(parts.path)
    else:
        common |= _database(scheme, parts.path.strip("/"), query)
    if form == "cluster" and common["db"]:
        raise wrong(scheme, "the channels of a cluster are in no database")
    addresses = tuple(Address(**common, **host) for host in hosts)
    return Site(addresses=addresses, cluster=form == "cluster"), options


def _authority(
    scheme: str, authority: str, environ: Mapping[str, str]
) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return user and password; and what is said of each host."""
    credentials, _, names = authority.rpartition("@")
    username, _, password = credentials.partition(":")
    user = {
        "username": unquote(username) or environ.get(USER) or None,
        "password": unquote(password) or environ.get(PASSWORD) or None,
    }
    hosts = []
    for name in names.split(","):
        try:
            parts = urlsplit(f"//{name}")
            host, port = parts.hostname, parts.port
        except ValueError:
            # The library's own text would repeat parts of the URL.
            raise wrong(scheme, "the host or the port cannot be read") from None
        if len(names) > len(name) and not host:
            raise wrong(scheme, "a host is missing between commas")
        found = {"host": host, "port": port}
        hosts.append({key: value for key, value in found.items() if value is not None})
    return user, hosts


def _sentinels(
    scheme: str,
    hosts: list[dict[str, Any]],
    path: str,
    common: dict[str, Any],
    environ: Mapping[str, str],
) -> Site:
    """Return what is said of sentinels, and of the broker behind them."""
    match path.strip("/").split("/"):
        case [name] if name:
            pass
        case [name, db] if name and not common["db"] and _is_database(db):
            common["db"] = int(db)
        case _:
            text = "behind the hosts is the name of the broker, as in /mymaster/0"
            raise wrong(scheme, text)
    own = {
        "username": environ.get(SENTINEL_USER) or None,
        "password": environ.get(SENTINEL_PASSWORD) or None,
        "tls": common["tls"],
    }
    return Site(
        addresses=tuple(
            Address(**{"port": SENTINEL_PORT, **own, **host}) for host in hosts
        ),
        master=unquote(name),
        broker=Address(**common),
    )


def _tls(scheme: str, encrypted: bool, query: Query) -> Tls | None:
    given = query.given
    if not encrypted:
        if odd := next((name for name in given if name.startswith("ssl_")), None):
            raise wrong(scheme, f"{odd}= is for {' and '.join(ENCRYPTED)}")
        return None
    required = query.choice("ssl_cert_reqs", ("required", "none"), "required")
    return Tls(
        ca_certs=given.get("ssl_ca_certs"),
        certfile=given.get("ssl_certfile"),
        keyfile=given.get("ssl_keyfile"),
        required=required == "required",
        check_hostname=query.truth("ssl_check_hostname", required == "required"),
    )


def _database(scheme: str, name: str, query: Query) -> dict[str, int]:
    if not name:
        return {}
    if "db" in query.given or not _is_database(name):
        raise wrong(scheme, "behind the host is one number, that of the database")
    return {"db": int(name)}


def _is_database(name: str) -> bool:
    return re.fullmatch(r"[0-9]{1,6}", name) is not None
