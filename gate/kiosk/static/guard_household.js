// Which household is meant: looked up by room, as in "Find a person", for visitors and deliveries.

import { give } from "./guard_link.js";
import { fillPad, find, onPress } from "./guard_parts.js";
import { make, onLanguage, setText, t, word } from "./guard_words.js";

const KEYS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "0", "a", "b", "c", "-", "del"];
const PARTS = ["building", "unit", "room"];

/** The fields whose ids begin with `prefix`. onPick() when the choice has changed. Returns {value, reset}. */
export function household(prefix, onPick) {
  const fields = PARTS.map((part) => find(`${prefix}-${part}`));
  let results = [];
  let chosen = null;
  let told = null;
  let typingIn = fields[0];

  for (const field of fields) {
    field.addEventListener("focus", () => {
      typingIn = field;
    });
    field.addEventListener("keydown", (event) => {
      if (event.key !== "Enter") return;
      event.preventDefault();
      find(`${prefix}-search`).click();
    });
  }
  fillPad(find(`${prefix}-pad`), KEYS, (key) => {
    if (key === "del") typingIn.value = typingIn.value.slice(0, -1);
    else if (typingIn.value.length < typingIn.maxLength) typingIn.value += key.toUpperCase();
    typingIn.focus();
  });
  onPress(find(`${prefix}-search`), search);
  onLanguage(draw);

  async function search() {
    const [building, unit, room] = fields.map((field) => field.value.trim());
    results = [];
    pick(null);
    if (!building && !unit && !room) {
      told = ["find.nothing_typed", {}];
    } else {
      told = ["find.searching", {}];
      draw();
      const answer = await give({ kind: "find", building, unit, room });
      results = answer.found ?? [];
      told = answer.is_done ? (answer.more_found ? ["find.more", {}] : null) : [`refusal.${answer.why}`, {}];
    }
    draw();
    if (results.length === 1) pick(results[0]);
    find(`${prefix}-results`).querySelector("input")?.focus();
  }

  function pick(found) {
    chosen = found;
    for (const [index, input] of [...find(`${prefix}-results`).querySelectorAll("input")].entries()) {
      input.checked = results[index] === found;
    }
    onPick();
  }

  function draw() {
    setText(find(`${prefix}-told`), told ? t(...told) : "");
    find(`${prefix}-results`).replaceChildren(
      ...results.map((found) => {
        const label = make("label", "option found");
        const input = make("input");
        input.type = "radio";
        input.name = `${prefix}-found`;
        input.checked = found === chosen;
        input.addEventListener("change", () => pick(found));
        const text = make("span");
        text.append(make("strong", "", found.room), make("span", "", found.masked_name));
        if (found.isolation !== "none") text.append(make("span", "isolated", word("isolation", found.isolation)));
        label.append(input, text);
        return label;
      }),
    );
  }

  return {
    get value() {
      return chosen;
    },
    reset() {
      for (const field of fields) field.value = "";
      results = [];
      told = null;
      pick(null);
      draw();
    },
  };
}
