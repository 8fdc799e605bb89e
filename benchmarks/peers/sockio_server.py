"""sockio on its own HTTP server: sockio_server.py PORT"""

import sys

from sockio_handlers import server

import sockio

sockio.create_server(server()).listen(("127.0.0.1", int(sys.argv[1]))).serve_forever()
