// Predict, then look: the reader draws a curve, picks an answer or gives a number, and sees where it parts from the truth.
//
// The question and the truth stand in the page as JSON (workshop/site/explorer_questions.py computes them):
// {question, xLabel, yLabel, x, truth, logX, logY, given, domain, explanation} to draw, of which the first `given`
// points are shown; {question, answers, right, explanation} to pick; {question, value, tolerance, unit, explanation}.
// An answer is kept in this browser (kept.js), and shown again when the page is.

import { axisOf, digits, frame, make, marker } from "./chart.js";
import { answerTo, keep, score } from "./kept.js";

const STEPS = 60; // of the arrow keys, from the lower end of the axis to the upper

const line = (points, look) => make("path", { class: `line series-${look}`, d: points.map(([x, y], i) => `${i ? "L" : "M"}${x} ${y}`).join("") });

function draw(root, name, { question, xLabel, yLabel, x, truth, logX, logY, given, domain, explanation }) {
  const acrossAxis = axisOf({ values: x, log: logX }), upAxis = axisOf({ values: truth, log: logY, domain });
  const start = upAxis.place(truth[given - 1]);
  const places = x.map((_, i) => (i < given ? upAxis.place(truth[i]) : start)); // 0 (lower end) to 1
  const figure = make("figure"), says = make("p", { class: "says", role: "status" });
  const show = make("button", { type: "button" }, "Show the truth"), again = make("button", { type: "button", hidden: true }, "Draw again");
  const hint = "Drag the points, or move to one with Tab and press the arrow keys.";
  let shown = false, focused = null, dragging = false;

  function render() {
    const width = Math.max(260, Math.floor(figure.clientWidth || 420)), alt = `${question} Your prediction, a point for each value of ${xLabel}.`;
    const { svg, inside, toX, toY, box } = frame({ width, height: 280, x: acrossAxis, y: upAxis, xLabel, yLabel, alt, role: "group" });
    const spot = (place, i) => [toX(x[i]), toY(upAxis.value(place))];
    inside.append(line(places.map(spot), 1));
    if (shown) inside.append(line(truth.map((value, i) => [toX(x[i]), toY(value)]), 0), ...truth.map((value, i) => marker(0, toX(x[i]), toY(value))));
    places.forEach((place, i) => {
      const [cx, cy] = spot(place, i), fixed = i < given, value = upAxis.value(place);
      const handle = make("g", fixed ? {} : {
        class: "handle", tabindex: shown ? null : 0, role: "slider", "aria-orientation": "vertical", "aria-label": `${yLabel} at ${xLabel} = ${digits(x[i])}`,
        "aria-valuemin": upAxis.low, "aria-valuemax": upAxis.high, "aria-valuenow": value, "aria-valuetext": digits(value, 3), "aria-disabled": shown ? "true" : null,
      }, [make("circle", { cx, cy, r: fixed ? 0 : 14, class: "reach" }), marker(fixed ? 0 : 1, cx, cy, fixed ? 3.5 : 5)]);
      if (!fixed) handle.addEventListener("keydown", (event) => onKey(event, i));
      if (!fixed) handle.addEventListener("focus", () => (focused = i));
      if (!fixed) handle.addEventListener("blur", () => (focused = null));
      svg.append(handle);
    });
    const toPlace = (event) => {
      const bounds = svg.getBoundingClientRect(), scale = width / bounds.width;
      const px = (event.clientX - bounds.left) * scale, py = (event.clientY - bounds.top) * scale;
      const off = x.map((value) => Math.abs(toX(value) - px));
      return [off.indexOf(Math.min(...off)), (box.y + box.height - py) / box.height];
    };
    const drag = (event) => {
      const [i, place] = toPlace(event);
      if (!shown && i >= given) move(i, place);
    };
    svg.addEventListener("pointerdown", (event) => {
      dragging = true;
      figure.setPointerCapture(event.pointerId);
      drag(event);
    });
    figure.onpointermove = (event) => dragging && drag(event);
    figure.onpointerup = figure.onpointercancel = () => (dragging = false);
    const keep = dragging ? null : focused;
    figure.replaceChildren(svg);
    if (keep !== null) svg.querySelectorAll(".handle")[keep - given].focus();
  }

  function move(i, place) {
    places[i] = Math.min(1, Math.max(0, place));
    render();
  }

  function onKey(event, i) {
    const by = { ArrowUp: 1, ArrowRight: 1, ArrowDown: -1, ArrowLeft: -1, PageUp: 10, PageDown: -10 }[event.key];
    const place = event.key === "Home" ? 0 : event.key === "End" ? 1 : by && places[i] + by / STEPS;
    if (place === undefined || shown) return;
    event.preventDefault();
    move(i, place);
  }

  function reveal() {
    shown = true;
    focused = null;
    render();
    const [right, words] = verdict(x, places.map(upAxis.value), truth, { xLabel, logY, span: upAxis.high - upAxis.low, given });
    says.textContent = `${words} ${explanation}`;
    show.hidden = true;
    again.hidden = false;
    return right;
  }

  show.addEventListener("click", () => {
    keep(name, [...places], reveal());
    again.focus();
  });
  again.addEventListener("click", () => {
    shown = false;
    places.fill(start, given);
    says.textContent = "";
    again.hidden = true;
    show.hidden = false;
    render();
    show.focus();
  });
  const legend = make("ul", { class: "legend" }, [[1, " your prediction"], [0, " given; the truth"]].map(([look, name]) =>
    make("li", {}, [make("svg", { width: 26, height: 12, "aria-hidden": "true" }, marker(look, 13, 6)), name])));
  root.append(make("p", { class: "question" }, question), make("p", { class: "hint" }, hint), figure, legend, make("div", { class: "buttons" }, [show, again]), says);
  new ResizeObserver(render).observe(root);
  const before = answerTo(name)?.given;
  if (before?.length === places.length) {
    places.splice(0, places.length, ...before);
    reveal();
  }
}

/** Whether a prediction is right, and where it parts from the truth: the first point off by more than a quarter, and the worst. */
function verdict(x, predicted, truth, { xLabel, logY, span, given }) {
  const off = truth.map((value, i) => (i < given ? 0 : logY ? Math.abs(Math.log(predicted[i] / value)) : Math.abs(predicted[i] - value) / span));
  const first = off.findIndex((one) => one > (logY ? Math.log(1.25) : 0.1)), worst = off.indexOf(Math.max(...off));
  if (first < 0) return [true, "Your curve follows the truth all the way."];
  const compare = (i) => `${xLabel} = ${digits(x[i])}: you drew ${digits(predicted[i], 2)}, the truth is ${digits(truth[i], 3)}.`;
  return [false, `Your curve parts from the truth at ${compare(first)}${worst === first ? "" : ` It is furthest off at ${compare(worst)}`}`];
}

/** A question that is answered in fields: `read` says what was given (undefined: nothing), `judge` whether it is right and how it is. */
function ask(root, name, question, fields, { missing, read, write, judge, explanation }) {
  const says = make("p", { class: "says", role: "status" }), show = make("button", { type: "button" }, "Show the truth");
  const reveal = (given) => {
    const [right, words] = judge(given);
    says.textContent = `${words} ${explanation}`;
    return right;
  };
  show.addEventListener("click", () => {
    const given = read();
    if (given === undefined) says.textContent = missing;
    else keep(name, given, reveal(given));
  });
  root.append(make("fieldset", {}, [make("legend", {}, question), ...fields]), make("div", { class: "buttons" }, show), says);
  if (answerTo(name)) {
    write(answerTo(name).given);
    reveal(answerTo(name).given);
  }
}

function pick(root, name, { question, answers, right, explanation }) {
  const choices = answers.map((answer, i) => make("label", {}, [make("input", { type: "radio", name: `predict-${name}`, value: i }), ` ${answer}`]));
  const box = (i) => choices[i]?.querySelector("input");
  ask(root, name, question, choices, {
    explanation, missing: "Pick an answer first.",
    read: () => answers.map((_, i) => i).find((i) => box(i).checked),
    write: (given) => box(given) && (box(given).checked = true),
    judge: (given) => {
      choices.forEach((choice, i) => choice.classList.toggle("right", i === right));
      return [given === right, given === right ? "Right." : `No: ${answers[right] ?? "at these parameters, none of them alone"}.`];
    },
  });
}

function guess(root, name, { question, value, tolerance, unit, explanation }) {
  const input = make("input", { type: "number", step: "any", "aria-label": `Your guess${unit && `, ${unit}`}` });
  ask(root, name, question, [make("div", {}, [input, ` ${unit}`])], {
    explanation, missing: "Write a number first.",
    read: () => (Number.isNaN(input.valueAsNumber) ? undefined : input.valueAsNumber),
    write: (given) => (input.value = given),
    judge: (given) => {
      const right = Math.abs(given - value) <= tolerance;
      return [right, `${right ? "Right" : "No"}: it is ${digits(value, 3)} ${unit}`.trim() + "."];
    },
  });
}

for (const root of document.querySelectorAll("[data-predict]")) {
  const data = JSON.parse(root.querySelector("script").textContent);
  (data.answers ? pick : data.x ? draw : guess)(root, root.dataset.predict, data);
}
score();
