"""What a WSGI server serves: Socket.IO in front of the project."""

from __future__ import annotations

import os

from sockio.integrations.django import application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
application = application()
