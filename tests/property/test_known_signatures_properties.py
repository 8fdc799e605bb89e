"""A known signature is the one that would be read, however handlers are made."""

from __future__ import annotations

from functools import partial, update_wrapper, wraps
from types import FunctionType, MethodType
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from sockio.errors import ConfigError
from sockio.runtime.known_signatures import known_signature
from sockio.runtime.signature import read_signature


def none() -> None: ...
def one(a: Any) -> None: ...
def two(a: Any, b: Any) -> None: ...
def several(a: Any, *args: Any) -> None: ...
def acking(a: Any, b: Any, *, ack: Any) -> None: ...
def optional(a: Any, *, ack: Any = None, loud: bool = False) -> None: ...
def passing(*args: Any, **named: Any) -> None: ...
def passing_some(a: Any, *args: Any) -> None: ...
async def never() -> None: ...


FUNCTIONS: list[Any] = [none, one, two, several, acking, optional, passing, never]


@st.composite
def functions(draw: st.DrawFn) -> Any:
    """Make a function that shares its code with others and has its own defaults."""
    fn = draw(st.sampled_from(FUNCTIONS))
    count = draw(st.integers(0, fn.__code__.co_argcount))
    made = FunctionType(fn.__code__, {}, fn.__name__, (None,) * count)
    made.__kwdefaults__ = draw(st.sampled_from([None, {"ack": 1}, {"loud": 1}]))
    return made


def decorate(fn: Any, layer: Any) -> Any:
    if isinstance(layer, FunctionType):
        return wraps(fn)(FunctionType(layer.__code__, {}))
    if layer == "method":
        return MethodType(fn, object())
    if layer == "named partial":
        return update_wrapper(partial(fn, 1), fn)
    args, named = layer
    return partial(fn, *args, **named)


layers = st.one_of(
    st.sampled_from([passing, passing_some, one, acking]),
    st.sampled_from(["method", "named partial"]),
    st.tuples(
        st.lists(st.none(), max_size=2),
        st.dictionaries(st.sampled_from(["a", "b", "ack"]), st.none(), max_size=2),
    ),
)


def outcome(read: Any, fn: Any) -> Any:
    try:
        return read(fn)
    except (ConfigError, TypeError, ValueError) as exc:
        return str(exc)


@given(functions(), st.lists(layers, max_size=4))
def test_what_is_known_is_what_would_be_read(fn: Any, layers: list[Any]) -> None:
    for layer in layers:
        fn = decorate(fn, layer)

    assert outcome(known_signature, fn) == outcome(read_signature, fn)
    assert outcome(known_signature, fn) == outcome(read_signature, fn)
