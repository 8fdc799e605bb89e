"""Emitters in processes of their own: plain ones, forked ones, patched ones."""

from __future__ import annotations

import os
import sys

import pytest
from gevent import subprocess

import sockio
from tests.support.deployed import ROOT
from tests.support.redis_server import RedisServer
from tests.support.waiting import PATIENCE, wait_until

from .conftest import Serve

#: A program before its server forks, and a child.
FORKING = """
import os, sys
import sockio

emitter = sockio.Emitter(sys.argv[1], timeout=60)
emitter.emit("n", "parent")
child = os.fork()
if child == 0:
    emitter.emit("n", "child")
    emitter.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
emitter.emit("n", "parent again")
emitter.close()
"""
#: A view of a program on asyncio.
ASYNCIO = """
import asyncio, sys
import sockio

async def main():
    with sockio.Emitter(sys.argv[1], timeout=60) as emitter:
        emit = emitter.emit
        await asyncio.gather(*[asyncio.to_thread(emit, "n", n) for n in range(9)])

asyncio.run(main())
"""
#: A worker of gunicorn: waiting for answers does not hold the loop.
UNDER_GEVENT = """
from gevent import monkey; monkey.patch_all()
import os
import sys
import gevent
import sockio

pause = gevent.sleep
with sockio.Emitter(sys.argv[1], timeout=60) as emitter:
    asking = gevent.spawn(emitter.server_side_emit_with_ack, "question", timeout=60)
    with gevent.Timeout(60):
        while not asking.ready():
            emitter.emit("n", "meanwhile")
            pause(0.01)
    print(asking.get())
"""
NO_GEVENT = """
found = {name.partition(".")[0] for name in sys.modules}
assert not found & {"gevent", "greenlet"}, sorted(sys.modules)
"""


def run(program: str, url: str) -> str:
    """Run a program with a URL; return what it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", program, url],
        cwd=ROOT,
        # A program that is measured imports gevent.
        env={k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=PATIENCE,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return str(done.stdout)


@pytest.mark.parametrize("program", [FORKING, ASYNCIO], ids=["forking", "asyncio"])
def test_a_program_without_gevent(
    serve: Serve, redis_server: RedisServer, program: str
) -> None:
    url = f"{redis_server.url}?prefix=processes"
    served = serve(adapter=url)
    served.io.start()
    client, _ = served.connect()
    wait_until(lambda: served.io.sockets.adapter.server_count() == 1)

    run(program + NO_GEVENT, url)
    with sockio.Emitter(url) as emitter:
        emitter.emit("last")

    got = [event[1] for event in iter(client.receive_event, ["last"])]
    if program is FORKING:
        assert got == ["parent", "child", "parent again"]
    else:
        assert sorted(got) == list(range(9))


def test_a_program_that_gevent_has_patched(
    serve: Serve, redis_server: RedisServer
) -> None:
    url = f"{redis_server.url}?prefix=patched"
    served = serve(adapter=url)
    served.io.start()
    client, _ = served.connect()
    wait_until(lambda: served.io.sockets.adapter.server_count() == 1)

    @served.io.on("question")
    def question() -> str:
        # The program emits while it waits for this answer.
        return "answer" if client.receive_event() == ["n", "meanwhile"] else "?"

    assert run(UNDER_GEVENT, url) == "['answer']\n"
