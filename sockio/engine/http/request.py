"""A read-only view of environ.

One is made for every poll, so nothing is parsed before somebody asks for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote, unquote_plus

from sockio.errors import ConfigError, ProtocolError
from sockio.types import Environ

__all__ = ["PART", "BodyCutShort", "BodyTooLarge", "Request", "TrustedProxies"]

_Address: TypeAlias = "IPv4Address | IPv6Address"
_Network: TypeAlias = "IPv4Network | IPv6Network"

#: Characters that need no escape in the path of a URL (RFC 3986, 3.3).
_PATH_SAFE = "/:@!$&'()*+,;=~"
#: Most bytes asked of the server in one read.
_READ_SIZE = 65536
#: Most bytes asked for in a read that waits for all of them.
PART = 1024
#: In environ these may be empty if the client has not sent them (PEP 3333).
_MAY_BE_EMPTY = ("CONTENT_TYPE", "CONTENT_LENGTH")
_PORT = re.compile(r"(?:\[([^\]]*)\]|([^:]*))(?::\d+)?")


class BodyTooLarge(ProtocolError):
    """The body of a request is larger than we accept; HTTP 413."""


class BodyCutShort(ProtocolError, OSError):
    """The body of a request ended too early, or was garbled."""


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """Which addresses in front of us may say who the client is.

    Either a number of hops, or networks; ``unix`` trusts peers on Unix sockets.
    """

    hops: int = 0
    networks: tuple[_Network, ...] = ()
    unix: bool = False

    @classmethod
    def of(cls, value: TrustedProxies | int | Sequence[str]) -> TrustedProxies | None:
        """Read the option ``trusted_proxies``; ``None`` when nobody is trusted.

        Raises:
            ConfigError: It is neither a number of hops nor a list of networks.
        """
        if isinstance(value, TrustedProxies):
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            if value < 0:
                raise ConfigError(
                    f"trusted_proxies={value} is negative: give the number of "
                    "proxies between the clients and this server, or 0"
                )
            return cls(hops=value) if value else None
        if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
            raise ConfigError(
                f"trusted_proxies={value!r} is neither a number nor a list: give "
                'how many proxies there are, or their networks as ["10.0.0.0/8"]'
            )
        networks = tuple(_network(text) for text in value if text != "unix")
        return cls(networks=networks, unix="unix" in value) if value else None

    def walk(self, peer: str, forwarded: str) -> tuple[str, int]:
        """Go from the peer towards the client as far as trust reaches.

        Args:
            peer: Address of the TCP connection; empty for a Unix socket.
            forwarded: Value of ``X-Forwarded-For``, nearest proxy last.

        Returns:
            The address of the client, and how many proxies were believed.
        """
        claimed = [entry.strip() for entry in forwarded.split(",")] if forwarded else []
        address, believed = peer, 0
        while self._trusts(address, believed):
            believed += 1
            if believed > len(claimed):
                break
            found = _address(claimed[-believed])
            if found is None:  # "unknown", "_hidden": no address to go on with
                break
            address = str(found)
        return address, believed

    def _trusts(self, address: str, believed: int) -> bool:
        if self.hops:
            return believed < self.hops
        found = _address(address)
        if found is None:
            return self.unix and believed == 0
        # A network of the other IP version does not contain the address.
        return any(found in network for network in self.networks)


class Request:
    """One HTTP request.

    Args:
        environ: The environment of the WSGI server; shared, not copied.
        trusted_proxies: Whose ``X-Forwarded-*`` headers count; nobody's by default.
    """

    __slots__ = ("_headers", "_query", "environ", "method", "trusted_proxies")

    if TYPE_CHECKING:  # what ``sockio.integrations.django`` adds

        @property
        def django(self) -> Any: ...
        @property
        def session(self) -> Any: ...
        @property
        def user(self) -> Any: ...

    def __init__(
        self, environ: Environ, trusted_proxies: TrustedProxies | None = None
    ) -> None:
        self.environ = environ
        self.method: str = environ["REQUEST_METHOD"]
        self.trusted_proxies = trusted_proxies
        self._headers: Mapping[str, str] | None = None
        self._query: Mapping[str, str] | None = None

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path}>"

    @property
    def path(self) -> str:
        """The whole path, decoded, whatever the application is mounted under."""
        environ = self.environ
        return _text(environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""))

    @property
    def url(self) -> str:
        """Path and query as sent, or rebuilt where the server does not keep them."""
        environ = self.environ
        sent: str | None = environ.get("RAW_URI") or environ.get("REQUEST_URI")
        if sent is not None:
            return sent
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        quoted = quote(path, safe=_PATH_SAFE, encoding="latin-1", errors="replace")
        query = environ.get("QUERY_STRING", "")
        return f"{quoted}?{query}" if query else quoted

    @property
    def query(self) -> Mapping[str, str]:
        """The query string; for a repeated name, the last value."""
        if self._query is None:
            self._query = _parse_query(self.environ.get("QUERY_STRING", ""))
        return self._query

    @property
    def headers(self) -> Mapping[str, str]:
        """All headers, with lower-case names."""
        if self._headers is None:
            self._headers = _collect_headers(self.environ)
        return self._headers

    def header(self, name: str, default: str | None = None) -> str | None:
        """Return one header without collecting the others."""
        key = _key(name)
        value: str | None = self.environ.get(key)
        if value is None or (not value and key in _MAY_BE_EMPTY):
            return default
        return value

    @property
    def is_upgrade(self) -> bool:
        """Whether the client asks for a WebSocket."""
        upgrade: str | None = self.environ.get("HTTP_UPGRADE")
        if upgrade is None:
            return False
        return _has_token(upgrade, "websocket") and _has_token(
            self.environ.get("HTTP_CONNECTION", ""), "upgrade"
        )

    @property
    def wants_close(self) -> bool:
        """Whether the client asks for the connection to end with the answer."""
        connection: str | None = self.environ.get("HTTP_CONNECTION")
        # What nearly every client sends; this runs for each answer.
        if connection is None or connection == "keep-alive":
            return False
        return _has_token(connection, "close")

    @property
    def remote_address(self) -> str:
        """Address of the client: the TCP peer, unless a proxy we trust names another.

        Empty for a Unix socket.
        """
        peer = self._peer
        if self.trusted_proxies is None:
            return peer
        forwarded = self.environ.get("HTTP_X_FORWARDED_FOR", "")
        return self.trusted_proxies.walk(peer, forwarded)[0]

    @property
    def secure(self) -> bool:
        """Whether the client came over TLS, to us or to a proxy we trust."""
        scheme: str = self.environ.get("wsgi.url_scheme", "http")
        return self._forwarded("HTTP_X_FORWARDED_PROTO", scheme).lower() in (
            "https",
            "wss",
        )

    @property
    def host(self) -> str:
        """Host and port the client asked for; without the port if it is the default."""
        environ = self.environ
        host: str | None = environ.get("HTTP_HOST")
        if host is None:
            host = f"{environ.get('SERVER_NAME', '')}:{environ.get('SERVER_PORT', '')}"
        return self._forwarded("HTTP_X_FORWARDED_HOST", host)

    def body(self, limit: int, on_part: Callable[[int], object] | None = None) -> bytes:
        """Read the whole body.

        Args:
            limit: Most bytes to accept. Not more than one byte beyond it is read.
            on_part: Called with the number of bytes each time that some have come; no
                read waits for more than ``PART``.

        Raises:
            BodyTooLarge: There are more bytes than ``limit``, announced or sent.
            BodyCutShort: The client disconnected meanwhile, or its chunks are garbled.

        Blocks:
            Until the body has arrived.
        """
        announced: str = self.environ.get("CONTENT_LENGTH") or ""
        length: int | None = None
        if announced:
            if not (announced.isascii() and announced.isdigit()):
                raise BodyCutShort(f"Content-Length {announced[:20]!r} is no number")
            # More digits than any limit has; int() of thousands of them is slow.
            length = int(announced) if len(announced) < 20 else limit + 1
            if length > limit:
                raise BodyTooLarge(f"body of {announced[:20]} bytes, limit {limit}")
        if self.environ.get("wsgi.input_terminated"):
            data = self._read(limit + 1, on_part)
        elif _has_token(self.environ.get("HTTP_TRANSFER_ENCODING", ""), "chunked"):
            raise BodyCutShort("this WSGI server does not decode chunked bodies")
        else:
            # Reading on would wait for bytes that belong to nobody.
            data = self._read(length or 0, on_part)
        if len(data) > limit:
            raise BodyTooLarge(f"body of more than {limit} bytes")
        if length is not None and len(data) < length:
            raise BodyCutShort(f"body of {len(data)} bytes, {length} announced")
        return data

    @property
    def _peer(self) -> str:
        peer = self.environ.get("REMOTE_ADDR")
        return peer if isinstance(peer, str) else ""

    def _read(self, count: int, on_part: Callable[[int], object] | None) -> bytes:
        """Read up to ``count`` bytes. Blocks."""
        stream = self.environ["wsgi.input"]
        # ``read1``, where there is one, returns what has arrived; the ``read`` of PEP
        # 3333 waits until all that was asked for is there.
        read, most = getattr(stream, "read1", None), _READ_SIZE
        if read is None:
            read, most = stream.read, PART
        chunks: list[bytes] = []
        while count > 0:
            try:
                chunk: bytes = read(min(count, most))
            except Exception as exc:
                # Another boundary: PEP 3333 names no errors for this stream, and
                # those of gunicorn and gevent share no base below Exception.
                raise BodyCutShort(f"body is unreadable: {exc}") from exc
            if not chunk:
                break
            chunks.append(chunk)
            count -= len(chunk)
            if on_part is not None:
                on_part(len(chunk))
        return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def _forwarded(self, name: str, default: str) -> str:
        """Take the value of a forwarding header from the furthest proxy we trust."""
        if self.trusted_proxies is None:
            return default
        environ = self.environ
        values = environ.get(name, "").split(",")
        addresses = environ.get("HTTP_X_FORWARDED_FOR", "")
        believed = self.trusted_proxies.walk(self._peer, addresses)[1]
        if not believed:
            return default
        # Each proxy appends one value, or the first one writes the only one.
        value: str = values[max(0, len(values) - believed)].strip()
        return value or default


def _parse_query(text: str) -> dict[str, str]:
    fields: dict[str, str] = {}
    for pair in text.split("&"):
        if pair:
            name, _, value = pair.partition("=")
            fields[_unquote(name)] = _unquote(value)
    return fields


def _unquote(text: str) -> str:
    if not text.isascii():
        text = _text(text)
    return unquote_plus(text) if "%" in text or "+" in text else text


def _text(native: str) -> str:
    """Decode what PEP 3333 carries as one character for each byte."""
    if native.isascii():
        return native
    return native.encode("latin-1", "replace").decode("utf-8", "replace")


@lru_cache(maxsize=64)
def _key(name: str) -> str:
    """Return the name that a header has in environ; callers ask for few headers."""
    key = name.upper().replace("-", "_")
    return key if key in _MAY_BE_EMPTY else f"HTTP_{key}"


def _collect_headers(environ: Environ) -> dict[str, str]:
    headers = {
        key[5:].replace("_", "-").lower(): value
        for key, value in environ.items()
        if key.startswith("HTTP_")
    }
    for key in _MAY_BE_EMPTY:
        if environ.get(key):
            headers[key.replace("_", "-").lower()] = environ[key]
    return headers


def _has_token(header: str, token: str) -> bool:
    """Whether a comma separated header contains a token, whatever its case."""
    header = header.lower()
    if header == token:
        return True
    return token in header and token in (part.strip() for part in header.split(","))


def _address(text: str) -> _Address | None:
    """Read an address, with or without a port; ``None`` if it is none."""
    try:
        found = ip_address(text)
    except ValueError:
        match = _PORT.fullmatch(text)
        if match is None:
            return None
        try:
            found = ip_address(match[1] or match[2] or "")
        except ValueError:
            return None
    # A socket that listens on "::" shows IPv4 peers as ::ffff:10.0.0.1.
    return getattr(found, "ipv4_mapped", None) or found


def _network(text: str) -> _Network:
    try:
        return ip_network(text)
    except ValueError as exc:
        raise ConfigError(
            f"trusted_proxies contains {text!r}: {exc}; give networks as "
            '"10.0.0.0/8", addresses as "10.0.0.7", or "unix"'
        ) from exc
