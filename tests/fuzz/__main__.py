"""Fuzz a parser: ``python -m tests.fuzz websocket --seconds 60 --seed 7``.

Inputs of the corpus are mutated and read in every way that the target knows; all ways
must agree and raise nothing, in time and memory that follow the length of the input.
An input for which that is not so is kept in the corpus, where a test finds it.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import random
import sys
import time
import traceback
import tracemalloc

from .targets import TARGETS, Target

#: Seconds of CPU that any input may take, and what each byte adds.
TIME_FOR_ANY, TIME_PER_BYTE = 0.5, 20e-6
#: The same in bytes of memory.
MEMORY_FOR_ANY, MEMORY_PER_BYTE = 1 << 20, 4000
#: Memory is measured for one input in so many: it takes long.
MEMORY_EVERY = 50
#: Bytes of the longest input.
MAX_INPUT = 20_000


class Excess(Exception):
    """An input took too long, or too much memory."""


def mutate(
    random: random.Random, corpus: list[bytes], words: tuple[bytes, ...]
) -> bytes:
    """Return an input that is a little unlike one of the corpus."""
    data = bytearray(random.choice(corpus))
    for _ in range(random.choice((1, 1, 2, 4, 16))):
        at = random.randint(0, len(data))
        end = min(len(data), at + random.choice((1, 1, 4, 32)))
        what = random.randrange(7)
        if what == 0:
            data[at:end] = b""
        elif what == 1:
            data[at:at] = random.choice(words)
        elif what == 2:
            data[at:end] = random.choice(words)
        elif what == 3:
            data[at:end] = random.randbytes(end - at)
        elif what == 4:
            data[at:at] = data[at:end] * random.choice((1, 2, 50))
        elif what == 5 and at < len(data):
            data[at] ^= 1 << random.randrange(8)
        else:
            other = random.choice(corpus)
            data[at:] = other[random.randint(0, len(other)) :]
    return bytes(data[:MAX_INPUT])


def check(target: Target, data: bytes, *, memory: bool = False) -> None:
    """Let the target read ``data``, and watch what it takes."""
    if memory:
        tracemalloc.start()
    # A collection of all that the process holds is not the input's.
    gc.disable()
    start = time.process_time()
    try:
        target.check(data)
        seconds = time.process_time() - start
        peak = tracemalloc.get_traced_memory()[1] if memory else 0
    finally:
        gc.enable()
        if memory:
            tracemalloc.stop()
    if not memory and seconds > TIME_FOR_ANY + TIME_PER_BYTE * len(data):
        raise Excess(f"{seconds:.3f} s for {len(data)} bytes")
    if peak > MEMORY_FOR_ANY + MEMORY_PER_BYTE * len(data):
        raise Excess(f"{peak} bytes of memory for {len(data)} bytes")


def keep(target: Target, data: bytes) -> str:
    """Put an input into the corpus; return its path."""
    target.folder.mkdir(parents=True, exist_ok=True)
    path = target.folder / hashlib.sha1(data, usedforsecurity=False).hexdigest()[:12]
    path.write_bytes(data)
    return str(path)


def fuzz(target: Target, seconds: float, seed: int) -> int:
    """Fuzz until the time is over; return how many inputs failed, at most one."""
    source = random.Random(seed)
    corpus = target.corpus()
    end = time.monotonic() + seconds
    count = 0
    while time.monotonic() < end:
        data = mutate(source, corpus, target.words)
        count += 1
        try:
            check(target, data, memory=count % MEMORY_EVERY == 0)
        except Exception:  # whatever it is, the input is worth keeping
            traceback.print_exc()
            print(
                f"{target.name}: failed after {count} inputs, see {keep(target, data)}"
            )
            return 1
        if source.random() < 0.01:
            corpus.append(data)  # from here on it is mutated further
    print(f"{target.name}: {count} inputs, seed {seed}, nothing found")
    return 0


def main() -> int:
    """Fuzz the targets that are named, or all of them."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("targets", nargs="*", metavar="target", help=", ".join(TARGETS))
    parser.add_argument("--seconds", type=float, default=60.0, help="for each target")
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    unknown = [name for name in arguments.targets if name not in TARGETS]
    if unknown:
        parser.error(f"there is no target {unknown[0]}: take {', '.join(TARGETS)}")
    seed = arguments.seed if arguments.seed is not None else random.randrange(1 << 32)
    names = arguments.targets or list(TARGETS)
    return sum(fuzz(TARGETS[name], arguments.seconds, seed) for name in names)


if __name__ == "__main__":
    sys.exit(main())
