from __future__ import annotations

from sockio.adapters.buses.postgres.locks import key_of


def test_a_lock_has_a_number_of_64_bits() -> None:
    keys = {int(key_of(prefix, name)) for prefix in "ab" for name in ("x", "é\ud800")}

    assert len(keys) == 4
    assert all(-(2**63) <= key < 2**63 for key in keys)
