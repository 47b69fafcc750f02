/* The resident's page: hears the stream, hands what it says to the drawing, and says so itself when nothing comes. */
import { draw, drawDead, tick } from "./resident_draw.js";
import { listenToButtons } from "./resident_press.js";

const SILENT_AFTER_MS = 3000;
const TICK_MS = 250;

let heardAt = performance.now();
let isDead = false;

function heard() {
  heardAt = performance.now();
}

function take(content) {
  heard();
  isDead = !content.is_alive;
  if (isDead) drawDead();
  else draw(content);
}

let last = null;
const stream = new EventSource("/events/resident");
stream.addEventListener("state", (event) => {
  last = JSON.parse(event.data);
  take(last);
});
stream.addEventListener("beat", () => {
  heard();
});
stream.addEventListener("error", () => {
  // Closed for good (the server refused): EventSource itself tries no more.
  if (stream.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 2000);
});

setInterval(() => {
  if (!isDead && performance.now() - heardAt > SILENT_AFTER_MS) {
    isDead = true;
    drawDead();
  }
  tick();
}, TICK_MS);

listenToButtons();
