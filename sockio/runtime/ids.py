"""new_sid(): public and secret ids, 20 characters that cannot be guessed.

As Node's base64id: 15 bytes, of which 12 are random and 3 count, so that two ids of one
process differ even if the random source repeats itself.
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

_URL_SAFE = bytes.maketrans(b"+/", b"-_")
_counter = itertools.count()
# State of the module, since ids are to be unique in the process, whatever is made in
# it. ``list.pop`` and ``next`` are atomic, so any thread may call ``new_sid``.
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
