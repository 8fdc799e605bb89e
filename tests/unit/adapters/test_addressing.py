from __future__ import annotations

import subprocess
import sys

import pytest

from sockio.adapters import Flags
from sockio.errors import ConfigError

#: The modules that a process needs which only publishes.
PURE = ("sockio.adapters.addressing", "sockio.adapters.cluster.messages")


@pytest.mark.parametrize("module", PURE)
def test_who_only_publishes_needs_no_gevent(module: str) -> None:
    code = (
        "import sys\n"
        "before = set(sys.modules)\n"
        f"import {module}\n"
        "print(sorted((set(sys.modules) - before) & {'gevent', 'greenlet'}))"
    )

    said = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert said.stdout.strip() == "[]"


@pytest.mark.parametrize("seconds", ["5", True, -1, float("nan")])
def test_a_timeout_is_a_number_of_seconds(seconds: object) -> None:
    with pytest.raises(ConfigError, match="give a number of seconds"):
        Flags(timeout=seconds)  # type: ignore[arg-type]
