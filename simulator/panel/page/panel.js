// The panel's page: draws each gate once, then follows its state; gives orders and tells in words what was refused.

const LOOK_EVERY_MS = 250;
const VIEW_EVERY_MS = 500;
const HELD_AGAIN_EVERY_MS = 1000; // the gate lets a forehead go that nobody renews for 3 s
const ASKED_FOR_MS = 2_000;
const LIVE_EVERY_MS = 200;
const SLIDER_AT_MOST_EVERY_MS = 120;
const TOLD_FOR_MS = 9000;
const THEMES = ["auto", "light", "dark"];
const CHOICES = {
  network: [["plugged", "plugged_in"], ["pulled", "network_pulled"], ["cut", "network_cut"]],
  thermometer: [["none", "works"], ["absent", "pulled_out"], ["stuck_high", "thermometer_stuck"], ["no_pec", "thermometer_pec"]],
  scanner: [[true, "plugged_in"], [false, "pulled_out"]],
  camera: [[true, "plugged_in"], [false, "pulled_out"]],
  mains: [[true, "mains_on"], [false, "mains_off"]],
  disk: [[false, "disk_fine"], [true, "disk_full"]],
};
const ORDER_OF = {
  network: (value) => ({ do: "network", state: value }),
  thermometer: (value) => ({ do: "thermometer", trouble: value }),
  scanner: (value) => ({ do: "scanner", is_plugged: value }),
  camera: (value) => ({ do: "camera", is_plugged: value }),
  mains: (value) => ({ do: "mains", is_on: value }),
  disk: (value) => ({ do: "disk", is_full: value }),
};
const VALUE_OF = {
  network: (gate) => gate.network,
  thermometer: (gate) => gate.thermometer,
  scanner: (gate) => gate.scanner,
  camera: (gate) => gate.camera,
  mains: (gate) => gate.mains,
  disk: (gate) => gate.disk_full,
};

let words = {};
let language = chosenLanguage();
let people = [];
const columns = new Map();

function chosenLanguage() {
  const asked = new URLSearchParams(location.search).get("lang") ?? kept("language");
  if (asked === "zh" || asked === "en") return asked;
  return navigator.language.startsWith("zh") ? "zh" : "en";
}

function kept(name) {
  try { return localStorage.getItem(name); } catch { return null; } // a browser may keep nothing
}

function keep(name, value) {
  try { localStorage.setItem(name, value); } catch { /* it is chosen anew next time */ }
}

function say(key, values = {}) {
  const found = words[key]?.[language] ?? key;
  return found.replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
}

function speak(root) {
  for (const each of root.querySelectorAll("[data-word]")) each.textContent = say(each.dataset.word);
  for (const each of root.querySelectorAll("[data-placeholder]")) each.placeholder = say(each.dataset.placeholder);
  for (const each of root.querySelectorAll("[data-label]")) each.setAttribute("aria-label", say(each.dataset.label));
}

function speakEverywhere() {
  document.documentElement.lang = language;
  speak(document);
  document.title = say("title");
  for (const column of columns.values()) column.speak();
}

class Column {
  constructor(gate) {
    this.device = gate.device;
    this.root = document.getElementById("gate").content.cloneNode(true).firstElementChild;
    this.find = (selector) => this.root.querySelector(selector);
    this.all = (selector) => this.root.querySelectorAll(selector);
    this.gate = gate;
    this.holding = null;
    this.asked = null;
    this.live = null;
    this.dragged = new Set();
    this.sentAt = 0;
    this.wire();
    document.getElementById("gates").append(this.root);
    this.speak();
    setInterval(() => this.look(), VIEW_EVERY_MS);
  }

  speak() {
    speak(this.root);
    this.choosePeople();
    for (const place of this.all("[data-choice]")) this.offer(place);
    for (const button of this.all("[data-jump]")) {
      const by = Number(button.dataset.jump);
      if (by) button.textContent = duration(by);
    }
    this.show(this.gate);
  }

  choosePeople() {
    const select = this.find(".resident-choice");
    const chosen = select.value;
    select.replaceChildren(...people.map((person) => {
      const option = document.createElement("option");
      option.value = person.pass_id;
      const special = person.behaviour === "normal" ? "" : ` · ${say(`born_${person.behaviour}`)}`;
      option.textContent = `${person.name} ${room(person.household)} · ${say(`carrier_${person.carrier}`)}${special}`;
      return option;
    }));
    if (chosen) select.value = chosen;
  }

  offer(place) {
    const kind = place.dataset.choice;
    place.replaceChildren(...CHOICES[kind].map(([value, word]) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = say(word);
      button.dataset.value = String(value);
      button.addEventListener("click", () => this.order(ORDER_OF[kind](value)));
      return button;
    }));
  }

  wire() {
    const on = (selector, event, act) => this.find(selector).addEventListener(event, act);
    on(".people", "click", () => this.order({ do: "people", walk: !this.gate.people_walk }));
    on(".to-camera", "click", () => this.showResident("camera"));
    on(".to-scanner", "click", () => this.showResident("serial"));
    on(".upload", "change", (event) => this.upload(event.target));
    on(".live", "click", () => (this.live ? this.endLive() : this.beginLive()));
    on(".take-away", "click", () => { this.endLive(); this.order({ do: "take_away" }); });
    on(".type", "submit", (event) => {
      event.preventDefault();
      const text = event.target.querySelector("input").value;
      if (text) this.order({ do: "type", text });
    });
    on(".walk-through", "click", () => this.order({ do: "walk_through" }));
    on(".weather", "click", () => this.order({ do: "surroundings" }));
    for (const button of this.all("[data-body]")) {
      button.addEventListener("click", () => this.order({ do: "body", kind: button.dataset.body }));
    }
    for (const button of this.all("[data-press]")) {
      button.addEventListener("click", () => this.order({ do: "press", role: button.dataset.press }));
    }
    for (const button of this.all("[data-put]")) {
      const role = button.dataset.put;
      button.addEventListener("click", () => this.order({ do: "put", role, is_active: !this.gate.inputs[role] }));
    }
    for (const slider of this.all("[data-of]")) {
      slider.addEventListener("input", () => this.slide(slider, false));
      slider.addEventListener("change", () => this.slide(slider, true));
    }
    for (const button of this.all("[data-jump]")) {
      button.addEventListener("click", () => {
        const by = Number(button.dataset.jump);
        this.setClock(by === 0 ? 0 : this.gate.clock.offset_s + by);
      });
    }
    on(".synchronised", "change", () => this.setClock(this.gate.clock.offset_s));
    this.wireHold(this.find(".hold"));
    on(".stays", "change", (event) => {
      // What the gate says may be older than the finger for a moment.
      this.asked = { stays: event.target.checked, until: performance.now() + ASKED_FOR_MS };
      return this.order({ do: "forehead", is_held: event.target.checked, stays: event.target.checked });
    });
  }

  wireHold(button) {
    const begin = () => {
      if (this.holding) return;
      const hold = () => this.order({ do: "forehead", is_held: true });
      hold();
      this.holding = setInterval(hold, HELD_AGAIN_EVERY_MS);
    };
    const end = () => {
      if (!this.holding) return;
      clearInterval(this.holding);
      this.holding = null;
      this.order({ do: "forehead", is_held: false });
    };
    button.addEventListener("pointerdown", (event) => { button.setPointerCapture(event.pointerId); begin(); });
    for (const name of ["pointerup", "pointercancel", "lostpointercapture", "blur"]) button.addEventListener(name, end);
    button.addEventListener("keydown", (event) => { if (event.key === " " || event.key === "Enter") begin(); });
    button.addEventListener("keyup", end);
    button.addEventListener("contextmenu", (event) => event.preventDefault()); // a long touch is a long touch
  }

  slide(slider, isLast) {
    const name = slider.dataset.of;
    this.dragged[isLast ? "delete" : "add"](name);
    this.showSlider(slider, Number(slider.value), false);
    const now = performance.now();
    if (!isLast && now - this.sentAt < SLIDER_AT_MOST_EVERY_MS) return;
    this.sentAt = now;
    const wanted = { do: "surroundings", air_c: this.gate.air_c, can_c: this.gate.can_c };
    wanted[name] = Number(slider.value);
    this.order(wanted);
  }

  setClock(offset) {
    this.order({ do: "clock", offset_s: offset, is_synchronised: this.find(".synchronised").checked });
  }

  showResident(scanner) {
    this.order({
      do: "resident", pass_id: this.find(".resident-choice").value, scanner, how: this.find(".how").value,
    });
  }

  async upload(input) {
    const file = input.files[0];
    input.value = "";
    if (file) await this.send(`picture`, file);
  }

  async beginLive() {
    const button = this.find(".live");
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 } });
      const video = document.createElement("video");
      video.muted = true;
      video.srcObject = stream;
      await video.play();
      const canvas = document.createElement("canvas");
      canvas.width = 640;
      canvas.height = 480;
      const live = { stream, isBusy: false };
      live.timer = setInterval(() => this.sendLive(video, canvas, live), LIVE_EVERY_MS);
      this.live = live;
      button.setAttribute("aria-pressed", "true");
    } catch {
      this.tell("no_laptop_camera");
    }
  }

  sendLive(video, canvas, live) {
    if (live.isBusy) return; // one frame on its way is enough: a slow gate sees fewer
    live.isBusy = true;
    const scale = Math.max(canvas.width / video.videoWidth, canvas.height / video.videoHeight);
    const width = video.videoWidth * scale;
    const height = video.videoHeight * scale;
    canvas.getContext("2d").drawImage(video, (canvas.width - width) / 2, (canvas.height - height) / 2, width, height);
    canvas.toBlob(async (blob) => {
      if (blob && this.live === live && !(await this.send("picture?live=1", blob))) this.endLive();
      live.isBusy = false;
    }, "image/jpeg", 0.9);
  }

  endLive() {
    if (!this.live) return;
    clearInterval(this.live.timer);
    for (const track of this.live.stream.getTracks()) track.stop();
    this.live = null;
    this.find(".live").setAttribute("aria-pressed", "false");
  }

  order(order) {
    return this.send("orders", JSON.stringify(order));
  }

  async send(where, body) {
    try {
      const url = `/api/gates/${encodeURIComponent(this.device)}/${where}`;
      const answer = await fetch(url, { method: "POST", body, headers: { "X-Gatehouse-Panel": "1" } });
      if (answer.ok) return true;
      this.tell((await answer.json()).error);
    } catch {
      this.tell("away");
    }
    return false;
  }

  tell(code) {
    const place = this.find(".trouble");
    place.textContent = say(words[code] ? code : "broken");
    place.hidden = false;
    clearTimeout(this.told);
    this.told = setTimeout(() => { place.hidden = true; }, TOLD_FOR_MS);
  }

  show(gate) {
    this.gate = gate;
    const text = (selector, key, values) => { this.find(selector).textContent = say(key, values); };
    this.find(".name").textContent = gate.device;
    text(".direction", `direction_${gate.direction}`);
    this.find(".links .resident").href = gate.kiosk_url;
    this.find(".links .guard").href = `${gate.kiosk_url}guard`;
    text(".state", gate.mains ? (gate.is_connected ? "terminal_runs" : "terminal_away") : "terminal_dead");
    for (const lamp of this.all("[data-output]")) {
      const isOn = gate.outputs[lamp.dataset.output];
      lamp.hidden = isOn === undefined;
      lamp.classList.toggle("is-on", isOn === true);
    }
    text(".barrier", gate.outputs.release ? "barrier_open" : "barrier_shut");
    this.find(".door").classList.toggle("is-on", gate.inputs.door === true);
    text(".door span", gate.inputs.door ? "door_is_open" : "door_is_shut");
    text(".answer", `answer_${gate.answer}`);
    const who = gate.people_walk ? ["somebody_walks", "people_walk"] : ["you_are_next", "by_hand"];
    text(".who", gate.resident_is_there ? who[0] : who[1], { name: gate.resident ?? say("a_resident") });
    text(".people", gate.people_walk ? "people_stop" : "people_go");
    text(".showing", gate.camera === false ? "camera_is_out" : gate.showing ? `showing_${gate.showing}` : "camera_sees");
    for (const button of this.all("[data-press]")) button.hidden = gate.inputs[button.dataset.press] === null;
    for (const button of this.all("[data-put]")) {
      const isActive = gate.inputs[button.dataset.put];
      button.hidden = isActive === null;
      button.setAttribute("aria-pressed", String(isActive === true));
    }
    this.find(".hold").setAttribute("aria-pressed", String(gate.forehead.is_held));
    const stays = gate.forehead.is_held && gate.forehead.stays;
    if (!this.asked || stays === this.asked.stays || performance.now() > this.asked.until) {
      this.asked = null;
      this.find(".stays").checked = stays;
    }
    this.showSliders(gate);
    for (const place of this.all("[data-choice]")) {
      const value = VALUE_OF[place.dataset.choice](gate);
      for (const button of place.children) {
        button.disabled = value === null;
        button.setAttribute("aria-pressed", String(button.dataset.value === String(value)));
      }
    }
    this.showClock(gate.clock);
  }

  showSliders(gate) {
    const values = {
      skin_c: [gate.forehead.skin_c, false],
      distance_cm: [gate.forehead.distance_cm, false],
      air_c: [gate.air_c ?? gate.weather_hood_c, gate.air_c === null],
      can_c: [gate.can_c ?? (gate.air_c ?? gate.weather_hood_c) + 1.5, gate.can_c === null],
    };
    for (const slider of this.all("[data-of]")) {
      const [value, isWeather] = values[slider.dataset.of];
      if (!this.dragged.has(slider.dataset.of)) this.showSlider(slider, value, isWeather);
    }
  }

  showSlider(slider, value, isWeather) {
    const unit = slider.dataset.of === "distance_cm" ? `${value.toFixed(0)} cm` : `${value.toFixed(1)} °C`;
    slider.value = value;
    slider.nextElementSibling.textContent = isWeather ? `${unit} ${say("by_weather")}` : unit;
  }

  showClock(clock) {
    const shown = new Date(Date.now() + clock.offset_s * 1000);
    const time = shown.toLocaleString(language === "zh" ? "zh-CN" : "en-GB");
    this.find(".time").textContent = say(clock.offset_s ? "clock_off" : "clock_is_right", { time, by: duration(clock.offset_s) });
    if (document.activeElement !== this.find(".synchronised")) this.find(".synchronised").checked = clock.is_synchronised;
  }

  look() {
    const view = this.find(".view");
    if (document.hidden || this.gate.camera !== true) {
      view.hidden = true;
      return;
    }
    const next = new Image();
    next.onload = () => { view.src = next.src; view.hidden = false; };
    next.src = `/api/gates/${encodeURIComponent(this.device)}/camera.jpg?${Date.now()}`;
    view.alt = say("camera_sees");
  }
}

function room(household) {
  const digits = String(household);
  return `${digits.slice(0, -4)}-${digits.slice(-4, -3)}-${digits.slice(-3)}`;
}

function duration(seconds) {
  const size = Math.abs(seconds);
  const [amount, unit] = size >= 86400 ? [size / 86400, "days"] : size >= 3600 ? [size / 3600, "hours"] : [size, "seconds"];
  return `${seconds < 0 ? "−" : "+"}${Number(amount.toFixed(2))} ${say(unit)}`;
}

async function look() {
  try {
    const answer = await fetch("/api/state");
    const state = await answer.json();
    document.getElementById("center").href = state.center_url;
    for (const gate of state.gates) {
      const column = columns.get(gate.device);
      if (column) column.show(gate);
      else columns.set(gate.device, new Column(gate));
    }
    document.getElementById("away").hidden = true;
  } catch {
    document.getElementById("away").hidden = false;
  }
  setTimeout(look, LOOK_EVERY_MS);
}

function dress() {
  const theme = THEMES.includes(kept("theme")) ? kept("theme") : "auto";
  document.documentElement.dataset.theme = new URLSearchParams(location.search).get("theme") ?? theme;
}

document.getElementById("language").addEventListener("click", () => {
  language = language === "zh" ? "en" : "zh";
  keep("language", language);
  speakEverywhere();
});
document.getElementById("theme").addEventListener("click", () => {
  const now = document.documentElement.dataset.theme;
  const next = THEMES[(THEMES.indexOf(now) + 1) % THEMES.length];
  keep("theme", next);
  document.documentElement.dataset.theme = next;
});
dress();
words = await (await fetch("/page/words.json")).json();
people = (await (await fetch("/api/people")).json()).people;
speakEverywhere();
await look();
