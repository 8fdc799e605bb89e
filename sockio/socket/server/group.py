"""Group: the processes that serve the same application together.

The workers of one gunicorn master, whatever their generation, have the same listening
sockets, and so the same name for their group. They are one server: a request for a
session goes to the worker that has it, and broadcasts reach the clients of all. With
``advertise=``, the processes of other machines belong to it, too.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Callable
from socket import SOL_SOCKET
from typing import Any

from sockio.adapters.buses.siblings import SiblingsBus
from sockio.adapters.cluster.cluster import Cluster
from sockio.engine.handover.handover import Handover
from sockio.engine.handover.nodes import Nodes
from sockio.engine.handover.transfer import Transfer
from sockio.engine.server import EngineServer
from sockio.runtime import logs
from sockio.runtime.reactor import Reactor
from sockio.siblings.place import Names, supported
from sockio.siblings.siblings import Siblings
from sockio.socket.options import ServerOptions

from .addresses import Addresses
from .namespaces import Namespaces

__all__ = ["Group"]

log = logs.get("server")

#: ``getsockopt`` for a number that no other socket of this machine has or had.
_COOKIE = 57
#: How many servers this process has made for each path.
_MADE: Counter[str] = Counter()


class Group:
    """The place of one server among the processes that serve with it."""

    def __init__(
        self,
        options: ServerOptions,
        namespaces: Namespaces,
        reactor: Reactor,
        path: str,
        on_siblings: Callable[[Siblings], object],
    ) -> None:
        """Make the place of a server that has not started.

        Args:
            options: The server's.
            namespaces: The server's.
            reactor: The server's.
            path: What the path of a request for the server starts with.
            on_siblings: Called with the other processes of this host, if there are
                some.
        """
        self._on_siblings = on_siblings
        self._options = options
        self._namespaces = namespaces
        self._reactor = reactor
        self._path = path
        _MADE[path] += 1
        #: The servers of one process for one path make groups of their own.
        self._ordinal = _MADE[path]
        #: Of the group, where it is known before the start.
        self._name = ""
        self._joined = False
        self._engine: EngineServer | None = None
        self._siblings: Siblings | None = None
        self._handover: Handover | None = None
        self._transfer: Transfer | None = None
        self._addresses: Addresses | None = None
        self._nodes: Nodes | None = None

    def meet_under(self, name: str) -> None:
        """Join a group of that name: at the start, or at once if that was before."""
        self._name = name
        if self._engine is not None and self._options.workers != "off":
            self._join()

    def start(self, engine: EngineServer, worker: Any) -> None:
        """Join the others, if it is known that there are some.

        Args:
            engine: Whose sessions the others will ask for.
            worker: The worker of gunicorn that this process is; None: it is none.
        """
        self._engine = engine
        self._meet(worker)
        if self._options.advertise is not None:
            self._advertise(engine, self._options.advertise)

    def _meet(self, worker: Any) -> None:
        """Join the others of this host, if it is known that there are some."""
        if self._options.workers == "off":
            return
        siblings = self._namespaces.siblings
        if siblings is not None:  # adapter="unix:/path"
            self._serve_with(siblings)
        elif worker is not None:
            # When it has ended, it has no sockets any more.
            self._name = self._name_for(worker)
            self.look(worker)
        elif self._name:
            self._join()

    def look(self, worker: Any) -> None:
        """Join the other workers of gunicorn, if there are some by now."""
        if self._options.workers == "off":
            return
        if worker.cfg.workers > 1 or not worker.alive or _children(worker.ppid) > 1:
            self._join()

    def _join(self) -> None:
        if self._joined:
            return
        if not supported():
            self._joined = True
            log.warning(
                "several workers need abstract Unix sockets, which this system does "
                'not have: give Server(workers="off"), and put a load balancer with '
                "sticky sessions in front"
            )
            return
        siblings = Siblings(Names(self._name), self._reactor)
        try:
            self._serve_with(siblings)
        except OSError as exc:
            log.error("this worker serves alone, it cannot meet the others: %s", exc)
            return
        if self._namespaces.shares_nothing:
            self._namespaces.use_adapter(Cluster(SiblingsBus(siblings)))

    def _serve_with(self, siblings: Siblings) -> None:
        """Hand requests over, and take them."""
        engine = self._engine
        assert engine is not None
        self._joined = True
        handover = Handover(siblings, self._reactor, self._path)
        if "webtransport" in engine.options.transports:
            take = engine.entrance.receive_carried
            self._transfer = Transfer(siblings, self._reactor, take)
            engine.elsewhere.streams = self._transfer
        if not siblings.tag:
            siblings.open(engine.ids.tag)
        self._siblings = siblings
        self._on_siblings(siblings)
        self._handover = engine.elsewhere.siblings = handover
        engine.ids.tag = siblings.tag
        if self._addresses is not None:
            self._addresses.announce(siblings.tag)
        log.info("one of several processes, tag %s", siblings.tag)

    def _advertise(self, engine: EngineServer, address: str) -> None:
        """Proxy requests to other machines, and let them proxy some to this process."""
        self._addresses = Addresses(
            address,
            self._options.advertise_secret,
            lambda: self._namespaces.directory,
            self._reactor,
            self._draw_anew,
        )
        heartbeat = engine.options.ping_interval + engine.options.ping_timeout
        self._nodes = Nodes(self._addresses, self._reactor, heartbeat)
        engine.elsewhere.nodes = self._nodes
        self._addresses.announce(engine.ids.tag)
        self._namespaces.on_other_adapter = self._addresses.renew

    def _draw_anew(self) -> str:
        """Take another tag, since a process of another machine has this one.

        Sessions that have the old one stay, but nobody hands requests over to them.
        """
        assert self._engine is not None
        ids = self._engine.ids
        ids.forget()
        if self._handover is not None and self._siblings is not None:
            self._handover.close()
            if self._transfer is not None:
                self._transfer.close()
            self._siblings.close()
            self._siblings.open()
            ids.tag = self._siblings.tag
        return ids.tag

    def _name_for(self, worker: Any) -> str:
        if worker.cfg.reuse_port:  # each worker has sockets of its own
            sockets = [repr(sock.getsockname()) for sock in worker.sockets]
        else:
            sockets = [_number(sock) for sock in worker.sockets]
        told = repr((sorted(sockets), self._path, self._ordinal))
        return hashlib.sha256(told.encode()).hexdigest()[:24]

    def step_back(self) -> None:
        """Let the others know that this process ends soon, see ``Siblings``."""
        if self._siblings is not None:
            self._siblings.step_back()

    def take_no_newcomers(self) -> None:
        """Let the others know that this process is about to end."""
        if self._siblings is not None:
            self._siblings.take_no_newcomers()

    @property
    def alone(self) -> bool:
        """Whether no other process takes newcomers."""
        return self._siblings is None or not self._siblings.welcoming

    def goes_first(self, worker: Any) -> bool:
        """Whether this worker has to end before another one of its master begins.

        If none begins at present, and all that are there wait for one, the first of
        them has to.
        """
        there = 1
        if (siblings := self._siblings) is not None:
            others, waiting = siblings.others, siblings.reserve
            if others != waiting or siblings.tag > min([siblings.tag, *others]):
                return False
            there += len(others)
        return 0 < _children(worker.ppid) <= there

    def settle(self) -> None:
        """Wait until the others have what was handed over to them.

        Blocks:
            Until then, or until those that do not answer are given up.
        """
        if self._handover is not None:
            self._handover.settle()

    def close(self) -> None:
        """Leave the others."""
        if self._addresses is not None:
            self._addresses.close()
        if self._nodes is not None:
            self._nodes.close()
        if self._handover is not None:
            self._handover.close()
        if self._transfer is not None:
            self._transfer.close()
        if self._siblings is not None:
            self._siblings.close()


def _number(sock: Any) -> str:
    """Return a number of a socket that all processes see which share it."""
    descriptor = sock.fileno()
    try:
        cookie = sock.getsockopt(SOL_SOCKET, _COOKIE, 8).hex()
    except OSError:
        cookie = ""
    return f"{os.fstat(descriptor).st_ino}-{cookie}"


def _children(pid: int) -> int:
    """Return how many children a process has; 0: that is not known."""
    try:
        with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
            return len(file.read().split())
    except OSError:
        return 0
