"""As a program: ``io.run()``, with the server that it needs.

python -m tests.deployment.apps.run ADDRESS [CERTIFICATE]
"""

from __future__ import annotations

import logging
import sys

from .echo import io

if __name__ == "__main__":
    address, *certificate = sys.argv[1:]
    logging.basicConfig(level=logging.INFO, stream=sys.stdout, format="%(message)s")
    if certificate:
        io.run(address, certfile=certificate[0], keyfile=certificate[0])
    else:
        io.run(address)
