"""Pages: answers for operators, from which nobody but GET and HEAD gets anything."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from sockio.engine.http.request import Request
from sockio.engine.http.response import Response
from sockio.types import Environ, StartResponse

__all__ = ["Answer", "Page"]


class Answer(NamedTuple):
    """What a page says."""

    status: int
    #: With the charset.
    content_type: str
    body: bytes


class Page:
    """A WSGI callable with one answer, whatever the path and the query."""

    def __init__(self, answer: Callable[[Request], Answer]) -> None:
        """Answer what ``answer`` returns; it may block."""
        self._answer = answer

    def __call__(
        self, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Serve one request.

        Blocks:
            As long as the answer takes.
        """
        request = Request(environ)
        response = Response()
        if request.method in ("GET", "HEAD"):
            answer = self._answer(request)
            response.headers["Content-Type"] = answer.content_type
            response.end(answer.status, answer.body)
        else:
            response.headers["Allow"] = "GET, HEAD"
            response.end(405, b"Method Not Allowed")
        response.prepare(request)
        return response.start(start_response, request.method)
