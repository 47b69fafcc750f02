// A vehicle: its plate, typed or touched, and how many sit in it; said again, it corrects both.

import { give } from "./guard_link.js";
import { choice, close, fillPad, find, notice, onPress, open, openedSheet, stepper, tell } from "./guard_parts.js";
import { make, onLanguage, setText, t, word } from "./guard_words.js";

const PROVINCES = [..."京津沪渝冀晋蒙辽吉黑苏浙皖闽赣鲁豫鄂湘粤桂琼川贵云藏陕甘青宁新"];
const SIGNS = [..."1234567890ABCDEFGHJKLMNPQRSTUVWXYZ警学港澳挂使"];
const PLATE_MIN = 7;

let visit = null;
let people = null;
let pass = null;
let told = null;
let padOf = null;

const isShown = () => openedSheet() === "sheet-vehicle";
const plate = () => find("vehicle-plate");

export function wireVehicle() {
  people = stepper(find("vehicle-people"), (next) => {
    people.set(next);
    draw();
  });
  pass = choice(find("vehicle-pass"), "vehicle", ["with_pass", "no_pass"], draw);
  plate().addEventListener("input", draw);
  find("vehicle-form").addEventListener("submit", (event) => event.preventDefault());
  find("vehicle-form").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target === plate()) find("vehicle-send").click();
  });
  onPress(find("vehicle-send"), send);
  onLanguage(draw);
}

/** shown: the visit that is meant, null when nobody is at the gate. */
export function openVehicle(shown) {
  visit = shown?.number ?? null;
  told = null;
  plate().value = "";
  people.set(shown?.vehicle?.declared ?? 1);
  pass.set("with_pass");
  draw();
  open("sheet-vehicle", plate());
}

/** A driver may show the pass while the guard still types; another visit than that is another vehicle. */
export function followVehicle(number) {
  if (!isShown() || number === visit) return;
  if (visit === null || number === null) {
    visit = number;
    return;
  }
  close();
  notice(t("refusal.stale"), "bad");
}

function type(key) {
  const field = plate();
  if (key === "clear") field.value = "";
  else if (key === "del") field.value = [...field.value].slice(0, -1).join("");
  else if (field.value.length < field.maxLength) field.value += key;
  told = null;
  draw();
  field.focus();
}

/** Provinces first, then letters and digits, as a plate has them. */
function drawPad() {
  const keys = plate().value.trim() === "" ? PROVINCES : SIGNS;
  if (padOf === keys) return;
  padOf = keys;
  fillPad(find("vehicle-pad"), [...keys, "clear", "del"], type);
}

const isLongEnough = () => [...plate().value.replace(/[\s·.-]/g, "")].length >= PLATE_MIN;

function draw() {
  drawPad();
  const key = told ?? (isLongEnough() ? "ready" : "empty");
  find("vehicle-told").className = `told ${told ? "bad" : ""}`;
  setText(find("vehicle-told"), t(`vehicle.${key}`));
  find("vehicle-send").setAttribute("aria-disabled", String(!isLongEnough()));
}

async function send() {
  const order = { kind: "vehicle", visit, plate: plate().value, people: people.value, has_pass: pass.value !== "no_pass" };
  const answer = await give(order);
  if (answer.why === "invalid") {
    told = "wrong_plate";
    draw();
    plate().focus();
  } else if (tell(answer)) close();
}

/** What is known of a vehicle, as lines for the person's facts. */
export function vehicleLines(vehicle) {
  const lines = [];
  const add = (kind, text) => lines.push(make("li", kind, text));
  const isRight = ["own", "unread", "no_pass"].includes(vehicle.plate_match);
  const match = word("plate_match", vehicle.plate_match);
  add(isRight ? "plain" : "bad", vehicle.plate ? t("vehicle.plate_is", { plate: vehicle.plate, match }) : match);
  if (vehicle.has_outsider) add("bad", t("vehicle.has_outsider"));
  if (vehicle.declared !== null) {
    const counts = { checked: vehicle.occupants.length, declared: vehicle.declared };
    add(counts.checked > counts.declared ? "bad" : "plain", t("vehicle.checked", counts));
  }
  vehicle.occupants.forEach((each, index) => {
    const parts = [each.room, each.masked_name, each.colour && word("colour", each.colour)];
    if (each.isolation && each.isolation !== "none") parts.push(word("isolation", each.isolation));
    if (each.identified_by_guard) parts.push(t("person.identified"));
    if (each.is_refused) parts.push(t("vehicle.refused"));
    const who = parts.filter(Boolean).join(" ") || t("person.name_unknown");
    add(each.is_refused ? "bad" : "plain", `${index + 1}. ${who}`);
  });
  return lines;
}
