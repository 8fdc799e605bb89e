"""Handlers: functions of a test that a client calls when something comes."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from sockio.runtime.listeners import Listener, Listeners
from sockio.runtime.mailbox import Mailbox
from sockio.runtime.surroundings import Call, Kind
from sockio.runtime.workers import FAILURES

from .activity import Activity

__all__ = ["Answer", "Handlers"]

#: Acknowledges an event with its arguments.
Ack = Callable[..., None]


class Handlers:
    """The handlers of one client in one namespace; one runs at a time."""

    def __init__(self, namespace: str, mailbox: Mailbox, activity: Activity) -> None:
        """Make a client's.

        Args:
            namespace: The name of the namespace.
            mailbox: Calls what is put in, one after the other, in a worker.
            activity: Gets what they raise.
        """
        self.listeners = Listeners()
        self._namespace = namespace
        self._mailbox = mailbox
        self._activity = activity

    def handle(self, event: str, args: list[Any], ack: Ack | None) -> bool:
        """Have the handlers of an event called soon; False: there are none.

        Args:
            event: The name of the event.
            args: Its arguments.
            ack: Acknowledges it, if the server has asked for that; unless a handler
                takes ``ack``, what it returns is given to it.
        """
        listeners = self.listeners.get(event)
        for listener in listeners:
            self._put("event", partial(_tell, listener, args, ack))
        return bool(listeners)

    def run(self, kind: Kind, fn: Callable[..., Any], args: list[Any]) -> None:
        """Have one function called soon."""
        self._put(kind, partial(fn, *args))

    def _put(self, kind: Kind, fn: Callable[[], object]) -> None:
        self._mailbox.put(partial(self._call, kind, fn))

    def _call(self, kind: Kind, fn: Callable[[], object]) -> None:
        with self._activity.running(Call(kind=kind, namespace=self._namespace)):
            try:
                fn()
            except FAILURES as exc:
                # A boundary: this is the test's code; the test gets the error.
                self._activity.note(exc)


def _tell(listener: Listener, args: list[Any], ack: Ack | None) -> None:
    if listener.wants_ack:
        listener.fn(*args, ack=ack)
        return
    result = listener.fn(*args)
    if ack is not None and type(result) is tuple:
        ack(*result)
    elif ack is not None:
        ack(*([] if result is None else [result]))


class Answer:
    """The ack function of one event; only its first call sends."""

    def __init__(self, send: Callable[[list[Any]], object]) -> None:
        """Make one; ``send`` acknowledges the event with these arguments."""
        self._send: Callable[[list[Any]], object] | None = send

    def __call__(self, *args: Any) -> None:
        """Acknowledge with ``args``: what JSON can carry, and bytes."""
        send, self._send = self._send, None
        if send is not None:
            send(list(args))
