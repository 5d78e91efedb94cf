// Draws the charts that the page brings as data, and fetches the page again while somebody looks at it.
// Everything is readable without it.
"use strict";

const drawing = document.currentScript.dataset.plotly;
let library;

function load() {
  library ??= new Promise((resolve, reject) => {
    const script = document.createElement("script");
    script.src = drawing;
    script.onload = resolve;
    script.onerror = reject;
    document.head.append(script);
  });
  return library;
}

// "var(--ink)" in a figure becomes the colour that the style sheet gives at this moment, light or dark.
function coloured(value, style) {
  if (typeof value === "string" && value.startsWith("var(")) return style.getPropertyValue(value.slice(4, -1)).trim();
  if (Array.isArray(value)) return value.map((part) => coloured(part, style));
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, part]) => [name, coloured(part, style)]));
  }
  return value;
}

async function draw() {
  const figures = [...document.querySelectorAll("script[data-chart]")];
  if (!figures.length) return;
  try {
    await load();
  } catch {
    document.documentElement.classList.add("no-charts");
    return;
  }
  const style = getComputedStyle(document.documentElement);
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  for (const source of figures) {
    const place = document.getElementById(source.dataset.chart);
    const figure = coloured(JSON.parse(source.textContent), style);
    place.style.minHeight = `${figure.layout.height}px`;
    if (getComputedStyle(place).display === "none" && place.classList.contains("wide-only") && innerWidth <= 560) continue;
    place.style.display = "block";
    await Plotly.react(place, figure.data, figure.layout, { displayModeBar: false, responsive: true, staticPlot: still });
  }
}

function busy() {
  const at = document.activeElement;
  const selecting = getSelection() && String(getSelection());
  const inside = at && at !== document.body && document.getElementById("live")?.contains(at);
  return document.hidden || selecting || inside || document.querySelector("#live details[open]");
}

async function refresh() {
  const live = document.getElementById("live");
  const every = Number(live?.dataset.refresh);
  if (!every) return;
  setTimeout(refresh, every * 1000);
  if (busy()) return;
  try {
    const answer = await fetch(location.href, { headers: { accept: "text/html" } });
    if (!answer.ok) throw new Error(answer.status);
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const fresh = page.getElementById("live");
    if (!fresh || busy()) return;
    const kept = new Map([...live.querySelectorAll(".chart")].map((chart) => [chart.id, chart]));
    for (const chart of fresh.querySelectorAll(".chart")) if (kept.has(chart.id)) chart.replaceWith(kept.get(chart.id));
    live.replaceChildren(...fresh.childNodes);
    await draw();
  } catch {
    live.querySelector(".lost")?.removeAttribute("hidden");
  }
}

// On a phone the places scroll sideways; show the one we are at.
document.querySelector(".rail [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
draw();
setTimeout(refresh, Number(document.getElementById("live")?.dataset.refresh || 0) * 1000 || 10000);
