// The emergency release: press, then confirm within 5 s. Works whatever else does not, and tells the truth about it.

import { give } from "./guard_link.js";
import { find, onPress } from "./guard_parts.js";
import { onLanguage, setText, t } from "./guard_words.js";

const CONFIRM_WITHIN_MS = 5_000;
// A key that is held down repeats: its second press must not confirm the first.
const NOT_BEFORE_MS = 400;
const GOOD_NEWS_MS = 8_000;

let armedAt = null;
let told = null;
let toldAt = 0;
let isSending = false;
let lostParts = [];

export function wireEmergency() {
  onPress(find("emergency-press"), arm);
  find("emergency-cancel").addEventListener("click", () => disarm());
  onPress(find("emergency-confirm"), confirm);
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && armedAt !== null) disarm();
  });
  onLanguage(draw);
  setInterval(draw, 200);
  draw();
}

export function arm() {
  armedAt = performance.now();
  told = null;
  draw();
  find("emergency-confirm").focus();
}

/** may: whether this browser may order it at all. lost: names of the parts that are lost. */
export function showEmergency({ may, lost }) {
  find("emergency").hidden = !may;
  find("emergency-not-here").hidden = may;
  lostParts = lost;
}

function disarm(why = null) {
  const hadFocus = find("emergency-armed").contains(document.activeElement);
  armedAt = null;
  told = why;
  toldAt = performance.now();
  draw();
  if (hadFocus) find("emergency-press").focus();
}

async function confirm() {
  if (armedAt === null || isSending || performance.now() - armedAt < NOT_BEFORE_MS) return;
  isSending = true;
  draw();
  const answer = await give({ kind: "emergency" });
  isSending = false;
  if (answer.is_done) disarm(lostParts.includes("barrier") ? "emergency.done_no_barrier" : "emergency.done");
  else if (answer.why === "no_terminal") disarm("emergency.failed");
  else if (answer.why === "no_answer") disarm("emergency.unsure");
  else disarm(`refusal.${answer.why}`);
}

function draw() {
  const leftMs = armedAt === null ? 0 : CONFIRM_WITHIN_MS - (performance.now() - armedAt);
  if (armedAt !== null && leftMs <= 0 && !isSending) {
    disarm("emergency.expired");
    return;
  }
  const isArmed = armedAt !== null;
  document.body.classList.toggle("armed", isArmed);
  find("emergency-armed").hidden = !isArmed;
  find("emergency-press").hidden = isArmed;
  if (isArmed) {
    const seconds = Math.max(1, Math.ceil(leftMs / 1000));
    setText(find("emergency-words"), `${t("emergency.words")} ${t("emergency.seconds", { seconds })}`);
    setText(find("emergency-confirm"), t(isSending ? "emergency.sending" : "emergency.confirm"));
  }
  const place = find("emergency-told");
  // That it worked stands in a banner as well; that it did not is told until the next attempt.
  const isDone = told?.startsWith("emergency.done") === true;
  const isGood = told === "emergency.done" || told === "emergency.expired";
  if (isGood && performance.now() - toldAt > GOOD_NEWS_MS) told = null;
  place.hidden = told === null;
  if (told !== null) {
    place.className = isGood ? "" : "bad";
    setText(place, isDone ? `${t(told)} ${t(whatElse())}` : t(told));
  }
}

/** No more is promised than the gate can do now. */
function whatElse() {
  if (lostParts.includes("journal")) return "emergency.unrecorded";
  return lostParts.some((part) => part === "link" || part === "centre") ? "emergency.centre_away" : "emergency.being_recorded";
}
