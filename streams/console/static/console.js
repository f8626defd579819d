// What pages do beyond what HTML does by itself: times in the reader's zone, changes as they happen, keys.
// Every page works without this file.
"use strict";

// --- Times in the reader's own zone -------------------------------------------------------------------------------
const zone = new Intl.DateTimeFormat("sv-SE", {
  year: "numeric", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false,
});

function localTimes(root) {
  for (const each of root.querySelectorAll("time[datetime]")) {
    const at = new Date(each.dateTime);
    if (Number.isNaN(at.getTime()) || each.title) continue;
    each.title = each.textContent;
    each.textContent = zone.format(at);
  }
}

// --- Changes as they happen: parts of the page are exchanged for newer ones ------------------------------------------
const applied = new Map();  // part → its HTML as it came
let source = null;

function swap(html) {
  const fresh = new DOMParser().parseFromString(html, "text/html");
  for (const part of fresh.querySelectorAll("[data-part]")) {
    const name = part.dataset.part;
    const now = document.querySelector(`[data-part="${CSS.escape(name)}"]`);
    const text = part.outerHTML;
    if (!now || applied.get(name) === text) continue;
    if (now.contains(document.activeElement) && document.activeElement.matches("input, textarea, select")) continue;
    applied.set(name, text);
    const open = new Set([...now.querySelectorAll("details[open]")].map(nameOf));
    const places = [...now.querySelectorAll(".scroll, .canvas, pre")].map((each) => [each.scrollLeft, each.scrollTop]);
    const focus = now.contains(document.activeElement) ? addressOf(document.activeElement) : null;
    const made = document.adoptNode(part);
    for (const each of made.querySelectorAll("details")) each.open = open.has(nameOf(each));
    now.replaceWith(made);
    [...made.querySelectorAll(".scroll, .canvas, pre")].forEach((each, i) => {
      if (places[i]) [each.scrollLeft, each.scrollTop] = places[i];
    });
    if (focus) [...made.querySelectorAll("a, summary, button")].find((each) => addressOf(each) === focus)?.focus();
    localTimes(made);
  }
  for (const list of fresh.querySelectorAll("[data-list]")) renew(list);
}

// What a list has gained and lost. What is in it stays, as it may hold a form; what comes has none, as it is for everybody.
function renew(fresh) {
  const now = document.querySelector(`[data-list="${CSS.escape(fresh.dataset.list)}"]`);
  if (!now) return;
  const wanted = [...fresh.children];
  for (const each of [...now.children]) {
    if (!wanted.some((other) => other.id === each.id) && !each.contains(document.activeElement)) each.remove();
  }
  for (const each of wanted) {
    if (document.getElementById(each.id)) continue;
    localTimes(now.appendChild(document.adoptNode(each)));
  }
}

function nameOf(details) {
  return details.id || details.querySelector("summary")?.firstChild?.textContent || "";
}

function addressOf(element) {
  return element.getAttribute("href") || element.textContent;
}

function tell(state) {
  const mark = document.querySelector("[data-live-mark]");
  if (!mark) return;
  mark.hidden = false;
  mark.className = `live ${state}`;
  mark.querySelector("span").textContent = state === "stale" ? "not live" : "live";
}

// Browsers have six connections for one address, and a stream takes one: so many windows have one, the others ask.
const STREAMS = 4;
const ASK_MS = 2000;
let following = false, turn = 0, pause = 0, release = null;

async function follow() {
  if (following || document.hidden || !("live" in document.body.dataset)) return;
  following = true;
  const mine = turn;
  const streams = await slot(mine);
  if (mine !== turn) return;  // left meanwhile
  if (streams) listen(); else ask(mine);
}

function leave() {
  following = false;
  turn += 1;
  clearTimeout(pause);
  if (source) source.close();
  if (release) release();
  source = release = null;
}

async function slot(mine) {
  if (!navigator.locks) return true;
  for (let number = 0; number < STREAMS; number += 1) {
    const taken = await new Promise((tell) => {
      navigator.locks.request(`exlify-stream-${number}`, { ifAvailable: true }, (lock) => {
        tell(Boolean(lock));
        return lock && mine === turn ? new Promise((done) => { release = done; }) : undefined;
      });
    });
    if (taken) return true;
  }
  return false;
}

function listen() {
  source = new EventSource(location.pathname + location.search);
  source.addEventListener("open", () => tell("fresh"));
  source.addEventListener("parts", (event) => swap(event.data));
  source.addEventListener("error", () => {
    tell("stale");
    if (source && source.readyState === EventSource.CLOSED) { leave(); setTimeout(follow, 5000); }
  });
}

async function ask(mine) {
  let state = "stale";
  try {
    const answer = await fetch(location.pathname + location.search, { headers: { Accept: "text/html" } });
    const html = answer.ok ? await answer.text() : "";
    if (mine !== turn) return;
    if (html) { swap(html); state = "fresh"; }
  } catch { /* away: it is asked again */ }
  if (mine !== turn) return;
  tell(state);
  pause = setTimeout(() => { leave(); follow(); }, ASK_MS);  // one of the streams may be free by then
}

// A hidden tab needs neither.
document.addEventListener("visibilitychange", () => (document.hidden ? leave() : follow()));
addEventListener("pagehide", leave);
addEventListener("pageshow", follow);

// --- Keys -----------------------------------------------------------------------------------------------------------
let going = false;

function row(by) {
  const rows = [...document.querySelectorAll("[data-row]")];
  if (!rows.length) return;
  const at = rows.findIndex((each) => each.classList.contains("at"));
  const next = rows[Math.min(rows.length - 1, Math.max(0, at < 0 ? (by > 0 ? 0 : rows.length - 1) : at + by))];
  rows.forEach((each) => each.classList.toggle("at", each === next));
  next.querySelector("a")?.focus();
  next.scrollIntoView({ block: "nearest" });
}

function keysAreOff() {
  try { return localStorage.getItem("exlify-keys") === "off"; } catch { return false; }
}

addEventListener("keydown", (event) => {
  const field = event.target.closest?.("input, textarea, select");
  if ((event.ctrlKey || event.metaKey) && event.key === "Enter") {
    const chosen = document.querySelector(".outcome.chosen");
    if (chosen) { event.preventDefault(); chosen.click(); }
    return;
  }
  if (field || event.ctrlKey || event.metaKey || event.altKey || keysAreOff()) return;
  if (going) {
    going = false;
    document.querySelector(`.top nav [data-go="${CSS.escape(event.key)}"]`)?.click();
    return;
  }
  const outcome = document.querySelector(`.outcome[data-key="${CSS.escape(event.key)}"]`);
  const press = document.querySelector(`[data-press="${CSS.escape(event.key)}"]`);
  if (event.key === "/") { event.preventDefault(); document.getElementById("q")?.focus(); }
  else if (event.key === "?") document.getElementById("keys")?.showModal();
  else if (press) { event.preventDefault(); press.click(); }
  else if (outcome) { event.preventDefault(); outcome.focus(); }
  else if (event.key === "g") going = true;
  else if (event.key === "j") row(1);
  else if (event.key === "k") row(-1);
});

// The outcome that has the focus, or had it last, is the one that Ctrl+Enter sends.
addEventListener("focusin", (event) => {
  if (!event.target.matches?.(".outcome")) return;
  for (const each of document.querySelectorAll(".outcome")) each.classList.toggle("chosen", each === event.target);
});

for (const box of document.querySelectorAll("[data-keys-switch]")) {
  box.checked = !keysAreOff();
  box.addEventListener("change", () => {
    try { localStorage.setItem("exlify-keys", box.checked ? "on" : "off"); } catch { /* not kept, then */ }
  });
}

// A form that was sent is not sent again by a second click.
addEventListener("submit", (event) => {
  if (event.target.dataset.sent) event.preventDefault();
  event.target.dataset.sent = "1";
});
addEventListener("pageshow", () => {
  for (const each of document.forms) delete each.dataset.sent;
});

// On a narrow page the navigation scrolls: where one is has to be seen.
document.querySelector(".top nav [aria-current]")?.scrollIntoView({ block: "nearest", inline: "center" });
localTimes(document);
follow();
