"""Handover: a request for a session of another process goes to that process.

The id of a session begins with the tag of its process. The client's connection goes
there, with all that was received from it; where it cannot go, its requests do.
"""

from __future__ import annotations

import random
from _socket import socket as PlainSocket
from _socket import socketpair
from collections.abc import Iterable
from contextlib import suppress
from urllib.parse import unquote

from gevent.socket import socket as GeventSocket

from sockio.engine.http.access_log import hide_sid
from sockio.engine.http.client_socket import take_over
from sockio.runtime import logs
from sockio.runtime.ids import sid_in, tag_of
from sockio.runtime.reactor import Reactor
from sockio.siblings.link import Link
from sockio.siblings.siblings import Siblings
from sockio.types import Environ, StartResponse

from .arrivals import Arrivals
from .caller import gunicorn_servers
from .doorstep import Doorstep
from .packets import Passed
from .proxy import relay, splice
from .raw_request import RawRequest, let_go, raw_request
from .receivers import OURS, Receiver, Served, receiver_of
from .refusals import unavailable
from .way import KIND, Way, Ways

__all__ = ["Handover"]

log = logs.get("engine.handover")

#: Seconds between two looks whether the siblings have everything.
_PAUSE = 0.01


class Handover:
    """What one process hands over to its siblings, and takes from them."""

    def __init__(self, siblings: Siblings, reactor: Reactor, prefix: str) -> None:
        """Hand requests over from now on; call it before the siblings open.

        Args:
            reactor: Of the server.
            prefix: How the paths of its sessions begin.
        """
        self._siblings = siblings
        self._reactor = reactor
        self._ways = Ways(siblings, reactor)
        #: The WSGI server of this process; some are known only once they have called.
        self._receiver: Receiver | None = receiver_of({})
        #: Requests whose connection went to a sibling.
        self.given = 0
        #: Requests that were proxied.
        self.proxied = 0
        #: Requests that a sibling did not confirm.
        self.lost = 0
        siblings.welcome(KIND, self._welcome)
        worker, servers = gunicorn_servers() or (None, ())
        for server in servers:
            if Doorstep.fits(server):
                Doorstep(server, Served(server, worker).serve, self, prefix)

    def _welcome(self, link: Link, tag: str) -> None:
        Arrivals(link, tag, self._reactor, lambda: self._receiver or OURS)

    def answer(
        self, environ: Environ, start_response: StartResponse, *, ending: bool
    ) -> Iterable[bytes] | None:
        """Have another process answer a request; None: this one has to.

        Args:
            ending: Whether this process opens no sessions any more.

        Blocks:
            Where the connection cannot go, until the other process has answered.
        """
        if self._receiver is None:
            self._receiver = receiver_of(environ)
        sid = sid_in(environ.get("QUERY_STRING", ""))
        if sid is None:
            return self._serve_newcomer(environ, start_response) if ending else None
        owner = self._foreign(sid)
        return self._serve(owner, environ, start_response) if owner else None

    def _foreign(self, sid: str) -> str:
        """Return the tag in a sid, if it is another process's."""
        tag = tag_of(sid)
        return "" if tag == self._siblings.tag else tag

    def way_of(self, sid: str) -> Way | None:
        """Return the way to the sibling that has a session; None: there is none."""
        tag = self._foreign(unquote(sid))
        if tag:
            with suppress(OSError):
                return self._ways.to(tag)
        return None

    def give(self, way: Way, passed: Passed, sock: PlainSocket) -> None:
        """Give a connection away; ``sock`` does not block, and is ours to close."""
        self.given += 1
        self._pass(way, passed, sock)

    def _serve(
        self, tag: str, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes] | None:
        """Have the sibling ``tag`` answer a request; None: there is no such sibling."""
        raw = raw_request(environ)
        if raw is None:
            return None
        try:
            way = self._ways.to(tag)
        except (ConnectionRefusedError, PermissionError) as exc:
            log.debug("no sibling %r: %s", tag, exc)
            return None
        except OSError as exc:
            log.debug("the sibling %s cannot be reached: %s", tag, exc)
            return unavailable(environ, start_response, self._reactor.repeats, tag)
        return self._hand_over(way, raw, environ, start_response)

    def _serve_newcomer(
        self, environ: Environ, start_response: StartResponse
    ) -> Iterable[bytes] | None:
        """Have a sibling open a session, since this process ends; None: nobody can."""
        raw = raw_request(environ)
        if raw is None:
            return None
        candidates = self._siblings.welcoming or self._siblings.reserve
        random.shuffle(candidates)
        for tag in candidates:
            try:
                way = self._ways.to(tag)
            except OSError:
                continue
            return self._hand_over(way, raw, environ, start_response)
        return None

    def _hand_over(
        self,
        way: Way,
        raw: RawRequest,
        environ: Environ,
        start_response: StartResponse,
    ) -> Iterable[bytes] | None:
        if raw.given:
            return self._give(way, raw, environ, start_response)
        return self._proxy(way, raw, environ, start_response)

    def _give(
        self,
        way: Way,
        raw: RawRequest,
        environ: Environ,
        start_response: StartResponse,
    ) -> Iterable[bytes]:
        """Give the connection away; the answer is the sibling's."""
        taken = take_over(environ)
        assert taken is not None  # the request says that it can be given
        early = raw.head + taken.early
        passed = Passed(raw.address, raw.listener, early, raw.answered)
        self.give(way, passed, taken.sock)
        return let_go(taken, environ, start_response)

    def _proxy(
        self,
        way: Way,
        raw: RawRequest,
        environ: Environ,
        start_response: StartResponse,
    ) -> Iterable[bytes] | None:
        """Answer with what the sibling answers."""
        taken = None
        early = b""
        if _is_upgrade(environ):
            taken = take_over(environ)
            if taken is None:
                return None
            early = raw.head + taken.early
        self.proxied += 1
        here, there = socketpair()
        there.setblocking(False)
        ours = GeventSocket(fileno=here.detach())
        passed = Passed(raw.address, raw.listener, early, raw.answered, proxied=True)
        self._pass(way, passed, there)
        if taken is not None:
            splice(ours, taken)
            return taken.finish(start_response)
        repeats = self._reactor.repeats
        try:
            return relay(
                ours,
                raw.head,
                environ,
                start_response,
                lambda: unavailable(environ, start_response, repeats, way.tag) or (),
            )
        finally:
            hide_sid(environ, start_response)

    def _pass(self, way: Way, passed: Passed, sock: PlainSocket) -> None:
        way.pass_on(passed, sock, self._count_lost)

    def _count_lost(self) -> None:
        self.lost += 1

    def settle(self) -> None:
        """Wait until the siblings have what was handed over.

        Blocks:
            Until then; a sibling that does not answer is given up in time.
        """
        while self._ways.owed:
            with suppress(TimeoutError):
                self._reactor.latch().wait(_PAUSE)

    def close(self) -> None:
        """Give up what was not confirmed."""
        self._ways.close()


def _is_upgrade(environ: Environ) -> bool:
    return "HTTP_UPGRADE" in environ
