"""What is kept of the chat."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models


class Message(models.Model):
    """What somebody said."""

    author = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    text = models.CharField(max_length=2000)
    said_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("pk",)

    def __str__(self) -> str:
        return f"{self.author}: {self.text}"

    def for_clients(self) -> dict[str, Any]:
        """Return what clients are told."""
        return {
            "id": self.pk,
            "author": self.author.get_username(),
            "text": self.text,
            "at": self.said_at.isoformat(),
        }
