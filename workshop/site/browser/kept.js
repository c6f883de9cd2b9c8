// What the reader has answered on this page: kept in the browser and nowhere else, and counted at the page's end.

import { make } from "./chart.js";

const PLACE = `lecture-questions ${location.pathname}`;
let answered = {}; // name of a question -> {given, right}; kept for this visit where the browser keeps nothing

try {
  answered = JSON.parse(localStorage.getItem(PLACE)) ?? {};
} catch (error) {
  if (!(error instanceof DOMException || error instanceof SyntaxError)) throw error;
}

function save() {
  try {
    localStorage.setItem(PLACE, JSON.stringify(answered));
  } catch (error) {
    if (!(error instanceof DOMException)) throw error; // full, or forbidden
  }
}

/** What was answered to a question, {given, right}, or undefined. */
export const answerTo = (name) => answered[name];

/** Keep an answer; the first counts: who has seen the truth knows it. */
export function keep(name, given, right) {
  if (name in answered) return;
  answered[name] = { given, right };
  save();
  score();
}

/** Say at the page's end how many of its questions were answered, and how many rightly. */
export function score() {
  const place = document.querySelector("[data-score]");
  if (!place) return;
  const names = [...document.querySelectorAll("[data-predict]")].map((root) => root.dataset.predict);
  const done = names.filter((name) => name in answered), right = done.filter((name) => answered[name].right);
  const says = make("p", { role: "status" }, `You have answered ${done.length} of the ${names.length} questions on this page, ${right.length} of them rightly. The first answer counts; it stays in this browser.`);
  const again = make("button", { type: "button", hidden: done.length === 0 }, "Ask me again");
  again.addEventListener("click", () => {
    answered = {};
    save();
    location.reload();
  });
  place.replaceChildren(says, make("div", { class: "buttons" }, again));
}
