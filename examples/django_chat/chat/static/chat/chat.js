const get = (id) => document.getElementById(id);
const user = document.querySelector("main").dataset.user;
const socket = io();
let quiet;

function show({ id, author, text }) {
  const line = document.createElement("li");
  line.dataset.id = id;
  line.className = author === user ? "mine" : "theirs";
  if (author !== user) {
    line.append(Object.assign(document.createElement("b"), { textContent: author }));
  }
  line.append(text);
  get("messages").append(line);
  line.scrollIntoView();
}

function hint(text, bad = false) {
  get("hint").textContent = text;
  get("hint").classList.toggle("bad", bad);
  clearTimeout(quiet);
  if (!bad) quiet = setTimeout(() => hint("", true), 2000);
}

socket.on("history", (messages) => {
  get("messages").replaceChildren();
  messages.forEach(show);
});
socket.on("said", show);
socket.on("deleted", (id) => document.querySelector(`li[data-id="${id}"]`)?.remove());
socket.on("online", (names) => { get("online").textContent = `online: ${names.join(", ")}`; });
socket.on("typing", (name) => hint(`${name} is typing …`));
socket.on("connect", () => hint("", true));
socket.on("connect_error", ({ message }) => {
  if (message === "log in first") location.assign("/accounts/login/");
  else get("online").textContent = "connecting …";
});
socket.on("disconnect", (reason) => {
  if (reason === "io server disconnect") location.assign("/accounts/login/");
  else get("online").textContent = "connecting …";
});

get("text").addEventListener("input", () => socket.volatile.emit("typing"));
get("write").addEventListener("submit", async (event) => {
  event.preventDefault();
  const text = get("text").value;
  if (!text.trim()) return;
  try {
    const { error } = await socket.timeout(10000).emitWithAck("say", text);
    if (error) hint(error, true);
    else get("text").value = "";
  } catch {
    hint("this may not have arrived", true);
  }
});
