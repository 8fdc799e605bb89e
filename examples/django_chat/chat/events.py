"""The events of the chat."""

from __future__ import annotations

from functools import partial
from typing import Any

from django.contrib.auth.signals import user_logged_out
from django.db import transaction
from django.db.models.signals import post_delete
from django.dispatch import receiver

import sockio

from .models import Message

#: How many messages a newcomer sees.
HISTORY = 50
LONGEST_TEXT = 2000

io = sockio.Server()


@io.use
def members_only(socket: sockio.Socket) -> None:
    user = socket.request.user
    if not user.is_authenticated:
        raise sockio.ConnectError("log in first")
    socket.data.name = user.get_username()


@io.on("connection")
def connected(socket: sockio.Socket) -> None:
    socket.join(f"user:{socket.request.user.pk}")
    latest = Message.objects.select_related("author").order_by("-pk")[:HISTORY]
    messages = [message.for_clients() for message in reversed(latest)]
    socket.emit("history", messages)
    tell_who_is_online()

    @socket.on("say")
    def say(text: Any) -> dict[str, Any]:
        user = socket.refresh_user()
        if not user.is_authenticated:
            socket.disconnect()
            return {"error": "log in first"}
        if not isinstance(text, str) or not 0 < len(text.strip()) <= LONGEST_TEXT:
            return {"error": f"write at most {LONGEST_TEXT} characters"}
        with transaction.atomic():
            message = Message.objects.create(author=user, text=text.strip())
            said = message.for_clients()
            transaction.on_commit(partial(io.emit, "said", said))
        return {"id": message.pk}

    @socket.on("typing")
    def typing() -> None:
        socket.broadcast.volatile.emit("typing", socket.data.name)

    @socket.on("disconnect")
    def gone(reason: str) -> None:
        tell_who_is_online()


def tell_who_is_online() -> None:
    """Tell everybody who is there, on all servers."""
    io.emit("online", sorted({each.data.name for each in io.fetch_sockets()}))


@receiver(user_logged_out)
def logged_out(user: Any, **kwargs: Any) -> None:
    """Disconnect all pages of a user who logs out."""
    if user is not None:
        io.to(f"user:{user.pk}").disconnect_sockets()


@receiver(post_delete, sender=Message)
def deleted(instance: Message, **kwargs: Any) -> None:
    """Take a message off all pages, when it is deleted in the admin."""
    transaction.on_commit(partial(io.emit, "deleted", instance.pk))
