"""python-socketio with simple-websocket, for `gunicorn -k gevent -w 1`.

python-socketio takes gevent-websocket wherever that is installed, and then works only
in a server made for it. Here it must not find it.
"""

import sys

sys.modules["geventwebsocket"] = None  # type: ignore[assignment]

from pysocketio_handlers import wsgi_app  # noqa: E402

app = wsgi_app()
