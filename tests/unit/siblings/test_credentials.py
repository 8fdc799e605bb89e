from __future__ import annotations

import socket
from pathlib import Path

from sockio.siblings.credentials import same_user
from sockio.siblings.place import SOCK_SEQPACKET

from .conftest import as_somebody_else


def test_we_are_the_same_user() -> None:
    ours, theirs = socket.socketpair(socket.AF_UNIX, SOCK_SEQPACKET)
    with ours, theirs:
        assert same_user(ours)
        assert same_user(theirs)


def test_what_has_no_credentials_is_somebody_else() -> None:
    with socket.socket() as ours:
        assert not same_user(ours)


def test_another_user_who_calls_is_noticed() -> None:
    name = f"\0sockio-test/{Path(__file__).stat().st_ino}/credentials"
    with socket.socket(socket.AF_UNIX, SOCK_SEQPACKET) as listener:
        listener.bind(name)
        listener.listen()

        def call() -> bool:
            with socket.socket(socket.AF_UNIX, SOCK_SEQPACKET) as caller:
                caller.connect(name)
                # Who listens is another user, too.
                return not same_user(caller)

        assert as_somebody_else(call)
        accepted, _ = listener.accept()
        with accepted:
            assert not same_user(accepted)
