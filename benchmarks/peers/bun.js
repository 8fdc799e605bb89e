// socket.io on Bun's own HTTP server, with default options:  bun bun.js PORT
// The packages are found through NODE_PATH.
const { Server: Engine } = require("@socket.io/bun-engine");
const { Server } = require("socket.io");

const io = new Server();
const engine = new Engine({ path: "/socket.io/" });
io.bind(engine);

require("./handlers.js")(io);

Bun.serve({ port: Number(process.argv[2]), hostname: "127.0.0.1", ...engine.handler() });
