from __future__ import annotations

from sockio.siblings.reload import Reload


def test_the_last_one_is_awaited() -> None:
    reload = Reload({1, 2}, until=60.0)
    for child in (3, 4):
        reload.begin(child)
    assert [reload.awaits(child) for child in (1, 3, 4)] == [False, True, True]

    assert not reload.serves(1)  # an old one goes on giving signs
    assert not reload.serves(4)
    assert not reload.awaits(4)

    assert reload.serves(3)
    assert (reload.old, reload.new) == ({1, 2}, {3, 4})
