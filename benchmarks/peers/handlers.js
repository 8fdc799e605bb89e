// The six handlers, for socket.io on Node and Bun, in two namespaces.
module.exports = (io) => {
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
};
