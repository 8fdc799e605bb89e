"""Announces a price to the clients of all servers, and ends; cron might start it.

    python examples/emitter/announce.py gold 4150.20

It is no server, and needs no gevent. server.py, beside it, says how to start one.
"""

from __future__ import annotations

import os
import sys

import sockio


def main(metal: str, price: float) -> None:
    with sockio.Emitter(os.environ.get("REDIS_URL", "redis://localhost")) as emitter:
        emitter.to(f"price of {metal}").emit("price", metal, price)
        seen = emitter.server_side_emit_with_ack("watchers", metal, timeout=5)
        print(f"{sum(seen)} clients of {len(seen)} servers are told: {metal} {price}")


if __name__ == "__main__":
    try:
        main(sys.argv[1], float(sys.argv[2]))
    except (sockio.BrokerError, sockio.ClusterTimeout) as error:
        sys.exit(f"not everybody was told: {error}")
