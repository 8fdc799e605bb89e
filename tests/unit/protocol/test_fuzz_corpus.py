"""What fuzzing once found must stay found."""

from __future__ import annotations

import random

import pytest

from tests.fuzz.__main__ import check, mutate
from tests.fuzz.targets import TARGETS, Target

every_target = pytest.mark.parametrize("target", TARGETS.values(), ids=lambda t: t.name)


@every_target
def test_the_corpus_is_read(target: Target) -> None:
    for data in target.corpus():
        check(target, data)


@every_target
def test_inputs_like_the_corpus_are_read(target: Target) -> None:
    source = random.Random(1)

    for _ in range(30):
        check(target, mutate(source, target.corpus(), target.words))
