"""Printed: the configurations that the pages print, as the tests use them."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping

from .deployed import ROOT

_BLOCK = r"^\.\. code-block:: .+\n    :name: {}\n\n((?:    .*\n|\n)+)"


def printed(page: str, name: str, replaced: Mapping[str, object] | None = None) -> str:
    """Return what a page of the documentation prints under a name.

    Args:
        replaced: Texts that are other ones here: paths, ports, names of hosts. Each
            must be there.
    """
    text = (ROOT / "docs" / page).read_text("utf-8")
    [block] = re.findall(_BLOCK.format(re.escape(name)), text, re.MULTILINE)
    found = textwrap.dedent(block)
    for old, new in (replaced or {}).items():
        assert old in found, f"{page} prints no {old!r} in {name}"
        found = found.replace(old, str(new))
    return found
