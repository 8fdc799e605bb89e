"""Naming: the namespaces of a server, by name, made where somebody wants them."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeAlias, overload

from sockio.adapters.registry import adapter_factory
from sockio.errors import ConfigError
from sockio.runtime import guards, logs
from sockio.runtime.listeners import EventEmitter
from sockio.runtime.reactor import Reactor
from sockio.runtime.workers import FAILURES

from .dynamic_namespace import ParentNamespace, Predicate
from .handler import NamespaceHandler, instance_of
from .misplaced import Misplaced
from .namespace import Namespace
from .options import ServerOptions
from .socket import Socket

log = logs.get("server")

#: Called with each socket that connects.
ConnectionHandler: TypeAlias = Callable[[Socket[Any]], object]


class Naming(EventEmitter):
    """The part of a server that finds and makes namespaces."""

    def __init__(self, options: ServerOptions, reactor: Reactor) -> None:
        self.options = options
        self.reactor = reactor
        self._parser = options.make_parser()
        self._make_adapter = adapter_factory(options.adapter)
        self._namespaces: dict[str, Namespace] = {}
        self._parents: list[ParentNamespace] = []
        self._misplaced = Misplaced(self.listener_count)
        #: The main namespace.
        self.sockets = self.of("/")
        self._listeners = self.sockets._listeners

    @overload
    def of(self, name: str, fn: ConnectionHandler | None = None) -> Namespace: ...
    @overload
    def of(
        self,
        name: re.Pattern[str] | Predicate,
        fn: ConnectionHandler | None = None,
    ) -> ParentNamespace: ...
    def of(self, name: Any, fn: ConnectionHandler | None = None) -> Namespace:
        """The namespace of that name, made where there is none.

        Args:
            name: Its name; or a pattern, or a predicate ``(name, auth) -> bool``, which
                lets clients make the namespaces it accepts.
            fn: A listener for ``connection``.
        """
        namespace: Namespace
        if isinstance(name, str):
            namespace = self._named(name if name.startswith("/") else f"/{name}")
        else:
            namespace = self._parent(name)
        if fn is not None:
            namespace.on("connection", fn)
        return namespace

    def _named(self, name: str) -> Namespace:
        namespace = self._namespaces.get(name)
        if namespace is not None:
            return namespace
        for parent in self._parents:
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
        parent = ParentNamespace(f"/_{len(self._parents)}", test, **self._parts())
        self._parents.append(parent)
        return parent

    def _parts(self) -> dict[str, Any]:
        return {
            "options": self.options,
            "reactor": self.reactor,
            "parser": self._parser,
            "make_adapter": self._make_adapter,
            "misplaced": self._misplaced,
        }

    def _adopt(self, parent: ParentNamespace, name: str) -> Namespace:
        child = parent.make_child(name)
        if self.options.cleanup_empty_child_namespaces:
            child.on_removed = lambda namespace: self._clean_up(parent, namespace)
        return self._add(child)

    def _clean_up(self, parent: ParentNamespace, child: Namespace) -> None:
        if child.empty and self._namespaces.get(child.name) is child:
            log.debug("namespace %r is empty and goes", child.name)
            del self._namespaces[child.name]
            parent.children.discard(child)
            child.adapter.close()

    def _add(self, namespace: Namespace) -> Namespace:
        self._namespaces[namespace.name] = namespace
        if self.reactor.started:
            namespace.adapter.init()
        if namespace.name != "/" and self._listeners.get("new_namespace"):
            if self.reactor.in_hub:
                self.reactor.workers.spawn(self._fire, "new_namespace", namespace)
            else:
                self._fire("new_namespace", namespace)
        return namespace

    def find_now(self, name: str) -> Namespace | None:
        """The namespace of that name, as far as no user code must be asked."""
        namespace = self._namespaces.get(name)
        if namespace is None:
            for parent in self._parents:
                if parent.blocking:
                    break
                if parent.accepts(name, None):
                    return self._adopt(parent, name)
        return namespace

    def may_find(self) -> bool:
        """Whether ``find`` might find what ``find_now`` did not."""
        return any(parent.blocking for parent in self._parents)

    def find(self, name: str, auth: Any) -> Namespace | None:
        """The namespace of that name, made if a parent wants it.

        Blocks:
            As long as the predicates do.
        """
        for parent in list(self._parents):
            try:
                accepted = parent.accepts(name, auth)
            except FAILURES:
                # A boundary: a predicate is user code; the next one is asked.
                log.exception("the predicate of a dynamic namespace failed")
                continue
            if name in self._namespaces:
                break
            if accepted:
                return self._adopt(parent, name)
        return self._namespaces.get(name)

    def register(self, handler: type[NamespaceHandler] | NamespaceHandler) -> Namespace:
        """Let a class handle the namespace it names; see ``NamespaceHandler``."""
        instance = instance_of(handler)
        namespace = self.of(instance.namespace)
        instance.attach_to(namespace)
        return namespace
