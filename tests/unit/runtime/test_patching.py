"""Whether threads are greenlets: in this process, as it was started."""

from __future__ import annotations

from sockio.runtime.patching import threads_are_greenlets
from tests import PATCHED


def test_threads_are_greenlets_where_gevent_has_patched() -> None:
    assert threads_are_greenlets() is PATCHED
