"""The error that refuses a client."""

from __future__ import annotations

from typing import Any

import pytest

from sockio.integrations.flask.errors import ConnectionRefusedError


@pytest.mark.parametrize(
    ("args", "told"),
    [
        ((), {"message": "Connection rejected by server"}),
        ((404,), {"message": "404"}),
        (("no", {"a": 1}), {"message": "no", "data": {"a": 1}}),
        (("no", 1, 2), {"message": "no", "data": [1, 2]}),
    ],
)
def test_the_client_gets_the_arguments(args: tuple[Any, ...], told: Any) -> None:
    error = ConnectionRefusedError(*args)

    assert error.error_args == told
    assert (error.message, error.data) == (told["message"], told.get("data"))
    assert error.args == args
