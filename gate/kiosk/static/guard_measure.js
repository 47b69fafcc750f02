// A guard's own thermometer: three digits, 30.0 to 45.0; what is wrong is told while it is typed.

import { give } from "./guard_link.js";
import { DIGITS, choice, close, fillPad, find, notice, onPress, open, openedSheet, tell } from "./guard_parts.js";
import { onLanguage, setText, storage, t } from "./guard_words.js";

const LOWEST = 300;
const HIGHEST = 450;
const SITES = ["forehead", "wrist", "ear", "armpit", "mouth"];
const DEVICES = ["infrared", "contact", "mercury"];

const kept = storage();
let visit = null;
let digits = "";
let site = null;
let device = null;

const isShown = () => openedSheet() === "sheet-measure";

export function wireMeasure() {
  fillPad(find("measure-pad"), DIGITS, type);
  site = choice(find("measure-site"), "site", SITES, (code) => kept.set("site", code));
  device = choice(find("measure-device"), "thermometer", DEVICES, (code) => kept.set("device", code));
  site.set(SITES.includes(kept.get("site")) ? kept.get("site") : "forehead");
  device.set(DEVICES.includes(kept.get("device")) ? kept.get("device") : "infrared");
  onPress(find("measure-send"), send);
  document.addEventListener("keydown", (event) => {
    if (!isShown() || event.ctrlKey || event.altKey || event.metaKey) return;
    if (/^[0-9]$/.test(event.key)) type(event.key);
    else if (event.key === "." || event.key === ",") return event.preventDefault();
    else if (event.key === "Backspace") type("del");
    else if (event.key === "Enter" && !event.target.closest("button")) find("measure-send").click();
    else return undefined;
    return event.preventDefault();
  });
  onLanguage(draw);
}

export function openMeasure(number) {
  visit = number;
  digits = "";
  draw();
  open("sheet-measure");
}

/** The person for whom this was opened has gone: nothing typed here may be meant for the next one. */
export function followMeasure(number) {
  if (!isShown() || number === visit) return;
  close();
  notice(t("refusal.stale"), "bad");
}

function type(key) {
  if (key === "del") digits = digits.slice(0, -1);
  else if (key === "clear") digits = "";
  else if (digits.length < 3) digits += key;
  else digits = key;
  draw();
}

function isRight() {
  return digits.length === 3 && Number(digits) >= LOWEST && Number(digits) <= HIGHEST;
}

function draw() {
  const typed = digits.padEnd(3, "–");
  const value = `${typed.slice(0, 2)}.${typed[2]}`;
  setText(find("measure-value"), `${value} ℃`);
  const told = find("measure-told");
  let key = "empty";
  if (digits.length === 3) {
    if (Number(digits) < LOWEST) key = "too_low";
    else if (Number(digits) > HIGHEST) key = "too_high";
    else key = "ready";
  } else if (digits.length > 0 && (digits[0] < "3" || digits[0] > "4" || Number(digits.padEnd(3, "0")) > HIGHEST)) {
    key = digits[0] < "3" ? "too_low" : "too_high";
  }
  told.className = `told ${key.startsWith("too") ? "bad" : ""}`;
  setText(told, t(`measure.${key}`, { value }));
  find("measure-send").setAttribute("aria-disabled", String(!isRight()));
}

async function send() {
  if (!isRight()) return;
  const order = {
    kind: "measure_by_hand",
    visit,
    body_c: Number(digits) / 10,
    site: site.value,
    thermometer: device.value,
  };
  if (tell(await give(order))) close();
}
