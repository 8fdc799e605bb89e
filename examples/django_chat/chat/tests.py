"""Tests of the chat: python manage.py test."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.test import Client, TestCase

import sockio
from sockio.integrations.django import application
from sockio.testing import TestClient

from .events import io
from .models import Message


class ChatTests(TestCase):
    @classmethod
    def setUpClass(cls) -> None:
        super().setUpClass()
        application(io)

    def setUp(self) -> None:
        self.ann = User.objects.create_user("ann")
        self.bob = User.objects.create_user("bob")

    def browser(self, user: User) -> Client:
        """Return the browser of a user who has logged in."""
        browser = Client()
        browser.force_login(user)
        return browser

    def connect(self, browser: Client) -> TestClient:
        """Connect with the cookies of a browser."""
        cookies = {name: each.value for name, each in browser.cookies.items()}
        client = TestClient(io, headers={"host": "testserver"}, cookies=cookies)
        self.addCleanup(client.close)
        return client

    def say(self, client: TestClient, text: Any) -> Any:
        """Say something, and commit."""
        with self.captureOnCommitCallbacks(execute=True):
            return client.emit_with_ack("say", text)

    def test_strangers_are_refused(self) -> None:
        with self.assertRaisesMessage(sockio.ConnectError, "log in first"):
            self.connect(Client())

    def test_what_is_said_reaches_everybody_and_is_kept(self) -> None:
        ann = self.connect(self.browser(self.ann))
        bob = self.connect(self.browser(self.bob))

        self.say(ann, " hello ")

        said = bob.expect("said")[0]
        assert (said["author"], said["text"]) == ("ann", "hello")
        assert str(Message.objects.get()) == "ann: hello"
        newcomer = self.connect(self.browser(self.bob))
        assert newcomer.expect("history")[0] == [said]

    def test_nobody_says_nothing(self) -> None:
        ann = self.connect(self.browser(self.ann))

        for text in (" ", "x" * 2001, None):
            assert "error" in self.say(ann, text)
        assert not Message.objects.exists()

    def test_who_is_online(self) -> None:
        ann = self.connect(self.browser(self.ann))
        ann.expect("online", ["ann"])
        bob = self.connect(self.browser(self.bob))

        ann.expect("online", ["ann", "bob"])
        bob.close()
        ann.expect("online", ["ann"])

    def test_the_others_see_who_types(self) -> None:
        ann = self.connect(self.browser(self.ann))
        bob = self.connect(self.browser(self.bob))

        ann.emit("typing")

        bob.expect("typing", "ann")
        ann.expect_nothing("typing")

    def test_a_logout_disconnects(self) -> None:
        browser = self.browser(self.ann)
        ann = self.connect(browser)

        browser.post("/accounts/logout/")

        ann.expect_disconnect()

    def test_a_message_deleted_in_the_admin_vanishes(self) -> None:
        browser = self.browser(User.objects.create_superuser("root"))
        message = Message.objects.create(author=self.ann, text="hello")
        client = self.connect(browser)

        with self.captureOnCommitCallbacks(execute=True):
            path = f"/admin/chat/message/{message.pk}/delete/"
            browser.post(path, {"post": "yes"})

        client.expect("deleted", message.pk)
