from __future__ import annotations

from typing import Any

import pytest

from sockio.engine import option_checks
from sockio.errors import ConfigError


@pytest.mark.parametrize("value", [0.001, 1, 25.0, 3600])
def test_times_that_are_times(value: float) -> None:
    assert option_checks.seconds("x", value) == value


@pytest.mark.parametrize(
    "value", [0, -1, "1", None, True, float("nan"), float("inf"), 3601, 10**30]
)
def test_times_that_are_none(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"^x="):
        option_checks.seconds("x", value)


@pytest.mark.parametrize(("value", "kept"), [(1, 1), (1e6, 1_000_000)])
def test_sizes_that_are_sizes(value: Any, kept: int) -> None:
    assert option_checks.size("x", value) == kept


@pytest.mark.parametrize("value", [0, -1, 1.5, "1", None, True, float("inf")])
def test_sizes_that_are_none(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"^x=.*bytes above 0"):
        option_checks.size("x", value)


@pytest.mark.parametrize("value", [0, 1, "yes", "", None, [], object()])
def test_what_only_counts_as_true_is_no_flag(value: Any) -> None:
    with pytest.raises(ConfigError, match=r"^x=.*give True or False"):
        option_checks.flag("x", value)
