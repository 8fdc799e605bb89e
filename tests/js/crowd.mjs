/*
 * A crowd of official clients: what each of them hears of the others.
 *
 *     node crowd.mjs URL '{"clients": 30, "speakers": 6, "words": 10, "transports": [..]}'
 *
 * Commands, one a line on stdin: "speak" lets each speaker say its words, "end" leaves,
 * "break" cuts all connections; with "breaks", each word cuts those of so many clients;
 * "returns" tells for each return how many milliseconds the client was away, and how many
 * clients each process has. On stdout, one JSON object a line: when all are connected, when all words were heard (or
 * none came for "patience" milliseconds), and each disconnect.
 */

import { createInterface } from "node:readline";
import { io } from "socket.io-client";

const url = process.argv[2];
const options = JSON.parse(process.argv[3] ?? "{}");
const { clients = 30, speakers = 6, words = 10, patience = 10000, query = {} } = options;
const { recovers = false, reconnects = true, breaks = 0 } = options;
const { delay = 100, longestDelay = 1000, connecting = 60 } = options;
const transports = options.transports ?? [["polling"], ["websocket"], ["polling", "websocket"]];
const tell = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

const crowd = [];
const errors = {};
let disconnects = 0;
let recovered = 0;
const returns = [];
let lastWord = Date.now();

function count(text) {
  errors[text] = (errors[text] ?? 0) + 1;
}

class Client {
  constructor(number) {
    this.name = `c${number}`;
    // For each speaker, the numbers heard.
    this.heard = new Map();
    this.socket = io(url, {
      forceNew: true,
      transports: transports[number % transports.length],
      auth: { name: this.name },
      reconnection: reconnects,
      reconnectionDelay: delay,
      reconnectionDelayMax: longestDelay,
      rejectUnauthorized: false,
      query,
    });
    this.socket.on("said", (speaker, word) => {
      lastWord = Date.now();
      if (!this.heard.has(speaker)) this.heard.set(speaker, []);
      this.heard.get(speaker).push(word);
    });
    this.socket.on("connect", () => {
      if (this.socket.recovered) recovered += 1;
      if (this.left) returns.push(Date.now() - this.left);
    });
    this.socket.on("disconnect", (reason, details) => {
      disconnects += 1;
      this.left = Date.now();
      const { message = "", context } = details ?? {};
      count(`disconnect: ${reason} ${message} ${context?.status ?? ""}`.trim());
    });
    this.socket.on("connect_error", (error) => {
      const status = error.context?.status ?? error.description;
      count(`connect_error: ${error.message} ${typeof status === "object" ? "" : status}`);
    });
  }

  faults(first, last) {
    const found = { missing: 0, doubled: 0, disordered: 0 };
    for (let number = 0; number < speakers; number += 1) {
      const heard = (this.heard.get(`c${number}`) ?? []).filter((w) => w >= first && w < last);
      const unique = new Set(heard);
      found.missing += last - first - unique.size;
      found.doubled += heard.length - unique.size;
      for (let at = 1; at < heard.length; at += 1) {
        if (heard[at] < heard[at - 1]) found.disordered += 1;
      }
    }
    return found;
  }
}

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const connected = () => crowd.filter((client) => client.socket.connected).length;

let said = 0;

function breakOff(client) {
  if (client.socket.connected) client.socket.io.engine.close();
}

// Break one off that is there, or comes back in time.
async function breakOffAgain(client) {
  for (const end = Date.now() + patience; !client.socket.connected && Date.now() < end;) await sleep(5);
  breakOff(client);
}

function report(what, started, first, last) {
  const total = { missing: 0, doubled: 0, disordered: 0 };
  for (const client of crowd) {
    const faults = client.faults(first, last);
    for (const name of Object.keys(total)) total[name] += faults[name];
  }
  tell({ what, seconds: (Date.now() - started) / 1000, connected: connected(), disconnects, recovered, errors, ...total });
}

async function speak() {
  const started = Date.now();
  const first = said;
  said += words;
  lastWord = Date.now();
  for (let word = first; word < said; word += 1) {
    for (const client of crowd.slice(0, speakers)) client.socket.emit("say", word);
    // Speakers are spared: what they say while they are away would come late.
    for (let cut = 0; cut < breaks; cut += 1) await breakOffAgain(crowd[speakers + ((word * breaks + cut) % (clients - speakers))]);
    await sleep(5);
  }
  for (;;) {
    const complete = crowd.every((client) => client.faults(first, said).missing === 0);
    if (complete || Date.now() - lastWord > patience) break;
    await sleep(20);
  }
  await sleep(300); // what comes twice comes now
  report("spoken", started, first, said);
}

async function tellReturns() {
  const processes = {};
  const present = crowd.filter((client) => client.socket.connected);
  const found = await Promise.allSettled(present.map((client) => client.socket.timeout(20000).emitWithAck("process")));
  for (const { value = "unknown" } of found) processes[value] = (processes[value] ?? 0) + 1;
  tell({ what: "returned", connected: present.length, returns, processes });
}

const started = Date.now();
for (let number = 0; number < clients; number += 1) {
  crowd.push(new Client(number));
  if (number % 20 === 19) await sleep(10);
}
while (connected() < clients && Date.now() - started < connecting * 1000) await sleep(20);
await sleep(options.settle ?? 500); // upgrades
report("connected", started, 0, 0);

for await (const line of createInterface({ input: process.stdin })) {
  if (line === "speak") await speak();
  if (line === "break") crowd.forEach(breakOff);
  if (line === "returns") await tellReturns();
  if (line === "count") report("counted", Date.now(), 0, said);
  if (line === "end") break;
}
for (const client of crowd) client.socket.disconnect();
// It ends with the last request: servers log handshakes of TLS that are broken off.
process.stdin.destroy();
setTimeout(() => process.exit(0), 5000 + 20 * clients).unref();
