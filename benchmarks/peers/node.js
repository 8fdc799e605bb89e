// Node's socket.io with default options:  node node.js PORT
// The package is found through NODE_PATH. With SOCKIO_BENCH_DEFLATE it compresses.
const { createServer } = require("node:http");
const { Server } = require("socket.io");

const http = createServer();
const compress = Boolean(process.env.SOCKIO_BENCH_DEFLATE);
const io = new Server(http, compress ? { perMessageDeflate: true } : {});

require("./handlers.js")(io);

http.listen(Number(process.argv[2]), "127.0.0.1");
