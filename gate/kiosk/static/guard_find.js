// Find a person: by building, unit and room, or by the number of a pass; then why, then "this is the person".

import { give } from "./guard_link.js";
import { choice, close, fillPad, find, notice, onPress, open, openedSheet, tell } from "./guard_parts.js";
import { make, onLanguage, setText, t, word, wordAll } from "./guard_words.js";

const ROOM_KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "a", "b", "c", "-", "del"];
const PASS_KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "a", "b", "c", "d", "e", "f", "clear", "del"];
const WHYS = ["forgotten_card", "no_phone", "card_unreadable", "scanner_lost"];
const ROOM_FIELDS = ["find-building", "find-unit", "find-room"];
const PASS_LENGTH = 16;

let visit = null;
let present = null;
let by = null;
let why = null;
let results = [];
let hasMore = false;
let chosen = null;
let told = null;
let typingIn = null;

export function wireFind() {
  by = choice(find("find-by"), "find", ["by_room", "by_pass"], showFields);
  why = choice(find("find-why"), "why", WHYS);
  for (const id of [...ROOM_FIELDS, "find-pass"]) {
    find(id).addEventListener("focus", () => {
      typingIn = find(id);
    });
  }
  find("find-form").addEventListener("submit", (event) => event.preventDefault());
  find("find-form").addEventListener("keydown", (event) => {
    if (event.key === "Enter" && event.target.tagName === "INPUT") find("find-search").click();
  });
  onPress(find("find-search"), search);
  onPress(find("find-identify"), identify);
  onPress(find("menu-find"), () => openFind(present, null));
  onLanguage(() => {
    drawResults();
    drawTarget();
    drawTold();
  });
}

/** number: the visit that is meant, null when nobody is at the gate. reason: why, where that is known already. */
export function openFind(number, reason) {
  visit = number;
  results = [];
  hasMore = false;
  chosen = null;
  told = null;
  for (const id of [...ROOM_FIELDS, "find-pass"]) find(id).value = "";
  by.set("by_room");
  why.set(reason ?? "forgotten_card");
  showFields();
  drawResults();
  drawTarget();
  drawTold();
  open("sheet-find", find("find-building"));
}

/** Who is at the gate now. A visit that ended while somebody typed, with nobody after it, becomes a new one. */
export function followFind(number) {
  present = number;
  if (openedSheet() !== "sheet-find") return;
  if (visit !== null && number === null) visit = null;
  drawTarget();
}

function drawTarget() {
  const key = visit === null && present === null ? "find.for_nobody" : "find.for_visit";
  setText(find("find-for"), visit === present ? t(key) : t("refusal.stale"));
}

function showFields() {
  const isPass = by.value === "by_pass";
  find("find-room-fields").hidden = isPass;
  find("find-pass-fields").hidden = !isPass;
  fillPad(find("find-pad"), isPass ? PASS_KEYS : ROOM_KEYS, type);
  typingIn = find(isPass ? "find-pass" : "find-building");
}

function type(key) {
  if (key === "clear") typingIn.value = "";
  else if (key === "del") typingIn.value = typingIn.value.slice(0, -1);
  else if (typingIn.value.length < typingIn.maxLength) typingIn.value += by.value === "by_pass" ? key : key.toUpperCase();
  typingIn.focus();
}

function wanted() {
  if (by.value === "by_pass") {
    const pass_id = find("find-pass").value.trim().toLowerCase();
    if (!/^[0-9a-f]{16}$/.test(pass_id)) {
      told = ["find.pass_wrong", { count: [...pass_id].length }];
      return null;
    }
    return { kind: "find", pass_id };
  }
  const [building, unit, room] = ROOM_FIELDS.map((id) => find(id).value.trim());
  if (!building && !unit && !room) {
    told = ["find.nothing_typed", {}];
    return null;
  }
  return { kind: "find", building, unit, room };
}

async function search() {
  results = [];
  chosen = null;
  const order = wanted();
  if (order) {
    told = ["find.searching", {}];
    drawTold();
    const answer = await give(order);
    results = answer.found ?? [];
    hasMore = answer.more_found === true;
    told = answer.is_done ? (hasMore ? ["find.more", {}] : null) : [`refusal.${answer.why}`, {}];
  }
  drawTold();
  drawResults();
  if (results.length === 1) pick(results[0]);
  find("find-results").querySelector("input")?.focus();
}

function drawTold() {
  setText(find("find-told"), told ? t(...told) : "");
}

function drawResults() {
  find("find-results").replaceChildren(
    ...results.map((found) => {
      const label = make("label", "option found");
      const input = make("input");
      input.type = "radio";
      input.name = "found";
      input.checked = found === chosen;
      input.addEventListener("change", () => pick(found));
      const text = make("span");
      const colour = make("span", `colour colour-${found.colour}`);
      colour.append(make("span", "dot"), make("span", "", word("colour", found.colour)));
      text.append(make("strong", "", found.room), make("span", "", found.masked_name), colour);
      if (found.isolation !== "none") text.append(make("span", "isolated", word("isolation", found.isolation)));
      label.append(input, text);
      return label;
    }),
  );
  drawChosen();
}

function pick(found) {
  chosen = found;
  for (const [index, input] of [...find("find-results").querySelectorAll("input")].entries()) {
    input.checked = results[index] === found;
  }
  drawChosen();
  find("find-identify").scrollIntoView({ block: "nearest" });
}

function drawChosen() {
  find("find-chosen").hidden = chosen === null;
  if (chosen === null) return;
  setText(find("find-chosen-room"), t("find.chosen", { room: `${chosen.room} ${chosen.masked_name}` }));
  wordAll(find("find-chosen"));
}

async function identify() {
  const answer = await give({ kind: "identify", visit, household: chosen.household, why: why.value });
  if (tell(answer, t("find.next"))) close();
  else if (answer.why === "stale") {
    close();
    notice(t("refusal.stale"), "bad");
  }
}
