"""TlsHandshake: a client that has connected and must agree on TLS first.

It costs no greenlet, and until its first byte arrives only its socket.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable
from typing import Any

from sockio.runtime import logs
from sockio.runtime.hangup import hang_up
from sockio.runtime.refusals import TLS_FAILED, TLS_TIMEOUT, Cause
from sockio.runtime.watchers import READ, WRITE, drop

from .environ import host_of
from .owner import Place
from .socket import has_arrived

__all__ = ["TlsHandshake"]

log = logs.get("engine.http")


class TlsHandshake:
    """One handshake, until it is over in one way or the other."""

    __slots__ = (
        "_begun",
        "_deadline",
        "_done",
        "_place",
        "_secure",
        "_sock",
        "_watcher",
        "address",
    )

    #: The application has nothing to do with it.
    runs = False
    busy = False

    def __init__(
        self,
        sock: Any,
        address: Any,
        place: Place,
        secure: Callable[[Any], Any],
        done: Callable[[Any, Any], object],
    ) -> None:
        """Begin as soon as something arrives.

        Args:
            sock: A socket that does not block; it is ours from now on.
            secure: Makes the TLS socket of it, without the handshake.
            done: Called in the hub with the TLS socket, and the client's address.
        """
        self.address = address
        #: Whether ``_sock`` is the TLS socket.
        self._begun = False
        self._sock = sock
        self._place = place
        self._secure = secure
        self._done = done
        self._watcher: Any = None
        self._wait(READ)
        place.expect(self)
        self._deadline = place.deadlines.tls
        self._deadline.begin(self)

    def _wait(self, events: int) -> None:
        """Continue when the socket is ready for ``events``."""
        self._stop_waiting()
        self._watcher = self._place.loop.io(self._sock.fileno(), events)
        self._watcher.start(self._go_on)

    def _stop_waiting(self) -> None:
        if self._watcher is not None:
            drop(self._watcher)
            self._watcher = None

    def _go_on(self) -> None:
        try:
            if not self._begun:
                self._sock = self._secure(self._sock)
                self._begun = True
            self._sock.do_handshake()
        except ssl.SSLWantReadError:
            self._wait(READ)
        except ssl.SSLWantWriteError:
            self._wait(WRITE)
        except OSError as exc:
            self._refused(exc, TLS_FAILED)
            self.close()
        except Exception:
            # A boundary: a bug of ours here ends this connection only.
            log.exception("a TLS handshake failed")
            self.close()
        else:
            self._end()
            try:
                self._done(self._sock, self.address)
            finally:
                self._place.forget(self)

    def _end(self) -> None:
        self._stop_waiting()
        self._deadline.end(self)

    def expire(self) -> None:
        """Give up, since it took too long."""
        self._refused("it took too long", TLS_TIMEOUT)
        self.close()

    def _refused(self, why: object, cause: Cause) -> None:
        address = self.address
        level = cause.level_now(log, self._place.repeats)
        extra = cause.fields(address=host_of(address))
        log.log(
            level,
            "TLS handshake with %s failed: %s; %s",
            address,
            why,
            cause,
            extra=extra,
        )

    def has_arrived(self) -> bool:
        return has_arrived(self._sock)

    def end_soon(self) -> None:
        """Let it have only a moment from now on."""
        if self._watcher is not None:
            self._deadline.end(self)
            self._deadline = self._place.deadlines.last
            self._deadline.begin(self)

    def close(self) -> None:
        """Give up, and close the socket."""
        if self._watcher is not None:
            self._end()
            hang_up(self._sock)
            self._place.forget(self)
