"""Nodes: a request for a session of another machine is proxied to that machine.

A node is a process of the cluster that has told the others its tag, and an address at
which they reach it. A request that one node proxies is never proxied by another one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Protocol

from sockio.engine.http.access_log import hide_sid
from sockio.engine.http.client_socket import take_over
from sockio.runtime import logs
from sockio.runtime.hangup import hang_up
from sockio.runtime.ids import sid_in, tag_of
from sockio.runtime.reactor import Reactor
from sockio.types import Environ, StartResponse

from . import passport
from .answer import Answer
from .passport import Origin
from .pool import Full, Pool
from .proxy import Abandoned, Stall, ask, is_short, respond, rewritten, splice
from .raw_request import RawRequest, raw_request, without_proxy_header
from .refusals import unavailable
from .resting import Resting

__all__ = ["Addresses", "Nodes"]

log = logs.get("engine.handover")

#: Seconds that a node has for an answer, beside those in which it sends a heartbeat, or
#: gives its client up.
SLACK = 5.0

_OLD = re.compile(rb"\A([^\r]* )HTTP/1\.0\r\n")

_Answer = Iterable[bytes] | None


class Addresses(Protocol):
    """Where the nodes are."""

    @property
    def tag(self) -> str:
        """This node's."""

    @property
    def secrets(self) -> Sequence[str]:
        """What nodes know each other by; the first one is to be used."""

    def settle(self) -> None:
        """Wait until the other nodes can find this one, if that is a matter of time."""

    def find(self, tag: str) -> tuple[str, int] | None:
        """Return the address of a node; None: there is no other of that tag.

        Raises:
            OSError: That cannot be found out now.

        Blocks:
            The first time, until the broker has answered.
        """

    def forget(self, tag: str) -> None:
        """Take note that a node is not there any more."""


class Nodes:
    """What one node proxies to the others, and what it believes of theirs."""

    def __init__(
        self, addresses: Addresses, reactor: Reactor, heartbeat: float
    ) -> None:
        """Proxy requests from now on.

        Args:
            addresses: Where the others are.
            reactor: Of the server.
            heartbeat: Seconds after which a session has sent something, or ended.
        """
        self._addresses = addresses
        self._reactor = reactor
        self._patience = heartbeat + SLACK
        self._pool = Pool(reactor)
        #: Nodes that cannot be reached.
        self._resting = Resting(reactor.clock)
        #: Requests that were proxied.
        self.proxied = 0
        #: Requests that the owner did not answer.
        self.lost = 0

    # ------------------------------------------------------------------ the owner

    def admit(self, environ: Environ) -> bool:
        """Whether another node has sent a request; if so, ``environ`` is its client's.

        The header by which that is told is taken out of ``environ`` in any case.
        """
        value = environ.pop(passport.KEY, None)
        if value is None:
            return False
        origin = passport.read(value, self._addresses.secrets)
        if origin is None:
            log.debug("a request says that a node has sent it, which is not so")
            return False
        origin.put_into(environ)
        return True

    # ------------------------------------------------------------------ the proxy

    def answer(self, environ: Environ, start_response: StartResponse) -> _Answer:
        """Have another node answer a request; None: this one has to.

        Blocks:
            Until the other node has answered.
        """
        sid = sid_in(environ.get("QUERY_STRING", ""))
        if sid is None:
            self._addresses.settle()
            return None
        tag = tag_of(sid)
        if not tag or tag == self._addresses.tag:
            return None
        try:
            address = self._addresses.find(tag)
        except OSError as exc:
            log.debug("nobody knows where the node %s is: %s", tag, exc)
            self.lost += 1
            return unavailable(environ, start_response, self._reactor.repeats, tag)
        if address is None:
            return None
        raw = raw_request(environ)
        return self._reach(tag, address, raw, environ, start_response) if raw else None

    def _reach(
        self,
        tag: str,
        address: tuple[str, int],
        raw: RawRequest,
        environ: Environ,
        start_response: StartResponse,
    ) -> _Answer:
        try:
            if tag in self._resting:
                raise TimeoutError("it was tried a moment ago")
            sock = self._pool.take(tag, address)
        except ConnectionRefusedError:
            log.debug("the node %s has gone", tag)
            self.lost += 1
            self._addresses.forget(tag)
            return None
        except OSError as exc:
            log.debug("the node %s cannot be reached: %s", tag, exc)
            self.lost += 1
            if not isinstance(exc, Full) and tag not in self._resting:
                host, port = address
                log.warning(
                    "the node at %r cannot be reached: %s", f"{host}:{port}", exc
                )
                self._resting.add(tag)
            return unavailable(environ, start_response, self._reactor.repeats, tag)
        self.proxied += 1
        return self._proxy(tag, sock, raw, environ, start_response)

    def _proxy(
        self,
        tag: str,
        sock: Any,
        raw: RawRequest,
        environ: Environ,
        start_response: StartResponse,
    ) -> _Answer:
        put_back = partial(self._pool.put_back, tag, sock)
        secret = self._addresses.secrets[0]
        head, length, chunked = _rewritten(raw, environ, secret)
        deadline = _Deadline(self._reactor, self._patience, sock)
        try:
            answer = ask(sock, head, environ, length=length, chunked=chunked)
            if raw.answered and answer.code != 101:
                raise OSError(f"the WebSocket is refused with {answer.status}")
            if answer.code != 101:
                if not is_short(answer):
                    sock.settimeout(self._patience)  # for each part
                body = respond(answer, start_response, put_back)
                hide_sid(environ, start_response)
                return body
        except OSError as exc:
            log.debug("no answer from the node %s: %r", tag, exc)
            put_back(False)
            if deadline.passed or isinstance(exc, Abandoned):
                return unavailable(environ, start_response, self._reactor.repeats, tag)
            self.lost += 1
            return None
        finally:
            deadline.cancel()
        return self._splice(sock, answer, raw, environ, start_response)

    def _splice(
        self,
        sock: Any,
        answer: Answer,
        raw: RawRequest,
        environ: Environ,
        start_response: StartResponse,
    ) -> _Answer:
        """Carry a WebSocket to its owner."""
        try:
            taken = take_over(environ)
            if taken is None:
                return None
            with suppress(OSError):  # then it cannot be read either
                sock.sendall(taken.early)
            first = answer.rest if raw.answered else answer.head + answer.rest
            stall = Stall(self._reactor.delays, self._patience)
            splice(sock, taken, first, stall)
            return taken.finish(start_response)
        finally:
            self._pool.put_back("", sock, False)

    def close(self) -> None:
        """End what is under way."""
        self._pool.close()


class _Deadline:
    """Ends a connection when the time is up."""

    def __init__(self, reactor: Reactor, seconds: float, sock: Any) -> None:
        self._sock = sock
        #: Whether it is up.
        self.passed = False
        self.cancel = reactor.delays.call_later(seconds, self._pass).cancel

    def _pass(self) -> None:
        self.passed = True
        hang_up(self._sock)


def _rewritten(
    raw: RawRequest, environ: Environ, secret: str
) -> tuple[bytes, int, bool]:
    """Return the head for another node, the body's length, and if it has chunks."""
    more = [passport.write(secret, Origin.of(environ))]
    length, chunked = 0, False
    without = [passport.NAME.lower()]
    announced = environ.get("CONTENT_LENGTH") or ""
    if "HTTP_UPGRADE" in environ:
        more.append(b"Connection: Upgrade")
        if raw.answered:
            # What this server has answered already has none.
            without.append("sec-websocket-extensions")
    elif announced.isascii() and announced.isdigit() and len(announced) < 16:
        length = int(announced)
        more.append(b"Content-Length: %d" % length)
    elif environ["REQUEST_METHOD"] not in ("GET", "HEAD", "OPTIONS"):
        chunked = True
        more.append(b"Transfer-Encoding: chunked")
    if "HTTP_HOST" not in environ:  # HTTP/1.0
        more.append(b"Host: localhost")
    head = _OLD.sub(rb"\1HTTP/1.1\r\n", without_proxy_header(raw.head), count=1)
    return rewritten(head, more, *without), length, chunked
