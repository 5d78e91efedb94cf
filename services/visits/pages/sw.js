// Keeps today's pages of a team at hand: from the network when there is one, else as they were last seen.
"use strict";
const CACHE = "team-" + new Date().toISOString().slice(0, 10); // yesterday's addresses do not stay on the phone

self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(
  caches.keys().then((names) => Promise.all(names.filter((name) => name !== CACHE).map((name) => caches.delete(name)))).then(() => self.clients.claim()),
));
self.addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  const ours = url.origin === location.origin && /^\/(team|static)\//.test(url.pathname);
  if (event.request.method !== "GET" || !ours) return;
  event.respondWith(fetch(event.request).then(async (answer) => {
    if (answer.ok) (await caches.open(CACHE)).put(event.request, answer.clone());
    return answer;
  }).catch(async () => (await caches.match(event.request)) || Response.error()));
});
