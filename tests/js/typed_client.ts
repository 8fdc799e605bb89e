// Compiled by the tests with the maps that `python -m sockio schema` writes.

import { io, Socket } from "socket.io-client";
import type {
  AdminClientToServerEvents,
  AdminServerToClientEvents,
  ClientToServerEvents,
  EventError,
  Node,
  RoomDClientToServerEvents,
  ServerToClientEvents,
} from "./events.js";

const socket: Socket<ServerToClientEvents, ClientToServerEvents> = io();
const admin: Socket<AdminServerToClientEvents, AdminClientToServerEvents> = io("/admin");
const room: Socket<{}, RoomDClientToServerEvents> = io("/room-1");

socket.emit("say", "hello", (answer) => {
  const told: boolean | EventError = answer;
});
socket.emit("say", "hello", 3, (answer) => {});
// @ts-expect-error the first argument is text
socket.emit("say", 3, () => {});
// @ts-expect-error there is no such event
socket.emit("shout", "hello");

async function ask(): Promise<string> {
  const said = await socket.emitWithAck("asked", "really?");
  if (typeof said !== "boolean") {
    return said.error.path ?? said.error.message;
  }
  // @ts-expect-error it is no text
  const wrong: string = said;
  const count: number | EventError = await socket.emitWithAck("tell", "a", "b");
  return String(count);
}

const tree: Node = { color: "red", nodes: [{ color: "blue", picture: new Uint8Array(1) }] };
socket.emit("first", { type: "cat", livesLeft: 3 }, tree);
socket.emit("first", { type: "dog", tricks: ["sit"] }, tree);
// @ts-expect-error a dog has tricks
socket.emit("first", { type: "dog" }, tree);
// @ts-expect-error there is no such colour
socket.emit("first", { type: "cat" }, { color: "green" });
socket.emit("later", { a: [1] }, [1, 2], (answer, answer1) => {
  const bytes: ArrayBuffer | ArrayBufferView = answer1;
});
socket.emit("later", { a: [1] }, null, () => {});
socket.emit("imported", Symbol(), new Date(), (anything) => {});
socket.emit("more", { name: "ann" });
socket.emit("more", {}, (error) => error?.error.message);
socket.emit("bare", 1, "two", () => {});

socket.on("joined", (name, profile) => {
  const born: string | undefined = profile.born;
});
socket.on("moved", ([x, y], way) => {
  const how: "up" | "down" = way;
});
socket.on("how-many", (where, ack) => {
  ack(where[0]);
  // @ts-expect-error the answer is a number
  ack("many");
});
// @ts-expect-error there is no such event
socket.on("left", () => {});

admin.emit("ban", "ann", 3, (answer) => {
  const none: string | null | EventError = answer;
});
admin.on("admin:alarm", (text, ...places) => {
  const where: [number, number][] = places;
});
room.emit("leave", "tired");
// @ts-expect-error it says why
room.emit("leave", 5);
void ask;
