from __future__ import annotations

import dataclasses

import pytest

from sockio.adapters import Adapter, BroadcastOptions, Flags


def test_flags_are_those_of_a_plain_emit() -> None:
    assert Flags() == Flags(
        volatile=False,
        compress=True,
        local=False,
        broadcast=False,
        timeout=None,
        expect_single_response=False,
    )


def test_options_address_everybody() -> None:
    assert BroadcastOptions() == BroadcastOptions(
        rooms=(), except_=frozenset(), flags=Flags()
    )


@pytest.mark.parametrize("value", [Flags(), BroadcastOptions()])
def test_values_do_not_change(value: Flags | BroadcastOptions) -> None:
    for field in dataclasses.fields(value):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(value, field.name, None)


def test_an_adapter_says_whom_it_reaches() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Adapter(None)  # type: ignore[abstract, arg-type]
