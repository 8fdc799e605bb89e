"""Response -> start_response + body."""

from __future__ import annotations

import json
from collections.abc import Iterator, MutableMapping
from http import HTTPStatus
from typing import TypeAlias

from sockio.engine.http.request import Request
from sockio.httpd.response_head import sendable
from sockio.runtime import logs
from sockio.types import StartResponse

log = logs.get("engine.server")

__all__ = ["Headers", "Response"]

#: One header line, or several of the same name.
HeaderValue: TypeAlias = "str | list[str]"

#: The error code that is 403; all others are 400.
_FORBIDDEN = 4

_STATUS_LINES = {
    status.value: f"{status.value} {status.phrase}" for status in HTTPStatus
}
#: Answers that have no body, nor a length of it (RFC 9110, 8.6).
_BODILESS = frozenset((204, 304))


class Headers(MutableMapping[str, HeaderValue]):
    """Response headers by name, in any case; the spelling set last is sent."""

    __slots__ = ("_lines",)

    def __init__(self) -> None:
        #: lower-case name -> (name, value)
        self._lines: dict[str, tuple[str, HeaderValue]] = {}

    def __getitem__(self, name: str) -> HeaderValue:
        return self._lines[name.lower()][1]

    def __setitem__(self, name: str, value: HeaderValue) -> None:
        """Set a header.

        Raises:
            ValueError: The value has characters that no header can have.
        """
        for line in (value,) if isinstance(value, str) else value:
            if not sendable(line):
                raise ValueError(f"header {name} cannot be {line!r}")
        self._lines[name.lower()] = (name, value)

    def __delitem__(self, name: str) -> None:
        del self._lines[name.lower()]

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._lines

    def __iter__(self) -> Iterator[str]:
        return (name for name, _ in self._lines.values())

    def __len__(self) -> int:
        return len(self._lines)

    def __repr__(self) -> str:
        return f"Headers({dict(self)!r})"

    def lines(self) -> list[tuple[str, str]]:
        """Return what goes on the wire: a list as value gives several lines."""
        lines: list[tuple[str, str]] = []
        for name, value in self._lines.values():
            if isinstance(value, str):
                lines.append((name, value))
            else:
                lines.extend((name, item) for item in value)
        return lines

    def add(self, name: str, value: str) -> None:
        """Set a header in addition to those of the same name.

        Raises:
            ValueError: The value has characters that no header can have.
        """
        present = self.get(name, [])
        before = [present] if isinstance(present, str) else present
        self[name] = [*before, value] if before else value

    def vary(self, field: str) -> None:
        """Add a field to ``Vary`` unless it is there already, or ``*`` is."""
        value = self.get("Vary", "")
        present = value if isinstance(value, str) else ", ".join(value)
        known = {part.strip().lower() for part in present.split(",")}
        if "*" in known or field.lower() in known:
            return
        self["Vary"] = f"{present}, {field}" if present else field


class Response:
    """The answer to one HTTP request, until it is started."""

    __slots__ = ("body", "ended", "headers", "status")

    def __init__(self) -> None:
        self.status = 200
        self.headers = Headers()
        self.body = b""
        #: Whether the answer is complete: what comes after must not touch it.
        self.ended = False

    def __repr__(self) -> str:
        state = "ended" if self.ended else "open"
        return f"<Response {self.status} {state} {len(self.body)} bytes>"

    def end(self, status: int | None = None, body: bytes | str | None = None) -> None:
        """Complete the answer; nothing happens if it is complete already."""
        if self.ended:
            return
        self.ended = True
        if status is not None:
            self.status = status
        if body is not None:
            self.body = body.encode() if isinstance(body, str) else body

    def refuse(self, code: int, message: str) -> None:
        """End a plain request with an error code; headers set so far are kept.

        Args:
            code: 0 to 5.
            message: The text of the code, or of the function that refused.
        """
        if self.ended:
            return
        self.headers["Content-Type"] = "application/json"
        text = json.dumps(
            {"code": code, "message": message},
            separators=(",", ":"),
            ensure_ascii=False,
        )
        # A lone surrogate becomes an escape like \ud800, which is JSON's too.
        body = text.encode("utf-8", "backslashreplace")
        self.end(403 if code == _FORBIDDEN else 400, body)

    def prepare(self, request: Request) -> None:
        """Set the headers that every answer carries because of its request.

        Nothing of ours may be cached; and ``Connection: close`` is repeated, since
        gevent's server closes without saying so and clients then reuse a dead
        connection.
        """
        headers, environ = self.headers, request.environ
        if "cache-control" not in headers:
            headers["cache-control"] = "no-store"
        agent = environ.get("HTTP_USER_AGENT")
        # The XSS filter of Internet Explorer mistakes payloads for attacks.
        if agent and (";MSIE" in agent or "Trident/" in agent):
            headers["X-XSS-Protection"] = "0"
        # wsgiref, and so Django's runserver, asserts that no application sends this.
        if request.wants_close and not environ.get("SERVER_SOFTWARE", "").startswith(
            "WSGIServer/"
        ):
            headers["Connection"] = "close"

    def header_lines(self) -> list[tuple[str, str]]:
        """Return the headers as set so far; a list as value gives several lines."""
        return self.headers.lines()

    def start(self, start_response: StartResponse, method: str) -> list[bytes]:
        """Write status and headers; return the body for the WSGI server.

        Args:
            method: Of the request: the answer to HEAD has no body. Some servers would
                send it, and the client would take it for the next answer.
        """
        status, lines = self.status, self.headers.lines()
        log.debug("answered with status %d, %d bytes", status, len(self.body))
        if status not in _BODILESS and "content-length" not in self.headers:
            lines.append(("Content-Length", str(len(self.body))))
        start_response(_STATUS_LINES.get(status) or f"{status} Unknown", lines)
        return [self.body] if self.body and method != "HEAD" else []
