// Node's socket.io with default options:  node node.js PORT
// The package is found through NODE_PATH. With SOCKIO_BENCH_DEFLATE it compresses.
const { createServer } = require("node:http");
const { Server } = require("socket.io");

const http = createServer();
const compress = Boolean(process.env.SOCKIO_BENCH_DEFLATE);
const io = new Server(http, compress ? { perMessageDeflate: true } : {});

for (const nsp of [io.of("/"), io.of("/chat")]) {
  nsp.on("connection", (socket) => {
    socket.on("echo", (payload) => socket.emit("echo", payload));
    socket.on("ack", (payload, done) => done(payload));
    socket.on("bin", (payload) => socket.emit("bin", payload));
    socket.on("broadcast", (payload) => nsp.emit("broadcast", payload));
    socket.on("join", (room) => socket.join(room));
    socket.on("room", (room, payload) => nsp.to(room).emit("room", payload));
  });
}

http.listen(Number(process.argv[2]), "127.0.0.1");
