/*
 * Node's Socket.IO servers on a Redis, a PostgreSQL or a MongoDB, and its emitters, for the driver.
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

/**
 * Open connections to PostgreSQL: one for all queries, since two would overtake each other, and
 * one that listens, if somebody does.
 */
function openPostgres(port, { listens }) {
  const { Pool } = require("pg");
  const user = "postgres";
  const max = listens ? 2 : 1;
  const client = new Pool({ host: "127.0.0.1", port, user, database: user, max });
  client.on("error", () => {});
  /** Wait until what was said is published: a row is one query, what names it the next. */
  const flush = async () => {
    for (let i = 0; i < 3; i++) await client.query("SELECT 1");
  };
  const end = async () => {
    await flush();
    await client.end();
  };
  return { client, flush, end };
}

/** What makes the adapters, by the way in which they use their broker. */
const ADAPTERS = {
  pubsub: (pub, sub, options) =>
    require("@socket.io/redis-adapter").createAdapter(pub, sub, options),
  sharded: (pub, sub, options) =>
    require("@socket.io/redis-adapter").createShardedAdapter(pub, sub, options),
  streams: (pub, sub, options) =>
    require("@socket.io/redis-streams-adapter").createAdapter(pub, options),
  mongo: (collection, _, options) =>
    require("@socket.io/mongo-adapter").createAdapter(collection, options),
  postgres: (pool, _, options) =>
    require("@socket.io/postgres-adapter").createAdapter(pool, options),
};

/** Open a collection of MongoDB. */
async function openMongo(port, name) {
  const { MongoClient } = require("mongodb");
  const client = new MongoClient(`mongodb://127.0.0.1:${port}`, { promoteBuffers: true });
  await client.connect();
  const collection = client.db("tests").collection(name);
  const insertOne = collection.insertOne.bind(collection);
  const pending = [];
  collection.insertOne = (document) => {
    const inserted = insertOne(document);
    pending.push(inserted.catch(() => {}));
    return inserted;
  };
  /** Wait until what was said is published. */
  const flush = () => Promise.all(pending.splice(0));
  return { client: collection, flush, end: () => client.close() };
}

/** Open a connection by the library that is named. */
async function open(library, port, { collection, listens = true } = {}) {
  if (library === "mongodb") return openMongo(port, collection);
  return library === "pg" ? openPostgres(port, { listens }) : openRedis(library, port);
}

export function serverOperations({ keep, thing, forget, pack, unpack }) {
  async function serverOpen({ library, port, mode = "pubsub", options: given = {}, server = {} }) {
    const { collection, ...options } = given;
    const { Server } = require("socket.io");
    const pub = await open(library, port, { collection });
    const sub = ["mongo", "postgres"].includes(mode) ? pub : await open(library, port);
    const http = createServer();
    if (options.parser === "json") {
      options.parser = { encode: (it) => Buffer.from(JSON.stringify(it)), decode: JSON.parse };
    }
    const adapter = ADAPTERS[mode](pub.client, sub.client, options);
    const it = new Server(http, { adapter, ...server });
    it.on("connection", (socket) => socket.join(socket.handshake.auth.rooms ?? []));
    await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
    const end = async () => {
      await it.close();
      await pub.end();
      if (sub !== pub) await sub.end();
    };
    const number = keep({ it, end, flush: pub.flush });
    return { number, port: http.address().port };
  }

  /** Start a server that is alone. */
  async function alone(options) {
    const { Server } = require("socket.io");
    const http = createServer();
    const it = new Server(http, options);
    await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
    return { it, port: http.address().port };
  }

  async function aloneOpen({ options: { parser, ...options } }) {
    if (parser === "msgpack") options.parser = require("socket.io-msgpack-parser");
    const { it, port } = await alone(options);
    return { number: keep({ it, end: () => it.close() }), port };
  }

  /** A server that is alone, with an admin namespace. */
  async function adminOpen({ options }) {
    const { instrument } = require("@socket.io/admin-ui");
    const { it, port } = await alone({});
    instrument(it, options);
    return { number: keep({ it, end: () => it.close() }), port };
  }

  async function emitterOpen({ library, port, options: given = {} }) {
    const { collection, ...options } = given;
    const broker = { mongodb: "mongo", pg: "postgres" }[library] ?? "redis";
    const { Emitter } = require(`@socket.io/${broker}-emitter`);
    const { client, flush, end } = await open(library, port, { collection, listens: false });
    const it = broker === "redis" ? new Emitter(client, options) : new Emitter(client, "/", options);
    return { number: keep({ it, end, flush }) };
  }

  async function serverRun({ server, code, args = [] }) {
    const run = new AsyncFunction("it", "args", code);
    const { it, flush } = thing(server);
    const value = await run(it, unpack(args));
    if (flush) await flush();
    return pack(value);
  }

  async function serverClose({ server }) {
    await thing(server).end();
    forget(server);
    return null;
  }

  return {
    admin_open: adminOpen,
    alone_open: aloneOpen,
    emitter_open: emitterOpen,
    server_close: serverClose,
    server_open: serverOpen,
    server_run: serverRun,
  };
}
