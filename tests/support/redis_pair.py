"""RedisPair: two servers on one Redis, and a client of each."""

from __future__ import annotations

from .broker_pair import BrokerPair


class RedisPair(BrokerPair):
    """``here`` is a client of ``first``, ``there`` one of ``second``."""
