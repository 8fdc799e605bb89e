"""Gate: what the events of a socket pass: catch-all listeners, then guards.

Events for listeners pass it, and so do those for greenlets that wait.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from logging import DEBUG
from typing import Any

from sockio.errors import EventRejected
from sockio.protocol.socketio.packet import Packet
from sockio.runtime import logs
from sockio.runtime.failures import shown, who
from sockio.runtime.workers import FAILURES
from sockio.socket import middleware

from .home import Home, Owner
from .outgoing import AckReply, Outgoing

log = logs.get("socket.dispatch")

_REJECTED = "sid=%s a guard rejected %r: %r"

__all__ = ["Gate", "refuse", "reject"]


class Gate:
    """The catch-all listeners and the guards of one socket."""

    __slots__ = ("_home", "_outgoing", "_owner", "catch_all", "guards")

    def __init__(self, owner: Owner | None, home: Home, outgoing: Outgoing) -> None:
        """Make one that lets everything in.

        Args:
            owner: The socket; None if its last handler has returned.
            home: Its namespace.
            outgoing: Its way out, for acknowledgements.
        """
        self._owner = owner
        self._home = home
        self._outgoing = outgoing
        #: Functions called with each event before it is dispatched; they may reject it.
        self.guards: Sequence[Callable[..., object]] = ()
        #: Called with every event that arrives.
        self.catch_all: tuple[Callable[..., Any], ...] = ()

    def let_in(self, packet: Packet) -> tuple[Any, ...] | None:
        """Show an event to catch-all listeners and guards.

        Returns:
            The arguments of the event, with the ack function last if the client asked
            for one; None if a guard rejected it, or events are dropped meanwhile.

        Blocks:
            As long as the listeners and the guards do.
        """
        data = packet.data
        outgoing, id = self._outgoing, packet.id
        ack = None if id is None else AckReply(outgoing, packet.nsp, id)
        told = data if ack is None else [*data, ack]
        name = data[0] if data else None
        for fn in self.catch_all:
            try:
                self._call(name, fn, tuple(told))
            except FAILURES as exc:
                # A boundary: a listener is user code; its failure ends only itself.
                left = self._ask_about(exc, name, tuple(told[1:]))
                if left is not None:
                    trace, extra = shown(left), outgoing.about(name)
                    log.error(
                        "sid=%s the catch-all listener %s failed",
                        outgoing.label,
                        who(fn, left),
                        exc_info=trace,
                        extra=extra,
                    )
        if self.guards and data:
            try:
                if not self._passes(name, data[1:]):
                    raise EventRejected("rejected")
            except FAILURES as exc:
                # A boundary: a guard is user code; whatever it raises rejects.
                if log.isEnabledFor(DEBUG):
                    sid, extra = outgoing.sid, outgoing.about(name)
                    log.debug(_REJECTED, sid, name, exc, extra=extra)
                tell = self._home.reactor.observers.tell
                tell("event_rejected", self._owner, name, exc)
                error_acks = self._home.options.error_acks
                reject(self._owner, exc, ack, error_acks=error_acks)
                return None
            if self._owner is not None and self._owner.incoming.deaf:
                return None
        return tuple(told[1:])

    def _ask_about(
        self, error: BaseException, event: Any, args: tuple[Any, ...]
    ) -> BaseException | None:
        """Give an error to the error handlers; return the one that is left."""
        owner = self._owner
        handlers = self._home.errors if owner is None else owner.errors
        name = self._home.name
        return handlers.handle(error, event, args, socket=owner, namespace=name)

    def _passes(self, event: Any, args: list[Any]) -> bool:
        return middleware.run(
            self.guards,
            (event, args),
            self._home.reactor.around,
            "guard",
            socket=self._owner,
            namespace=self._home.name,
            event=event,
        )

    def _call(self, event: Any, fn: Callable[..., Any], args: tuple[Any, ...]) -> None:
        self._home.reactor.around.call(
            "event",
            fn,
            args,
            socket=self._owner,
            namespace=self._home.name,
            event=event,
        )


def reject(
    owner: Owner | None,
    error: BaseException,
    ack: AckReply | None,
    *,
    error_acks: bool,
) -> None:
    """Tell the ``error`` listeners of a socket, and its client if it is to be told."""
    if owner is not None:
        owner.report_error(error)
    if ack is not None and error_acks:
        refuse(ack, error)


def refuse(ack: AckReply, error: BaseException) -> None:
    """Tell a client, if it has no answer yet, that its event has failed."""
    told = {"message": str(error)}
    if isinstance(error, EventRejected) and error.path is not None:
        told["path"] = error.path
    ack({"error": told})
