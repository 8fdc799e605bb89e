"""``logger`` and ``engineio_logger``."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from sockio.errors import ConfigError
from sockio.integrations.flask.log_options import print_logs


@pytest.fixture(autouse=True)
def _loggers_as_before() -> Iterator[None]:
    loggers = [logging.getLogger(name) for name in logging.Logger.manager.loggerDict]
    before = [(logger, logger.level, list(logger.handlers)) for logger in loggers]
    yield
    for logger, level, handlers in before:
        logger.setLevel(level)
        logger.handlers[:] = handlers


def test_lines_go_to_a_logger_of_the_application(
    caplog: pytest.LogCaptureFixture,
) -> None:
    mine = logging.getLogger("mine")
    mine.setLevel(logging.INFO)
    for _ in range(2):
        print_logs(mine, False)

    logging.getLogger("sockio.socket").info("seen")
    logging.getLogger("sockio.socket").debug("not seen")
    logging.getLogger("sockio.engine").debug("of the other option")

    ours = [record for record in caplog.records if record.name == "sockio.socket"]
    # Once as ours, once through the application's logger.
    assert [record.message for record in ours] == ["seen", "seen"]


def test_true_prints_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    print_logs(False, True)

    logging.getLogger("sockio.engine.session").debug("a line")
    logging.getLogger("sockio.socket").debug("of the other option")

    assert "a line" in (printed := capsys.readouterr().err)
    assert "other" not in printed


def test_what_is_no_logger_is_refused() -> None:
    with pytest.raises(ConfigError, match="engineio_logger='x'"):
        print_logs(None, "x")
