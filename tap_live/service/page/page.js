"use strict";
// Captions in a browser: what is heard becomes turns of speech, and a connection that
// breaks is made again without a gap. Address options: ?theme=dark|light, ?size=1.5,
// ?obs (transparent, the last lines only), ?lines=4 with it.

const TURNS = 300; // kept on the page
const PAUSE_S = 2; // of silence that begins a new turn of the same speaker
const TURN_CHARS = 400; // after which a turn ends with its sentence
const COLOURS = 6;
const FIRST_WAIT_MS = 250, LONGEST_WAIT_MS = 8000;
const CHANNELS = ["caption", "device", "warning", "error"];
const UNAUTHORISED = 4001;

const options = new URLSearchParams(location.search);
const root = document.documentElement;
const list = document.getElementById("captions");
const latest = document.getElementById("latest");
const stored = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
const store = (name, value) => { try { localStorage.setItem(name, value); } catch { /* private window */ } };

// ---- how it looks

const obs = options.has("obs");
const lines = Math.max(1, Number(options.get("lines")) || 3); // with it
let size = Number(options.get("size") ?? stored("size")) || 1;
let theme = options.get("theme") ?? stored("theme") ??
  (matchMedia("(prefers-color-scheme: light)").matches ? "light" : "dark");

function look() {
  root.dataset.theme = obs || theme !== "light" ? "dark" : "light";
  root.style.setProperty("--size", size);
  root.style.setProperty("--lines", lines);
  document.getElementById("theme").textContent = theme === "light" ? "Dark" : "Light";
  follow();
}

function resize(factor) {
  size = Math.min(4, Math.max(0.5, size * factor));
  store("size", size);
  look();
}

document.getElementById("smaller").onclick = () => resize(1 / 1.15);
document.getElementById("larger").onclick = () => resize(1.15);
document.getElementById("theme").onclick = () => {
  theme = theme === "light" ? "dark" : "light";
  store("theme", theme);
  look();
};
if (obs) root.dataset.obs = "";

function status(state, text) {
  document.body.dataset.state = state;
  document.getElementById("status-text").textContent = text;
}

// ---- following the newest line, unless the reader has scrolled up

let following = true;
function follow() {
  if (following) list.scrollTop = list.scrollHeight;
}
list.addEventListener("scroll", () => {
  following = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
  latest.hidden = following;
});
latest.onclick = () => { following = true; follow(); };
addEventListener("resize", follow);

// ---- turns of speech

const colours = new Map();
let turn = null; // the newest: {element, said, speaker, end, chars}
const partials = new Map(); // by caption id

function colour(speaker) {
  if (!colours.has(speaker)) colours.set(speaker, colours.size % COLOURS);
  return colours.get(speaker);
}

function element(tag, kind, text = "") {
  const made = document.createElement(tag);
  made.className = kind;
  made.textContent = text;
  return made;
}

function newTurn(speaker) {
  const made = element("p", speaker === "other" ? "turn other" : "turn");
  const said = element("span", "said");
  if (speaker) {
    if (speaker !== "other") made.style.setProperty("--colour", `var(--s${colour(speaker)})`);
    const name = element("span", "name", speaker);
    obs ? said.append(name) : made.append(name);
  }
  made.append(said);
  list.append(made);
  return { element: made, said, speaker, end: 0, chars: 0 };
}

const textOf = (caption) => caption.words.map((word) => word.text).join("");

function continues(caption) {
  return turn && turn.speaker === caption.speaker && caption.start >= turn.end - 5 &&
    caption.start - turn.end < PAUSE_S &&
    !(turn.chars > TURN_CHARS && /[.?!…。？！]["'”’)]?$/.test(turn.said.lastChild?.textContent.trim() ?? ""));
}

function final(caption) {
  forget(caption.id);
  const text = textOf(caption);
  if (!text.trim()) return;
  document.getElementById("empty")?.remove();
  if (!continues(caption)) turn = newTurn(caption.speaker);
  turn.said.append(element("span", "final", turn.chars ? text : text.trimStart()));
  turn.end = caption.end;
  turn.chars += text.length;
}

function forget(id) {
  const shown = partials.get(id);
  if (!shown) return;
  shown.span.remove();
  if (shown.turn !== turn && !shown.turn.said.querySelector(".final, .partial")) shown.turn.element.remove();
  partials.delete(id);
}

// Partials stand where their finals will: in the newest turn, or in one of their own behind it
function partial(caption) {
  forget(caption.id);
  const text = textOf(caption);
  if (!text.trim()) return;
  document.getElementById("empty")?.remove();
  const own = continues(caption) ? turn : newTurn(caption.speaker);
  const span = element("span", "partial", own.said.childNodes.length ? text : text.trimStart());
  span.setAttribute("aria-hidden", "true"); // read aloud when it is final
  own.said.append(span);
  partials.set(caption.id, { caption, span, turn: own });
}

function caption(event) {
  const others = [...partials.values()].filter((shown) => shown.caption.id !== event.id);
  if (event.state === "partial") return partial(event);
  for (const shown of others) forget(shown.caption.id); // so that the final goes before them
  final(event);
  for (const shown of others) partial(shown.caption);
}

function note(text) {
  list.append(element("p", "note", text));
  turn = null;
}

function tidy() {
  const most = obs ? lines : TURNS;
  for (const old of [...list.querySelectorAll(".turn, .note")].slice(0, -most)) old.remove();
}

// ---- the connection

let stream = null, after = 0, wait = FIRST_WAIT_MS, ended = false;

async function exchangeCode() {
  const code = new URLSearchParams(location.hash.slice(1)).get("code");
  if (!code) return;
  history.replaceState(null, "", location.pathname + location.search); // good once, so not kept
  await fetch("/session", { headers: { Authorization: `Code ${code}` } });
}

async function isLetIn() {
  return (await fetch("/health")).status !== 401;
}

function receive(event, socket) {
  if (event.type === "hello") {
    if (stream !== null && event.stream !== stream) {
      note("The engine was started anew.");
      after = 0;
    }
    stream = event.stream;
    socket.send(JSON.stringify({ type: "subscribe", id: 1, channels: CHANNELS, after, stream }));
  } else if (event.type === "ok") { // what was missed follows; partials come again
    socket.subscribed = true;
    for (const id of [...partials.keys()]) forget(id);
    if (event.result.gone && after) note(`Some captions are missing here: ${event.result.gone}.`);
    wait = FIRST_WAIT_MS;
    ended = false;
    status("live", "Live");
  } else if (socket.subscribed && (event.seq > after || event.type === "bye")) {
    after = Math.max(after, event.seq);
    show(event);
  }
}

function show(event) {
  if (event.type === "caption") caption(event);
  else if (event.type === "device" && event.role === "input")
    status(event.change === "lost" ? "waiting" : "live", event.change === "lost" ? "Microphone gone" : "Live");
  else if (event.type === "warning" && event.code === "captions-behind") note(event.text);
  else if (event.type === "bye") { ended = true; status("ended", "The stream has ended"); }
  tidy();
  follow();
}

function connect() {
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/events`);
  socket.onmessage = (message) => receive(JSON.parse(message.data), socket);
  socket.onclose = async (closed) => {
    if (closed.code === UNAUTHORISED || (!socket.subscribed && await isLetIn().catch(() => true) === false))
      return status("refused", "This link is not valid any more: ask for another");
    if (!ended) status("waiting", "Connection lost, trying again");
    setTimeout(connect, wait * (0.75 + Math.random() / 2));
    wait = Math.min(2 * wait, LONGEST_WAIT_MS);
  };
}

look();
exchangeCode().catch(() => {}).finally(connect);
