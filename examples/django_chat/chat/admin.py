"""The messages in the admin."""

from __future__ import annotations

from django.contrib import admin

from .models import Message


@admin.register(Message)
class MessageAdmin(admin.ModelAdmin):
    """Search messages, and delete some."""

    date_hierarchy = "said_at"
    list_display = ("text", "author", "said_at")
    list_filter = ("author",)
    search_fields = ("text",)
