/* Draws what the person is told. Every text is a list, one for each language; a slot has one element for each. */
const screen = document.getElementById("screen");
const byId = (id) => document.getElementById(id);
const slots = new Map([...document.querySelectorAll("[data-slot]")].map((slot) => [slot.dataset.slot, slot]));
const NOTICE_MS = 8000;
const SMALLEST = 0.5;
const CLINGS = new Set(["人员", "前", "上"]); // no line begins with these
const FOLLOWING = ["person", "title", "reason", "possible", "what_now", "place", "hint", "gate"];

const segmenter = Intl.Segmenter ? new Intl.Segmenter("zh", { granularity: "word" }) : null;

let present = null;
let drawnText = "";
let clock = null;
let notices = { list: [], shown: 0, since: 0 };
let ring = null;

/* What stands on the screen now; null while the gate is out of order. */
export function presentContent() {
  return present;
}

export function draw(content) {
  present = content;
  screen.dataset.face = content.face;
  screen.dataset.instruction = content.instruction;
  byId("dead").hidden = true;
  byId("told").hidden = false;
  for (const name of FOLLOWING) fill(slots.get(name), content[name]);
  slots.get("title").hidden = false;
  drawPicture(content.picture);
  drawTemperature(content.temperature);
  drawSteps(content.steps);
  drawBanners(content.banners);
  drawBell(content.is_bell_rung);
  byId("answers").hidden = !content.question;
  drawNotices(content);
  drawRing(content.progress);
  keepClock(content.clock);
  fit();
}

/* Nothing that a terminal ever said may stand here. */
export function drawDead() {
  present = null;
  screen.dataset.face = "dead";
  delete screen.dataset.instruction;
  byId("dead").hidden = false;
  byId("told").hidden = true;
  for (const name of FOLLOWING) if (name !== "gate") fill(slots.get(name), null);
  drawPicture("dead");
  drawTemperature(null);
  drawSteps([]);
  drawBanners([]);
  drawRing(null);
  byId("answers").hidden = true;
  byId("notices").hidden = true;
  byId("bell").hidden = true;
  byId("pressed").hidden = true;
  clock = null;
  byId("clock").textContent = "";
  fit();
}

/* Now and then: the clock, the notices in turn. */
export function tick() {
  if (clock) {
    const at = new Date(clock.atMs + (performance.now() - clock.heardAt));
    const words = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
    if (byId("clock").textContent !== words) byId("clock").textContent = words;
  }
  if (present && notices.list.length > 1 && performance.now() - notices.since > NOTICE_MS) {
    notices.shown = (notices.shown + 1) % notices.list.length;
    notices.since = performance.now();
    fill(slots.get("notice"), notices.list[notices.shown]);
    fit();
  }
}

const two = (number) => String(number).padStart(2, "0");

function fill(slot, texts) {
  slot.hidden = !texts;
  [...slot.children].forEach((line, index) => {
    const text = texts && texts[index] ? texts[index] : "";
    if (line.textContent !== text) line.replaceChildren(...inWords(text, line.lang));
    line.hidden = !text;
  });
}

/* Chinese has no spaces: a line may end between words, and not within one. */
function inWords(text, lang) {
  if (!lang.startsWith("zh") || !segmenter) return [text];
  const parts = [...segmenter.segment(text)];
  return parts.flatMap((part, index) => {
    const next = parts[index + 1];
    return next && next.isWordLike && !CLINGS.has(next.segment) ? [part.segment, document.createElement("wbr")] : [part.segment];
  });
}

function drawPicture(name) {
  for (const picture of document.querySelectorAll(".picture")) picture.hidden = picture.dataset.picture !== name;
}

function drawTemperature(texts) {
  byId("temperature").hidden = !texts;
  for (const place of document.querySelectorAll("[data-temperature]"))
    place.textContent = texts ? texts[Number(place.dataset.temperature)] : "";
}

function drawSteps(steps) {
  const list = byId("steps");
  for (const item of list.children) item.hidden = true;
  for (const { step, state } of steps) {
    const item = list.querySelector(`[data-step="${step}"]`);
    if (!item) continue;
    list.append(item);
    item.hidden = false;
    item.dataset.state = state;
    item.querySelector(".mark").textContent = state === "done" ? "✓" : state === "now" ? "▶" : "";
    if (state === "now") item.setAttribute("aria-current", "step");
    else item.removeAttribute("aria-current");
  }
}

function drawBanners(banners) {
  const box = byId("banners");
  const words = JSON.stringify(banners);
  if (box.dataset.words === words) return;
  box.dataset.words = words;
  box.replaceChildren(
    ...banners.map((texts) => {
      const line = document.createElement("p");
      texts.forEach((text, index) => {
        const part = document.createElement("span");
        part.lang = slots.get("title").children[index].lang;
        part.textContent = text;
        line.append(part);
      });
      return line;
    }),
  );
}

function drawBell(isRung) {
  const bell = byId("bell");
  bell.hidden = false;
  bell.dataset.isRung = isRung;
  bell.querySelector(".bell-call").hidden = isRung;
  bell.querySelector(".bell-rung").hidden = !isRung;
}

function drawNotices(content) {
  const isNew = JSON.stringify(content.notices) !== JSON.stringify(notices.list);
  if (isNew) notices = { list: content.notices, shown: 0, since: performance.now() };
  const isShown = content.face === "idle" && notices.list.length > 0;
  byId("notices").hidden = !isShown;
  if (isShown) fill(slots.get("notice"), notices.list[notices.shown]);
}

/* The ring runs on by itself from where it was when the message was written. */
function drawRing(progress) {
  byId("ring").toggleAttribute("hidden", !progress);
  const part = document.querySelector(".ring-part");
  if (!progress) {
    if (ring) ring.cancel();
    ring = null;
    return;
  }
  if (!ring || ring.lasts !== progress.lasts_s) {
    if (ring) ring.cancel();
    const frames = [{ strokeDashoffset: 100 }, { strokeDashoffset: 0 }];
    ring = part.animate(frames, { duration: progress.lasts_s * 1000, fill: "forwards" });
    ring.lasts = progress.lasts_s;
  }
  if (Math.abs(ring.currentTime - progress.elapsed_s * 1000) > 300) ring.currentTime = progress.elapsed_s * 1000;
}

function keepClock(words) {
  // The gate's own wall clock: the offset stands in the words, so the browser's zone does not matter.
  clock = { atMs: Date.parse(words.slice(0, 19) + "Z"), heardAt: performance.now() };
  tick();
}

/* Type as large as the screen allows: it shrinks only as far as it must. */
function fit() {
  const text = `${screen.innerText.length} ${innerWidth} ${innerHeight} ${screen.dataset.face} ${screen.innerText}`;
  if (text === drawnText) return;
  drawnText = text;
  const box = document.querySelector("main");
  const isTooLarge = () =>
    box.scrollHeight > box.clientHeight + 1 ||
    box.scrollWidth > box.clientWidth + 1 ||
    byId("words").scrollHeight > byId("words").clientHeight + 1;
  let scale = 1;
  do {
    screen.style.setProperty("--scale", scale.toFixed(2));
    scale -= 0.04;
  } while (isTooLarge() && scale >= SMALLEST);
}

addEventListener("resize", fit);
