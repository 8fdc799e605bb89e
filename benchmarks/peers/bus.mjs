// A server of Node on a bus: prints its port, and says as many events as it is told.
//
// node bus.mjs '{"mode": "pubsub", "library": "redis", "port": 6379, "options": {}}'

import { createInterface } from "node:readline";
import { setImmediate } from "node:timers/promises";

import { serverOperations } from "../../tests/js/servers.mjs";

const TEXT = "x".repeat(100);
let server;
const { server_open: open } = serverOperations({ keep: (it) => (server = it) });
const { port } = await open(JSON.parse(process.argv[2]));
console.log(port);
for await (const line of createInterface(process.stdin)) {
  const [first, last] = line.split(" ").map(Number);
  for (let n = first; n < last; n++) {
    server.it.emit("n", n, TEXT);
    if (n % 20 === 19) await setImmediate();
  }
}
