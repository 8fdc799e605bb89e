"""Locks: how a server has a lease, as an advisory lock of its connection (pure).

PostgreSQL gives a lock to one connection at a time, and takes it back when that ends.
"""

from __future__ import annotations

import hashlib

__all__ = ["CLAIM", "RELEASE", "key_of"]

#: Whether the connection has the lock $1. It is asked for again and again, and counted
#: by PostgreSQL: so it is taken only if the connection does not have it.
CLAIM = """
SELECT CASE WHEN EXISTS (
    SELECT FROM pg_locks
    WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND objsubid = 1
    AND (classid::bigint << 32 | objid::bigint) = $1::text::bigint
) THEN true ELSE pg_try_advisory_lock($1::text::bigint) END::text
"""
RELEASE = "SELECT pg_advisory_unlock($1::text::bigint)::text"


def key_of(prefix: str, name: str) -> bytes:
    """Return the number of a lease's lock."""
    text = f"{prefix}\0{name}".encode("utf-8", "replace")
    digest = hashlib.blake2b(text, digest_size=8).digest()
    return str(int.from_bytes(digest, "big", signed=True)).encode()
