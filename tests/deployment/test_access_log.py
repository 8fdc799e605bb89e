"""The ids of sessions are not in the access logs of servers."""

from __future__ import annotations

import pytest

from tests.support.deployed import OUR_WORKER, Deployed, gunicorn

APP = "tests.deployment.apps.echo:app"
#: All that gunicorn can log of a request's target.
FORMAT = '"%(r)s" %(U)s %(q)s %({raw_uri}e)s %({query_string}e)s'
RUN = ("-m", "sockio", "run", "tests.deployment.apps.echo:io", "-b", "127.0.0.1:0")
GUNICORN = (
    "--graceful-timeout",
    "1",
    "--access-logfile",
    "-",
    "--access-logformat",
    FORMAT,
)


@pytest.mark.parametrize(
    "command",
    [
        gunicorn("gevent", APP, *GUNICORN),
        gunicorn("gevent_pywsgi", APP, *GUNICORN),
        gunicorn(OUR_WORKER, APP, *GUNICORN),
        ["-m", "tests.deployment.apps.serve", "pywsgi", "echo"],
        [*RUN, "-w", "2", "--access-logfile", "-", "--access-logformat", FORMAT],
    ],
    ids=["gunicorn", "gunicorn's pywsgi", "gunicorn, ours", "pywsgi", "run"],
)
def test_the_access_log_has_no_sid(command: list[str]) -> None:
    with Deployed(*command) as server:
        session = server.client().open_session()
        session.post("40")
        session.poll()
        parked = session.start_poll()
        session.upgrade().send('42["echo",1]')
        parked.receive()
        refused = server.client().request(transport="polling", sid="unknown-secret")
        assert refused.status == 400
        assert server.stop() == 0, server.log

    assert "GET /socket.io/?EIO=4&transport=polling" in server.log
    assert "sid=***" in server.log
    assert session.sid not in server.log
    assert "unknown-secret" not in server.log
