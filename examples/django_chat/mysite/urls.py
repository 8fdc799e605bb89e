"""The pages of the project."""

from __future__ import annotations

from chat import views
from django.contrib import admin
from django.contrib.staticfiles.urls import staticfiles_urlpatterns
from django.urls import include, path

urlpatterns = [
    path("", views.room, name="room"),
    path("signup/", views.SignUp.as_view(), name="signup"),
    path("accounts/", include("django.contrib.auth.urls")),
    path("admin/", admin.site.urls),
    *staticfiles_urlpatterns(),  # for gunicorn, and only with DEBUG
]
