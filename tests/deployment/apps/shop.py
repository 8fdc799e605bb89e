"""A Django project whose handlers use the database in every way that there is.

``DATABASE`` names the database, as JSON.
"""

from __future__ import annotations

import json
import os
from typing import Any

import django
import django.conf

django.conf.settings.configure(
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    DATABASES={"default": json.loads(os.environ["DATABASE"])},
    INSTALLED_APPS=[
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "sockio.integrations.django",
    ],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of a test",
    USE_TZ=True,
)
django.setup()

from django.contrib.auth.models import Group  # noqa: E402 - Django must be set up
from django.core.management import call_command  # noqa: E402 - the same
from django.db import connection, transaction  # noqa: E402 - the same

import sockio  # noqa: E402 - the same
from sockio.integrations.django import application  # noqa: E402 - the same

call_command("migrate", verbosity=0)
connection.close()

urlpatterns: list[Any] = []


def count() -> int:
    """Query the database; one query more than groups tell."""
    return int(Group.objects.count())


def allow(request: sockio.Request) -> None:
    count()


io: sockio.Server[Any] = sockio.Server(allow_request=allow)


@io.use
def known(socket: sockio.Socket[Any]) -> None:
    assert not socket.request.user.is_authenticated
    assert socket.request.session.get("nothing") is None
    count()


@io.every(0.5)
def look() -> None:
    count()


@io.on("connection")
def connected(socket: sockio.Socket[Any]) -> None:
    count()
    socket.on("count", count)

    @socket.use
    def guard(event: str, args: Any) -> None:
        count()

    @socket.on("task")
    def task() -> int:
        return io.spawn(count).wait()

    @socket.on("thread")
    def thread() -> int:
        return io.run_in_thread(count)

    @socket.on("ask")
    def ask() -> None:
        socket.emit("question", ack=lambda answer: socket.emit("thanks", count()))

    @socket.on("begin")
    def begin(name: str) -> None:
        """Begin a transaction, and leave it at that."""
        transaction.set_autocommit(False)
        Group.objects.create(name=name)

    @socket.on("fail")
    def fail() -> None:
        with transaction.atomic():
            Group.objects.create(name="of a handler that fails")
            raise LookupError("on purpose")

    @socket.on("state")
    def state() -> list[bool]:
        return [connection.get_autocommit(), connection.in_atomic_block]

    @socket.on("disconnect")
    def gone(reason: str) -> None:
        count()


app = application(io)
