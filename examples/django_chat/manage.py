"""A chat of a Django project: login, history in the database, presence, admin, tests.

    python -m pip install "sockio[django]"
    npm ci
    python manage.py migrate
    python manage.py createsuperuser
    python manage.py runsocketio 3000

Open http://127.0.0.1:3000 in two browsers, and sign up in each. What is deleted in the
admin (http://127.0.0.1:3000/admin/) vanishes from all pages. The tests, and four
processes that act as one server::

    python manage.py test
    gunicorn -k gevent -w 4 -b 127.0.0.1:3000 mysite.wsgi

The database is a file, ``db.sqlite3``; CHAT_DATABASE names another.
"""

from __future__ import annotations

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mysite.settings")
    execute_from_command_line(sys.argv)
