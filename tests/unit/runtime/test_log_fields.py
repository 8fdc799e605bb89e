from __future__ import annotations

import logging

from sockio.runtime.log_fields import NAMES, fields


def test_what_is_not_known_is_not_there() -> None:
    assert fields(sid="abc", namespace=None) == {"sockio_sid": "abc"}
    assert fields() == {}


def test_a_record_takes_all_of_them() -> None:
    log = logging.Logger("test")
    extra = dict.fromkeys(NAMES, "a")

    # It raises KeyError if a record has an attribute of that name.
    record = log.makeRecord("test", logging.INFO, "f", 1, "m", (), None, extra=extra)

    assert vars(record)["sockio_event"] == "a"
