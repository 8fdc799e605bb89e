"""Watching: whether anybody has the admin page open, on this server or another.

As long as nobody has, nothing is observed, counted or sent. A server whose clients
watch says so to the others every two seconds: one that ends without a word is soon
forgotten, and one that starts soon knows.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any, Protocol

from sockio.runtime.clock import Timer
from sockio.runtime.reactor import Reactor
from sockio.socket.one_socket.socket import Socket

from .peers import Peers

__all__ = ["Watched", "Watching"]

#: Seconds between two beats: at each, servers say how they are.
INTERVAL = 2.0
#: Seconds after which a server that has said nothing more does not watch any more.
SILENCE = 4 * INTERVAL


class Watched(Protocol):
    """What somebody watches."""

    def begin(self) -> None:
        """Somebody watches from now on; may block."""

    def beat(self) -> None:
        """Say how things are; may block."""

    def end(self) -> None:
        """Nobody watches any more."""


class Watching:
    """Who watches a server, from here and from elsewhere."""

    def __init__(
        self, peers: Peers, reactor: Reactor, make_watched: Callable[[], Watched]
    ) -> None:
        """Expect watchers.

        Args:
            peers: The other servers.
            reactor: Of this server.
            make_watched: Makes what begins, beats and ends.
        """
        self._peers = peers
        self._reactor = reactor
        self._make_watched = make_watched
        self._watched: Watched | None = None
        #: The pages that are connected to this server.
        self._here: set[Socket[Any]] = set()
        #: The other servers whose clients watch, and when they will be forgotten.
        self._elsewhere: dict[str, float] = {}
        #: The name of this process; made late, since a process may fork.
        self._name = ""
        self._timer: Timer | None = None
        peers.hear("watching", self._on_watching)

    @property
    def elsewhere(self) -> bool:
        """Whether clients of other servers watch."""
        return bool(self._elsewhere)

    def arrive(self, page: Socket[Any]) -> None:
        """A page has come to this server, and watches.

        Blocks:
            Until its watching has begun.
        """
        self._here.add(page)
        self._tell()
        self._begin()

    def leave(self, page: Socket[Any]) -> None:
        """A page has gone."""
        self._here.discard(page)
        if not self._here:
            self._tell()
            self._end_unless_watched()

    def beat_now(self) -> None:
        """Say how things are before it is time, for a page that has come."""
        if self._watched is not None:
            self._watched.beat()

    def close(self) -> None:
        """The server has closed: nobody watches it any more."""
        self._here.clear()
        self._elsewhere.clear()
        self._end_unless_watched()

    def _begin(self) -> None:
        if self._watched is None:
            self._watched = watched = self._make_watched()
            self._wait()
            watched.begin()

    def _end_unless_watched(self) -> None:
        if self._here or self._elsewhere:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        watched, self._watched = self._watched, None
        if watched is not None:
            watched.end()

    # ---- other servers

    def _tell(self) -> None:
        self._name = self._name or secrets.token_hex(8)
        self._peers.tell("watching", self._name, bool(self._here))

    def _on_watching(self, name: object, watching: object) -> None:
        """Another server tells whether clients of its watch."""
        if not isinstance(name, str) or name == self._name:
            return
        if watching is True:
            begins = self._watched is None
            self._elsewhere[name] = self._reactor.clock.now() + SILENCE
            self._begin()
            if begins:
                self.beat_now()
        elif self._elsewhere.pop(name, None) is not None:
            self._end_unless_watched()

    # ---- beats

    def _wait(self) -> None:
        self._timer = self._reactor.clock.call_later(INTERVAL, self._on_time)

    def _on_time(self) -> None:
        self._timer = None
        self._reactor.workers.spawn(self._beat)

    def _beat(self) -> None:
        now = self._reactor.clock.now()
        for name, end in list(self._elsewhere.items()):
            if end <= now:
                del self._elsewhere[name]
        if self._here:
            self._tell()
        self._end_unless_watched()
        watched = self._watched
        if watched is None:
            return
        try:
            watched.beat()
        finally:
            if self._watched is watched and self._timer is None:
                self._wait()
