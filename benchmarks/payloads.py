"""Payloads: echo with text, objects and bytes of many sizes, in three groups.

The same payloads in the main namespace (`payloads`), in another one (`namespaces`), and
with permessage-deflate on both sides (`deflate`).
"""

from __future__ import annotations

from collections.abc import Iterator

from scenario import Scenario

#: What `load` is asked for.
CONTENTS = {
    "flat": "echo --content flat",
    "nested": "echo --content nested",
    "unicode": "echo --content unicode",
    "binary": "binary",
}

#: Sizes in bytes, and how many connections for each. The largest stays below what
#: servers accept by default, 1,000,000 bytes with everything around the payload.
SIZES = {
    "64": (64, 100),
    "1k": (1024, 100),
    "16k": (16384, 100),
    "64k": (65536, 20),
    "900k": (900_000, 4),
}


def _scenarios() -> Iterator[Scenario]:
    for content, load in CONTENTS.items():
        for label, (size, connections) in SIZES.items():
            command = f"{load} --size {size} --connections {connections}"
            text = f"{content}, {size:,} bytes, {connections} connections"
            name = f"{content}-{label}"
            yield Scenario(name=name, text=text, load=command, group="payloads")
            yield Scenario(
                name=f"chat-{name}",
                text=f"{text}, namespace /chat",
                load=f"{command} --namespace /chat",
                group="namespaces",
            )
            yield Scenario(
                name=f"deflate-{name}",
                text=f"{text}, permessage-deflate",
                load=f"{command} --deflate",
                group="deflate",
                needs=frozenset({"deflate"}),
                environment={"SOCKIO_BENCH_DEFLATE": "1"},
            )


#: Group by group, in the order in which they are to run.
PAYLOADS = sorted(
    _scenarios(),
    key=lambda scenario: ("payloads", "namespaces", "deflate").index(scenario.group),
)
