// Visitors, who are registered by name and get a number, and deliveries. What was typed is gone once it has been sent.

import { household } from "./guard_household.js";
import { give } from "./guard_link.js";
import { choice, close, fillPad, find, notice, onClose, onPress, open, tell } from "./guard_parts.js";
import { onLanguage, setText, t } from "./guard_words.js";

const PURPOSES = ["family", "care", "work", "delivery", "other"];
const THINGS = ["meal", "parcel", "food", "medicine", "other"];
const STEPS = ["left", "fetched", "brought"];
const TYPED = ["visitor-name", "visitor-id", "visitor-phone"];
const NUMBER_KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "x", "-", "clear", "del"];
const ID_LENGTH = 18;

// GB 11643-1999: ISO 7064 MOD 11-2 over the first 17 digits.
const WEIGHTS = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
const CHECK_CHARACTERS = "10X98765432";

let gate = null;
let way = null;
let purpose = null;
let thing = null;
let step = null;
let host = null;
let recipient = null;
let slip = null;
let fault = null;
let typingIn = null;

export function wireVisitors() {
  way = choice(find("visitor-way"), "visitor", ["comes_in", "goes_out"], draw);
  purpose = choice(find("visitor-purpose"), "comes_for", PURPOSES, draw);
  host = household("visitor", draw);
  thing = choice(find("delivery-what"), "thing", THINGS, draw);
  step = choice(find("delivery-step"), "step", STEPS, draw);
  recipient = household("delivery", draw);
  for (const id of ["visitor-id", "visitor-phone", "visitor-slip-typed"]) {
    find(id).addEventListener("focus", () => {
      typingIn = find(id);
    });
  }
  fillPad(find("visitor-typed-pad"), NUMBER_KEYS, type);
  find("visitor-id").addEventListener("input", judgeIdNumber);
  find("visitor-id").addEventListener("change", judgeIdNumber);
  onPress(find("others-visitor"), openVisitor);
  onPress(find("others-delivery"), openDelivery);
  onPress(find("visitor-go"), register);
  onPress(find("visitor-leave"), leave);
  onPress(find("visitor-next"), openVisitor);
  onPress(find("delivery-go"), log);
  onClose("sheet-visitor", forget);
  onClose("sheet-delivery", () => recipient.reset());
  onLanguage(draw);
  draw();
}

/** What the community's rules say of visitors and deliveries here. */
export function followVisitors(screen) {
  const before = JSON.stringify([gate?.visitors, gate?.deliveries, gate?.direction]);
  gate = screen.gate;
  if (before !== JSON.stringify([gate.visitors, gate.deliveries, gate.direction])) draw();
}

function openVisitor() {
  forget();
  way.set(gate?.direction === "out" ? "goes_out" : "comes_in");
  purpose.set("family");
  draw();
  open("sheet-visitor", find(gate?.direction === "out" ? "visitor-slip-typed" : "visitor-building"));
}

function openDelivery() {
  recipient.reset();
  thing.set("parcel");
  step.set("left");
  draw();
  open("sheet-delivery", find("delivery-building"));
}

/** Nothing of whoever was registered stays on a screen. */
function forget() {
  for (const id of [...TYPED, "visitor-slip-typed"]) find(id).value = "";
  slip = null;
  fault = null;
  host.reset();
}

function policy() {
  return purpose.value === "delivery" ? gate?.deliveries : gate?.visitors;
}

function draw() {
  if (!purpose || !recipient) return;
  const isIn = way.value === "comes_in";
  const isRegistered = policy() === "registered";
  find("visitor-form").hidden = !isIn || slip !== null;
  find("visitor-out").hidden = isIn || slip !== null;
  find("visitor-way").hidden = slip !== null || gate?.direction === "out";
  find("visitor-done").hidden = slip === null;
  setText(find("visitor-slip"), slip ?? "");
  find("visitor-typed").hidden = !isRegistered;
  find("visitor-policy").hidden = isRegistered;
  setText(find("visitor-policy"), isRegistered ? "" : t(policy() === "turned_back" ? "visitor.turned_back" : "visitor.at_the_gate"));
  setText(find("visitor-go"), host.value ? t(isRegistered ? "visitor.go" : "visitor.note", { room: host.value.room }) : t("visitor.choose_host"));
  find("visitor-go").setAttribute("aria-disabled", String(!host.value));
  drawFault();
  const turned = gate?.deliveries === "turned_back" && step.value === "left";
  find("delivery-policy").hidden = !turned;
  setText(find("delivery-go"), recipient.value ? t(turned ? "delivery.turn_back" : "delivery.go", { room: recipient.value.room }) : t("delivery.choose"));
  find("delivery-go").setAttribute("aria-disabled", String(!recipient.value));
}

function drawFault() {
  setText(find("visitor-fault"), fault ? t(`fault.${fault}`) : "");
  for (const id of TYPED) {
    const isWrong = fault !== null && fault.split("_")[0] === id.split("-")[1];
    find(id).setAttribute("aria-invalid", String(isWrong));
  }
}

function type(key) {
  const field = typingIn && !typingIn.closest("[hidden]") ? typingIn : find(way.value === "comes_in" ? "visitor-id" : "visitor-slip-typed");
  if (key === "clear") field.value = "";
  else if (key === "del") field.value = field.value.slice(0, -1);
  else if (field.value.length < field.maxLength) field.value += key.toUpperCase();
  field.dispatchEvent(new Event("input"));
  field.focus();
}

/** At once: a number that was misheard is asked for again while whoever said it stands there. */
function judgeIdNumber(event) {
  const number = find("visitor-id").value.replace(/\s/g, "").toUpperCase();
  const isWhole = number.length >= ID_LENGTH || (event.type === "change" && number.length > 0);
  fault = isWhole ? idFault(number) : fault?.startsWith("id_") ? null : fault;
  drawFault();
}

/** What can't be in an ID number; null when it is well formed. The terminal judges it again. */
function idFault(number) {
  if (number.length !== ID_LENGTH) return "id_length";
  if (!/^[0-9]{17}[0-9X]$/.test(number)) return "id_characters";
  const [year, month, day] = [number.slice(6, 10), number.slice(10, 12), number.slice(12, 14)].map(Number);
  const born = new Date(Date.UTC(year, month - 1, day));
  if (year < 100 || born.getUTCMonth() !== month - 1 || born.getUTCDate() !== day) return "id_birthday";
  const sum = WEIGHTS.reduce((total, weight, place) => total + weight * Number(number[place]), 0);
  return CHECK_CHARACTERS[sum % 11] === number[17] ? null : "id_check_digit";
}

async function register() {
  const [name, id_number, phone] = TYPED.map((id) => find(id).value);
  const isRegistered = policy() === "registered";
  const typed = isRegistered ? { name, id_number, phone } : {};
  const answer = await give({ kind: "register_visitor", household: host.value.household, purpose: purpose.value, ...typed });
  if (answer.is_done && isRegistered) {
    forget();
    slip = answer.slip;
    draw();
    find("visitor-slip").focus();
  } else if (answer.fault) {
    fault = answer.fault;
    drawFault();
    find(TYPED.find((id) => id.split("-")[1] === fault.split("_")[0])).focus();
  } else if (tell(answer, t("visitor.noted"))) close();
}

async function leave() {
  const answer = await give({ kind: "visitor_leaves", slip: find("visitor-slip-typed").value });
  if (answer.why === "invalid") notice(t("visitor.slip_wrong"), "bad");
  else if (tell(answer, t("visitor.left"))) close();
}

async function log() {
  const order = { kind: "delivery", household: recipient.value.household, what: thing.value, step: step.value };
  if (tell(await give(order), t("delivery.done", { room: recipient.value.room }))) close();
}
