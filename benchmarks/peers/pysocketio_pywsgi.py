"""python-socketio on pywsgi and gevent-websocket: pysocketio_pywsgi.py PORT"""

from gevent import monkey

monkey.patch_all()

import sys  # noqa: E402

from gevent.pywsgi import WSGIServer  # noqa: E402
from geventwebsocket.handler import WebSocketHandler  # noqa: E402
from pysocketio_handlers import wsgi_app  # noqa: E402

WSGIServer(
    ("127.0.0.1", int(sys.argv[1])),
    wsgi_app(),
    handler_class=WebSocketHandler,
    log=None,
).serve_forever()
