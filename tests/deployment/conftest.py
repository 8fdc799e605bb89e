"""The server of a class of tests: started once, and quiet to its end."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.deployed import Deployed


@pytest.fixture(scope="class")
def server(request: pytest.FixtureRequest) -> Iterator[Deployed]:
    """Give the server that the class's ``command`` starts; the parameter is added."""
    options = getattr(request, "param", ())
    with Deployed(*request.cls.command, *options) as server:
        yield server
        server.end_quietly()
