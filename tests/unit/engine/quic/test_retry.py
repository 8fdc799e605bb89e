"""Retry tokens: only the address that got one can use it, and only for a short time."""

from __future__ import annotations

import pytest

from sockio.engine.quic.retry import LIFETIME, RetryTokens

ADDRESS = ("192.0.2.1", 5000)
ORIGINAL, OWN = b"chosen by client", b"ours"


@pytest.fixture
def tokens() -> RetryTokens:
    return RetryTokens()


def test_a_token_brings_the_first_id_back(tokens: RetryTokens) -> None:
    token = tokens.issue(ADDRESS, 100.0, ORIGINAL, OWN)

    assert tokens.redeem(ADDRESS, 101.0, token, OWN) == ORIGINAL
    assert tokens.redeem((*ADDRESS, 0, 0), 101.0, token, OWN) == ORIGINAL


@pytest.mark.parametrize(
    ("address", "now", "own"),
    [
        (("192.0.2.2", 5000), 100.0, OWN),
        (("192.0.2.1", 5001), 100.0, OWN),
        (ADDRESS, 100.0, b"other"),
        (ADDRESS, 100.0 + LIFETIME + 1, OWN),
        (ADDRESS, 99.0, OWN),
    ],
    ids=["host", "port", "id", "late", "early"],
)
def test_a_token_is_good_for_one_address_one_id_and_a_while(
    tokens: RetryTokens, address: tuple[str, int], now: float, own: bytes
) -> None:
    token = tokens.issue(ADDRESS, 100.0, ORIGINAL, OWN)

    assert tokens.redeem(address, now, token, own) is None


def test_a_token_that_was_changed_is_none(tokens: RetryTokens) -> None:
    token = tokens.issue(ADDRESS, 100.0, ORIGINAL, OWN)

    for index in range(len(token)):
        changed = bytearray(token)
        changed[index] ^= 1
        assert tokens.redeem(ADDRESS, 100.0, bytes(changed), OWN) is None
        assert tokens.redeem(ADDRESS, 100.0, token[:index], OWN) is None


def test_a_token_of_another_server_is_none(tokens: RetryTokens) -> None:
    token = RetryTokens().issue(ADDRESS, 100.0, ORIGINAL, OWN)

    assert tokens.redeem(ADDRESS, 100.0, token, OWN) is None
