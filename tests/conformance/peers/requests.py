"""Requests: scripts of single HTTP requests, and of upgrades that are refused."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from itertools import combinations
from typing import NamedTuple

from tests.support.raw_client import PollingSession

from .conversation import FLAVOURS, Conversation, Script

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}
LONG = "a" * 300


class Fault(NamedTuple):
    """What is unusual about a request.

    Attributes:
        part: Which part of the request.
        value: What it is instead; None: it is left out.
    """

    part: str
    value: str | None

    def __str__(self) -> str:
        value = "without" if self.value is None else self.value or "empty"
        return f"{self.part} {value if value != LONG else 'very long'}"


FAULTS = [
    *(Fault("transport", v) for v in (None, "", "abc", "webtransport", "constructor")),
    *(Fault("transport", v) for v in ("__proto__", "Polling", "polling ")),
    *(Fault("EIO", v) for v in (None, "", "3", "5", "04", "4.0", " 4", "abc")),
    *(
        Fault("sid", v)
        for v in ("", "unknown", LONG, "../a", "a b", "%00", "__proto__")
    ),
    *(
        Fault("method", v)
        for v in ("POST", "PUT", "DELETE", "OPTIONS", "HEAD", "PATCH")
    ),
    *(Fault("Origin", v) for v in ("null", "\x80", "https://evil.example", "")),
]
#: Of each part two, which are tried together with those of others.
TYPICAL = {None, "abc", "3", "unknown", LONG, "POST", "OPTIONS", "\x80"}
TYPICAL |= {"https://evil.example"}
#: More, which are no fault of their own.
ADDITIONS = (
    *("t=1", "EIO=3", "EIO=4", "transport=websocket", "sid=", "b64=1", "a[]=1"),
    *("a=1&a=2", "=", "&&", "%", "%zz=1", "a=%ff", "a=+", "a;b=1", "é=1"),
    *("__proto__=1", "j=0", "j=", "j=x", "j=1;alert(1)", "a=" + "x" * 5000),
)
METHODS = ("PUT", "DELETE", "OPTIONS", "HEAD", "PATCH", "TRACE", "get", "PROPFIND")


def _is_typical(fault: Fault) -> bool:
    return fault.value in TYPICAL


def target(transport: str, faults: tuple[Fault, ...], addition: str = "") -> str:
    """Return the target of a request."""
    query: dict[str, str | None] = {"EIO": "4", "transport": transport}
    query.update(
        {f.part: f.value for f in faults if f.part in ("EIO", "transport", "sid")}
    )
    items = [f"{n}={v.replace(' ', '%20')}" for n, v in query.items() if v is not None]
    return "/socket.io/?" + "&".join([*items, *([addition] if addition else [])])


def _handshake(
    upgrade: bool, faults: tuple[Fault, ...], addition: str, conversation: Conversation
) -> None:
    parts = {fault.part: fault.value or "" for fault in faults}
    headers = {"Origin": parts["Origin"]} if "Origin" in parts else {}
    method = parts.get("method", "GET")
    if upgrade and method == "GET":
        where = target("websocket", faults, addition)
        if (websocket := conversation.websocket(where, headers)) is not None:
            conversation.receive(websocket)
        return
    transport = "websocket" if upgrade else "polling"
    conversation.ask(
        target(transport, faults, addition),
        method,
        headers | (UPGRADE if upgrade else {}),
    )


def _handshakes() -> Iterator[tuple[str, Script]]:
    for upgrade in (False, True):
        kind = "an upgrade" if upgrade else "a handshake"
        for options in ("plain", "old"):
            server = "" if options == "plain" else ", old clients allowed"
            yield (
                f"{kind}{server}",
                Script(partial(_handshake, upgrade, (), ""), options),
            )
            for fault in FAULTS:
                yield (
                    f"{kind}{server}: {fault}",
                    Script(partial(_handshake, upgrade, (fault,), ""), options),
                )
        for one, two in combinations(filter(_is_typical, FAULTS), 2):
            if one.part != two.part:
                yield (
                    f"{kind}: {one}, {two}",
                    Script(partial(_handshake, upgrade, (one, two), "")),
                )
        for addition in ADDITIONS:
            yield (
                f"{kind} with {addition[:30]}",
                Script(partial(_handshake, upgrade, (), addition)),
            )


# ------------------------------------------------------------------- a live session


def _on_session(
    method: str,
    query: dict[str, object],
    headers: dict[str, str],
    body: str | bytes | None,
    conversation: Conversation,
) -> None:
    """Make a request of a session, then see whether it lives."""
    client = conversation.client
    session = client.open_session()
    conversation.ask(session.target(**query), method, headers, body)
    lives(conversation, session)


def lives(conversation: Conversation, session: PollingSession) -> None:
    """See whether a session lives; if it does not, why it ended."""
    posted = session.start_post("40/nowhere,")
    answer = posted.receive(conversation.patience)
    if answer.status != 200:
        conversation.see(f"it has ended: {answer.status}")
        conversation.fate(session.sid)
        return
    conversation.see(session.poll(conversation.patience).text)


BODIES: dict[str, str | bytes] = {
    "nothing": "",
    "a message": "4x",
    "two packets": "6\x1e6",
    "an empty packet": "\x1e",
    "an empty packet behind": "6\x1e",
    "a bad packet": "x",
    "a bad packet behind a good one": "6\x1ex",
    "a good packet behind a bad one": "x\x1e6",
    "a digit that is none": "7",
    "bytes": "bAQI=",
    "bytes that are no base64": "b!",
    "bad UTF-8": b"4\xff",
    "cut UTF-8": b"4\xe2\x82",
    "zero": b"4\0",
    "a surrogate": b"4\xed\xa0\x80",
    "a close": "1",
    "a close, and more": "1\x1e6",
    "a ping": "2",
    "a pong": "3",
    "an upgrade": "5",
    "an open": "0",
    "the old form": "2:40",
    "as a form": "d=40",
    "the most bytes": "6" + "x" * 999,
    "a byte more": "6" + "x" * 1000,
    "many bytes": "6" + "x" * 10000,
    "many packets": "\x1e".join(["6"] * 500),
}
TYPES = (
    *("text/plain", "text/plain; charset=latin-1", "application/octet-stream"),
    *("application/octet-stream; x=1", "Application/Octet-Stream", "text/html", "x"),
    *("application/x-www-form-urlencoded", "application/json", ""),
)


def _sessions() -> Iterator[tuple[str, Script]]:
    def on_session(
        method: str = "GET",
        headers: dict[str, str] | None = None,
        body: str | bytes | None = None,
        **query: object,
    ) -> Script:
        return Script(partial(_on_session, method, query, headers or {}, body))

    for method in METHODS:
        yield f"a session: method {method}", on_session(method)
        yield f"a session: method {method} with a body", on_session(method, body="6")
    for name, body in BODIES.items():
        yield f"a post of {name}", on_session("POST", body=body)
    for kind in TYPES:
        yield (
            f"a post of type {kind or 'empty'}",
            on_session("POST", {"Content-Type": kind}, "6"),
        )
    for name, transport in (("websocket", "websocket"), ("abc", "abc"), ("none", None)):
        yield f"a session: transport {name}", on_session(transport=transport)
    for eio in (None, "3", "5"):
        yield f"a session: EIO {eio}", on_session(EIO=eio)
        yield f"a session: a post with EIO {eio}", on_session("POST", body="6", EIO=eio)
    for name, header in (
        ("old Internet Explorer", "x;MSIE 9"),
        ("newer Internet Explorer", "Trident/7"),
    ):
        yield (
            f"a session: a post of {name}",
            on_session("POST", {"User-Agent": header}, "6"),
        )


# ------------------------------------------------------------------------- targets

PATHS: tuple[str, ...] = (
    "/",
    "/socket.io",
    "/socket.io/",
    "/socket.io//",
    "/socket.io/x",
    "/socket.iox",
)
PATHS += ("//socket.io/", "/socket.io/../socket.io/", "/socket%2eio/", "/SOCKET.IO/")
PATHS += ("/socket.io/.", "/x/socket.io/", "/socket.io/socket.io.jsx", "/socket.io%2f")
PATHS += ("/socket.io/evil.js", "/socket.io/../package.json", "/socket.io/%00")


def _path(where: str, conversation: Conversation) -> None:
    answer = conversation.ask(where)
    if answer is not None and answer.status == 404:
        conversation.seen = [404]  # the rest is the application's


def _paths() -> Iterator[tuple[str, Script]]:
    for path in PATHS:
        yield f"path {path}", Script(partial(_path, f"{path}?EIO=4&transport=polling"))
        yield f"path {path} alone", Script(partial(_path, path))


# ----------------------------------------------------------------------------- CORS

ORIGINS = (
    *(None, "https://a.example", "https://b.example", "https://evil.example"),
    *("null", "HTTPS://A.EXAMPLE", "https://a.example.evil", "http://a.example"),
)
ASKS = {
    "Access-Control-Request-Method": "POST",
    "Access-Control-Request-Headers": "x-z, x-y",
}


def _cors(
    method: str, origin: str | None, asks: bool, conversation: Conversation
) -> None:
    headers = {} if origin is None else {"Origin": origin}
    where = "/socket.io/?EIO=4&transport=polling"
    if method == "upgrade":
        where = "/socket.io/?EIO=4&transport=websocket"
        if (websocket := conversation.websocket(where, headers)) is not None:
            conversation.see(shown_headers(websocket.answer.headers))
        return
    conversation.ask(where, method, headers | (ASKS if asks else {}))


def shown_headers(headers: dict[str, str]) -> list[str]:
    """Return what CORS says in the answer to an upgrade."""
    return sorted(
        f"{name}: {value}"
        for name, value in headers.items()
        if name.startswith("access-control-") or name == "vary"
    )


def _origins() -> Iterator[tuple[str, Script]]:
    for options, given in FLAVOURS.items():
        if "cors" not in given and options != "plain":
            continue
        rule = options if "cors" in given else "no CORS"
        for origin in ORIGINS:
            for method in ("GET", "OPTIONS", "upgrade"):
                yield (
                    f"{rule}: {method} of {origin}",
                    Script(partial(_cors, method, origin, False), options),
                )
            yield (
                f"{rule}: preflight of {origin}",
                Script(partial(_cors, "OPTIONS", origin, True), options),
            )


# -------------------------------------------------------------------------- options


def _plainly(options: str, transport: str, conversation: Conversation) -> None:
    _handshake(transport == "websocket", (), "", conversation)


def _upgrade_without(
    header: str, value: str | None, conversation: Conversation
) -> None:
    headers = dict(UPGRADE)
    if value is None:
        del headers[header]
    else:
        headers[header] = value
    conversation.ask(target("websocket", ()), "GET", headers)


UPGRADES = {
    "Connection": (None, "upgrade", "keep-alive", "keep-alive, Upgrade", "x"),
    "Upgrade": (None, "WebSocket", "h2c", "websocket, h2c"),
    "Sec-WebSocket-Key": (None, "", "x", "dGhlIHNhbXBsZSBub25jZQ", "a" * 24),
    "Sec-WebSocket-Version": (None, "8", "12", "14", "x"),
}


def _others() -> Iterator[tuple[str, Script]]:
    for options in ("cookie", "no upgrades", "polling", "websocket"):
        for transport in ("polling", "websocket"):
            yield (
                f"only {options}: {transport}",
                Script(partial(_plainly, options, transport), options),
            )
    for header, values in UPGRADES.items():
        for value in values:
            told = "without" if value is None else value or "empty"
            yield (
                f"an upgrade: {header} {told}",
                Script(partial(_upgrade_without, header, value)),
            )


def scripts() -> dict[str, Script]:
    """Return all scripts of single requests."""
    return dict((*_handshakes(), *_sessions(), *_paths(), *_origins(), *_others()))
