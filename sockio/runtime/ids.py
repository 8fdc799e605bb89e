"""new_sid(): ids that cannot be guessed; new_offset(): ids that grow with time.

A sid has 20 characters, as Node's base64id: 15 bytes, of which 12 are random and 3 are
a count, so that two ids of one process differ even if the random source repeats itself.
The sid of a session begins with the tag of its process, three of the random bytes, so
that other processes know whose it is.
An offset is a time in milliseconds, as Node's yeast writes it. The second offset of the
same millisecond has ``.0`` behind it, the third ``.1``.
"""

from __future__ import annotations

import binascii
import itertools
import os
import re
import weakref
from urllib.parse import unquote

#: Ids made in one go: one read of the random source, one base64 call.
BATCH = 128
RANDOM_BYTES = 12
COUNTER_BYTES = 3
LENGTH = 20
TAG_BYTES = 3
TAG_LENGTH = 4

#: The digits of an offset, from 0 to 63.
DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"

_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_counter = itertools.count()
# State of the module, since ids must be unique in the process, not only in one server.
# ``list.pop`` and ``next`` are atomic, so any thread may call ``new_sid``.
_ready: list[str] = []


def new_sid() -> str:
    """Return a new id of letters, digits, ``-`` and ``_``."""
    try:
        return _ready.pop()
    except IndexError:
        made = _make()
        sid = made.pop()
        _ready.extend(made)
        return sid


def _make(random_bytes: int = RANDOM_BYTES, before: str = "") -> list[str]:
    random = os.urandom(BATCH * random_bytes)
    raw = b"".join(
        random[start : start + random_bytes]
        + (next(_counter) & 0xFFFFFF).to_bytes(COUNTER_BYTES, "big")
        for start in range(0, len(random), random_bytes)
    )
    text = _text(raw)
    length = LENGTH - len(before)
    return [
        before + text[start : start + length] for start in range(0, len(text), length)
    ]


def _text(raw: bytes) -> str:
    """Return three bytes as four letters, digits, ``-`` or ``_``."""
    encoded = binascii.b2a_base64(raw, newline=False).translate(_URL_SAFE)
    return encoded.decode("ascii")


_TAG = re.compile(r"[A-Za-z0-9_-]{4}")


def new_tag() -> str:
    """Draw the tag of a process, which its siblings must not have."""
    return _text(os.urandom(TAG_BYTES))


def is_tag(text: str) -> bool:
    """Whether ``text`` could be the tag of a process."""
    return _TAG.fullmatch(text) is not None


def tag_of(sid: str) -> str:
    """Return the tag of the process that has made ``sid``; empty: it names none.

    Other processes may have made it, and so may an attacker.
    """
    _, mark, tag = sid.rpartition("~")
    if not mark:
        tag = sid[:TAG_LENGTH] if len(sid) == LENGTH else ""
    return tag if is_tag(tag) else ""


_SID = re.compile(r"(?:^|&)sid=([^&]*)")


def sid_in(query: str) -> str | None:
    """Return the sid that the query of a request names; None: it names none."""
    found = _SID.search(query)
    if found is None:
        return None
    return unquote(found[1]) if "%" in found[1] else found[1]


class SessionIds:
    """Makes the ids of the sessions of one server; they begin with its tag."""

    def __init__(self) -> None:
        self._tag = ""
        self._ready: list[str] = []
        _MAKERS.add(self)

    @property
    def tag(self) -> str:
        """The tag; drawn at the first use, in the process that serves."""
        if not self._tag:
            self._tag = new_tag()
        return self._tag

    @tag.setter
    def tag(self, tag: str) -> None:
        self._tag = tag
        self._ready.clear()

    def __call__(self, request: object = None) -> str:
        """Return a new id, whatever the request."""
        if not self._ready:
            self._ready = _make(RANDOM_BYTES - TAG_BYTES, self.tag)
        return self._ready.pop()

    def forget(self) -> None:
        """Draw another tag when one is needed, as another process."""
        self.tag = ""


#: All of this process, for its forked children.
_MAKERS: weakref.WeakSet[SessionIds] = weakref.WeakSet()


def _forget_all() -> None:
    _ready.clear()
    for ids in list(_MAKERS):
        ids.forget()


if hasattr(os, "register_at_fork"):  # pragma: no branch - not on Windows
    # A child must not hand out the ids that its parent holds ready.
    os.register_at_fork(after_in_child=_forget_all)


class Offsets:
    """The offsets of one log: each is new, and sorts after those before it."""

    __slots__ = ("_count", "_milliseconds", "_text")

    def __init__(self) -> None:
        self._milliseconds = -1
        self._text = ""
        #: How many more offsets this millisecond has had.
        self._count = 0

    def new_offset(self, time: float) -> str:
        """Return the offset of what happens now.

        Args:
            time: Seconds since 1970. If they go backwards, offsets still grow.
        """
        milliseconds = int(time * 1000)
        if milliseconds > self._milliseconds:
            self._milliseconds = milliseconds
            self._text = _write_number(milliseconds)
            self._count = 0
            return self._text
        offset = f"{self._text}.{_write_number(self._count)}"
        self._count += 1
        return offset


def offset_order(offset: str) -> tuple[int, int]:
    """Return the sort key of ``offset``, which ``Offsets`` has made.

    What is behind a ``~`` does not matter.
    """
    time, _, count = offset.partition("~")[0].partition(".")
    return _read_number(time), _read_number(count) if count else -1


def _write_number(number: int) -> str:
    text = ""
    while True:
        number, digit = divmod(number, 64)
        text = DIGITS[digit] + text
        if not number:
            return text


def _read_number(text: str) -> int:
    number = 0
    for digit in text:
        number = number * 64 + DIGITS.index(digit)
    return number
