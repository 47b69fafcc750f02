// Who comes in without a pass: choose who it is, then let through. Visitors and deliveries have sheets of their own.

import { give } from "./guard_link.js";
import { choice, close, find, onPress, open, stepper, tell } from "./guard_parts.js";
import { onLanguage, peopleWords, setText, t } from "./guard_words.js";

const REASONS = [
  "ambulance",
  "police",
  "fire_brigade",
  "repair",
  "utilities",
  "disinfection",
  "official",
  "helping_hand",
  "other",
];

let who = null;
let people = null;
let allowed = null;

export function wireOthers() {
  who = choice(find("others-who"), "service", REASONS, draw);
  people = stepper(find("others-people"), (next) => {
    people.set(next);
    draw();
  });
  onPress(find("menu-others"), openOthers);
  onPress(find("others-go"), send);
  onLanguage(draw);
  draw();
}

/** Whom the community's rules let a guard let through. */
export function followOthers(services) {
  if (String(services) === String(allowed)) return;
  allowed = services;
  for (const input of find("others-who").querySelectorAll("input")) {
    input.closest("label").hidden = !allowed.includes(input.value);
  }
}

export function openOthers() {
  who.set(null);
  people.set(1);
  draw();
  open("sheet-others");
}

const values = () => ({ who: t(`service.${who.value}`), count: peopleWords(people.value) });

function draw() {
  setText(find("others-go"), who.value ? t("others.go", values()) : t("others.choose"));
  find("others-go").setAttribute("aria-disabled", String(!who.value));
}

async function send() {
  const words = t("others.done", values());
  const answer = await give({ kind: "admit_service", reason: who.value, people: people.value });
  if (tell(answer, words)) close();
}
