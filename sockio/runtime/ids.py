"""new_sid(): ids that cannot be guessed; new_offset(): ids that grow with time.

A sid has 20 characters, as Node's base64id: 15 bytes, of which 12 are random and 3 are
a count, so that two ids of one process differ even if the random source repeats itself.
An offset is a time in milliseconds, as Node's yeast writes it. The second offset of the
same millisecond has ``.0`` behind it, the third ``.1``.
"""

from __future__ import annotations

import binascii
import itertools
import os

#: Ids made in one go: one read of the random source, one base64 call.
BATCH = 128
RANDOM_BYTES = 12
COUNTER_BYTES = 3
LENGTH = 20

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


def _make() -> list[str]:
    random = os.urandom(BATCH * RANDOM_BYTES)
    raw = b"".join(
        random[start : start + RANDOM_BYTES]
        + (next(_counter) & 0xFFFFFF).to_bytes(COUNTER_BYTES, "big")
        for start in range(0, len(random), RANDOM_BYTES)
    )
    encoded = binascii.b2a_base64(raw, newline=False).translate(_URL_SAFE)
    text = encoded.decode("ascii")
    return [text[start : start + LENGTH] for start in range(0, len(text), LENGTH)]


if hasattr(os, "register_at_fork"):  # pragma: no branch - not on Windows
    # A child must not hand out the ids that its parent holds ready.
    os.register_at_fork(after_in_child=_ready.clear)


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
    """Return the sort key of ``offset``, which ``Offsets`` has made."""
    time, _, count = offset.partition(".")
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
