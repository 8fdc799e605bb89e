"""Place: where the siblings of one group find each other, by their tags.

A sibling listens under its tag; the others connect to it by that tag. The sockets keep
the bounds of packets (SOCK_SEQPACKET), and carry descriptors.
"""

from __future__ import annotations

import errno
import os
import socket
import stat
from _socket import socket as PlainSocket
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Protocol

from sockio.errors import ConfigError
from sockio.runtime.ids import is_tag

from .credentials import same_user

__all__ = [
    "SOCK_SEQPACKET",
    "Folder",
    "Names",
    "Place",
    "can_meet",
    "supported",
]

#: The kind of socket; Windows and macOS do not have it.
SOCK_SEQPACKET: int = getattr(socket, "SOCK_SEQPACKET", -1)
#: Windows does not have it.
_AF_UNIX: int = getattr(socket, "AF_UNIX", -1)

#: How the names of this release begin. Siblings that would misread each other's packets
#: have other names, so that they do not meet.
_PREFIX = "sockio/1/"
#: What stands behind the tags of those who take newcomers, and of those who do so if
#: nobody else does; no tag contains it.
_MARK, _RESERVE = "/new", "/yet"
_FILE_MARK, _FILE_RESERVE = ".new", ".yet"
#: The kernel's table of Unix sockets, and how often it is read for one answer. It comes
#: in pieces: a name may be missing if others end between two of them.
_TABLE = "/proc/net/unix"
_LOOKS = 2
#: Connections that may wait to be accepted.
_BACKLOG = 128
#: Most bytes of the path of a Unix socket.
_LONGEST = 107


class Place(Protocol):
    """Where siblings meet."""

    def bind(self, tag: str) -> PlainSocket:
        """Return a socket that listens under ``tag`` and does not block.

        Raises:
            FileExistsError: Another sibling has this tag.
            OSError: It cannot be bound.
        """

    def connect(self, tag: str) -> PlainSocket:
        """Return a socket connected to the sibling ``tag``; it does not block.

        Raises:
            ConnectionRefusedError: There is no such sibling.
            OSError: It cannot be reached now; BlockingIOError if it accepts nobody.
        """

    def tags(self) -> list[str]:
        """Return the tags under which somebody listens, or has listened until now."""

    def leave(self, tag: str) -> None:
        """Let ``tag`` be unknown from now on; its socket was closed."""

    def welcome(self, tag: str, *, reserve: bool = False) -> PlainSocket:
        """Say that ``tag`` takes newcomers, as long as what is returned is open.

        Args:
            reserve: Whether it takes only those whom nobody else takes.

        Raises:
            OSError: It cannot be said.
        """

    def unwelcome(self, tag: str) -> None:
        """Let ``tag`` take no newcomers from now on; the socket was closed."""

    def welcoming(self, *, reserve: bool = False) -> list[str]:
        """Return the tags of those who take newcomers, or did until now.

        Args:
            reserve: Whether those are wanted who take them if nobody else does.
        """


class Names:
    """Abstract names of Linux, which need no file and end with their process."""

    def __init__(self, group: str) -> None:
        """Meet under names that begin with ``group``: letters and digits."""
        self._prefix = f"{_PREFIX}{group}/"

    def bind(self, tag: str) -> PlainSocket:
        """See ``Place.bind``."""
        try:
            return _listening(f"\0{self._prefix}{tag}")
        except OSError as exc:
            raise _if_taken(exc, tag) from None

    def connect(self, tag: str) -> PlainSocket:
        """See ``Place.connect``."""
        return _connected(f"\0{self._prefix}{tag}")

    def tags(self) -> list[str]:
        """See ``Place.tags``."""
        return self._find("")

    def leave(self, tag: str) -> None:
        """Do nothing: the name has gone with its socket."""

    def welcome(self, tag: str, *, reserve: bool = False) -> PlainSocket:
        """See ``Place.welcome``."""
        return _bound(f"\0{self._prefix}{tag}{_RESERVE if reserve else _MARK}")

    def unwelcome(self, tag: str) -> None:
        """Do nothing: the name has gone with its socket."""

    def welcoming(self, *, reserve: bool = False) -> list[str]:
        """See ``Place.welcoming``."""
        return self._find(_RESERVE if reserve else _MARK)

    def _find(self, end: str) -> list[str]:
        """Return the tags that are bound with ``end`` behind them."""
        found = set()
        start = f"@{self._prefix}"
        for _ in range(_LOOKS):
            try:
                with open(_TABLE, encoding="utf-8", errors="replace") as table:
                    for line in table:
                        _, _, name = line.rstrip("\n").partition(start)
                        if name.endswith(end) and is_tag(name.removesuffix(end)):
                            found.add(name.removesuffix(end))
            except OSError:
                return []
        return sorted(found)


class Folder:
    """A folder of socket files, which one user's processes share."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Meet in the folder ``path``; it is made if it is missing.

        Raises:
            ConfigError: Somebody else could write there, or the path is too long.
        """
        self._path = os.path.abspath(path)
        longest = os.path.join(self._path, ".abcd.1234567")
        if len(os.fsencode(longest)) > _LONGEST:
            raise ConfigError(
                f"the path {self._path!r} is too long for Unix sockets: give one of "
                f"at most {_LONGEST - len('/.abcd.1234567')} bytes"
            )

    def bind(self, tag: str) -> PlainSocket:
        """See ``Place.bind``.

        Raises:
            ConfigError: No socket can be made in the folder, it belongs to somebody
                else, or others may write there.
        """
        self._check()
        try:
            return self._bind(tag)
        except FileExistsError:
            raise
        except OSError as exc:
            raise ConfigError(
                f"no socket can be made in {self._path!r}, where processes are to "
                f"meet: {exc.strerror}"
            ) from exc

    def _bind(self, tag: str) -> PlainSocket:
        name = os.path.join(self._path, tag)
        # Whoever finds the file can connect: until the socket listens, it has another
        # name.
        unfinished = os.path.join(self._path, f".{tag}.{os.getpid()}")
        with suppress(FileNotFoundError):
            os.unlink(unfinished)
        with ExitStack() as undo:
            sock = _listening(unfinished)
            undo.callback(sock.close)
            try:
                os.link(unfinished, name)
            finally:
                os.unlink(unfinished)
            undo.pop_all()
        return sock

    def connect(self, tag: str) -> PlainSocket:
        """See ``Place.connect``."""
        name = os.path.join(self._path, tag)
        try:
            before = os.stat(name)
            return _connected(name)
        except FileNotFoundError as exc:
            self.unwelcome(tag)
            raise ConnectionRefusedError(exc.errno, exc.strerror) from None
        except ConnectionRefusedError:
            # Its process ended without removing its files.
            with suppress(OSError):
                if os.path.samestat(before, os.stat(name)):
                    self.unwelcome(tag)
                    os.unlink(name)
            raise

    def tags(self) -> list[str]:
        """See ``Place.tags``."""
        return self._find("")

    def leave(self, tag: str) -> None:
        """See ``Place.leave``."""
        with suppress(OSError):
            os.unlink(os.path.join(self._path, tag))

    def welcome(self, tag: str, *, reserve: bool = False) -> PlainSocket:
        """See ``Place.welcome``."""
        self.unwelcome(tag)
        mark = _FILE_RESERVE if reserve else _FILE_MARK
        return _bound(os.path.join(self._path, f".{tag}{mark}"))

    def unwelcome(self, tag: str) -> None:
        """See ``Place.unwelcome``."""
        for mark in (_FILE_MARK, _FILE_RESERVE):
            with suppress(OSError):
                os.unlink(os.path.join(self._path, f".{tag}{mark}"))

    def welcoming(self, *, reserve: bool = False) -> list[str]:
        """See ``Place.welcoming``."""
        return self._find(_FILE_RESERVE if reserve else _FILE_MARK, ".")

    def _find(self, end: str, start: str = "") -> list[str]:
        """Return the tags of files with these texts around them."""
        try:
            names = os.listdir(self._path)
        except OSError:
            return []
        tags = [
            name.removeprefix(start).removesuffix(end)
            for name in names
            if name.startswith(start) and name.endswith(end)
        ]
        return sorted(filter(is_tag, tags))

    def _check(self) -> None:
        try:
            os.makedirs(self._path, mode=0o700, exist_ok=True)
            found = os.stat(self._path)
        except OSError as exc:
            raise ConfigError(
                f"the folder {self._path!r}, where processes are to meet: "
                f"{exc.strerror}"
            ) from None
        writable = found.st_mode & (stat.S_IWGRP | stat.S_IWOTH)
        if found.st_uid != os.geteuid() or writable:
            raise ConfigError(
                f"the folder {self._path!r}, where processes are to meet, can be "
                "written by others: give one that belongs to this user, with mode 700"
            )


def can_meet() -> bool:
    """Whether sockets keep packets apart here, and the system tells whose they are.

    Then processes can meet in a folder.
    """
    try:
        ours, theirs = socket.socketpair(_AF_UNIX, SOCK_SEQPACKET)
    except (OSError, ValueError):
        return False
    with ours, theirs:
        return same_user(ours)


def supported() -> bool:
    """Whether this system has abstract names and sockets that keep packets apart."""
    try:
        Names("supported").bind(f"{os.getpid() & 0xFFFF:04x}").close()
    except FileExistsError:
        return True
    except (OSError, AttributeError):
        return False
    return True


def _bound(name: str) -> PlainSocket:
    return _opened(lambda sock: sock.bind(name))


def _listening(name: str) -> PlainSocket:
    def listen(sock: PlainSocket) -> None:
        sock.bind(name)
        sock.listen(_BACKLOG)

    return _opened(listen)


def _connected(name: str) -> PlainSocket:
    # Not gevent's: it takes a full backlog for a connection that is under way.
    return _opened(lambda sock: sock.connect(name))


def _opened(use: Callable[[PlainSocket], object]) -> PlainSocket:
    """Return a socket that does not block, and of which ``use`` has made something."""
    sock = PlainSocket(_AF_UNIX, SOCK_SEQPACKET)
    with ExitStack() as undo:
        undo.callback(sock.close)
        sock.setblocking(False)
        use(sock)
        undo.pop_all()
    return sock


def _if_taken(error: OSError, tag: str) -> OSError:
    if error.errno == errno.EADDRINUSE:
        return FileExistsError(error.errno, f"another process has the tag {tag}")
    return error
