// Shortcuts: one key each, listed on the help sheet, switched off there. Never while somebody types, never repeated.

import { close, find, onPress, open, openedSheet } from "./guard_parts.js";
import { press, stepPeople } from "./guard_person.js";
import { isTypingPin } from "./guard_lock.js";
import { answerBell } from "./guard_state.js";
import { make, onLanguage, setText, storage, t } from "./guard_words.js";

const kept = storage();
let areOn = kept.get("shortcuts") !== "off";

const click = (id) => () => press(id);
const KEYS = [
  ["y", "let_through", click("act-yes")],
  ["n", "turn_away", click("act-no")],
  ["t", "measure", click("act-measure")],
  ["m", "mask", click("act-mask")],
  ["i", "identify", click("act-identify")],
  ["v", "vehicle", click("act-vehicle")],
  ["-", "fewer", () => stepPeople(-1)],
  ["+", "more", () => stepPeople(1)],
  ["f", "find", click("menu-find")],
  ["o", "others", click("menu-others")],
  ["w", "trouble", click("menu-trouble")],
  ["p", "passages", () => open("sheet-passages")],
  ["b", "bell", () => answerBell()],
  ["e", "emergency", null],
  ["h", "help", () => open("sheet-help")],
];

/** arm(): the first of the two actions of the emergency release. */
export function wireKeys({ arm }) {
  onPress(find("help-open"), () => open("sheet-help"));
  onPress(find("shortcuts"), () => {
    areOn = !areOn;
    kept.set("shortcuts", areOn ? "on" : "off");
    draw();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && openedSheet()) {
      close();
      return;
    }
    if (!areOn || event.repeat || event.ctrlKey || event.altKey || event.metaKey || isTyping(event.target)) return;
    const key = event.key === "=" ? "+" : event.key.toLowerCase();
    const found = KEYS.find(([name]) => name === key);
    if (!found) return;
    if (found[0] === "e") {
      if (find("emergency").hidden) return;
      arm();
    } else {
      const isHelp = found[0] === "h" || found[0] === "w";
      if (openedSheet() || isTypingPin() || document.body.classList.contains("covered")) return;
      if (!isHelp && !document.body.classList.contains("signed-in")) return;
      found[2]();
    }
    event.preventDefault();
  });
  onLanguage(draw);
  draw();
}

function isTyping(target) {
  return target.tagName === "INPUT" && target.type !== "radio";
}

function draw() {
  setText(find("shortcuts"), t(areOn ? "help.shortcuts_on" : "help.shortcuts_off"));
  find("shortcuts").setAttribute("aria-pressed", String(areOn));
  find("help-keys").replaceChildren(
    ...KEYS.map(([name, words]) => {
      const line = make("li");
      line.append(make("kbd", "", name.toUpperCase()), make("span", "", t(`help.${words}`)));
      return line;
    }),
  );
}
