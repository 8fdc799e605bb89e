from __future__ import annotations

import inspect

from sockio.socket.observer import Observer


def test_every_hook_does_nothing_and_says_when_it_is_called() -> None:
    observer = Observer()
    hooks = inspect.getmembers(observer, inspect.ismethod)

    for name, hook in hooks:
        parameters = inspect.signature(hook).parameters

        assert hook(*[None] * len(parameters)) is None, name
        assert (hook.__doc__ or "").startswith("Call when"), name

    assert [name for name, _ in hooks] == [
        "connected",
        "disconnected",
        "joined",
        "left",
        "packet_in",
        "packet_out",
        "session_closed",
        "session_opened",
    ]
