from __future__ import annotations

from collections import OrderedDict, UserDict
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sockio.errors import EncodeError
from tests.support.values import REFUSED, SENT, shown
from tests.unit.protocol.socketio.test_values import WAYS

Make = Callable[[], Any]

leaves: st.SearchStrategy[Make] = st.sampled_from(
    [make for make, _ in SENT.values()] * 3 + list(REFUSED.values())
)


def in_a(container: Callable[[list[Any]], Any], items: list[Make]) -> Make:
    return lambda: container([make() for make in items])


def mapping(kind: Callable[[dict[str, Any]], Any]) -> Callable[[list[Any]], Any]:
    return lambda items: kind({f"key {n}": item for n, item in enumerate(items)})


containers = st.sampled_from(
    [list, tuple, *map(mapping, (dict, OrderedDict, UserDict))]
)
trees: st.SearchStrategy[Make] = st.recursive(
    leaves,
    lambda inner: st.builds(in_a, containers, st.lists(inner, max_size=4)),
    max_leaves=6,
)


@given(trees)
def test_each_way_comes_to_the_same(make: Make) -> None:
    outcomes = {outcome(way, make()) for way in WAYS}

    assert len(outcomes) == 1


def outcome(way: Callable[[Any], Any], value: Any) -> str:
    try:
        return shown(way(value))
    except EncodeError:
        return "refused"
