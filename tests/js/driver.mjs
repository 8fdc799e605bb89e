/*
 * The official JavaScript client, driven from Python.
 *
 * One request a line on stdin, {"id", "op", ...}; one answer a line on stdout, {"id", "ok"}
 * or {"id", "error"}. Answers come in any order. The driver prints facts; what they should
 * have been is asserted in Python. It ends when stdin ends.
 *
 * Bytes travel as {"$bytes": base64}, an ack function as {"$ack": number}, undefined as
 * {"$undefined": true}. An ArrayBuffer, {"$arrayBuffer": base64}, and a date, {"$date":
 * milliseconds}, travel this way only.
 */

import { createInterface } from "node:readline";
import { createRequire } from "node:module";

import { peerOperations } from "./peer.mjs";
import { serverOperations } from "./servers.mjs";

const require = createRequire(import.meta.url);

// ---------------------------------------------------------------- values on the pipe

const acks = new Map();
let lastNumber = 0;

function pack(value) {
  if (value === undefined) return { $undefined: true };
  if (typeof value === "function") {
    acks.set(++lastNumber, value);
    return { $ack: lastNumber };
  }
  if (typeof value === "bigint") return Number(value);
  if (value === null || typeof value !== "object") return value;
  if (value instanceof Error) return { message: value.message, data: pack(value.data) };
  if (value instanceof ArrayBuffer) value = new Uint8Array(value);
  if (ArrayBuffer.isView(value)) {
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    return { $bytes: bytes.toString("base64") };
  }
  if (Array.isArray(value)) return value.map(pack);
  if (typeof value.toJSON === "function") return value.toJSON();
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, pack(v)]));
}

function unpack(value) {
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(unpack);
  if ("$bytes" in value) return Buffer.from(value.$bytes, "base64");
  if ("$undefined" in value) return undefined;
  if ("$date" in value) return new Date(value.$date);
  if ("$arrayBuffer" in value) {
    return new Uint8Array(Buffer.from(value.$arrayBuffer, "base64")).buffer;
  }
  return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, unpack(v)]));
}

// ---------------------------------------------------------------- things with a number

const things = new Map();

function keep(thing) {
  things.set(++lastNumber, thing);
  return lastNumber;
}

function thing(number) {
  if (!things.has(number)) throw new Error(`there is no thing number ${number}`);
  return things.get(number);
}

/** What happened to one client, oldest first, and who waits for it. */
class Inbox {
  constructor() {
    this.records = [];
    this.waiters = [];
  }

  add(source, event, args) {
    const record = { source, event, args: args.map(pack) };
    const index = this.waiters.findIndex((waiter) => waiter.wants(record));
    if (index < 0) this.records.push(record);
    else this.waiters.splice(index, 1)[0].resolve(record);
  }

  /** All of that name that have come. */
  take(event) {
    const taken = this.records.filter((record) => record.event === event);
    this.records = this.records.filter((record) => record.event !== event);
    return taken;
  }

  next(event, milliseconds) {
    const wants = (record) =>
      event ? record.event === event : record.source === "socket";
    const index = this.records.findIndex(wants);
    if (index >= 0) return this.records.splice(index, 1)[0];
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.waiters.splice(this.waiters.indexOf(waiter), 1);
        const seen = this.records.map((record) => record.event).join(", ");
        reject(new Error(`nothing came in time; waiting: ${seen || "nothing"}`));
      }, milliseconds);
      const waiter = {
        wants,
        resolve: (record) => {
          clearTimeout(timer);
          resolve(record);
        },
      };
      this.waiters.push(waiter);
    });
  }
}

// ---------------------------------------------------------------- Socket.IO clients

const SOCKET_EVENTS = ["connect", "connect_error", "disconnect"];
const MANAGER_EVENTS = [
  "reconnect",
  "reconnect_attempt",
  "reconnect_error",
  "reconnect_failed",
];

function watch(socket, inbox, version) {
  for (const event of SOCKET_EVENTS) {
    socket.on(event, (...args) => inbox.add("socket", event, plain(event, args)));
  }
  if (version === 2) {
    // No catch-all listener in this version; "error" is its connect_error.
    const deliver = socket.onevent.bind(socket);
    socket.onevent = (packet) => {
      const args = [...(packet.data || [])];
      if (packet.id != null) args.push(socket.ack(packet.id));
      inbox.add("socket", args[0], args.slice(1));
      deliver({ ...packet, id: undefined });
    };
    socket.on("error", (error) => inbox.add("socket", "error", [error]));
    for (const event of MANAGER_EVENTS) {
      socket.on(event, (...args) => inbox.add("manager", event, args));
    }
  } else {
    socket.onAny((event, ...args) => inbox.add("socket", event, args));
    for (const event of MANAGER_EVENTS) {
      socket.io.on(event, (...args) => inbox.add("manager", event, args));
    }
  }
  watchEngine(socket.io, inbox);
}

/** Of a disconnection only the reason is portable; the rest are browser objects. */
function plain(event, args) {
  return event === "disconnect" ? args.slice(0, 1) : args;
}

function watchEngine(manager, inbox) {
  const attach = () => {
    const engine = manager.engine;
    if (!engine || engine.watched) return;
    engine.watched = true;
    engine.on("upgrade", (transport) => inbox.add("engine", "upgrade", [transport.name]));
    engine.on("close", (reason, details) => {
      inbox.add("engine", "close", [reason]);
      const frame = details?.context;
      inbox.add("engine", "close_frame", [frame?.code ?? null, frame?.reason ?? null]);
    });
  };
  attach();
  manager.on("open", attach);
}

function connect({ url, options = {}, version = 4, parser }) {
  const { io } = loadClient(version);
  const opts = { forceNew: true, reconnection: false, ...unpack(options) };
  if (parser !== "json") opts.parser = loadParser(parser);
  const socket = io(url, opts);
  const inbox = new Inbox();
  watch(socket, inbox, version);
  return keep({ socket, inbox, version });
}

/** The newest client is number 4; the others are installed under their version. */
function loadClient(version) {
  const name = version === 4 ? "socket.io-client" : `socket.io-client-${version}`;
  const client = require(name);
  return { io: client.io || client };
}

/** The MessagePack parser, or the one that a CommonJS module exports, given its text. */
function loadParser(parser) {
  if (parser === "msgpack") return require("socket.io-msgpack-parser");
  const module = { exports: {} };
  new Function("require", "module", parser)(require, module);
  return module.exports;
}

/** A second namespace over the same connection. */
function namespace({ of, name, auth }) {
  const { socket: first, version } = thing(of);
  // Version 2 sends a query string where others send "auth".
  const sent = version === 2 ? { query: auth } : { auth: unpack(auth) };
  const socket = first.io.socket(name, sent);
  const inbox = new Inbox();
  watch(socket, inbox, version);
  return keep({ socket, inbox, version });
}

function emit({ client, event, args = [], volatile = false }) {
  const { socket } = thing(client);
  (volatile ? socket.volatile : socket).emit(event, ...unpack(args));
  return null;
}

function emitWithAck({ client, event, args = [], milliseconds }) {
  const { socket } = thing(client);
  return new Promise((resolve, reject) => {
    const late = () => reject(new Error(`no ack of ${event}`));
    const timer = setTimeout(late, milliseconds);
    socket.emit(event, ...unpack(args), (...answer) => {
      clearTimeout(timer);
      resolve(answer.map(pack));
    });
  });
}

function ack({ number, args = [] }) {
  const answer = acks.get(number);
  acks.delete(number);
  answer(...unpack(args));
  return null;
}

function state({ client }) {
  const { socket } = thing(client);
  const engine = socket.io.engine;
  return {
    connected: socket.connected,
    id: socket.id ?? null,
    recovered: socket.recovered ?? null,
    active: socket.active ?? null,
    transport: engine?.transport?.name ?? null,
    subprotocol: engine?.transport?.ws?.protocol ?? null,
    engine: engine?.readyState ?? null,
  };
}

/** End the TCP connection under a client without a word, as a dead network does. */
function cut({ client }) {
  const { transport } = thing(client).socket.io.engine;
  if (transport.name === "websocket") transport.ws.terminate();
  else transport.onError("cut", new Error("cut"));
  return null;
}

function disconnect({ client }) {
  thing(client).socket.disconnect();
  return null;
}

function reopen({ client }) {
  thing(client).socket.connect();
  return null;
}

function close({ client }) {
  const { socket } = thing(client);
  things.delete(client);
  socket.io.reconnection?.(false);
  socket.disconnect();
  socket.io.engine?.close();
  return null;
}

// ---------------------------------------------------------------- Node's codecs

function codec({ name, direction, items }) {
  const results = items.map(async (item) => {
    try {
      return { ok: pack(await CODECS[name][direction](unpack(item))) };
    } catch (error) {
      return { error: error.message };
    }
  });
  return Promise.all(results);
}

function socketCodec({ Encoder, Decoder }) {
  return {
    encode: (packet) => new Encoder().encode(packet),
    decode: (frames) => {
      const decoder = new Decoder();
      const packets = [];
      decoder.on("decoded", (packet) => packets.push(packet));
      for (const frame of frames) decoder.add(frame);
      return packets;
    },
  };
}

const engineCodec = {
  encode: (packets) => {
    let payload;
    require("engine.io-parser").encodePayload(packets, (encoded) => (payload = encoded));
    return payload;
  },
  decode: (payload) => require("engine.io-parser").decodePayload(payload, "nodebuffer"),
};

/** Engine.IO protocol 3; with bytes in it, a payload is bytes. */
const engine3Codec = {
  get parser() {
    return createRequire(require.resolve("socket.io-client-2"))("engine.io-parser");
  },
  encode({ packets, binary }) {
    let payload;
    this.parser.encodePayload(packets, binary, (encoded) => (payload = encoded));
    return payload;
  },
  decode(payload) {
    const packets = [];
    this.parser.decodePayload(payload, "nodebuffer", (packet) => void packets.push(packet));
    return packets;
  },
};

/** The framing of a WebTransport stream; a list of chunks, and what is in them. */
const streamCodec = {
  encode: (packets) => through(require("engine.io-parser").createPacketEncoderStream(), packets),
  decode: ({ chunks, limit }) =>
    through(require("engine.io-parser").createPacketDecoderStream(limit, "nodebuffer"), chunks),
};

async function through({ readable, writable }, items) {
  const writer = writable.getWriter();
  const written = Promise.all([...items.map((item) => writer.write(item)), writer.close()]);
  const results = [];
  for await (const result of readable) results.push(result);
  await written;
  return results;
}

/** What a Sec-WebSocket-Protocol header offers. */
const subprotocolsCodec = {
  decode: (header) => [...require("ws").subprotocol.parse(header)],
};

const CODECS = {
  get json() {
    return socketCodec(require("socket.io-parser"));
  },
  get msgpack() {
    return socketCodec(require("socket.io-msgpack-parser"));
  },
  get engine() {
    return engineCodec;
  },
  get engine3() {
    return engine3Codec;
  },
  get stream() {
    return streamCodec;
  },
  get subprotocols() {
    return subprotocolsCodec;
  },
};

// ---------------------------------------------------------------- a browser

let browser = null;

async function browserOpen({ url, program }) {
  if (!browser) {
    const { default: puppeteer } = await import("puppeteer-core");
    const args = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
    // Pages that want fonts from elsewhere do not wait for a network.
    args.push("--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1");
    browser = await puppeteer.launch({ executablePath: program, headless: true, args });
  }
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  const log = [];
  page.on("console", (message) => log.push(message.text()));
  page.on("pageerror", (error) => log.push(`error: ${error.message}`));
  if (url) await page.goto(url);
  return keep({ page, context, log });
}

async function browserRun({ page, code }) {
  return pack(await thing(page).page.evaluate(code));
}

async function browserGoto({ page, url }) {
  const response = await thing(page).page.goto(url);
  return response?.status() ?? null;
}

async function browserScript({ page, url, path }) {
  await thing(page).page.addScriptTag(url ? { url } : { path });
  return null;
}

function browserLog({ page }) {
  return thing(page).log.splice(0);
}

async function browserClose({ page }) {
  await thing(page).context.close();
  things.delete(page);
  return null;
}

// ---------------------------------------------------------------- the loop

const forget = (number) => things.delete(number);

const operations = {
  ...peerOperations({ keep, thing, forget }),
  ...serverOperations({ keep, thing, forget, pack, unpack }),
  ack,
  browser_close: browserClose,
  browser_goto: browserGoto,
  browser_log: browserLog,
  browser_open: browserOpen,
  browser_run: browserRun,
  browser_script: browserScript,
  close,
  codec,
  connect,
  cut,
  disconnect,
  emit,
  emit_with_ack: emitWithAck,
  namespace,
  next_event: ({ client, event, milliseconds }) =>
    thing(client).inbox.next(event, milliseconds),
  reopen,
  state,
  take_events: ({ client, event }) => thing(client).inbox.take(event),
};

function answer(fields) {
  process.stdout.write(JSON.stringify(fields) + "\n");
}

async function handle(line) {
  const request = JSON.parse(line);
  try {
    answer({ id: request.id, ok: (await operations[request.op](request)) ?? null });
  } catch (error) {
    answer({ id: request.id, error: error.message });
  }
}

const lines = createInterface({ input: process.stdin });
lines.on("line", handle);
lines.on("close", async () => {
  await browser?.close();
  process.exit(0);
});
