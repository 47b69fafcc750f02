// Words of both languages, moments and ages. A text is looked up by its key; nothing is ever put in as HTML.

const page = document.getElementById("page").dataset;
const words = JSON.parse(page.words);
const kept = storage();
const listeners = [];
let isTent = false;
let language = (kept.get("language") ?? "") in words ? kept.get("language") : page.language;

/** What the browser remembers; a browser that forbids it only forgets. */
export function storage() {
  const prefix = "gatehouse-guard-";
  return {
    get(name) {
      try {
        return localStorage.getItem(prefix + name);
      } catch {
        return null;
      }
    },
    set(name, value) {
      try {
        localStorage.setItem(prefix + name, value);
      } catch {
        // private mode: forgotten with the page
      }
    },
  };
}

function found(key) {
  let here = words[language];
  for (const part of key.split(".")) here = here?.[part];
  return here;
}

/** Whether there are words for this key. */
export const has = (key) => found(key) !== undefined;

/** The words of a key; the key itself where there are none, so that nothing is ever silently empty. */
export function t(key, values = {}) {
  const text = (isTent ? found(`${key}_tent`) : undefined) ?? found(key);
  if (typeof text !== "string") return key;
  return text.replace(/\{(\w+)\}/g, (whole, name) => String(values[name] ?? whole));
}

/** The words of a code within a table; else those that everybody at the gate is told; else the code itself. */
export function word(table, code) {
  if (has(`${table}.${code}`)) return t(`${table}.${code}`);
  return words[language].gate[`${table}s`]?.[code] ?? code;
}

/** Words that come as a list of steps. */
export function steps(key) {
  const list = (isTent ? found(`${key}_tent`) : undefined) ?? found(key);
  return Array.isArray(list) ? list : [];
}

export const currentLanguage = () => language;

/** Put the words of this language into everything that names its words. */
export function wordAll(root = document) {
  for (const each of root.querySelectorAll("[data-t]")) setText(each, t(each.dataset.t));
  for (const each of root.querySelectorAll("[data-t-label]")) each.setAttribute("aria-label", t(each.dataset.tLabel));
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
  document.title = t("title");
}

export function onLanguage(act) {
  listeners.push(act);
}

export function switchLanguage() {
  language = language === "zh" ? "en" : "zh";
  kept.set("language", language);
  wordAll();
  for (const act of listeners) act();
}

/** A gate without a barrier is spoken of in other words. */
export function speakOfTent(value) {
  if (value === isTent) return;
  isTent = value;
  wordAll();
}

export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/** An element with a class and a text. */
export function make(tag, className = "", text = "") {
  const element = document.createElement(tag);
  if (className) element.className = className;
  if (text) element.textContent = text;
  return element;
}

/** Rebuild a list only when what it shows has changed: a finger may be on it. */
export function rebuild(container, fingerprint, parts) {
  const mark = JSON.stringify([language, isTent, fingerprint]);
  if (container.dataset.mark === mark) return;
  container.dataset.mark = mark;
  container.replaceChildren(...parts());
}

/** The time of day at the gate, as it stands in the moment's text; with the day when that is not the day of `now`. */
export function clockTime(moment, now) {
  const [day, time] = [moment.slice(0, 10), moment.slice(11, 16)];
  if (day === now.slice(0, 10)) return time;
  const [, month, date] = day.split("-").map(Number);
  return language === "zh" ? `${month}月${date}日 ${time}` : `${date}/${month} ${time}`;
}

/** A span in the largest unit that fits. */
export function span(seconds) {
  const s = Math.max(0, Math.floor(seconds));
  if (s >= 172_800) return t("ui.days", { count: Math.floor(s / 86_400) });
  if (s >= 7_200) return t("ui.hours", { count: Math.floor(s / 3_600) });
  if (s >= 60) return t("ui.minutes", { count: Math.floor(s / 60) });
  return t("ui.seconds", { count: s });
}

export const peopleWords = (count) => (count === 1 ? t("ui.person") : t("ui.people", { count }));
