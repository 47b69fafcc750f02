// The gate itself: strip, banners, the bell, faults and alarms with what to do, the last passages.

import { give } from "./guard_link.js";
import { find, onPress, open, tell } from "./guard_parts.js";
import { clockTime, has, make, onLanguage, peopleWords, rebuild, setText, span, steps, storage, t, word } from "./guard_words.js";

const BELL_EVERY_MS = 4_000;
const ROOM_SHORT_PERCENT = 80;
const UNTRUSTED = ["saved", "unknown"];

const kept = storage();
const phones = JSON.parse(find("page").dataset.phones);
let screen = null;
let isSignedIn = false;
let hasSound = kept.get("sound") === "on";
let audio = null;
let rangAt = 0;

export function wireState() {
  onPress(find("menu-trouble"), openTrouble);
  onPress(find("menu-passages"), () => open("sheet-passages"));
  onPress(find("sound"), switchSound);
  document.addEventListener("pointerdown", wakeSound);
  document.addEventListener("keydown", wakeSound);
  onLanguage(draw);
  setInterval(ring, 250);
}

export const openTrouble = () => open("sheet-trouble");

export function showState(view) {
  screen = view.screen;
  isSignedIn = view.is_signed_in;
  draw();
}

export async function answerBell() {
  if (screen?.bell_since && isSignedIn) tell(await give({ kind: "answer_bell" }));
}

function draw() {
  drawSound();
  if (!screen) return;
  drawStrip();
  drawBanners();
  drawTrouble();
  drawPassages();
}

// --- strip -----------------------------------------------------------------------------------------------------------

function drawStrip() {
  const { gate, barrier } = screen;
  const lost = new Set(screen.lost.map(({ component }) => component));
  const network = lost.has("link") ? ["network_down", "bad"] : lost.has("centre") ? ["network_no_centre", "warn"] : ["network_up", ""];
  const items = [
    ["network", t(`strip.${network[0]}`), network[1]],
    ["clock", word("strip", `clock_${gate.clock}`), UNTRUSTED.includes(gate.clock) ? "bad" : ""],
    ["directory", directoryWords(gate), gate.directory_version === null ? "bad" : lost.has("directory_refused") ? "warn" : ""],
    ["rules", t("strip.rules_version", { version: gate.rules_version }), ""],
    ["backlog", gate.backlog ? t("strip.backlog_count", { count: gate.backlog }) : t("strip.backlog_none"), ""],
    ["room", t("strip.room_used", { percent: gate.journal_used_percent }), gate.journal_used_percent >= ROOM_SHORT_PERCENT ? "warn" : ""],
  ];
  if (gate.has_barrier) items.push(["barrier", ...barrierWords(barrier, lost)]);
  rebuild(find("strip-items"), items, () =>
    items.map(([name, words, kind]) => {
      const item = make("div", kind);
      item.id = `strip-${name}`;
      item.append(make("dt", "", t(`strip.${name}`)), make("dd", "", words));
      return item;
    }),
  );
}

function directoryWords({ directory_version, directory_age_s }) {
  if (directory_version === null) return t("strip.directory_none");
  const version = directory_version;
  if (directory_age_s === null || directory_age_s < 60) return t("strip.directory_fresh", { version });
  return t("strip.directory_age", { version, age: span(directory_age_s) });
}

/** Never "closed" unless a contact that works says so. */
function barrierWords(barrier, lost) {
  if (barrier.is_free) return [t("strip.barrier_free"), "bad"];
  if (lost.has("contacts") || lost.has("barrier")) return [t("strip.barrier_lost"), "bad"];
  if (barrier.is_released) return [t("strip.barrier_released"), ""];
  if (barrier.is_open === null) return [t("strip.barrier_unknown"), ""];
  return [t(barrier.is_open ? "strip.barrier_open" : "strip.barrier_closed"), barrier.is_open ? "warn" : ""];
}

// --- banners and the bell --------------------------------------------------------------------------------------------

function drawBanners() {
  const isJournalLost = screen.lost.some(({ component }) => component === "journal");
  const banners = [];
  if (screen.bell_since) banners.push(["bell", t("banner.bell", { since: clockTime(screen.bell_since, screen.gate.now) })]);
  if (screen.barrier.is_free) banners.push(["bad", t("banner.way_free")]);
  if (isJournalLost) banners.push(["bad", t("banner.journal")]);
  else if (screen.gate.mode === "guard_only") banners.push(["bad", t("banner.guard_only")]);
  else if (screen.gate.mode === "alone") banners.push(["warn", t("banner.alone")]);
  rebuild(find("banners"), [banners, isSignedIn], () =>
    banners.map(([kind, words]) => {
      const banner = make("div", `banner ${kind}`);
      banner.append(make("p", "", words));
      if (kind === "bell" && isSignedIn) {
        const button = make("button", "act", t("act.answer_bell"));
        button.type = "button";
        button.id = "answer-bell";
        onPress(button, answerBell);
        banner.append(button);
      }
      return banner;
    }),
  );
}

function drawSound() {
  const isBlocked = hasSound && audio?.state !== "running";
  setText(find("sound"), t(hasSound ? (isBlocked ? "sound.blocked_short" : "sound.on") : "sound.off_short"));
  find("sound").title = t(hasSound ? (isBlocked ? "sound.blocked" : "sound.on") : "sound.off");
  find("sound").classList.toggle("warn", !hasSound || isBlocked);
  find("sound").setAttribute("aria-pressed", String(hasSound));
}

function switchSound() {
  hasSound = !hasSound;
  kept.set("sound", hasSound ? "on" : "off");
  wakeSound();
  if (hasSound) beep();
  drawSound();
}

// Browsers give no sound before a person has touched the page.
function wakeSound() {
  if (!hasSound || audio?.state === "running") return;
  audio ??= new AudioContext();
  audio.resume().then(drawSound, drawSound);
}

function ring() {
  if (!hasSound || !screen?.bell_since || audio?.state !== "running") return;
  const now = performance.now();
  if (now - rangAt < BELL_EVERY_MS) return;
  rangAt = now;
  beep();
}

function beep() {
  if (!audio) return;
  for (const [hertz, at] of [
    [880, 0],
    [660, 0.35],
  ]) {
    const tone = audio.createOscillator();
    const loudness = audio.createGain();
    tone.frequency.value = hertz;
    loudness.gain.setValueAtTime(0.25, audio.currentTime + at);
    loudness.gain.exponentialRampToValueAtTime(0.001, audio.currentTime + at + 0.6);
    tone.connect(loudness).connect(audio.destination);
    tone.start(audio.currentTime + at);
    tone.stop(audio.currentTime + at + 0.6);
  }
}

// --- what is wrong ---------------------------------------------------------------------------------------------------

/** Everything that is wrong: alarms first, then parts, also those that no device reports but the screen shows. */
function troubles() {
  const { gate, alarms, lost } = screen;
  const parts = lost.map(({ component, why, since }) => ({ table: "part", code: component, why, since }));
  const has_ = (code) => parts.some((part) => part.code === code);
  if (UNTRUSTED.includes(gate.clock) && !has_("clock")) parts.push({ table: "part", code: "clock", why: "", since: null });
  if (gate.directory_version === null && !has_("directory")) {
    parts.push({ table: "part", code: "directory", why: "", since: null });
  }
  if (gate.journal_used_percent >= ROOM_SHORT_PERCENT && !has_("journal_room")) {
    parts.push({ table: "part", code: "journal_room", why: "", since: null });
  }
  const first = ["journal", "barrier", "contacts"];
  parts.sort((one, other) => Number(first.includes(other.code)) - Number(first.includes(one.code)));
  return [...alarms.map(({ kind, since }) => ({ table: "alarm", code: kind, why: "", since })), ...parts];
}

const textKey = ({ table, code }) => (has(`${table}.${code}.name`) ? `${table}.${code}` : `${table}.unknown`);
const nameOf = (trouble) => t(`${textKey(trouble)}.name`, { code: trouble.code });
const sinceOf = ({ since }) => (since ? t("ui.since", { time: clockTime(since, screen.gate.now) }) : "");

function drawTrouble() {
  const all = troubles();
  const count = find("trouble-count");
  count.hidden = all.length === 0;
  setText(count, t("trouble.count", { count: all.length }));
  find("menu-trouble").classList.toggle("bad", all.length > 0);
  find("trouble-none").hidden = all.length > 0;
  find("side-trouble").hidden = all.length === 0;
  rebuild(find("side-trouble-list"), all, () =>
    all.map((trouble) => {
      const item = make("li", trouble.table);
      const button = make("button", "link-button");
      button.type = "button";
      button.append(make("strong", "", nameOf(trouble)), make("span", "quiet", sinceOf(trouble)));
      button.addEventListener("click", openTrouble);
      item.append(button);
      return item;
    }),
  );
  rebuild(find("trouble-list"), all, () => all.map(troubleCard));
  rebuild(find("trouble-phones"), phones, () =>
    phones.map(([role, number]) => make("p", "phone", `${word("phone", role)}  ${number}`)),
  );
}

function troubleCard(trouble) {
  const key = textKey(trouble);
  const card = make("article", `trouble ${trouble.table}`);
  const top = make("h3", "", nameOf(trouble));
  top.append(make("span", "quiet", sinceOf(trouble)));
  card.append(top);
  if (has(`${key}.means`)) card.append(make("p", "means", t(`${key}.means`)));
  const list = make("ol");
  list.append(...steps(`${key}.steps`).map((step) => make("li", "", step)));
  card.append(list);
  if (has(`${key}.call`)) {
    const call = make("p", "call");
    call.append(make("strong", "", `${t("trouble.call")} `), make("span", "", t(`${key}.call`)));
    card.append(call);
  }
  if (trouble.why) card.append(make("p", "quiet", t("trouble.why", { why: trouble.why })));
  return card;
}

// --- passages --------------------------------------------------------------------------------------------------------

function drawPassages() {
  const shown = screen.passages;
  for (const list of document.querySelectorAll(".passage-list")) {
    rebuild(list, [shown, screen.gate.now.slice(0, 10)], () =>
      shown.length ? shown.map(passageLine) : [make("li", "quiet", t("passages.none"))],
    );
  }
}

function passageLine(passage) {
  const line = make("li", `outcome-${passage.outcome}`);
  line.append(
    make("time", "", clockTime(passage.at, screen.gate.now)),
    ...(passage.room ? [make("strong", "", passage.room)] : []),
    make("span", "result", word("outcome", passage.outcome)),
    make("span", "why", word("reason", passage.reason)),
  );
  if (passage.people > 1) line.append(make("span", "", peopleWords(passage.people)));
  const guard = screen.guards.find((each) => each.guard === passage.guard);
  if (passage.guard) line.append(make("span", "quiet", t("passages.by_guard", { name: guard?.name ?? passage.guard })));
  return line;
}
