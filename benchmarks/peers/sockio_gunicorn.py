"""sockio for `gunicorn -k gevent -w 1`."""

from sockio_handlers import server

app = server()
