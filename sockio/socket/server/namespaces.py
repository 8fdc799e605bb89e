"""Namespaces: all namespaces of a server, by name; they are made on demand."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, TypeAlias

from sockio.adapters.accounting import AdapterStats, Gap, total
from sockio.adapters.adapter import Adapter, AdapterFactory, LocalNamespace
from sockio.adapters.buses.siblings import SiblingsBus
from sockio.adapters.cluster.cluster import Cluster
from sockio.adapters.directory import Directory
from sockio.adapters.leases import Lease
from sockio.adapters.memory import MemoryAdapter
from sockio.adapters.provider import Provider
from sockio.adapters.registry import adapter_factory, given
from sockio.errors import ConfigError
from sockio.runtime import guards, logs, tasks
from sockio.runtime.failures import shown
from sockio.runtime.log_fields import fields
from sockio.runtime.observers import Observer
from sockio.runtime.reactor import Reactor
from sockio.runtime.tasks import Task
from sockio.runtime.workers import FAILURES
from sockio.siblings.siblings import Siblings
from sockio.socket.error_handlers import ErrorHandlers
from sockio.socket.namespace.handler import NamespaceHandler, instance_of
from sockio.socket.namespace.misplaced import Misplaced
from sockio.socket.namespace.namespace import Namespace
from sockio.socket.namespace.parent import ParentNamespace
from sockio.socket.one_socket.socket import Socket
from sockio.socket.options import ServerOptions

log = logs.get("server")

#: Seconds that there are at least for giving sessions to another process.
LEAST = 0.5
#: Seconds that a former adapter has to tell other servers what was said.
PARTING = 5.0

#: Called with each socket that connects.
ConnectionHandler: TypeAlias = Callable[[Socket[Any]], object]


class Namespaces:
    """The existing namespaces, and the parents that may make more."""

    def __init__(
        self,
        options: ServerOptions,
        reactor: Reactor,
        listener_count: Callable[[str], int],
    ) -> None:
        """Make the main namespace.

        Args:
            options: The server's.
            reactor: The server's.
            listener_count: How many listeners the server has for an event.
        """
        self.options = options
        self.reactor = reactor
        self.parser = options.make_parser()
        self._provider = options.adapter
        #: Those whose place another one has taken; what the closed ones have counted.
        self._retiring: dict[Provider, Task[None]] = {}
        self._former: AdapterStats | None = None
        #: Called when all namespaces have another adapter.
        self.on_other_adapter: Callable[[], object] = _nothing
        #: What this server competes for, by name.
        self._leases: dict[str, Lease] = {}
        self._by_name: dict[str, Namespace] = {}
        #: The existing namespaces by name, as a read-only view.
        self.by_name: Mapping[str, Namespace] = MappingProxyType(self._by_name)
        #: Those that make namespaces on demand.
        self.parents: list[ParentNamespace] = []
        self._misplaced = Misplaced(listener_count)
        #: The server's error handlers.
        self.errors = ErrorHandlers(reactor.around)
        #: The namespace ``/``; the server shares its listeners.
        self.main = self.of("/")
        reactor.observers.add(_GapEvent(self.main))

    # ------------------------------------------------------------------ making

    def of(self, name: Any, fn: ConnectionHandler | None = None) -> Namespace:
        """Return the namespace of that name, made if missing; or make a parent."""
        namespace: Namespace
        if isinstance(name, str):
            namespace = self._named(name if name.startswith("/") else f"/{name}")
        else:
            namespace = self._parent(name)
        if fn is not None:
            namespace.on("connection", fn)
        return namespace

    def _named(self, name: str) -> Namespace:
        namespace = self._by_name.get(name)
        if namespace is not None:
            return namespace
        for parent in self.parents:
            if not parent.blocking and parent.accepts(name, None):
                return self._adopt(parent, name)
        return self._add(Namespace(name, **self._parts()))

    def _parent(self, test: Any) -> ParentNamespace:
        if not isinstance(test, re.Pattern) and not callable(test):
            raise ConfigError(
                f"of({test!r}): give a name, a compiled pattern or a function "
                "(name, auth) -> bool"
            )
        if not isinstance(test, re.Pattern):
            guards.check(
                "of()", test, "the namespace's name and auth", 2, "return True or False"
            )
        parent = ParentNamespace(f"/_{len(self.parents)}", test, **self._parts())
        self.parents.append(parent)
        return parent

    def _parts(self) -> dict[str, Any]:
        return {
            "options": self.options,
            "reactor": self.reactor,
            "parser": self.parser,
            "make_adapter": self._make_adapter,
            "misplaced": self._misplaced,
            "errors": self.errors,
        }

    def _adopt(self, parent: ParentNamespace, name: str) -> Namespace:
        child = parent.make_child(name)
        if self.options.cleanup_empty_child_namespaces:
            child.on_removed = lambda namespace: self._clean_up(parent, namespace)
        return self._add(child)

    def _clean_up(self, parent: ParentNamespace, child: Namespace) -> None:
        if child.empty and self._by_name.get(child.name) is child:
            log.debug("namespace %r is empty and is removed", child.name)
            del self._by_name[child.name]
            parent.children.discard(child)
            child.adapter.close()

    def _add(self, namespace: Namespace) -> Namespace:
        self._by_name[namespace.name] = namespace
        if self.reactor.started:
            namespace.adapter.init()
        if namespace.name != "/" and self.main.listener_count("new_namespace"):
            tell = self.main._fire
            if self.reactor.in_hub:
                self.reactor.workers.spawn(tell, "new_namespace", namespace)
            else:
                tell("new_namespace", namespace)
        return namespace

    def register(self, handler: type[NamespaceHandler] | NamespaceHandler) -> Namespace:
        """Let a class handle the namespace it names."""
        instance = instance_of(handler)
        namespace = self.of(instance.namespace)
        instance.attach_to(namespace)
        return namespace

    # ------------------------------------------------------------------ finding

    def find_now(self, name: str) -> Namespace | None:
        """Return the namespace of that name, or None, without calling user code."""
        namespace = self._by_name.get(name)
        if namespace is None:
            for parent in self.parents:
                if parent.blocking:
                    break
                if parent.accepts(name, None):
                    return self._adopt(parent, name)
        return namespace

    def may_find(self) -> bool:
        """Whether ``find`` might find what ``find_now`` did not."""
        return any(parent.blocking for parent in self.parents)

    def find(self, name: str, auth: Any) -> Namespace | None:
        """Return the namespace of that name; make it if a parent accepts the name.

        Blocks:
            As long as the predicates do.
        """
        for parent in list(self.parents):
            try:
                accepted = parent.accepts(name, auth)
            except FAILURES as exc:
                # A boundary: a predicate is user code; the next one is asked.
                log.error(
                    "the predicate of a dynamic namespace failed",
                    exc_info=shown(exc),
                    extra=fields(namespace=name),
                )
                continue
            if name in self._by_name:
                break
            if accepted:
                return self._adopt(parent, name)
        return self._by_name.get(name)

    # ------------------------------------------------------------------ adapters

    def _make_adapter(self, nsp: LocalNamespace) -> Adapter:
        return self._provider(nsp)

    @property
    def adapter(self) -> AdapterFactory:
        """The factory that makes the adapter of each namespace."""
        return given(self._provider)

    @property
    def siblings(self) -> Siblings | None:
        """Those with whom the adapter shares its namespaces, once it has started."""
        provider = self._provider
        if isinstance(provider, Cluster) and isinstance(provider.bus, SiblingsBus):
            return provider.bus.siblings
        return None

    @property
    def directory(self) -> Directory:
        """In which this server and the others find each other.

        Raises:
            ConfigError: The adapter has none.
        """
        return self._provider.directory()

    @property
    def shares_nothing(self) -> bool:
        """Whether nobody has given an adapter, so that this server is alone."""
        return given(self._provider) is MemoryAdapter

    def use_adapter(self, factory: AdapterFactory | str) -> None:
        """Give every namespace a new adapter, made by this factory."""
        old, new = self._provider, adapter_factory(factory)
        if self.options.advertise is not None:
            new.directory()
        if self.reactor.started:
            new.start(self.reactor)
        try:
            leases = {name: new.lease(name) for name in self._leases}
        except ConfigError:
            new.close()
            raise
        new.succeed(old.uids)
        self._provider = new
        for namespace in self._by_name.values():
            namespace.swap_adapter(self._make_adapter)
        self.release_leases()
        self._leases = leases
        self._retire(old)
        self.on_other_adapter()

    def _retire(self, old: Provider) -> None:
        """Close what the former adapters share, when others were told what was said."""
        if isinstance(old, Cluster) and self.reactor.started:
            clock = self.reactor.clock
            self._retiring[old] = tasks.spawn(
                self._see_off, old, name="former adapter", clock=clock
            )
        else:
            old.close()

    def _see_off(self, old: Provider) -> None:
        old.retire(PARTING)
        self._former = total(old.stats(), [self._former])
        del self._retiring[old]

    # ------------------------------------------------------------------ start and end

    def start(self) -> None:
        """Start the adapters, and what they share: the server has a hub now."""
        self._provider.start(self.reactor)
        for namespace in list(self._by_name.values()):
            namespace.adapter.init()

    def close_sockets(self, reason: str) -> None:
        """Close every socket without notifying its client."""
        for namespace in list(self._by_name.values()):
            namespace.close_sockets(reason)

    def hand_on(self, seconds: float) -> None:
        """Give what is kept for clients to another process, if there is one.

        Blocks:
            Until it has taken everything, at most ``seconds``, or a little longer if
            these are few.
        """
        clock = self.reactor.clock
        end = clock.now() + max(seconds, LEAST)
        for namespace in list(self._by_name.values()):
            namespace.adapter.hand_on(max(0.0, end - clock.now()))

    def close(self, reason: str) -> None:
        """Close every socket without notifying its client, and close the adapters."""
        for namespace in list(self._by_name.values()):
            namespace.close(reason)

    def release(self) -> None:
        """Close what the adapters share."""
        self.release_leases()
        for old, task in self._retiring.items():
            task.kill()
            old.close()
        self._retiring.clear()
        self._provider.close()

    def release_leases(self) -> None:
        """Compete for nothing any more."""
        for lease in self._leases.values():
            lease.close()
        self._leases.clear()

    def compete(self, name: str) -> Callable[[], bool]:
        """Compete for ``name`` with the other servers; call it after ``start``.

        Returns:
            A function that tells whether this server holds it.

        Raises:
            ConfigError: The servers cannot agree on one of them.
        """
        if name not in self._leases:
            self._leases[name] = self._provider.lease(name)
        return lambda: name in self._leases and self._leases[name].held

    def adapter_stats(self) -> AdapterStats | None:
        """Return how the server is connected to others; None: it is not."""
        retiring = (old.stats() for old in self._retiring)
        return total(self._provider.stats(), [self._former, *retiring])


def _nothing() -> None:
    """Nobody wants to know."""


class _GapEvent(Observer):
    """Fires ``adapter_gap`` for the listeners of the server, in a worker."""

    def __init__(self, main: Namespace) -> None:
        self._main = main

    def adapter_gap(self, gap: Gap) -> None:
        if self._main.listener_count("adapter_gap"):
            workers = self._main.reactor.workers
            workers.spawn(self._main._fire, "adapter_gap", gap)
