"""Every exception that sockio raises, in one family.

SockioError
├── ProtocolError             the peer broke the protocol; parsers raise only this
│   └── TooLarge              it sent more at once than it may
├── ConnectError              raised by a middleware: the client gets CONNECT_ERROR
├── Forbidden                 raised in allow_request: HTTP 403, code 4
├── EventRejected             raised in socket.use, or the arguments do not fit
├── AckError
│   ├── AckTimeout            also TimeoutError
│   └── Disconnected          the socket disconnected while somebody waited for it
├── EncodeError               also TypeError; raised in the caller, before sending
├── ReservedEventError        also ValueError
├── ClusterTimeout            also TimeoutError
├── BrokerError               also ConnectionError; an emitter's broker is away
├── BufferFull                more waits for a client than its buffer policy allows
├── InboxFull                 more waits for handlers than the inbox policy allows
├── RateLimited               too much, too fast
├── NotSupported              this object cannot do that
└── ConfigError               also ValueError; a wrong option, raised at once
    └── UnknownOption         also TypeError; there is no option of that name
"""

from __future__ import annotations

import sys
from typing import Any

__all__ = [
    "AckError",
    "AckTimeout",
    "BrokerError",
    "BufferFull",
    "ClusterTimeout",
    "ConfigError",
    "ConnectError",
    "Disconnected",
    "EncodeError",
    "EventRejected",
    "Forbidden",
    "InboxFull",
    "NotSupported",
    "ProtocolError",
    "RateLimited",
    "ReservedEventError",
    "SockioError",
    "TooLarge",
    "UnknownOption",
]


class SockioError(Exception):
    """The root of the family: ``except SockioError`` catches all of ours."""


class ProtocolError(SockioError):
    """The peer broke the protocol; one session is closed, nothing else happens."""

    def __init__(self, reason: str, code: int | None = None) -> None:
        super().__init__(reason)
        #: What was wrong, for the debug log.
        self.reason = reason
        #: WebSocket close code (RFC 6455, 7.4.1) where a frame was at fault.
        self.code = code

    def bare(self) -> ProtocolError:
        """Return the error without the frames that raised it, to keep or hand on.

        The frames hold the object that read the data, and the error if that keeps it.
        """
        self.__traceback__ = self.__cause__ = self.__context__ = None
        return self


class TooLarge(ProtocolError):
    """The peer sent, or announced, more at once than it may."""

    def __init__(
        self, reason: str, code: int | None = None, *, size: int, limit: int
    ) -> None:
        super().__init__(reason, code)
        #: Bytes that we know of; there may be more.
        self.size = size
        #: Bytes that the peer may send.
        self.limit = limit


class ConnectError(SockioError):
    """Raise it in a middleware: the client gets CONNECT_ERROR with both values."""

    def __init__(self, message: str, data: Any = None) -> None:
        super().__init__(message)
        self.message = message
        #: Anything a packet can carry; ``None`` leaves the key out.
        self.data = data


class Forbidden(SockioError):
    """Raise it in ``allow_request``: the handshake is refused with code 4."""


class EventRejected(SockioError):
    """Raise it in ``socket.use``: the event goes to the ``error`` listeners instead."""

    def __init__(self, message: str = "", *, path: str | None = None) -> None:
        super().__init__(message)
        #: Which value of the event is wrong, as ``order.items[2].price``; None: it is
        #: not one value. A client that gets the error as its answer gets it too.
        self.path = path


class AckError(SockioError):
    """An acknowledgement that will not come."""


class AckTimeout(AckError, TimeoutError):
    """The time for an acknowledgement ran out.

    Its text is Node's, since clients may get it. ``repr`` and tracebacks tell the rest.
    """

    def __init__(
        self,
        responses: list[Any] | None = None,
        missing: int = 1,
        event: str | None = None,
        seconds: float | None = None,
    ) -> None:
        super().__init__("operation has timed out")
        #: The event that was not answered.
        self.event = event
        #: How long its sender has waited.
        self.seconds = seconds
        #: What came in time, in order of arrival (broadcasts).
        self.responses: list[Any] = responses if responses is not None else []
        #: How many answers did not come, as far as other servers have told.
        self.missing = missing
        if event is not None and sys.version_info >= (3, 11):
            came = len(self.responses)
            others = f" ({missing} of {missing + came} are missing)" if came else ""
            self.add_note(f"event {event!r}: no answer in {seconds:g} s{others}")

    def __repr__(self) -> str:
        return (
            f"AckTimeout(event={self.event!r}, seconds={self.seconds!r}, "
            f"missing={self.missing})"
        )


class Disconnected(AckError):
    """The socket or session closed while somebody waited for it."""

    def __init__(self, reason: str = "") -> None:
        super().__init__(f"disconnected: {reason}" if reason else "disconnected")
        self.reason = reason


class EncodeError(SockioError, TypeError):
    """A value cannot travel; raised in the caller, before anything is sent."""


class ReservedEventError(SockioError, ValueError):
    """The event name belongs to the library."""

    def __init__(self, event: str) -> None:
        super().__init__(f'"{event}" is a reserved event name')
        self.event = event


class ClusterTimeout(SockioError, TimeoutError):
    """Some servers of the cluster did not answer in time."""

    def __init__(
        self,
        message: str,
        responses: list[Any] | None = None,
        missing: set[str] | None = None,
    ) -> None:
        super().__init__(message)
        self.responses: list[Any] = responses if responses is not None else []
        #: Ids of the servers that did not answer.
        self.missing: set[str] = missing if missing is not None else set()


class BrokerError(SockioError, ConnectionError):
    """The broker of an emitter has not taken a message."""

    def __init__(self, message: str, *, uncertain: bool) -> None:
        super().__init__(message)
        #: Whether the servers may have got the message all the same.
        self.uncertain = uncertain


class BufferFull(SockioError):
    """More bytes wait for a client than its ``BufferPolicy`` allows."""


class InboxFull(SockioError):
    """More of a client's events wait for handlers than its ``InboxPolicy`` allows."""


class RateLimited(SockioError):
    """Too many events, bytes or connections in too short a time."""

    def __init__(self, message: str, retry_after: float) -> None:
        super().__init__(message)
        #: Seconds until it may be tried again.
        self.retry_after = retry_after


class NotSupported(SockioError):
    """This object cannot do that."""


class ConfigError(SockioError, ValueError):
    """A wrong option; raised at once, never logged and swallowed."""


class UnknownOption(ConfigError, TypeError):
    """There is no option of that name; the text says what to write instead."""
