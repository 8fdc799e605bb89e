/*
 * Node's Socket.IO servers on a Redis, and its emitters, for the driver.
 *
 * A server lets each socket join the rooms that its client names in "auth". What a server or
 * an emitter does is code that comes from the test, with `it` as the server.
 */

import { createServer } from "node:http";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const AsyncFunction = (async () => {}).constructor;

/** Open a connection to Redis: of "redis", which is node-redis, or of "ioredis". */
async function openRedis(library, port) {
  if (library === "ioredis") {
    const { Redis } = require("ioredis");
    const client = new Redis(port, "127.0.0.1");
    client.on("error", () => {});
    return { client, end: () => client.quit() };
  }
  const { createClient } = require("redis");
  const client = createClient({ url: `redis://127.0.0.1:${port}` });
  client.on("error", () => {});
  await client.connect();
  return { client, end: () => client.close() };
}

/** What makes the adapters on Redis, by the way in which they use it. */
const ADAPTERS = {
  pubsub: (pub, sub, options) =>
    require("@socket.io/redis-adapter").createAdapter(pub, sub, options),
  sharded: (pub, sub, options) =>
    require("@socket.io/redis-adapter").createShardedAdapter(pub, sub, options),
};

export function serverOperations({ keep, thing, forget, pack, unpack }) {
  async function serverOpen({ library, port, mode = "pubsub", options = {} }) {
    const { Server } = require("socket.io");
    const pub = await openRedis(library, port);
    const sub = await openRedis(library, port);
    const http = createServer();
    if (options.parser === "json") {
      options.parser = { encode: (it) => Buffer.from(JSON.stringify(it)), decode: JSON.parse };
    }
    const adapter = ADAPTERS[mode](pub.client, sub.client, options);
    const it = new Server(http, { adapter });
    it.on("connection", (socket) => socket.join(socket.handshake.auth.rooms ?? []));
    await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
    const end = async () => {
      await it.close();
      await pub.end();
      await sub.end();
    };
    return { number: keep({ it, end }), port: http.address().port };
  }

  async function emitterOpen({ library, port, options = {} }) {
    const { Emitter } = require("@socket.io/redis-emitter");
    const redis = await openRedis(library, port);
    return { number: keep({ it: new Emitter(redis.client, options), end: redis.end }) };
  }

  async function serverRun({ server, code, args = [] }) {
    const run = new AsyncFunction("it", "args", code);
    return pack(await run(thing(server).it, unpack(args)));
  }

  async function serverClose({ server }) {
    await thing(server).end();
    forget(server);
    return null;
  }

  return {
    emitter_open: emitterOpen,
    server_close: serverClose,
    server_open: serverOpen,
    server_run: serverRun,
  };
}
