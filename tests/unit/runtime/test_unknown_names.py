from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from sockio.errors import UnknownOption
from sockio.runtime.unknown_names import refuse, tells_unknown


@tells_unknown("Tea", {"suggar": "write sugar=2"}, also=("biscuit",))
@dataclass(frozen=True, kw_only=True)
class Tea:
    """Some options."""

    sugar: int = 0
    milk_first: bool = False


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("milkFirst", "write milk_first"),
        ("MILKFIRST", "write milk_first"),
        ("milk_frist", "did you mean milk_first?"),
        ("suggar", "write sugar=2"),
        ("biscuits", "did you mean biscuit?"),
        ("lemon", "there are biscuit, milk_first, sugar"),
    ],
)
def test_advice(name: str, advice: str) -> None:
    with pytest.raises(UnknownOption) as caught:
        Tea(**{name: 1})  # type: ignore[arg-type]

    assert str(caught.value) == f"Tea({name}=): there is no such option; {advice}"


def test_what_is_known_is_untouched() -> None:
    tea = Tea(sugar=1)

    assert replace(tea, milk_first=True) == Tea(sugar=1, milk_first=True)
    assert Tea.__doc__ == "Some options."


def test_an_error_is_both_of_what_people_expect() -> None:
    with pytest.raises(TypeError):
        refuse("f", {"a": 1}, (), {})
    with pytest.raises(ValueError, match="there is no such option"):
        refuse("f", {"a": 1}, (), {})


def test_without_any_option_nothing_is_listed() -> None:
    with pytest.raises(UnknownOption, match=r"f\(a=\): .* there are none"):
        refuse("f", {"a": 1}, (), {})
