"""Tracing: spans around the calls of handlers, and where they belong.

from sockio.integrations.opentelemetry import trace

trace(io)

Only the API package is used: what becomes of the spans is the application's affair.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from opentelemetry import context, propagate
from opentelemetry.trace import (
    Link,
    SpanKind,
    TracerProvider,
    get_current_span,
    get_tracer,
)

from sockio.build import VERSION
from sockio.errors import ConfigError
from sockio.runtime.surroundings import Call
from sockio.socket.server.server import Server

__all__ = ["trace"]

#: Calls on behalf of a request; their spans belong to whoever made it.
_OF_A_REQUEST = frozenset(("http", "middleware", "connection"))


def trace(io: Server[Any], tracer_provider: TracerProvider | None = None) -> None:
    """Make a span of each call of the application's code.

    Call it before other functions are given to ``io.around``, so that they run within
    the span.

    Args:
        io: The server.
        tracer_provider: Makes the spans; None: the global one.

    Raises:
        ConfigError: The server is traced already.
    """
    around = io.reactor.around
    if around.trail is not None:
        raise ConfigError("trace(): this server is traced already; call it once")
    around.trail = _Trail()
    io.around(_Spans(tracer_provider).around)


class _Spans:
    """Makes the spans of one server."""

    def __init__(self, provider: TracerProvider | None) -> None:
        self._tracer = get_tracer("sockio", VERSION, provider)

    @contextmanager
    def around(self, call: Call) -> Iterator[None]:
        """Surround a call by its span; what it raises is recorded."""
        parent, links = _belonging(call)
        attributes: dict[str, str] = {"sockio.kind": call.kind}
        if call.namespace is not None:
            attributes["sockio.namespace"] = call.namespace
        if call.event is not None:
            attributes["sockio.event"] = call.event
        with self._tracer.start_as_current_span(
            call.kind if call.event is None else f"{call.kind} {call.event}",
            parent,
            kind=_kind(call),
            attributes=attributes,
            links=links,
        ):
            yield


class _Trail:
    """The current span, in the words of whatever propagators the application has."""

    def words(self) -> dict[str, str]:
        """Return what names the current span."""
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
        return carrier

    def follow(self, words: Mapping[str, str]) -> None:
        """Make that span the current one; each call has a context of its own."""
        context.attach(propagate.extract(dict(words)))


def _kind(call: Call) -> SpanKind:
    if call.kind in _OF_A_REQUEST:
        return SpanKind.SERVER
    return SpanKind.CONSUMER if call.kind == "event" else SpanKind.INTERNAL


def _belonging(call: Call) -> tuple[Any, list[Link]]:
    """Return the parent of a span, None for the present one, and links to others.

    A connection may live for days. So its events do not belong to the request that
    opened it; they are linked to it.
    """
    if get_current_span().get_span_context().is_valid:
        return None, []
    if call.request is not None:
        headers = call.request.headers
    elif call.socket is not None:
        headers = call.socket.handshake.headers
    else:
        return None, []
    request = propagate.extract(headers)
    if call.kind in _OF_A_REQUEST:
        return request, []
    span = get_current_span(request).get_span_context()
    return None, [Link(span)] if span.is_valid else []
