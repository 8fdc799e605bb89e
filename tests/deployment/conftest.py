"""The server of a class of tests: it starts once, and prints nothing unexpected."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.deployed import Deployed


@pytest.fixture(scope="class")
def server(request: pytest.FixtureRequest) -> Iterator[Deployed]:
    """Give the server that the class's ``command`` starts, with added parameters."""
    options = getattr(request, "param", ())
    with Deployed(*request.cls.command, *options) as server:
        yield server
        server.end_quietly()
