"""Workers that tell Prometheus and Kubernetes how they are.

    python -m pip install "sockio[metrics]"
    python examples/metrics/server.py 3000 2
    curl http://127.0.0.1:3000/metrics        # also /health, and /ready
    prometheus --config.file=examples/metrics/prometheus.yml

Whichever worker answers tells of both. ``docs/grafana.json`` shows it as curves.
"""

from __future__ import annotations

import os
import sys

import sockio

io = sockio.Server(
    metrics=True, metrics_path="/metrics", health="/health", ready="/ready"
)


@io.on("connection")
def connected(socket: sockio.Socket) -> None:
    @socket.on("work")
    def work(seconds: float) -> str:
        io.sleep(seconds)  # a slow database
        return "done"


if __name__ == "__main__":
    port = int(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("PORT", "3000"))
    workers = int(sys.argv[2] if len(sys.argv) > 2 else os.environ.get("WORKERS", "2"))
    io.run(("127.0.0.1", port), workers=workers)
