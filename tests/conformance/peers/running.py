"""Running: scripts, with the servers of Node, of Go and of ours side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, TypeAlias

import gevent
from gevent.pool import Pool

from tests.support.http_wire import TIMEOUT
from tests.support.node import Driver
from tests.support.peers import GoProcess, OurPeer, Peer, node_peer

from .conversation import FLAVOURS, Conversation, Script

#: How many scripts run with a server at the same time.
AT_ONCE = 8
#: Seconds that a server gets for what it is known not to do.
IMPATIENCE = 2.0
#: What is seen last of a server that did not do in time what a script waits for.
SILENCE = "nothing comes"
#: What each script has seen of a server.
Seen: TypeAlias = "dict[str, list[Any]]"


def run(
    scripts: Mapping[str, Script],
    node: Driver,
    go: GoProcess,
    hangs: Callable[[str], bool],
) -> dict[str, Seen]:
    """Run scripts with all servers; return what they have seen, by server.

    Args:
        hangs: Tells for the name of a script whether Go's server is known to be silent.

    Blocks:
        Until they have run.
    """
    starts: dict[str, Callable[[Mapping[str, Any]], Peer]] = {
        "Node": partial(node_peer, node),
        "Go": go.peer,
        "sockio": OurPeer,
    }
    running = {
        name: gevent.spawn(_run, scripts, start, hangs if name == "Go" else _never)
        for name, start in starts.items()
    }
    gevent.joinall(list(running.values()), raise_error=True)
    return {name: each.get() for name, each in running.items()}


def _never(name: str) -> bool:
    return False


def _run(
    scripts: Mapping[str, Script],
    start: Callable[[Mapping[str, Any]], Peer],
    hangs: Callable[[str], bool],
) -> Seen:
    with _peers({each.options for each in scripts.values()}, start) as peers:

        def see(name: str) -> tuple[str, list[Any]]:
            script = scripts[name]
            patience = IMPATIENCE if hangs(name) else TIMEOUT
            conversation = Conversation(
                peers[script.options], script.protocol, patience
            )
            try:
                script.run(conversation)
            except TimeoutError:
                conversation.see(SILENCE)
            finally:
                conversation.close()
            return name, conversation.seen

        return dict(Pool(AT_ONCE).imap_unordered(see, scripts))


@contextmanager
def _peers(
    options: set[str], start: Callable[[Mapping[str, Any]], Peer]
) -> Iterator[dict[str, Peer]]:
    """Start a server for each of these sets of options; close them at the end."""
    peers = {name: start(FLAVOURS[name]) for name in sorted(options)}
    try:
        yield peers
    finally:
        for peer in peers.values():
            peer.close()
