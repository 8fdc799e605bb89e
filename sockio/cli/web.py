"""Web: HTTP/1.1 as a client, over connections of gevent, with deadlines."""

from __future__ import annotations

import base64
import http.client
import io
import os
import select
import ssl
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import gevent
import gevent.ssl

from sockio.errors import ConfigError
from sockio.protocol.websocket.handshake import VERSION, accept_key
from sockio.runtime.dialing import connect_by_name

__all__ = [
    "FAILURES",
    "Answer",
    "Place",
    "WebConnection",
    "context_for",
    "target_of",
]

#: What goes wrong with a connection.
FAILURES = (OSError, http.client.HTTPException)
#: Bytes that are received at a time, and of the longest head of an answer.
_SIZE, _LONGEST_HEAD = 65536, 65536
#: The schemes of a URL, and whether they mean TLS.
_SCHEMES = {"http": False, "ws": False, "https": True, "wss": True}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server has answered."""

    status: int
    #: With names in lower case.
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server is."""

    host: str
    port: int
    #: What checks the server's certificate; None: it speaks without TLS.
    tls: Any
    #: The path of the URL, without a slash at its end.
    path: str
    #: Seconds that connecting, and each request, may take.
    timeout: float
    #: The user and the password of the URL, as a header.
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, url: str, context: Any, timeout: float) -> Place:
        """Read a URL.

        Args:
            context: For TLS, if the URL's scheme wants it.

        Raises:
            ConfigError: It cannot be one of a server.
        """
        try:
            parts = urlsplit(url if "://" in url else f"http://{url}")
            port = parts.port
        except ValueError as exc:
            raise ConfigError(f"the URL cannot be read: {exc}") from None
        if parts.scheme not in _SCHEMES or not parts.hostname:
            raise ConfigError("give a URL such as http://127.0.0.1:3000")
        tls = _SCHEMES[parts.scheme]
        headers = {}
        if parts.username is not None:
            pair = f"{parts.username}:{parts.password or ''}".encode()
            headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        return cls(
            host=parts.hostname,
            port=port if port is not None else 443 if tls else 80,
            tls=context if tls else None,
            path=parts.path.rstrip("/"),
            timeout=timeout,
            headers=headers,
        )

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def context_for(cafile: str | None, *, insecure: bool = False) -> Any:
    """Return what checks the certificates of servers.

    Args:
        cafile: PEM file of those who may sign them; None: whom the system trusts.
        insecure: Whether no certificate is checked.

    Raises:
        ConfigError: The file cannot be read.
    """
    context = gevent.ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif cafile is None:
        context.load_default_certs()
    else:
        try:
            context.load_verify_locations(cafile)
        except OSError as exc:
            why = exc.strerror or exc
            raise ConfigError(f"certificates of {cafile!r}: {why}") from None
    return context


class WebConnection:
    """One connection; it is opened by a request, and kept for the next one."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._http = http.client.HTTPConnection(place.host, place.port)
        self._http.auto_open = 0
        #: The connected socket.
        self.sock: Any = None

    def __enter__(self) -> WebConnection:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def request(
        self,
        method: str,
        target: str,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> Answer:
        """Send a request, and return the answer.

        Args:
            timeout: Seconds that it may take; None: those of the place.

        Raises:
            FAILURES: There is none, or none in time.

        Blocks:
            Until it is there.
        """
        answer = None
        try:
            with self._deadline(timeout):
                self._open()
                given = {**self._place.headers, **(headers or {})}
                self._http.request(method, target, body, given)
                with self._http.getresponse() as response:
                    fields = {k.lower(): value for k, value in response.getheaders()}
                    answer = Answer(response.status, fields, response.read())
        finally:
            # Nothing else can be asked there if the server hangs up after its answer,
            # or if its answer may still come.
            if answer is None or self._http.sock is None:
                self.close()
        return answer

    def websocket(self, target: str) -> Answer:
        """Ask for a WebSocket; if the answer is 101, ``sock`` carries it.

        Returns:
            The answer; its body is what has come with its head.

        Raises:
            FAILURES: There is no answer, or it is wrong.

        Blocks:
            Until it is answered.
        """
        place = self._place
        key = base64.b64encode(os.urandom(16)).decode()
        fields = {
            "Host": str(place),
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Key": key,
            "Sec-WebSocket-Version": VERSION,
            **place.headers,
        }
        lines = [f"GET {target} HTTP/1.1", *(f"{k}: {v}" for k, v in fields.items())]
        with self._deadline():
            self._open()
            self.sock.sendall("\r\n".join([*lines, "", ""]).encode())
            answer = self._read_head()
        accepted = answer.headers.get("sec-websocket-accept")
        if answer.status == 101 and accepted != accept_key(key):
            raise ConnectionError("the answer to the WebSocket is to another request")
        return answer

    def _read_head(self) -> Answer:
        received = b""
        while b"\r\n\r\n" not in received:
            more = self.sock.recv(_SIZE)
            if not more or len(received) > _LONGEST_HEAD:
                raise ConnectionError("the answer to the WebSocket is no HTTP")
            received += more
        head, _, rest = received.partition(b"\r\n\r\n")
        line, _, fields = head.partition(b"\r\n")
        status = line.split(b" ")[1:2]
        if not line.startswith(b"HTTP/1.") or not status or not status[0].isdigit():
            raise ConnectionError("the answer to the WebSocket is no HTTP")
        parsed = http.client.parse_headers(io.BytesIO(fields + b"\r\n\r\n"))
        headers = {name.lower(): value.strip() for name, value in parsed.items()}
        return Answer(int(status[0]), headers, rest)

    def close(self) -> None:
        """End the connection."""
        self._http.close()
        if self.sock is not None:
            self.sock.close()
            self.sock = None

    def _open(self) -> None:
        """Connect, unless it is connected and the server has not hung up."""
        if self.sock is not None:
            poll = select.poll()
            poll.register(self.sock, select.POLLIN)
            if not poll.poll(0):
                return
            self.close()
        place = self._place
        sock = connect_by_name(place.host, place.port)
        if place.tls is not None:
            with ExitStack() as undo:
                undo.callback(sock.close)
                sock = place.tls.wrap_socket(sock, server_hostname=place.host)
                undo.pop_all()
        self._http.sock = self.sock = sock

    @contextmanager
    def _deadline(self, timeout: float | None = None) -> Iterator[None]:
        seconds = self._place.timeout if timeout is None else timeout
        error = TimeoutError(f"no answer within {seconds:g} s")
        with gevent.Timeout(seconds, error):
            yield


def target_of(path: str, **query: object) -> str:
    """Return the target of a request."""
    return f"{path}?{urlencode(query)}"
