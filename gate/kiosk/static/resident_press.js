/* The touch buttons: what was pressed goes out once, however often it was tapped; what became of it is shown. */
import { presentContent } from "./resident_draw.js";

const READ_FIRST_MS = 500; // a second tap on the button before must not answer the question that came after it
const AGAIN_AFTER_MS = 4000; // longer than an order may take
const bell = document.getElementById("bell");
const answers = document.getElementById("answers");
const pressed = document.getElementById("pressed");
const state = { key: "", since: 0, answered: "", isRinging: false };

export function listenToButtons() {
  bell.addEventListener("click", ring);
  answers.addEventListener("click", (event) => {
    const button = event.target.closest("[data-answer]");
    if (button) answer(button);
  });
  new MutationObserver(noteQuestion).observe(document.getElementById("screen"), {
    attributes: true,
    childList: true,
    characterData: true,
    subtree: true,
  });
}

/* A question is another one when its words or its person are. */
function keyNow() {
  const content = presentContent();
  if (!content || !content.question) return "";
  return JSON.stringify([content.question.code, content.person]);
}

function noteQuestion() {
  const key = keyNow();
  if (key === state.key) return;
  state.key = key;
  state.since = performance.now();
  state.answered = "";
  setAnswered(null);
}

async function answer(button) {
  noteQuestion();
  const content = presentContent();
  const key = state.key;
  if (!key || state.answered === key || performance.now() - state.since < READ_FIRST_MS) return;
  state.answered = key;
  setAnswered(button);
  const isDone = await send("/answer", { question: content.question.code, is_yes: button.dataset.answer === "yes" });
  if (!isDone && state.key === key) {
    state.answered = "";
    setAnswered(null);
  }
}

function setAnswered(button) {
  for (const each of answers.querySelectorAll("[data-answer]")) {
    each.disabled = Boolean(button);
    each.toggleAttribute("data-chosen", each === button);
  }
}

async function ring() {
  if (state.isRinging || bell.dataset.isRung === "true") return;
  state.isRinging = true;
  bell.dataset.isRinging = "true";
  const isDone = await send("/ring", {});
  // The screen that says so comes by itself; until then the button stays pressed.
  setTimeout(
    () => {
      state.isRinging = false;
      delete bell.dataset.isRinging;
    },
    isDone ? AGAIN_AFTER_MS : 0,
  );
}

async function send(address, order) {
  let isDone = false;
  try {
    const response = await fetch(address, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(order),
      signal: AbortSignal.timeout(AGAIN_AFTER_MS),
    });
    isDone = response.ok;
  } catch {
    isDone = false;
  }
  pressed.hidden = isDone;
  if (!isDone) setTimeout(() => (pressed.hidden = true), AGAIN_AFTER_MS);
  return isDone;
}
