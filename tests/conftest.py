"""What every test gets: a time limit, a leak check, and one hypothesis profile."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from enum import Enum

import gevent
import pytest
from hypothesis import HealthCheck, settings

from tests import PATCHED
from tests.support.leaks import Snapshot
from tests.support.mongo_server import MongoServer
from tests.support.node import Driver
from tests.support.postgres import Postgres
from tests.support.redis_server import RedisServer

#: Seconds after which a test that waits for something fails; a CI machine may be busy.
TIME_LIMIT = 120.0
#: A unit test that takes longer is named at the end of the run.
SLOW_UNIT_TEST = 0.1

#: A machine may be busy.
ANY_SPEED = [HealthCheck.too_slow]
settings.register_profile(
    "dev", max_examples=50, deadline=None, suppress_health_check=ANY_SPEED
)
settings.register_profile(
    "ci",
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=ANY_SPEED,
)
settings.register_profile(
    "night", max_examples=2_000, deadline=None, suppress_health_check=ANY_SPEED
)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev")
)

# What tests compare has no colours, whoever runs them.
os.environ.pop("FORCE_COLOR", None)

_failed = pytest.StashKey[bool]()
_slow: list[tuple[float, str]] = []


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        f"patience(seconds): the test may wait longer than {TIME_LIMIT:g} seconds",
    )
    if PATCHED and getattr(config.option, "numprocesses", None):
        raise pytest.UsageError(
            "SOCKIO_PATCHED=1: leave out -n; pytest-xdist does not bear patching"
        )


def pytest_collection_finish() -> None:
    """Let the garbage collector pass over the tests themselves: they stay."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    marker = item.get_closest_marker("patience")
    limit = marker.args[0] if marker else TIME_LIMIT
    # Not a TimeoutError, for which some callers wait.
    expired = AssertionError(f"the test waited longer than {limit:g} s")
    try:
        with gevent.Timeout(limit, expired):
            return (yield)
    except BaseException:
        item.stash[_failed] = True
        raise


@pytest.fixture(autouse=True)
def _nothing_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    before = Snapshot.take()
    yield
    # A test that failed has told us what is wrong; what it left behind is no news.
    if not request.node.stash.get(_failed, False):
        leaks = before.leaks()
        assert not leaks, "left behind by this test: " + "; ".join(leaks)


@pytest.fixture(scope="session")
def _node_process() -> Iterator[Driver]:
    driver = Driver()
    yield driver
    driver.close()


@pytest.fixture
def node(_node_process: Driver) -> Iterator[Driver]:
    """Give the Node process; close what the test opened in it."""
    yield _node_process
    _node_process.reset()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """Give the broker of all tests that leave it as it is."""
    server = RedisServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Postgres]:
    """Give the PostgreSQL of all tests that leave it as it is."""
    with Postgres(tcp=True) as server:
        yield server


@pytest.fixture(scope="session")
def _mongo_server() -> Iterator[MongoServer]:
    server = MongoServer()
    yield server
    server.close()


@pytest.fixture
def mongo_server(_mongo_server: MongoServer) -> Iterator[MongoServer]:
    """Give the server of all tests that leave it as it is, with no old data."""
    with _mongo_server.new_collection():
        yield _mongo_server


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    is_unit_test = report.nodeid.startswith("tests/unit/")
    if is_unit_test and report.when == "call" and report.duration > SLOW_UNIT_TEST:
        _slow.append((report.duration, report.nodeid))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _slow:
        terminalreporter.section(f"unit tests over {SLOW_UNIT_TEST * 1000:.0f} ms")
        for duration, name in sorted(_slow, reverse=True):
            terminalreporter.write_line(f"{duration * 1000:6.0f} ms  {name}")


def pytest_make_parametrize_id(
    config: pytest.Config, val: object, argname: str
) -> str | None:
    """Number what has no lasting name: workers must agree on the ids of the tests."""
    lasting = isinstance(val, (str, int, float, bool, type(None), type, Enum))
    return None if lasting or callable(val) else argname
