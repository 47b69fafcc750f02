// Signing in and taking over: choose a name, type the PIN. One box serves the locked page and the sheet for handing over.

import { give, reconnect } from "./guard_link.js";
import { DIGITS, close, fillPad, find, onClose, onPress, open, tell } from "./guard_parts.js";
import { clockTime, make, onLanguage, rebuild, setText, t } from "./guard_words.js";

const PIN_MIN = 4;
const PIN_MAX = 8;

let chosen = null;
let pin = "";
let waitUntil = 0;
let told = null;
let isSending = false;
let screen = null;

const isSheet = () => !find("sheet-handover").hidden;
const isShown = () => isSheet() || !find("lock").hidden;

export function wireLock() {
  fillPad(find("pin-pad"), DIGITS, type);
  find("pin-form").addEventListener("submit", (event) => {
    event.preventDefault();
    enter();
  });
  onPress(find("handover-open"), () => {
    forget();
    place(find("handover-place"));
    open("sheet-handover");
    draw();
  });
  onClose("sheet-handover", () => {
    forget();
    place(find("lock-place"));
  });
  onPress(find("sign-out"), async () => {
    if (tell(await give({ kind: "sign_out" }), t("lock.signed_out"))) {
      close();
      reconnect();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (!isShown() || !chosen || event.ctrlKey || event.altKey || event.metaKey) return;
    if (/^[0-9]$/.test(event.key)) type(event.key);
    else if (event.key === "Backspace") type("del");
    else if (event.key === "Enter" && !event.target.closest("button")) enter();
    else return;
    event.preventDefault();
  });
  onLanguage(draw);
  setInterval(drawTold, 250);
}

/** What the stream says of duty, guards and of this browser's own session. */
export function showLock(view) {
  screen = view.screen;
  find("lock-waits").hidden = !view.somebody_waits;
  const ended = find("lock-ended");
  const isEnded = view.ended !== null && !view.is_signed_in;
  ended.hidden = !isEnded;
  if (isEnded) setText(ended, t(`lock.${view.ended.why}`, { name: view.ended.name ?? "" }));
  draw();
}

function place(parent) {
  parent.append(find("lock-box"));
}

function draw() {
  if (!screen) return;
  const { duty, guards } = screen;
  if (chosen && !guards.some(({ guard }) => guard === chosen.guard)) forget();
  setText(
    find("lock-present"),
    duty ? t("lock.present", { name: duty.name, since: clockTime(duty.since, screen.gate.now) }) : t("ui.nobody_on_duty"),
  );
  setText(find("lock-choose"), t(guards.length > 0 ? "lock.choose" : "lock.no_guards"));
  rebuild(find("lock-guards"), [guards, chosen?.guard], () =>
    guards.map((guard) => {
      const button = make("button", "act name", guard.name);
      button.type = "button";
      button.setAttribute("aria-pressed", String(guard.guard === chosen?.guard));
      button.addEventListener("click", () => choose(guard));
      return button;
    }),
  );
  find("pin-form").hidden = chosen === null;
  if (!chosen) return;
  const takesOver = duty !== null && duty.guard !== chosen.guard;
  setText(
    find("pin-title"),
    takesOver ? t("lock.take_over", { next: chosen.name, present: duty.name }) : t("lock.pin_of", { name: chosen.name }),
  );
  find("pin-take-over").hidden = !takesOver;
  if (takesOver) setText(find("pin-take-over"), t("lock.take_over_words", { next: chosen.name, present: duty.name }));
  const entering = takesOver ? "lock.take_over_enter" : "lock.enter";
  setText(find("pin-enter"), t(isSending ? "lock.entering" : entering));
  find("pin-enter").setAttribute("aria-disabled", String(isSending || pin.length < PIN_MIN || waitUntil > performance.now()));
  setText(find("pin-dots"), "●".repeat(pin.length) + "○".repeat(Math.max(0, PIN_MIN - pin.length)));
  setText(find("pin-count"), pin ? t("lock.digits_typed", { count: pin.length }) : "");
  drawTold();
}

function choose(guard) {
  chosen = guard;
  pin = "";
  told = null;
  draw();
  find("pin-form").scrollIntoView({ block: "end" });
  find("pin-title").focus({ preventScroll: true }); // so that digits and Enter of a keyboard mean the PIN
}

function forget() {
  chosen = null;
  pin = "";
  told = null;
  draw();
}

function type(key) {
  if (isSending || !chosen) return;
  if (key === "del") pin = pin.slice(0, -1);
  else if (key === "clear") pin = "";
  else if (pin.length < PIN_MAX) pin += key;
  if (waitUntil <= performance.now()) told = null;
  draw();
}

async function enter() {
  if (isSending || !chosen || pin.length < PIN_MIN || waitUntil > performance.now()) return;
  isSending = true;
  draw();
  const answer = await give({ kind: "sign_in", guard: chosen.guard, pin });
  isSending = false;
  pin = "";
  if (answer.is_done) {
    chosen = null;
    told = null;
    if (isSheet()) close();
    reconnect();
    draw();
    return;
  }
  waitUntil = answer.wait_s ? performance.now() + answer.wait_s * 1000 : 0;
  told = answer.why;
  draw();
}

function drawTold() {
  const place_ = find("pin-told");
  place_.hidden = told === null;
  if (told === null || !chosen) return;
  const seconds = Math.ceil((waitUntil - performance.now()) / 1000);
  if (told === "wrong_pin" || told === "wait") {
    if (seconds > 0) setText(place_, t(told === "wait" ? "lock.wait" : "lock.wrong_pin_wait", { seconds }));
    else if (waitUntil > 0) {
      waitUntil = 0;
      told = "over";
      draw();
    } else setText(place_, t("lock.wrong_pin"));
  } else if (told === "over") setText(place_, t("lock.wait_over"));
  else setText(place_, t(`refusal.${told}`));
}

export const isTypingPin = () => isShown() && chosen !== null;

