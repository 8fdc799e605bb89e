"""Django and Socket.IO in one process, with Django's session in the handlers.

    python examples/django_app/app.py 3000
    cd examples/django_app && gunicorn -k gevent -w 4 -b 127.0.0.1:3000 app:application

Open http://127.0.0.1:3000/login?name=ann first: it puts the name into the session. Then
a client that sends the session's cookie may connect; others are refused. The port may
also be given as PORT.

Your own project has its settings in a module; its ``wsgi.py`` needs only the line
``application = io.attach(get_wsgi_application())``.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, JsonResponse, parse_cookie
from django.urls import path

import sockio

settings.configure(
    ALLOWED_HOSTS=["127.0.0.1", "localhost"],
    INSTALLED_APPS=["django.contrib.sessions"],
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="for the example only",
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
    SESSION_SERIALIZER="django.contrib.sessions.serializers.JSONSerializer",
)


def login(request: HttpRequest) -> HttpResponse:
    request.session["name"] = request.GET["name"]
    return HttpResponse("Now you may connect.")


def online(request: HttpRequest) -> HttpResponse:
    names = sorted(socket.data.name for socket in io.fetch_sockets())
    return JsonResponse({"online": names})


urlpatterns = [path("login", login), path("online", online)]

# Cookies identify users, so no foreign page may use the cookies of its visitors.
io = sockio.Server(check_origin=True)


@io.use
def logged_in(socket: sockio.Socket) -> None:
    cookies = parse_cookie(socket.handshake.headers.get("cookie", ""))
    engine = import_module(settings.SESSION_ENGINE)
    session = engine.SessionStore(cookies.get(settings.SESSION_COOKIE_NAME))
    name = session.get("name")
    if name is None:
        raise sockio.ConnectError("log in first")
    socket.data.name = name


@io.on("connection")
def connected(socket: sockio.Socket) -> None:
    @socket.on("hello")
    def hello() -> str:
        return f"hello {socket.data.name}"


application = io.attach(get_wsgi_application())

if __name__ == "__main__":
    port = int(sys.argv[1] if len(sys.argv) > 1 else os.environ.get("PORT", "3000"))
    http_server = sockio.create_server(application)
    http_server.listen(("127.0.0.1", port))
    print(f"http://127.0.0.1:{port}", flush=True)
    http_server.serve_forever()
