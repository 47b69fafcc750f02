// What several parts of the page share: sheets over the page, number pads, steppers, choices, notices, buttons.

import { make, setText, t, wordAll } from "./guard_words.js";

const NOTICE_MS = 8_000;

export const find = (id) => document.getElementById(id);

/** A button that shows at once that it was pressed, and sends once however often it is pressed. */
export function onPress(button, act) {
  let isBusy = false;
  button.addEventListener("click", async (event) => {
    if (isBusy || button.getAttribute("aria-disabled") === "true") return;
    isBusy = true;
    button.classList.add("pressed");
    button.setAttribute("aria-busy", "true");
    try {
      await act(event);
    } finally {
      isBusy = false;
      button.classList.remove("pressed");
      button.removeAttribute("aria-busy");
    }
  });
}

let noticeTimer = 0;

/** Tell what became of a press. kind: good, bad or plain. */
export function notice(text, kind = "plain") {
  const place = find("notice");
  place.className = `notice ${kind}`;
  // Said again even when it is the same: an empty moment makes a screen reader speak.
  place.replaceChildren(make("span", "", text));
  place.hidden = false;
  clearTimeout(noticeTimer);
  noticeTimer = setTimeout(() => {
    place.hidden = true;
  }, NOTICE_MS);
}

/** What became of an order, in words; returns whether it was done. */
export function tell(answer, doneWords = t("act.done")) {
  if (answer.is_done) {
    notice(doneWords, "good");
    return true;
  }
  const key = `refusal.${answer.why}`;
  notice(t(key), "bad");
  return false;
}

// --- sheets: over the page, never over the emergency release ---------------------------------------------------------

let openSheet = null;
let cameFrom = null;
const closing = new Map();

/** Open a sheet by its id; focus goes into it and comes back when it closes. */
export function open(id, focusOn = null) {
  if (openSheet !== id) {
    if (openSheet) close();
    cameFrom = document.activeElement;
    openSheet = id;
  }
  const sheet = find(id);
  sheet.hidden = false;
  document.body.classList.add("has-sheet");
  for (const each of ["top", "strip", "banners", "main"]) find(each).inert = true;
  (focusOn ?? sheet.querySelector("h2")).focus();
}

export function close() {
  if (!openSheet) return;
  const id = openSheet;
  openSheet = null;
  find(id).hidden = true;
  document.body.classList.remove("has-sheet");
  for (const each of ["top", "strip", "banners", "main"]) find(each).inert = false;
  closing.get(id)?.();
  if (cameFrom?.isConnected && !cameFrom.closest("[hidden]")) cameFrom.focus();
  else find("main").focus();
}

export const openedSheet = () => openSheet;
export const onClose = (id, act) => closing.set(id, act);

export function wireSheets() {
  for (const sheet of document.querySelectorAll(".sheet")) {
    sheet.querySelector(".close")?.addEventListener("click", close);
  }
}

// --- pads, steppers, choices -----------------------------------------------------------------------------------------

/** Fill a pad with keys; "del" deletes, "clear" empties. onKey(key). */
export function fillPad(container, keys, onKey) {
  container.replaceChildren(
    ...keys.map((key) => {
      const button = make("button", "key");
      button.type = "button";
      button.dataset.key = key;
      if (key === "del" || key === "clear") {
        button.dataset.t = key === "del" ? "ui.delete" : "ui.clear";
        button.classList.add("word");
      } else {
        button.textContent = key.toUpperCase();
      }
      // A finger on the pad leaves the focus where it is: Enter on a keyboard then still means the whole.
      button.addEventListener("pointerdown", (event) => event.preventDefault());
      button.addEventListener("mousedown", (event) => event.preventDefault());
      button.addEventListener("click", () => onKey(key));
      return button;
    }),
  );
  wordAll(container);
}

export const DIGITS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "clear", "0", "del"];

/** One of several, as large buttons. Returns {value, set}. */
export function choice(container, table, codes, onChange = () => {}) {
  const name = `choice-${container.id}`;
  let value = null;
  const inputs = new Map();
  container.replaceChildren(
    ...codes.map((code) => {
      const label = make("label", "option");
      const input = make("input");
      input.type = "radio";
      input.name = name;
      input.value = code;
      input.addEventListener("change", () => {
        value = code;
        onChange(code);
      });
      const text = make("span");
      text.dataset.t = `${table}.${code}`;
      label.append(input, text);
      inputs.set(code, input);
      return label;
    }),
  );
  wordAll(container);
  return {
    get value() {
      return value;
    },
    set(code) {
      value = code;
      for (const [each, input] of inputs) input.checked = each === code;
    },
  };
}

/** A number from 1 to 9 with a key on either side. onStep(next) is asked when a key was pressed. */
export function stepper(container, onStep) {
  const [fewer, shown, more] = ["fewer", "shown", "more"].map((name) => container.querySelector(`.${name}`));
  let value = 1;
  const show = () => {
    setText(shown, String(value));
    fewer.setAttribute("aria-disabled", String(value <= 1));
    more.setAttribute("aria-disabled", String(value >= 9));
  };
  onPress(fewer, () => onStep(value - 1));
  onPress(more, () => onStep(value + 1));
  show();
  return {
    get value() {
      return value;
    },
    set(next) {
      value = Math.min(9, Math.max(1, next));
      show();
    },
    press(by) {
      (by < 0 ? fewer : more).click();
    },
  };
}
