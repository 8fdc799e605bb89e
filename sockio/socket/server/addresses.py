"""Addresses: where the other nodes of a cluster are, and where this one is.

Each node keeps its address in the directory of the adapter, under its tag, and looks up
the address of another one when a client asks for a session of it. Those who have no
secret in common do not find each other.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any

from sockio.adapters.directory import Directory
from sockio.errors import ConfigError
from sockio.httpd.listening_socket import host_and_port
from sockio.runtime import logs, tasks
from sockio.runtime.latch import Latch
from sockio.runtime.reactor import Reactor
from sockio.runtime.tasks import Task

__all__ = ["Addresses"]

log = logs.get("server")

#: Seconds for which the directory keeps an address, and a secret, that nobody renews.
LASTS, SECRET_LASTS = 30.0, 86400.0
#: Seconds between two renewals, and after one that has failed.
RENEWAL, RETRY = 10.0, 1.0
#: Seconds for which the first clients wait until the others can find this node.
SETTLING = 2.0
#: Seconds for which it is remembered that there is no node of a tag.
MISSING = 1.0
#: Most tags that are remembered.
MOST = 10_000


class Addresses:
    """The place of one process among the nodes."""

    def __init__(
        self,
        address: str,
        secret: str | None,
        directory: Callable[[], Directory],
        reactor: Reactor,
        draw_anew: Callable[[], str],
    ) -> None:
        """Know nobody until ``announce`` is called.

        Args:
            address: Where the others reach this node.
            secret: What the nodes know each other by; None: they agree on one.
            directory: Returns what they find each other in.
            reactor: Of the server.
            draw_anew: Gives this process another tag, and returns it.
        """
        self._address = address
        self._directory = directory
        self._reactor = reactor
        self._draw_anew = draw_anew
        self._given = secret is not None
        #: What nodes know each other by; the first one is to be used. There are two
        #: while the nodes change to the first.
        self.secrets: tuple[str, ...] = () if secret is None else (secret,)
        #: This node's; empty until it is announced.
        self.tag = ""
        #: Tells this process from others with the same address.
        self._mark = ""
        #: Set once the others can find this node, and until when that is waited for.
        self._announced: Latch[None] | None = None
        self._settled_by = 0.0
        self._task: Task[None] | None = None
        self._wake: Latch[None] = reactor.latch()
        #: Whether the directory could not be used the last time.
        self._apart = False
        self._closed = False
        #: By tag, the oldest first.
        self._known: dict[str, tuple[str, int]] = {}
        #: Until when these are not looked up again.
        self._missing: dict[str, float] = {}
        #: What is being looked up.
        self._asked: dict[str, Latch[tuple[str, int] | None]] = {}

    # ------------------------------------------------------------------ this node

    def announce(self, tag: str) -> None:
        """Let the others find this node under ``tag`` from now on."""
        if tag == self.tag or self._closed:
            return
        self.tag = tag
        self._mark = self._mark or secrets.token_hex(8)
        self._announced = self._reactor.latch()
        self._settled_by = self._reactor.clock.now() + SETTLING
        self._wake.set(None)
        if self._task is None:
            clock = self._reactor.clock
            self._task = tasks.spawn(self._keep, name="advertise", clock=clock)

    def renew(self) -> None:
        """Tell the directory at once, since it is another one."""
        self._wake.set(None)

    def settle(self) -> None:
        """Wait until the others can find this node, as long as that may be soon.

        Blocks:
            Until then, in the first seconds of the process only.
        """
        if self._announced is not None and not self._announced.ready:
            left = self._settled_by - self._reactor.clock.now()
            with suppress(TimeoutError):
                self._announced.wait(left)

    def close(self) -> None:
        """Renew nothing more."""
        self._closed = True
        if self._task is not None:
            self._task.kill()

    def _keep(self) -> None:
        while True:
            pause = RENEWAL
            self._wake = self._reactor.latch()
            try:
                self._agree()
                self._claim()
            except OSError as exc:
                pause = RETRY
                if not self._apart:
                    self._apart = True
                    log.warning(
                        "the other machines may not find this one: %s; it is tried "
                        "again",
                        exc,
                    )
            with suppress(TimeoutError):
                self._wake.wait(pause)

    def _agree(self) -> None:
        """Take the secret that the others have, or give them one."""
        if self._given:
            return
        ours = self.secrets[0] if self.secrets else secrets.token_urlsafe(32)
        theirs = self._directory().claim("secret", ours, SECRET_LASTS)
        if self.secrets[:1] != (theirs,):
            # If the broker has forgotten it, some nodes have the old one for a while.
            self.secrets = (theirs, *self.secrets[:1])

    def _claim(self) -> None:
        text = f"{self._address} {self._mark}"
        while True:
            tag = self.tag
            found = self._directory().claim(self._name(tag), text, LASTS)
            if tag != self.tag:
                continue
            if found == text:
                break
            log.warning("another machine has the tag %s: a new one is drawn", tag)
            self.tag = self._draw_anew()
        if self._apart:
            self._apart = False
            log.warning("the other machines can find this one again")
        if self._announced is not None:
            self._announced.set(None)

    def _name(self, tag: str) -> str:
        secret = hashlib.sha256(f"sockio {self.secrets[0]}".encode()).hexdigest()
        return f"node-{secret[:16]}-{tag}"

    # ------------------------------------------------------------------ the others

    def find(self, tag: str) -> tuple[str, int] | None:
        """Return the address of a node; None: there is no other of that tag.

        Raises:
            OSError: That cannot be found out now.

        Blocks:
            The first time, until the broker has answered.
        """
        address = self._known.get(tag)
        if address is not None:
            return address
        if self._missing.get(tag, 0.0) > self._reactor.clock.now():
            return None
        if not self.secrets:
            self.settle()
        if not self.secrets:
            raise OSError("the nodes have not agreed on a secret yet")
        latch = self._asked.get(tag)
        return self._look_up(tag) if latch is None else latch.wait()

    def _look_up(self, tag: str) -> tuple[str, int] | None:
        latch = self._asked[tag] = self._reactor.latch()
        failure = OSError("it was given up")
        with ExitStack() as undo:
            undo.callback(lambda: latch.fail(failure))
            try:
                address = self._read(tag)
            except OSError as exc:
                failure = exc
                raise
            finally:
                del self._asked[tag]
            undo.pop_all()
        if address is None:
            self._miss(tag)
        else:
            _remember(self._known, tag, address)
        latch.set(address)
        return address

    def _read(self, tag: str) -> tuple[str, int] | None:
        text = self._directory().read(self._name(tag)) or ""
        address, _, mark = text.partition(" ")
        if not mark or address == self._address:
            # Whoever has our own address is a process of this host: it is no sibling,
            # since those were asked before.
            return None
        try:
            return host_and_port(address)
        except ConfigError:
            log.warning("the directory has an address that is none: %r", address)
            return None

    def forget(self, tag: str) -> None:
        """Take note that a node is not there any more."""
        self._known.pop(tag, None)
        self._miss(tag)

    def _miss(self, tag: str) -> None:
        _remember(self._missing, tag, self._reactor.clock.now() + MISSING)


def _remember(known: dict[str, Any], tag: str, value: Any) -> None:
    known.pop(tag, None)
    if len(known) >= MOST:
        del known[next(iter(known))]
    known[tag] = value
