// Offline is a normal state: what could not be sent waits on the phone, is shown, and goes out by itself.
// Whether a team may ring is never answered from the phone's memory: without a connection the answer is STOP.
"use strict";
const KEY = "waiting", AGAIN_MILLISECONDS = 15000;
const bar = document.querySelector(".waiting");
const read = () => JSON.parse(localStorage.getItem(KEY) || "[]");
const write = (list) => { localStorage.setItem(KEY, JSON.stringify(list)); show(); };

function show() {
  if (!bar) return;
  const refused = read().find((item) => item.refused);
  const waiting = read().length;
  bar.hidden = !waiting && navigator.onLine;
  bar.textContent = waiting ? bar.dataset.one.replace("#", waiting) : bar.dataset.offline;
  if (!refused) return;
  const link = document.createElement("a");
  link.href = refused.url;
  link.textContent = bar.dataset.refused;
  link.addEventListener("click", () => drop(refused));
  bar.replaceChildren(link);
}

const drop = (item) => write(read().filter((other) => other.id !== item.id));

const post = (url, body) => fetch(url, { method: "POST", body: new URLSearchParams(body), redirect: "follow" });

let sending = false;

async function send() {
  if (sending) return;
  sending = true;
  await sendAll().catch(() => {}).finally(() => { sending = false; });
}

async function sendAll() {
  for (const item of read().filter((one) => !one.refused)) {
    try {
      const answer = await post(item.url, [...item.body, ["waited", (Date.now() - item.since) / 1000]]);
      if (answer.status >= 500) return;
      if (answer.ok) drop(item);
      else write(read().map((other) => (other.id === item.id ? { ...other, refused: true } : other)));
    } catch { return; }
  }
}

function keep(form) {
  write([...read(), { id: crypto.randomUUID(), url: form.action || location.href, since: Date.now(), body: [...new FormData(form)] }]);
  location.href = "/team/" + location.pathname.split("/")[2];
}

function stopHere(form) {
  const verdict = document.createElement("div");
  verdict.className = "verdict stop";
  verdict.setAttribute("role", "alert");
  const word = document.createElement("strong"), text = document.createElement("p");
  word.textContent = form.dataset.word;
  text.textContent = form.dataset.offline;
  verdict.append(word, text);
  document.querySelectorAll(".verdict").forEach((old) => old.remove());
  document.querySelector("main").prepend(verdict);
  verdict.scrollIntoView();
}

document.addEventListener("submit", async (event) => {
  const form = event.target;
  if (!("queue" in form.dataset) && !("live" in form.dataset)) return;
  event.preventDefault();
  try {
    const answer = await post(form.action || location.href, [...new FormData(form)]);
    if (answer.status >= 500) throw new Error(String(answer.status));
    if (answer.redirected) { location.href = answer.url; return; }
    document.open(); document.write(await answer.text()); document.close();
  } catch {
    if ("live" in form.dataset) stopHere(form); else keep(form);
  }
});

document.addEventListener("change", async (event) => {
  const input = event.target;
  if (!input.dataset.evidence || !crypto.subtle) return;
  const found = [];
  for (const file of input.files) {
    const digest = await crypto.subtle.digest("SHA-256", await file.arrayBuffer());
    const kind = { audio: "audio", video: "video", image: "photo" }[file.type.split("/")[0]] || "document";
    const hex = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
    found.push({ kind, digest: hex, taken_at: new Date(file.lastModified).toISOString() });
  }
  document.getElementById(input.dataset.evidence).value = JSON.stringify(found);
});

addEventListener("online", () => { show(); send(); });
addEventListener("offline", show);
setInterval(send, AGAIN_MILLISECONDS); // a phone that believes it is connected is told nothing when the connection comes back
if ("serviceWorker" in navigator && location.pathname.startsWith("/team/")) navigator.serviceWorker.register("/team/sw.js");
show();
send();
