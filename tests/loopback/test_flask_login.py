"""Flask-Login and Flask-Session: who a client is, and until when."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cachelib
import flask
import flask_login
import flask_session
import pytest

from sockio.integrations.flask import disconnect_user, refresh_session, rooms
from tests.support.flask_server import FlaskServed, application, ask
from tests.support.served import Heard


class User(flask_login.UserMixin):  # type: ignore[misc]
    def __init__(self, name: str) -> None:
        self.id = name


class Shop(FlaskServed):
    """An application whose sessions are files, or cookies, and its pages."""

    def __init__(self, folder: Path | None, **options: Any) -> None:
        app, socketio = application(**options)
        if folder is not None:
            files = cachelib.FileSystemCache(str(folder))
            app.config.update(SESSION_TYPE="cachelib", SESSION_CACHELIB=files)
            flask_session.Session(app)
        manager = flask_login.LoginManager(app)
        manager.user_loader(User)
        app.add_url_rule("/login/<name>", view_func=self.login)
        app.add_url_rule("/logout", view_func=self.logout)
        app.add_url_rule("/kick/<name>", view_func=self.kick)
        self.http_client = app.test_client()
        socketio.on_event("who", self.who)
        socketio.on_event("refresh", self.refresh)
        super().__init__(app, socketio)

    def login(self, name: str) -> str:
        flask_login.login_user(User(name))
        return name

    def logout(self) -> str:
        flask_login.logout_user()
        return "bye"

    def kick(self, name: str) -> str:
        disconnect_user(name)
        return "kicked"

    def who(self) -> str | None:
        name: str | None = flask_login.current_user.get_id()
        return name

    def refresh(self) -> str | None:
        assert flask_login.current_user is not None
        refresh_session()
        return self.who()

    def page(self, path: str) -> str:
        """Ask for a page with the browser's cookies."""
        text: str = self.http_client.get(path).get_data(as_text=True)
        return text

    def browser(self) -> Any:
        """Connect with the browser's cookies."""
        cookie = self.http_client.get_cookie("session")
        headers = {"Cookie": f"session={cookie.value}"} if cookie else {}
        websocket = self.join(headers=headers)
        websocket.receive_message()
        return websocket


@pytest.fixture(params=[True, False], ids=["copy", "own interface"])
def shop(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shop]:
    """Give an application with Flask-Session, in both ways."""
    served = Shop(tmp_path, manage_session=request.param)
    yield served
    served.close()


@pytest.fixture
def cookies() -> Iterator[Shop]:
    """Give an application with Flask's own sessions."""
    served = Shop(None)
    yield served
    served.close()


def test_the_user_is_the_one_who_has_logged_in(shop: Shop) -> None:
    shop.page("/login/ann")

    assert ask(shop.browser(), "who") == ["ann"]


def test_after_a_logout_a_refresh_shows_that_the_user_has_gone(shop: Shop) -> None:
    shop.page("/login/ann")
    websocket = shop.browser()
    assert ask(websocket, "who") == ["ann"]

    shop.page("/logout")

    assert ask(websocket, "refresh") == []
    assert ask(websocket, "who") == []


def test_what_a_handler_writes_is_there_for_pages(tmp_path: Path) -> None:
    shop = Shop(tmp_path, manage_session=False)
    shop.flask_app.add_url_rule("/value", view_func=lambda: flask.session["value"])

    @shop.socketio.on("set")
    def set_value(value: str) -> None:
        flask.session["value"] = value

    shop.page("/login/ann")
    websocket = shop.browser()

    ask(websocket, "set", "from a handler")

    assert shop.page("/value") == "from a handler"
    shop.close()


def test_all_clients_of_a_user_are_disconnected_and_no_others(cookies: Shop) -> None:
    reasons = Heard()
    cookies.socketio.on_event("disconnect", reasons)
    cookies.socketio.on_event("rooms", lambda: rooms(), "/chat")
    cookies.page("/login/ann")
    ann, anns_phone = cookies.browser(), cookies.browser()
    cookies.also(ann, "/chat")
    [shown] = ask(ann, "rooms", prefix="/chat,")
    cookies.page("/login/bob")
    bob = cookies.browser()

    cookies.page("/kick/ann")

    assert len(shown) == 1
    assert {ann.receive_message(), ann.receive_message()} == {"41", "41/chat,"}
    assert anns_phone.receive_message() == "41"
    assert ask(bob, "who") == ["bob"]
    assert reasons.next() == ("server disconnect",)


def test_a_user_who_logs_in_or_out_in_a_handler_is_known(cookies: Shop) -> None:
    cookies.socketio.on_event("login", lambda name: cookies.login(name))
    cookies.socketio.on_event("logout", lambda: cookies.logout())
    websocket = cookies.browser()
    ask(websocket, "login", "ann")
    ask(websocket, "logout")
    cookies.socketio.disconnect_user("ann")
    assert ask(websocket, "who") == []

    ask(websocket, "login", "eve")
    cookies.socketio.disconnect_user("eve")

    assert websocket.receive_message() == "41"
