"""Mistakes of users of the library raise immediately, and the error has the remedy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import sockio
from sockio.errors import ConfigError


async def asynchronous(*args: Any) -> None:
    """Nobody would await it."""


#: The same for type checkers, who would see the mistake.
ANYTHING: Any = asynchronous


@pytest.mark.parametrize(
    ("mistake", "remedy"),
    [
        (lambda io: io.use(asynchronous), "plain function"),
        (lambda io: io.use(lambda socket, next: next()), "raise to refuse"),
        (lambda io: io.of("/x").use(lambda: None), "raise to refuse"),
        (lambda io: io.engine.use(asynchronous), "plain function"),
        (lambda io: io.spawn(asynchronous), "plain function"),
        (lambda io: io.spawn(5), "plain function"),
        (lambda io: io.every("x"), "seconds"),
        (lambda io: io.every(lambda: None), "seconds"),
        (lambda io: io.every(1)(asynchronous), "plain function"),
        (lambda io: io.attach(3000), r"listen\(\)"),
        (lambda io: io.timeout("5"), "number of seconds"),
        (lambda io: io.timeout(-1), "number of seconds"),
        (lambda io: io.timeout(1).emit("x", ack=True), "give a function"),
        (lambda io: io.run_in_thread(asynchronous), "plain function"),
        (lambda io: io.register(5), "NamespaceHandler"),
        (lambda io: io.of(5), "give a name, a compiled pattern or a function"),
        (lambda io: io.of(lambda name: True), "the namespace's name and auth"),
        (lambda io: io.run(io), "attach"),
        (lambda io: io.listen("http://127.0.0.1:3000"), "leave out http://"),
        (lambda io: sockio.Server(allow_request=asynchronous), "plain function"),
        (lambda io: sockio.Server(generate_id=ANYTHING), "plain function"),
    ],
)
def test_a_mistake_is_told_at_once(
    mistake: Callable[[sockio.Server], object], remedy: str
) -> None:
    with pytest.raises(ConfigError, match=remedy):
        mistake(sockio.Server())


def test_what_cannot_be_called_is_no_middleware() -> None:
    with pytest.raises(TypeError):
        sockio.Server().use(5)  # type: ignore[arg-type]
