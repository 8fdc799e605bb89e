// Node's socket.io with default options:  node node.js PORT
// The package is found through NODE_PATH.
const { createServer } = require("node:http");
const { Server } = require("socket.io");

const http = createServer();
const io = new Server(http);

io.on("connection", (socket) => {
  socket.on("echo", (payload) => socket.emit("echo", payload));
  socket.on("ack", (payload, done) => done(payload));
  socket.on("bin", (payload) => socket.emit("bin", payload));
  socket.on("broadcast", (payload) => io.emit("broadcast", payload));
  socket.on("join", (room) => socket.join(room));
  socket.on("room", (room, payload) => io.to(room).emit("room", payload));
});

http.listen(Number(process.argv[2]), "127.0.0.1");
