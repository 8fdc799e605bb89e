"""Siblings: this process under its tag, and the links between it and the others.

A link has a kind, which says what its packets mean. Its first packet is a greeting with
the kind and the caller's tag.
"""

from __future__ import annotations

import errno
import os
import weakref
from _socket import socket as PlainSocket
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from logging import WARNING
from typing import Any

from sockio.runtime import logs
from sockio.runtime.clock import Timer
from sockio.runtime.ids import is_tag, new_tag
from sockio.runtime.reactor import Reactor
from sockio.runtime.watchers import AGAIN, READ, drop

from .credentials import same_user
from .link import PATIENCE, Link
from .place import Place

__all__ = ["Siblings", "Welcome"]

log = logs.get("siblings")

#: Takes a link that a sibling has made, with that sibling's tag; it sets ``on_packet``
#: and ``on_end`` of the link.
Welcome = Callable[[Link, str], None]

#: Bytes that may wait in a link which a sibling has made, unless its welcome says more.
_MOST = 1 << 20
#: Seconds in which a caller has to say who it is.
_GREETING = 2.0
#: Seconds until callers are accepted again when no descriptor was left.
_PAUSE = 0.1
#: Most callers accepted in one pass of the loop.
_TURN = 16


class Siblings:
    """The processes of a group, as one of them sees them."""

    def __init__(self, place: Place, reactor: Reactor) -> None:
        """Meet the others at ``place`` once ``open`` is called.

        Args:
            reactor: Of the server, whose hub reads.
        """
        self.place = place
        self._reactor = reactor
        #: Under which the others find this process; empty until ``open``.
        self.tag = ""
        #: What takes the links of each kind.
        self._welcomes: dict[str, Welcome] = {}
        self._listener: PlainSocket | None = None
        #: Open while this process takes newcomers, or some of them.
        self._mark: PlainSocket | None = None
        self._watcher: Any = None
        self._pause: Timer | None = None
        #: All links that have not ended.
        self._links: weakref.WeakSet[Link] = weakref.WeakSet()
        _OPEN.add(self)

    def welcome(self, kind: str, welcome: Welcome) -> None:
        """Have ``welcome`` take the links of a kind that siblings make."""
        self._welcomes[kind] = welcome

    def open(self, tag: str = "") -> None:
        """Listen, in the process that serves, under a new tag.

        Args:
            tag: The tag to have if it is free; empty: any.

        Raises:
            OSError: This place cannot be used.
        """
        while True:
            tag = tag or new_tag()
            try:
                self._listener = self.place.bind(tag)
                break
            except FileExistsError:
                tag = ""
        self.tag = tag
        with ExitStack() as undo:
            undo.callback(self.close)
            self._mark = self.place.welcome(tag)
            undo.pop_all()
        self._watch()

    @property
    def others(self) -> list[str]:
        """Tags under which others listen, or have listened until now."""
        return [tag for tag in self.place.tags() if tag != self.tag]

    @property
    def welcoming(self) -> list[str]:
        """Tags of the others who take newcomers, or did until now."""
        return [tag for tag in self.place.welcoming() if tag != self.tag]

    @property
    def reserve(self) -> list[str]:
        """Tags of the others who take newcomers if nobody else does."""
        return [tag for tag in self.place.welcoming(reserve=True) if tag != self.tag]

    def step_back(self) -> None:
        """Let the others know that this process ends soon.

        Until ``take_no_newcomers`` it still takes those whom nobody else takes.
        """
        if self._mark is not None:
            self.take_no_newcomers()
            with suppress(OSError):  # then they are refused
                self._mark = self.place.welcome(self.tag, reserve=True)

    def take_no_newcomers(self) -> None:
        """Let the others know that this process is about to end."""
        if self._mark is not None:
            self._mark.close()
            self._mark = None
            self.place.unwelcome(self.tag)

    def connect(
        self,
        tag: str,
        kind: str,
        *,
        most: int,
        on_packet: Callable[[bytes, Sequence[int]], None],
        on_end: Callable[[str], None],
        patience: float = PATIENCE,
    ) -> Link:
        """Make a link to the sibling ``tag``; never blocks.

        Args:
            tag: Of four letters, digits, ``-`` or ``_``.
            kind: What the packets will mean.
            most: How many bytes may wait until the sibling takes them.
            on_packet: See ``Link``.
            on_end: See ``Link``.
            patience: See ``Link``.

        Raises:
            ConnectionRefusedError: There is no such sibling, or we are closed.
            PermissionError: Another user's process has its name.
            OSError: It cannot be reached now; BlockingIOError if it accepts nobody.
        """
        if self._listener is None:
            raise ConnectionRefusedError(errno.ECONNREFUSED, "this process has left")
        sock = self.place.connect(tag)
        if not same_user(sock):
            sock.close()
            raise PermissionError(
                errno.EPERM, f"the sibling {tag} belongs to another user"
            )
        link = Link(
            sock,
            self._reactor,
            most=most,
            on_packet=on_packet,
            on_end=on_end,
            patience=patience,
        )
        self._links.add(link)
        link.send(f"{kind} {self.tag}".encode())
        return link

    def close(self) -> None:
        """Listen no more, and end all links."""
        self._stop()
        self.take_no_newcomers()
        if self._listener is not None:
            self._listener.close()
            self._listener = None
            self.place.leave(self.tag)
        for link in list(self._links):
            link.close()

    def forget(self) -> None:
        """Be nobody in a forked child: all that is open is its parent's."""
        self._stop()
        for sock in (self._listener, self._mark):
            if sock is not None:
                sock.close()
        self._listener = self._mark = None
        for link in list(self._links):
            link.forget()

    # ------------------------------------------------------------------ callers

    def _watch(self) -> None:
        self._pause = None
        if self._listener is not None:
            loop = self._reactor.workers.loop
            self._watcher = loop.io(self._listener.fileno(), READ)
            self._watcher.start(self._on_caller)

    def _stop(self) -> None:
        if self._watcher is not None:
            drop(self._watcher)
            self._watcher = None
        if self._pause is not None:
            self._pause.cancel()
            self._pause = None

    def _on_caller(self) -> None:
        for _ in range(_TURN):
            if self._listener is None:
                return
            try:
                descriptor, _ = self._listener._accept()  # type: ignore[attr-defined]
            except AGAIN:
                return
            except OSError as exc:
                level = self._reactor.repeats.level(log, WARNING, "no-descriptors")
                log.log(level, "a sibling cannot be accepted: %s", exc.strerror)
                self._stop()
                self._pause = self._reactor.clock.call_later(_PAUSE, self._watch)
                return
            sock = PlainSocket(fileno=descriptor)
            sock.setblocking(False)
            if same_user(sock):
                self._links.add(_greeted(sock, self._reactor, self._greet))
            else:
                log.debug("a process of another user called")
                sock.close()

    def _greet(self, link: Link, greeting: bytes) -> None:
        """Hand on a link whose caller has said who it is."""
        kind, _, tag = greeting.decode("ascii", "replace").partition(" ")
        welcome = self._welcomes.get(kind)
        if welcome is None or not is_tag(tag):
            log.debug("a sibling says %r, which this release does not know", greeting)
            link.close()
        else:
            welcome(link, tag)


def _greeted(
    sock: PlainSocket, reactor: Reactor, greet: Callable[[Link, bytes], None]
) -> Link:
    """Return a link over ``sock``, and call ``greet`` with its first packet."""

    def on_packet(data: bytes, descriptors: Sequence[int]) -> None:
        deadline.cancel()
        for descriptor in descriptors:
            os.close(descriptor)
        greet(link, data)

    def on_end(why: str) -> None:
        deadline.cancel()

    link = Link(sock, reactor, most=_MOST, on_packet=on_packet, on_end=on_end)
    deadline = reactor.delays.call_later(_GREETING, link.close)
    return link


#: All of this process, for its forked children.
_OPEN: weakref.WeakSet[Siblings] = weakref.WeakSet()


def _forget_all() -> None:
    for siblings in list(_OPEN):
        siblings.forget()


if hasattr(os, "register_at_fork"):  # pragma: no branch - not on Windows
    # While a child holds a listening socket, callers of a dead parent would not be
    # refused; while it holds a link, the parent's end would not be noticed.
    os.register_at_fork(after_in_child=_forget_all)
