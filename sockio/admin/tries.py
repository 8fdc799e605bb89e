"""Tries: how often strangers may guess, from one address."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

__all__ = ["Tries"]

#: Failed tries of one address within ``SECONDS``.
MOST = 10
SECONDS = 60.0
#: Addresses that are remembered; those that tried first are forgotten first.
ADDRESSES = 5_000


class Tries:
    """The failed tries of the last minute, by address."""

    def __init__(self, now: Callable[[], float]) -> None:
        """Remember nothing yet.

        Args:
            now: Tells the time, in seconds.
        """
        self._now = now
        self._times: dict[str, deque[float]] = {}

    def begin(self, address: str) -> bool:
        """Count a try, before its end is known; return whether it may be made."""
        key = _network(address)
        times = self._times.pop(key, None) or deque(maxlen=MOST)
        now = self._now()
        while times and times[0] <= now - SECONDS:
            times.popleft()
        self._times[key] = times
        if len(self._times) > ADDRESSES:
            del self._times[next(iter(self._times))]
        if len(times) == MOST:
            return False
        times.append(now)
        return True

    def forgive(self, address: str) -> None:
        """A try was right: forget it, and those before it."""
        self._times.pop(_network(address), None)


def _network(address: str) -> str:
    """Return what one peer can hardly change: of an IPv6 address, the first half."""
    try:
        parsed = ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is None:
        return parsed.exploded[:19]
    return str(parsed)
