"""A framework's application and our server, together on one port."""

from __future__ import annotations

from tests.deployment.contract import DeploymentContract
from tests.support.deployed import Deployed, page
from tests.support.raw_client import RawClient

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


class FrameworkContract(DeploymentContract):
    """A framework's application, attached; ``index`` is the text of its page."""

    index: str

    def test_the_application_answers_beside_us(self, server: Deployed) -> None:
        assert page(server, "/") == (200, self.index)
        assert page(server, "/socket.io") == page(server, "/nowhere")
        assert page(server, "/nowhere")[0] == 404

    def test_the_application_emits(self, server: Deployed, client: RawClient) -> None:
        websocket = client.open_socket()

        answer = page(server, "/form", method="POST", body="text=hello", headers=FORM)

        assert answer == (200, "sent")
        assert websocket.receive_event() == ["shouted", "hello"]
