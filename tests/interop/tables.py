"""Tables of a reStructuredText document: where they are, and how they are drawn."""

from __future__ import annotations

import itertools
from collections.abc import Mapping


def parted(text: str, name: str) -> tuple[str, str, str]:
    """Return the text before the place of that name, what is there, and what follows.

    The lines ``.. begin of <name>`` and ``.. end of <name>`` bound the place.
    """
    begin, end = f".. begin of {name}\n\n", f"\n.. end of {name}\n"
    head, found, rest = text.partition(begin)
    inside, ended, tail = rest.partition(end)
    assert found, f"the document has no place for {name}"
    assert ended, f"the document's place for {name} has no end"
    return head + begin, inside, end + tail


def drawn(captions: Mapping[str, int], rows: list[list[str]]) -> str:
    """Return the text of a table.

    Args:
        captions: The captions, and how many columns each one spans.
        rows: The names of the columns, then the rows.
    """
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    ends = list(itertools.accumulate(captions.values()))
    spans = [
        len(aligned([""] * count, widths[end - count : end]))
        for count, end in zip(captions.values(), ends, strict=True)
    ]
    rule = aligned(["=" * width for width in widths], widths)
    columns, *others = rows
    lines = [
        rule,
        aligned(list(captions), spans),
        aligned(["-" * span for span in spans], spans),
        aligned(columns, widths),
        rule,
        *(aligned(row, widths) for row in others),
        rule,
    ]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def aligned(cells: list[str], widths: list[int]) -> str:
    """Return a line with the cells in their columns."""
    filled = (cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
    return "  ".join(filled)
