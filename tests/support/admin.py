"""Admin: a server with an admin namespace, and pages that watch it."""

from __future__ import annotations

from typing import Any

import sockio
from sockio.testing import TestClient

#: bcrypt of ``PASSWORD``, with the least cost.
HASH = "$2b$04$1M8rLEUIElveTe0Etgkq8.taPsCb4Z2BQUcMlGzErEkPysILbD.8O"
PASSWORD = "secret"
USER = sockio.Basic("admin", HASH)
LOGIN = {"username": "admin", "password": PASSWORD}
#: What each server says every two seconds.
BEATS = ("server_stats", "queues")


def page(io: sockio.Server[Any], auth: Any = LOGIN, **options: Any) -> TestClient:
    """Return a page that has come to the namespace ``/admin``.

    Blocks:
        Until it has got all that a page gets when it comes.
    """
    return TestClient(io, namespace="/admin", auth=auth, **options)


def told(page: TestClient, *events: str) -> list[tuple[Any, ...]]:
    """Take what a page was told; of these events, or all but statistics."""
    return [
        (event.event, *event)
        for event in page.take_received()
        if (event.event in events if events else event.event not in BEATS)
    ]
