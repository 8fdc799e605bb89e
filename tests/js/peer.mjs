/*
 * Node's Socket.IO server with the handlers of a peer: tests/support/peers.py says which.
 */

import { createServer } from "node:http";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);

/** What became of sessions and of their sockets, by session id. */
class Fates {
  constructor() {
    this.all = new Map();
  }

  of(sid) {
    if (!this.all.has(sid)) {
      this.all.set(sid, { engine: null, open: 0, sockets: {}, waiters: [] });
    }
    return this.all.get(sid);
  }

  change(sid, change) {
    const fate = this.of(sid);
    change(fate);
    if (fate.engine === null || fate.open > 0) return;
    for (const resolve of fate.waiters.splice(0)) resolve();
  }

  /** Resolves when the session and its sockets have gone. */
  async end(sid) {
    const fate = this.of(sid);
    if (fate.engine === null || fate.open > 0) {
      await new Promise((resolve) => fate.waiters.push(resolve));
    }
    return { engine: fate.engine, sockets: fate.sockets };
  }
}

function refuse(socket, next) {
  const error = new Error("no");
  if ("data" in socket.handshake.auth) error.data = socket.handshake.auth.data;
  next(error);
}

function shown({ url, query, auth, xdomain, secure, address, headers }) {
  const [path, raw] = url.split("?");
  return { path, raw, query, auth, xdomain, secure, address, agent: headers["user-agent"] };
}

function happened(socket, event, values, answer) {
  const handlers = {
    message: () => socket.emit("message-back", ...values),
    "message-with-ack": () => {
      answer?.(...values);
      answer?.(...values);
    },
    ask: () => socket.emit("question", ...values, (...given) => socket.emit("answered", ...given)),
    handshake: () => answer(shown(socket.handshake)),
    join: () => socket.join(values[0]),
    tell: () => socket.nsp.to(values[0]).emit("told", ...values.slice(1)),
    leave: () => socket.disconnect(),
    end: () => socket.disconnect(true),
    kick: () => socket.conn.close(),
  };
  if (Object.hasOwn(handlers, event)) handlers[event]();
  else socket.emit("other", event, ...values);
}

export function peerOperations({ keep, thing, forget }) {
  async function open({ options }) {
    const { Server } = require("socket.io");
    const fates = new Fates();
    const http = createServer((_, response) => response.writeHead(404).end());
    const it = new Server(http, options);
    it.engine.on("connection", (session) => {
      session.on("close", (reason) => fates.change(session.id, (fate) => (fate.engine = reason)));
    });
    const connected = (socket) => {
      const { id } = socket.conn;
      fates.change(id, (fate) => fate.open++);
      socket.on("disconnect", (reason) => {
        fates.change(id, (fate) => {
          fate.open--;
          fate.sockets[socket.nsp.name] = reason;
        });
      });
      socket.emit("auth", socket.handshake.auth);
      socket.onAny((event, ...values) => {
        const answer = typeof values.at(-1) === "function" ? values.pop() : undefined;
        happened(socket, event, values, answer);
      });
    };
    for (const name of ["/", "/custom", /^\/dynamic-\d+$/]) {
      it.of(name).on("connection", connected);
    }
    it.of("/refused").use(refuse);
    await new Promise((resolve) => http.listen(0, "127.0.0.1", resolve));
    return { number: keep({ it, fates }), port: http.address().port };
  }

  async function close({ peer }) {
    await thing(peer).it.close();
    forget(peer);
    return null;
  }

  return {
    peer_open: open,
    peer_fate: ({ peer, sid }) => thing(peer).fates.end(sid),
    peer_close: close,
  };
}
