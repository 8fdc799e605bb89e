"""The pages of the chat."""

from __future__ import annotations

from django.contrib.auth import login
from django.contrib.auth.decorators import login_required
from django.contrib.auth.forms import UserCreationForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.generic import FormView


@login_required
def room(request: HttpRequest) -> HttpResponse:
    """Show the chat; its events are in ``events``."""
    return render(request, "chat/room.html")


class SignUp(FormView):
    """Make a user, and log in."""

    form_class = UserCreationForm
    template_name = "registration/signup.html"

    def form_valid(self, form: UserCreationForm) -> HttpResponse:
        """Log the new user in."""
        login(self.request, form.save())
        return redirect("room")
