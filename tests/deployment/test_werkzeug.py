"""Behind Flask's development server, in a process that gevent has patched."""

from __future__ import annotations

import pytest

from tests.deployment.contract import DeploymentContract
from tests.support.deployed import CERTIFICATE, Deployed, page


@pytest.mark.parametrize(
    "server", [(), (str(CERTIFICATE),)], ids=["plain", "TLS"], indirect=True
)
class TestWerkzeug(DeploymentContract):
    """``flask_app.run()``; WebSockets through simple-websocket."""

    command = ("-m", "tests.deployment.apps.serve", "werkzeug", "flask_app")

    def test_the_application_answers_beside_us(self, server: Deployed) -> None:
        assert page(server, "/") == (200, "a page of Flask")
