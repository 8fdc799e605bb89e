"""Tests of sockio; this is imported before anything else of them.

With ``SOCKIO_PATCHED=1`` they run in a process that ``gevent.monkey`` has patched, as
they would under ``gunicorn -k gevent``.
"""

import os

import pytest

# What they assert is told as in a test.
pytest.register_assert_rewrite(
    "tests.support", "tests.contract", "tests.loopback.broker_faults"
)

from tests.support.build import choose  # noqa: E402

#: Whether the standard library waits in the hub.
PATCHED = bool(os.environ.get("SOCKIO_PATCHED"))
if PATCHED:
    import gevent.monkey

    gevent.monkey.patch_all()

choose()
