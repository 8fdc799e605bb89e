from __future__ import annotations

from sockio.engine import reasons


def test_reasons_are_those_of_node_letter_by_letter() -> None:
    # Applications compare them as text.
    assert reasons.TRANSPORT_ERROR == "transport error"
    assert reasons.TRANSPORT_CLOSE == "transport close"
    assert reasons.FORCED_CLOSE == "forced close"
    assert reasons.PING_TIMEOUT == "ping timeout"
    assert reasons.PARSE_ERROR == "parse error"
