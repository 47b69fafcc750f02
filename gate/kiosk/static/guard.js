// The guard's view: what the stream says goes to the parts of the page; what is not heard covers it.

import { arm, showEmergency, wireEmergency } from "./guard_emergency.js";
import { followFind, wireFind } from "./guard_find.js";
import { wireKeys } from "./guard_keys.js";
import { listen } from "./guard_link.js";
import { showLock, wireLock } from "./guard_lock.js";
import { followMeasure, wireMeasure } from "./guard_measure.js";
import { followOthers, wireOthers } from "./guard_others.js";
import { close, find, onPress, openedSheet, wireSheets } from "./guard_parts.js";
import { openVisit, showPerson, wirePerson } from "./guard_person.js";
import { showState, wireState } from "./guard_state.js";
import { followVehicle, wireVehicle } from "./guard_vehicle.js";
import { followVisitors, wireVisitors } from "./guard_visitors.js";
import { clockTime, make, onLanguage, rebuild, setText, speakOfTent, steps, storage, switchLanguage, t, wordAll } from "./guard_words.js";

const kept = storage();
const FOR_GUARDS = ["find", "others", "measure", "handover", "passages", "visitor", "delivery"].map((name) => `sheet-${name}`);
const COVERED = ["top", "strip", "banners", "main", "menu"];
let view = null;
let silentMs = 0;

function onView(next) {
  view = next;
  if (view.screen) {
    speakOfTent(!view.screen.gate.has_barrier);
    showPerson(view);
    showLock(view);
    showState(view);
    followMeasure(openVisit());
    followFind(openVisit());
    followVehicle(openVisit());
    followVisitors(view.screen);
    followOthers(view.screen.gate.services);
  }
  draw();
}

function draw() {
  drawCover();
  if (!view) return;
  showEmergency({
    may: view.is_signed_in || view.is_own_screen,
    lost: view.screen?.lost.map(({ component }) => component) ?? [],
  });
  find("loading").hidden = true;
  find("lock").hidden = view.is_signed_in || !view.screen;
  find("desk").hidden = !view.is_signed_in || !view.screen;
  document.body.classList.toggle("signed-in", view.is_signed_in);
  find("handover-open").hidden = !view.is_signed_in;
  for (const id of ["menu-find", "menu-others", "menu-passages"]) find(id).hidden = !view.is_signed_in;
  if (!view.is_signed_in && FOR_GUARDS.includes(openedSheet())) {
    close();
  }
  if (!view.screen) return;
  const { gate, duty } = view.screen;
  const ways = { in: "ui.gate_in", out: "ui.gate_out" };
  setText(find("gate-name"), t(ways[gate.direction] ?? "ui.gate", { number: gate.gate_number }));
  const since = duty ? clockTime(duty.since, gate.now) : "";
  setText(find("duty"), duty ? t("ui.on_duty", { name: duty.name, since }) : t("ui.nobody_on_duty"));
}

/** Nothing old is ever shown as if it were now. */
function drawCover() {
  const isSilent = silentMs > 0;
  const isDead = !isSilent && view !== null && !view.is_alive;
  const isCovered = isSilent || isDead;
  const cover = find("cover");
  if (isCovered && openedSheet()) close();
  if (cover.hidden === isCovered) {
    cover.hidden = !isCovered;
    for (const id of COVERED) find(id).inert = isCovered;
    document.body.classList.toggle("covered", isCovered);
    // Spoken when it comes, not each second that it counts.
    setText(find("live"), isCovered ? t(isSilent ? "banner.no_live" : "banner.dead") : "");
  }
  if (!isCovered) return;
  setText(find("cover-title"), t(isSilent ? "banner.no_live" : "banner.dead"));
  setText(find("cover-words"), t(isSilent ? "banner.no_live_words" : "banner.dead_words"));
  const list = isDead ? steps("banner.dead_steps") : [];
  rebuild(find("cover-steps"), list, () => list.map((step) => make("li", "", step)));
  find("cover-since").hidden = !isSilent;
  setText(find("cover-since"), isSilent ? t("banner.no_live_since", { seconds: Math.floor(silentMs / 1000) }) : "");
}

function showTheme(theme) {
  if (theme) document.documentElement.dataset.theme = theme;
}

function switchTheme() {
  const isDark =
    document.documentElement.dataset.theme === "dark" ||
    (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  kept.set("theme", isDark ? "light" : "dark");
  showTheme(isDark ? "light" : "dark");
}

if (!new URLSearchParams(location.search).has("theme")) showTheme(kept.get("theme"));
wireSheets();
wireLock();
wirePerson();
wireMeasure();
wireFind();
wireOthers();
wireVehicle();
wireVisitors();
wireState();
wireEmergency();
wireKeys({ arm });
wordAll();
onLanguage(draw);
onPress(find("language"), switchLanguage);
onPress(find("theme"), switchTheme);
listen({
  onView,
  onPulse(ms) {
    silentMs = ms;
    drawCover();
  },
});
