"""URL checks: a server as clients reach it, through all that is in front of it.

No namespace of the application is joined, so no handler runs.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from secrets import token_hex
from time import time
from typing import Any

from sockio.engine.http.client_files import version_in
from sockio.errors import ProtocolError
from sockio.protocol.client import Client
from sockio.protocol.engineio import v4
from sockio.protocol.engineio.packet import Packet, PacketType
from sockio.socket.server.server import Server

from .findings import Finding
from .server_checks import judged_client
from .web import FAILURES, Answer, Place, WebConnection, target_of
from .websocket import WebSocket

__all__ = ["check_url"]

#: Sessions that are opened; each makes its requests over new connections.
SESSIONS = 6
#: Seconds by which two clocks may differ; the header has whole seconds.
_SKEW = 5.0
#: What proxies call themselves, in the header Server.
_PROXIES = re.compile(
    r"nginx|caddy|haproxy|envoy|cloudflare|awselb|traefik|apache", re.I
)
_STICKY = (
    "let the balancer always send a client to the same server (docs/scaling.rst), or "
    "use Server(advertise=...)"
)
#: What a status of a proxy means.
_STATUSES = {
    401: ("the proxy wants a password", "give it: --url https://user:password@host"),
    403: (
        "the handshake is refused",
        "look at allow_request, check_origin, and the proxy",
    ),
    404: (
        "nobody serves this path",
        "let the proxy pass /socket.io/ on, or give the path before it with --url",
    ),
    502: ("the proxy does not reach the server", "mend the address in the proxy"),
    503: (
        "the server takes no clients, or the proxy has none to send them to",
        "look at the log of the proxy; a server that drains is back when it restarts",
    ),
    504: ("the server does not answer the proxy", "look for a handler that blocks"),
}


def check_url(place: Place, server: Server[Any]) -> Iterator[Finding]:
    """Make handshakes, polls and a WebSocket at ``place``.

    Args:
        server: The application that is served there.

    Blocks:
        Until all is answered, or its time is over.
    """
    visit = _Visit(place, server)
    try:
        first = visit.handshake()
    except FAILURES as exc:
        yield _not_reached(place, exc)
        return
    except _Refused as refused:
        yield refused.finding
        return
    yield Finding("ok", "url", f"{place} answers handshakes")
    yield from visit.look_at_headers(first)
    yield from visit.try_sessions()
    yield from visit.try_websocket()
    yield from visit.look_at_client()


def _not_reached(place: Place, exc: Exception) -> Finding:
    advice = "start the server, or mend the address"
    if isinstance(exc, ssl.SSLCertVerificationError):
        advice = "mend the certificate and its chain; or give --cafile"
    elif isinstance(exc, ssl.SSLError):
        advice = "the server may speak no TLS at this port: try http://"
    elif isinstance(exc, TimeoutError):
        advice = "look for a firewall, and for a handler that blocks"
    return Finding("error", "url", f"{place} was not reached: {exc}", advice)


class _Refused(Exception):
    """A request was answered as none of Socket.IO should be."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.status)
        self.answer = answer

    @property
    def finding(self) -> Finding:
        """What it means at the first handshake."""
        status = self.answer.status
        told = _message(self.answer)
        why, advice = _STATUSES.get(
            status, ("this is not the answer of a Socket.IO server", "mend the address")
        )
        told = f" ({told})" if told else ""
        return Finding("error", "url", f"status {status}{told}: {why}", advice)


def _message(answer: Answer) -> str:
    """Return the text of a refusal of ours or of Node's; empty: it is another's."""
    try:
        return str(json.loads(answer.body)["message"])
    except (ValueError, KeyError, TypeError):
        return ""


class _Visit:
    """The requests to one server."""

    def __init__(self, place: Place, server: Server[Any]) -> None:
        self._place = place
        self._options = server.engine.options
        self._parser = server.options.make_parser()
        self._path = place.path + self._options.prefix
        #: The ids of the sessions that are open.
        self._open: list[str] = []

    # ------------------------------------------------------------------ sessions

    def handshake(self) -> Answer:
        """Open a session.

        Raises:
            FAILURES: There is no answer.
            _Refused: It opens no session.
        """
        answer = self._request("GET")
        if answer.status != 200:
            raise _Refused(answer)
        client = Client(self._parser)
        try:
            for packet in v4.decode_payload(answer.body.decode()):
                client.receive(packet)
        except (ProtocolError, UnicodeDecodeError):
            raise _Refused(answer) from None
        if client.opened is None:
            raise _Refused(answer)
        self._open.append(client.opened["sid"])
        return answer

    def _request(
        self, method: str, body: bytes | None = None, **query: object
    ) -> Answer:
        """Make a request over a new connection."""
        target = target_of(self._path, EIO=v4.PROTOCOL, transport="polling", **query)
        with WebConnection(self._place) as connection:
            return connection.request(method, target, body)

    def try_sessions(self) -> Iterator[Finding]:
        """Look at whether the requests of a session find it, wherever they arrive."""
        subject = "sessions"
        lost = 0
        try:
            while len(self._open) < SESSIONS:
                self.handshake()
            for sid in self._open:
                lost += not self._finds(sid)
        except FAILURES as exc:
            yield Finding(
                "error", subject, f"a request failed: {exc}", _STATUSES[504][1]
            )
            return
        except _Refused as refused:
            yield refused.finding
            return
        # The first four characters name the process.
        tags = {sid[:4] for sid in self._open}
        where = "one process" if len(tags) == 1 else f"{len(tags)} processes"
        if lost:
            yield Finding(
                "error",
                subject,
                f"{lost} of {SESSIONS} sessions were not found by their next requests",
                _STICKY,
            )
        else:
            yield Finding(
                "ok", subject, f"{SESSIONS} sessions of {where} were found by requests"
            )

    def _finds(self, sid: str) -> bool:
        """Ask for a namespace that is not there, and poll the answer."""
        client = Client(self._parser)
        client.connect(f"/doctor-{token_hex(8)}")
        body = v4.encode_payload(client.take()).encode()
        answers = [self._request("POST", body, sid=sid)]
        if answers[0].status == 200:
            answers.append(self._request("GET", sid=sid))
        for answer in answers:
            if answer.status != 200 and _message(answer) != "Session ID unknown":
                raise _Refused(answer)
        return answers[-1].status == 200

    # ------------------------------------------------------------------ WebSockets

    def try_websocket(self) -> Iterator[Finding]:
        """Look at whether a session can be upgraded, then end all sessions."""
        if "websocket" in self._options.transports and self._options.allow_upgrades:
            yield self._upgraded(self._open[0])
        end = v4.encode_payload([Packet(PacketType.CLOSE)]).encode()
        for sid in self._open:
            try:
                self._request("POST", end, sid=sid)
            except FAILURES:
                break  # it ends by itself, when its pings are not answered

    def _upgraded(self, sid: str) -> Finding:
        subject = "websocket"
        target = target_of(self._path, EIO=v4.PROTOCOL, transport="websocket", sid=sid)
        with WebConnection(self._place) as connection:
            try:
                answer = connection.websocket(target)
                if answer.status != 101:
                    return _no_websocket(answer)
                websocket = WebSocket(connection.sock, self._place.timeout, answer.body)
                websocket.send("2probe")
                if websocket.receive() == "3probe":
                    return Finding("ok", subject, "WebSockets are passed on")
                why = "it does not answer the probe"
            except (*FAILURES, ProtocolError) as exc:
                why = str(exc)
        return Finding(
            "error",
            subject,
            f"a WebSocket was opened, but fails: {why}",
            "let the proxy pass WebSockets on at once, without buffering",
        )

    # ------------------------------------------------------------------ the rest

    def look_at_headers(self, answer: Answer) -> Iterator[Finding]:
        """Look for a proxy, the end of the connection, and the server's clock."""
        server = answer.headers.get("server", "")
        proxy = answer.headers.get("via") or (server if _PROXIES.search(server) else "")
        if proxy and self._options.trusted_proxies is None:
            yield Finding(
                "warning",
                "proxy",
                f"{proxy} is in front of the server, which takes its address for that "
                "of all clients",
                "Server(trusted_proxies=1), and let the proxy set X-Forwarded-For",
            )
        elif proxy:
            yield Finding("ok", "proxy", f"{proxy} is in front, and trusted")
        if answer.headers.get("connection", "").lower() == "close":
            yield Finding(
                "warning",
                "keep-alive",
                "each poll needs a connection of its own: the server closes them",
                "gunicorn --keep-alive 75; in nginx: proxy_http_version 1.1",
            )
        yield from _clock(answer.headers.get("date", ""))

    def look_at_client(self) -> Iterator[Finding]:
        """Look at the JavaScript client that comes from there."""
        target = f"{self._path.rstrip('/')}/socket.io.js"
        try:
            with WebConnection(self._place) as connection:
                answer = connection.request("GET", target)
        except FAILURES:
            return  # what is wrong has been found already
        found = version_in(answer.body[:200]) if answer.status == 200 else None
        if found is not None:
            yield judged_client(found, allow_eio3=self._options.allow_eio3)


def _no_websocket(answer: Answer) -> Finding:
    return Finding(
        "error",
        "websocket",
        f"a WebSocket is answered with status {answer.status}: clients stay on polling",
        "nginx: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; "
        'proxy_set_header Connection "upgrade"',
    )


def _clock(date: str) -> Iterator[Finding]:
    try:
        off = parsedate_to_datetime(date).timestamp() - time()
    except ValueError:
        return  # there is no such header, and need not be
    if abs(off) > _SKEW:
        yield Finding(
            "warning",
            "clock",
            f"the server's clock and this one differ by {abs(off):.0f} s",
            "run an NTP client on both: tokens that expire are refused otherwise",
        )
    else:
        yield Finding("ok", "clock", "that of the server is right")
