"""``python -m tests.conformance.peers``: run all scripts, and write what they found."""

from __future__ import annotations

import json
import sys

from tests.interop.tables import parted
from tests.support.node import Driver
from tests.support.peers import GoProcess

from .differences import hangs
from .running import run
from .telling import DOCUMENT, FAMILIES, FOUND, TABLE, found, table


def main() -> int:
    """Run the scripts, and write the document; return 1 if something is undecided."""
    node, go = Driver(), GoProcess()
    counts, undecided = {}, []
    for family, scripts in FAMILIES.items():
        counts[family], new = found(run(scripts, node, go, hangs))
        undecided += new
    go.close()
    node.close()
    FOUND.write_text(json.dumps(counts, indent=1, ensure_ascii=False) + "\n")
    head, _, tail = parted(DOCUMENT.read_text(), TABLE)
    DOCUMENT.write_text(head + table() + tail)
    print(*undecided, sep="\n")
    return 1 if undecided else 0


if __name__ == "__main__":
    sys.exit(main())
