// The live page: appends passages, replaces gates, and says loudly when nothing is heard.
// Rows and cards come as HTML that the centre has rendered and escaped; they are parsed inertly and put in place.

const SILENT_AFTER_MS = 10_000;
const ROWS_MAX = 200;
const RECONNECT_MS = 3_000;
const NOTICES_EVERY_MS = 20_000;

const page = document.body.dataset;
const find = (id) => document.getElementById(id);
let lastHeard = performance.now();
let lastId = new URL(page.stream, location.href).searchParams.get("after") ?? "0";
let source = null;
let notices = null;

function parsed(html) {
  const template = document.createElement("template");
  template.innerHTML = html.trim();
  return template.content.firstElementChild;
}

function showPassages({ rows }) {
  const list = find("passages");
  for (const { id, html } of rows) {
    const row = parsed(html);
    const shown = find(`passage-${id}`);
    if (shown) {
      shown.replaceWith(row);
    } else if (page.appends === "yes" && id > Number(list.lastElementChild?.dataset.id ?? 0)) {
      row.classList.add("fresh");
      const before = [...list.children].find((other) => Number(other.dataset.id) < id);
      list.insertBefore(row, before ?? null);
    }
  }
  while (list.children.length > ROWS_MAX) list.lastElementChild.remove();
  find("no-passages").hidden = list.children.length > 0;
}

function showGates({ gates }) {
  const list = find("gates");
  for (const { device, html } of gates) {
    const card = parsed(html);
    const shown = find(`gate-${device}`);
    if (shown) {
      shown.replaceWith(card);
    } else {
      list.append(card);
    }
  }
  find("no-gates").hidden = list.children.length > 0;
}

function showTrouble(words) {
  const banner = find("trouble");
  if (banner.textContent !== words) banner.textContent = words;
  banner.hidden = words === "";
}

function heard(event) {
  lastHeard = performance.now();
  if (event.lastEventId) lastId = event.lastEventId;
  find("stale").hidden = true;
  const link = find("link");
  if (!link.classList.contains("connected")) {
    link.className = "link connected";
    link.textContent = page.connected;
  }
}

function watchSilence() {
  const silentMs = performance.now() - lastHeard;
  if (silentMs < SILENT_AFTER_MS) return;
  const words = find("stale-words");
  // The number stands in the text but is announced once: a screen reader must not count seconds.
  words.textContent = page.stale.replace("{seconds}", String(Math.floor(silentMs / 1000)));
  find("stale").hidden = false;
  lost();
}

function lost() {
  const link = find("link");
  link.className = "link connecting";
  link.textContent = page.connecting;
}

function connect() {
  const address = new URL(page.stream, location.href);
  address.searchParams.set("after", lastId);
  source = new EventSource(address);
  const on = (name, act) =>
    source.addEventListener(name, (event) => {
      heard(event);
      act(JSON.parse(event.data));
    });
  on("passages", showPassages);
  on("gates", showGates);
  on("beat", ({ bus, ingest }) => showTrouble(ingest ? (bus ? "" : page.noBus) : page.noIngest));
  on("skipped", ({ count }) => {
    find("more").textContent = page.more.replace("{count}", String(count));
    find("more").hidden = false;
  });
  on("bye", () => {
    source.close();
    showTrouble(page.signedOut);
    location.assign("/signin");
  });
  source.addEventListener("error", () => {
    lost();
    // The browser resumes by itself unless the centre answered with an error: then we try again, or sign in.
    if (source.readyState === EventSource.CLOSED) setTimeout(again, RECONNECT_MS);
  });
}

async function again() {
  try {
    const answer = await fetch("/api/gates", { credentials: "same-origin" });
    if (answer.status === 401) {
      location.assign("/signin");
      return;
    }
  } catch {
    // The centre is away: the banner says so, and the next attempt follows.
  }
  connect();
}

async function lookForNotices() {
  try {
    const answer = await fetch("/notices", { credentials: "same-origin", redirect: "manual" });
    if (!answer.ok) return;
    const html = await answer.text();
    // Put in place only when it says something new: a screen reader announces it each time.
    if (html !== notices) find("notices").innerHTML = html;
    notices = html;
  } catch {
    // The centre is away: the banner says so.
  }
}

setInterval(watchSilence, 1_000);
setInterval(lookForNotices, NOTICES_EVERY_MS);
connect();
