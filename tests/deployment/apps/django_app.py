"""A Django application with Socket.IO beside it, on one port."""

from __future__ import annotations

import django.conf
import django.core.wsgi
import django.http
import django.urls

from .echo import io

django.conf.settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="of a test",
    USE_TZ=True,
)


def index(request: django.http.HttpRequest) -> django.http.HttpResponse:
    return django.http.HttpResponse("a page of Django")


def form(request: django.http.HttpRequest) -> django.http.HttpResponse:
    io.emit("shouted", request.POST["text"])
    return django.http.HttpResponse("sent")


urlpatterns = [django.urls.path("", index), django.urls.path("form", form)]

app = io.attach(django.core.wsgi.get_wsgi_application())
