// The person in front of the gate, what the gate asks, and what the guard may do about it. Buttons mean the visit that
// was on the screen when the finger came down; for a moment after a change of person they are deaf.

import { openFind } from "./guard_find.js";
import { give } from "./guard_link.js";
import { openMeasure } from "./guard_measure.js";
import { find, notice, onPress, stepper, tell } from "./guard_parts.js";
import { openVehicle, vehicleLines } from "./guard_vehicle.js";
import { has, make, onLanguage, peopleWords, rebuild, setText, t, word } from "./guard_words.js";

const DEAF_MS = 700;
const BARELY_MS = 1_500;

const MEASURED_AGAIN = ["temperature_high", "temperature_indeterminate"];
const PURPOSES = ["ordinary", "work", "medical", "duty", "fetch", "emergency"];
const KNOWN_BY_GUARD = [
  "no_code",
  "not_a_pass",
  "code_damaged",
  "several_codes",
  "holder_code_missing",
  "holder_code_stale",
  "pass_not_on_directory",
  "clock_not_trusted",
  "scanner_unavailable",
];

let visit = null;
let screen = null;
let waits = false;
let ageS = 0;
let shownAt = 0;
let people = null;
let couldDecideAt = { number: null, at: -Infinity };
let deafUntil = 0;
let pressedFor = null;
let asked = null;
let spoken = "";

export function wirePerson() {
  people = stepper(find("act-people"), (next) => send({ kind: "count_people", people: next }));
  find("act-purpose-choice").addEventListener("change", (event) => {
    const purpose = event.target.value;
    if (purpose) send({ kind: "purpose", purpose });
  });
  onPress(find("act-yes"), () => decide(true));
  onPress(find("act-no"), () => decide(false));
  onPress(find("act-measure"), () => openMeasure(visit?.number ?? null));
  onPress(find("act-identify"), () => openFind(visit?.number ?? null, visit?.reason === "scanner_unavailable" ? "scanner_lost" : null));
  onPress(find("act-mask"), () => send({ kind: "mask", is_worn: visit?.mask_missing === true }));
  onPress(find("danger-yes"), async () => {
    const number = asked;
    closeDanger();
    await send({ kind: "decide", is_confirmed: true }, number);
  });
  onPress(find("act-vehicle"), () => openVehicle(openVisit() === null ? null : visit));
  onPress(find("act-outsider"), () => send({ kind: "outsider" }));
  find("danger-no").addEventListener("click", () => closeDanger());
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && asked !== null) closeDanger();
  });
  // A person may change between finger down and finger up.
  find("actions").addEventListener("pointerdown", () => {
    pressedFor = { number: visit?.number ?? null };
  });
  document.addEventListener("pointerup", () => setTimeout(() => (pressedFor = null), 0));
  document.addEventListener("pointercancel", () => (pressedFor = null));
  onLanguage(draw);
  setInterval(drawLeft, 200);
}

export const presentVisit = () => visit?.number ?? null;
/** A visit that orders can still mean: one whose answer stands on the screen is over. */
export const openVisit = () => (visit && visit.stage !== "closing" ? visit.number : null);

export function showPerson(view) {
  const before = visit?.number ?? null;
  screen = view.screen;
  waits = view.somebody_waits;
  ageS = view.age_s;
  shownAt = performance.now();
  visit = screen?.visit ?? null;
  const now = visit?.number ?? null;
  if (now !== before && now !== null && couldDecideAt.number !== now && shownAt - couldDecideAt.at < BARELY_MS) {
    deafUntil = shownAt + DEAF_MS;
  }
  if (asked !== null && asked !== now) {
    closeDanger();
    notice(t("refusal.stale"), "bad");
  }
  draw();
}

/** The same as a finger on the button, if it is there. */
export function press(id) {
  const button = find(id);
  if (button.hidden || button.closest("[hidden]")) return;
  button.focus();
  button.click();
}

export const stepPeople = (by) => {
  if (!find("act-people").hidden) people.press(by);
};

function meansNumber() {
  return pressedFor ? pressedFor.number : (visit?.number ?? null);
}

async function send(order, number = meansNumber()) {
  if (performance.now() < deafUntil) {
    notice(t("person.new_person"), "bad");
    return;
  }
  tell(await give({ ...order, visit: order.kind === "mask" && openVisit() === null ? null : number }));
}

async function decide(isConfirmed) {
  const number = meansNumber();
  const danger = visit?.stage === "with_guard" ? `danger.${visit.reason}` : "";
  if (isConfirmed && danger && has(danger) && number === visit.number && performance.now() >= deafUntil) {
    asked = number;
    find("danger").hidden = false;
    setText(find("danger-words"), t(danger));
    find("actions").hidden = true;
    find("danger").scrollIntoView({ block: "nearest" });
    find("danger-no").focus({ preventScroll: true });
    return;
  }
  await send({ kind: "decide", is_confirmed: isConfirmed }, number);
}

function closeDanger() {
  asked = null;
  find("danger").hidden = true;
  find("actions").hidden = false;
  if (!find("act-yes").hidden) find("act-yes").focus();
}

// --- what may be done ------------------------------------------------------------------------------------------------

function possible() {
  const isVisiting = visit?.stage === "visiting";
  const isAsked = visit?.stage === "with_guard";
  const isCheck = isVisiting && visit.step === "check" && visit.instruction === "show_card_to_guard";
  const isVehicle = isVisiting && Boolean(visit.vehicle);
  const isKnown = !isVehicle && (visit?.identified_by_guard || Boolean(visit?.pass_kind));
  return {
    decide: isCheck ? "card" : isAsked || isVehicle ? "visit" : null,
    measure: (isVisiting && screen.gate.steps.includes("measure")) || (isAsked && MEASURED_AGAIN.includes(visit.reason)),
    identify: (isVisiting && !isKnown) || (isAsked && KNOWN_BY_GUARD.includes(visit.reason)),
    mask: visit === null || isVisiting || isAsked || visit.stage === "closing",
    people: isVisiting && (!isVehicle || visit.vehicle.declared !== null),
    vehicle: visit === null || isVisiting || visit.stage === "closing",
    outsider: isVehicle && screen.gate.direction === "in" && !visit.vehicle.has_outsider,
    purpose: screen.gate.direction === "out" && (isVisiting || isAsked),
    confirm: visit?.is_confirmable !== false && (!isVehicle || isCheck),
  };
}

function drawActions() {
  const may = possible();
  const yes = may.decide === "card" ? "act.card_right" : "act.let_through_open";
  const no = may.decide === "card" ? "act.card_wrong" : "act.turn_away";
  for (const [id, isThere, key] of [
    ["act-yes", may.decide !== null && may.confirm, yes],
    ["act-no", may.decide !== null, no],
    ["act-mask", may.mask, visit?.mask_missing ? "act.mask_on" : openVisit() === null ? "act.remind_mask" : "act.no_mask"],
  ]) {
    find(id).hidden = !isThere;
    setText(find(id), t(key));
  }
  find("act-measure").hidden = !may.measure;
  find("act-identify").hidden = !may.identify;
  find("act-people").hidden = !may.people;
  find("act-vehicle").hidden = !may.vehicle;
  find("act-outsider").hidden = !may.outsider;
  find("act-vehicle").classList.toggle("lead", Boolean(visit?.vehicle) && visit.vehicle.declared === null);
  if (visit) people.set(visit.vehicle?.declared ?? visit.people);
  find("act-purpose").hidden = !may.purpose;
  if (may.purpose) drawPurposes();
  const isAsked = visit?.stage === "with_guard";
  find("act-measure").classList.toggle("lead", isAsked && MEASURED_AGAIN.includes(visit.reason));
  find("act-identify").classList.toggle("lead", may.identify && KNOWN_BY_GUARD.includes(visit.reason));
  find("act-mask").classList.toggle("lead", visit?.mask_missing === true);
  if (may.decide) couldDecideAt = { number: visit.number, at: performance.now() };
}

function drawPurposes() {
  const choice = find("act-purpose-choice");
  const options = ["", ...PURPOSES].map((purpose) => {
    const option = make("option", "", purpose ? word("purpose", purpose) : t("purpose.none"));
    option.value = purpose;
    return option;
  });
  rebuild(choice, [visit.number, visit.purpose], () => options);
  choice.value = visit.purpose ?? "";
}

// --- what is seen ----------------------------------------------------------------------------------------------------

function asksKey() {
  if (visit.instruction in { show_card_to_guard: 1, put_on_mask: 1 }) return `asks.${visit.instruction}`;
  if (!visit.reason) return null;
  const key = `asks.${visit.reason}`;
  return has(key) ? key : visit.stage === "with_guard" ? "asks.default" : null;
}

function draw() {
  if (!screen) return;
  const person = find("person");
  person.className = visit ? `stage-${visit.stage} outcome-${visit.outcome ?? "none"}` : "stage-nobody";
  const isFree = screen.barrier.is_free;
  const title = visit ? word("instruction", visit.instruction) : isFree ? t("instruction.way_out_is_free") : t(waits ? "person.waits" : "person.nobody");
  setText(find("person-title"), title);
  setText(find("person-stage"), visit ? word("stage", visit.stage) : "");
  find("person-stage").hidden = !visit;
  find("person-who").hidden = !visit;
  const asks = visit ? asksKey() : null;
  const reason = visit?.reason ? word("reason", visit.reason) : "";
  find("person-reason").hidden = !reason;
  setText(find("person-reason"), reason);
  find("person-asks").hidden = visit !== null && !asks;
  setText(find("person-asks"), visit ? (asks ? t(asks) : "") : t(waits ? "person.waits_words" : "person.nobody_words"));
  if (visit) drawWho();
  rebuild(find("person-facts"), [visit, screen.resident.hint, screen.resident.person], facts);
  find("person-facts").hidden = find("person-facts").childElementCount === 0;
  drawActions();
  drawLeft();
  speak(title, reason, asks ? t(asks) : "");
}

function drawWho() {
  const whose = visit.visitor ? t("person.visitor", { number: visit.visitor }) : visit.room;
  setText(find("person-room"), whose ?? t("person.room_unknown"));
  find("person-room").classList.toggle("unknown", !whose);
  find("person-name").hidden = Boolean(visit.visitor);
  setText(find("person-name"), visit.masked_name ?? t("person.name_unknown"));
  find("person-name").classList.toggle("unknown", !visit.masked_name);
  const colour = find("person-colour");
  colour.hidden = !visit.colour;
  colour.className = `colour colour-${visit.colour}`;
  setText(colour.querySelector(".word"), visit.colour ? word("colour", visit.colour) : "");
  const kind = visit.identified_by_guard ? t("person.identified") : visit.pass_kind ? word("kind", visit.pass_kind) : "";
  find("person-kind").hidden = !kind;
  setText(find("person-kind"), kind);
  const isIsolated = Boolean(visit.isolation) && visit.isolation !== "none";
  find("person-isolation").hidden = !isIsolated;
  setText(find("person-isolation"), isIsolated ? word("isolation", visit.isolation) : "");
}

function facts() {
  const lines = [];
  const add = (kind, text) => lines.push(make("li", kind, text));
  if (!visit) return lines;
  for (const each of visit.temperatures) add(`temperature-${each.outcome}`, temperatureWords(each));
  if (visit.vehicle) lines.push(...vehicleLines(visit.vehicle));
  if (visit.people > 1) {
    const of = { person: screen.resident.person, people: visit.people };
    add("plain", visit.stage === "visiting" ? t("person.measuring", of) : peopleWords(visit.people));
  }
  if (visit.mask_missing) add("bad", t("person.mask_missing"));
  for (const each of visit.answered_yes) add("bad", t("person.answered_yes", { question: word("question", each) }));
  if (visit.other_codes > 0) add("plain", t("person.other_codes", { count: visit.other_codes }));
  if (screen.resident.hint && has(`hint.${screen.resident.hint}`)) add("plain", t(`hint.${screen.resident.hint}`));
  return lines;
}

function temperatureWords(each) {
  const value = each.body_c === null ? "" : `${each.body_c.toFixed(1)} ℃ `;
  const outcome = word("temperature", each.outcome);
  const told = each.why ? t("person.because", { what: outcome, why: word("temperature", each.why) }) : outcome;
  const site = word("site", each.site);
  return value + t(each.by_hand ? "person.read_by_hand" : "person.read_at", { told, site });
}

function drawLeft() {
  const left = visit?.left;
  const isRunning = Boolean(left) && ["with_guard", "visiting"].includes(visit.stage);
  find("person-left").hidden = !isRunning;
  if (!isRunning) return;
  const elapsedS = left.elapsed_s + ageS + (performance.now() - shownAt) / 1000;
  const leftS = Math.max(0, left.lasts_s - elapsedS);
  setText(find("person-left-words"), t("person.left", { seconds: Math.ceil(leftS) }));
  find("person-left-bar").value = left.lasts_s > 0 ? leftS / left.lasts_s : 0;
}

/** For a screen reader: once for each change of what matters. */
function speak(title, reason, asks) {
  const who = visit ? [visit.room, visit.masked_name, visit.colour && word("colour", visit.colour)] : [];
  const text = [...who, title, reason, asks].filter(Boolean).join(", ");
  if (text === spoken) return;
  spoken = text;
  setText(find("live"), text);
}
