// Explorer 2: the one-hot example, drawn coordinate by coordinate.

import { chart, digits, make, widthOf } from "./chart.js";
import { bestRate, oneRun, probabilitiesOf } from "./one_hot_run.js";
import { explorer, powersOfTwo, ratios } from "./panel.js";
import { maxLearningRate, oneHot, riskCurve } from "./theory.js";

const controls = [
  { key: "d", label: "coordinates d", start: 32, values: [2, 4, 8, 16, 32, 64], whole: true },
  { key: "decay", label: "decay a: coordinate i is drawn as often as 1 / iᵃ", start: 0, values: [0, 0.5, 1, 1.5, 2] },
  { key: "b", label: "batch size b", start: 16, values: powersOfTwo(0, 9), whole: true },
  { key: "eta", label: "learning rate η", start: 10.8, values: ratios(0.1, 512, 112) },
  { key: "update", label: "update of a coordinate hit n times", start: "mean", choices: [["mean", "mean: − η n/b of its error"], ["once", "once: all of its error"]] },
  { key: "t", label: "steps t", start: 3, values: Array.from({ length: 201 }, (_, i) => i), whole: true },
  { key: "seed", label: "random numbers: seed", start: 1, values: Array.from({ length: 100 }, (_, i) => i), whole: true },
];

function update(state, ui) {
  const probabilities = probabilitiesOf(state), problem = oneHot(probabilities), { b, eta, t } = state;
  const once = state.update === "once", ahead = Math.max(20, 2 * t);
  const run = oneRun({ probabilities, rate: eta, b, steps: t, update: state.update, seed: state.seed });
  const curve = once
    ? Array.from({ length: ahead + 1 }, (_, step) => probabilities.reduce((total, p) => total + p * (1 - p) ** (b * step), 0) / 2)
    : riskCurve(problem, probabilities.map(() => 1), eta, b, ahead);
  const expected = once ? curve : curve.bias.map((bias, step) => bias + curve.variance[step]);
  const distinct = run.hits.filter((n) => n > 0).length, right = run.errors.filter((error) => error === 0).length;
  const largest = maxLearningRate(problem, b);
  ui.result("largest stable rate", largest);
  ui.result("best rate", bestRate(probabilities, b));
  ui.result("examples read, t b", t * b);
  ui.result("coordinates hit by the last batch", distinct);
  ui.result("coordinates exactly right", right);
  ui.result("risk of this run", run.risks[t]);
  ui.result("expected risk", expected[t]);
  drawCoordinates(ui.figures[0], run, state);
  drawRun(ui.figures[1], run.risks, expected, once || eta < largest);
  ui.say(`After ${t} steps, ${t * b} examples: ${right} of ${state.d} coordinates are exactly right, the risk of this run is ${digits(run.risks[t])}, `
    + `expected ${digits(expected[t])}. The last batch hit ${distinct} coordinates.`
    + (once || eta < largest ? "" : " The rate is above the largest stable one: the expected risk grows."));
}

/** A bar for each coordinate's error, up or down from zero, and below it how often the last batch hit it. */
function drawCoordinates(figure, { errors, hits }, { d, t }) {
  const width = widthOf(figure), height = 258, middle = 100, reach = 78;
  const most = Math.max(1, ...errors.map(Math.abs).filter(Number.isFinite)), slot = (width - 8) / d;
  const alt = `Errors of ${d} coordinates after ${t} steps: the largest is ${digits(Math.max(...errors.map(Math.abs)))}, `
    + `${errors.filter((error) => error === 0).length} are zero. The last batch hit coordinates from 0 to ${Math.max(...hits)} times.`;
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-label": alt });
  svg.append(make("text", { x: 4, y: 13 }, `error of each coordinate, −${digits(most, 3)} to ${digits(most, 3)}${errors.every(Number.isFinite) ? "" : ": beyond all numbers"}`));
  errors.forEach((error, i) => {
    const size = Math.min(1, Math.abs(error) / most) * reach, x = 4 + i * slot + slot * 0.1;
    const look = hits[i] ? "bar series-1" : "bar series-0";
    svg.append(make("rect", { class: look, x, y: error >= 0 ? middle - size : middle, width: slot * 0.8, height: size }));
    for (let hit = 0; hit < Math.min(hits[i], 5); hit++) {
      const r = Math.min(3.5, slot * 0.35);
      svg.append(make("circle", { class: "bar series-1", cx: x + slot * 0.4, cy: 214 + hit * 9, r }));
    }
  });
  svg.append(make("path", { class: "axis", d: `M4 ${middle}H${width - 4}` }));
  const caption = t ? "hits in the last batch (5 dots: five or more)" : "no batch drawn yet";
  svg.append(make("text", { x: 4, y: 202 }, caption));
  const legend = make("ul", { class: "legend" });
  const swatch = (look) => make("svg", { width: 26, height: 12, "aria-hidden": "true" }, make("rect", { class: `bar series-${look}`, x: 6, y: 1, width: 12, height: 10 }));
  legend.append(make("li", {}, [swatch(1), " hit by the last batch"]), make("li", {}, [swatch(0), " not hit: as it was"]));
  figure.replaceChildren(make("figcaption", {}, "Coordinate by coordinate"), svg, legend);
}

function drawRun(figure, risks, expected, stable) {
  const point = (value, step) => [step, value], low = Math.min(...[...risks, ...expected].filter((value) => value > 0));
  const highest = Math.max(...[...risks, ...expected.slice(0, risks.length + 1)].filter(Number.isFinite));
  const top = stable ? highest : Math.min(highest, 1e6 * risks[0]); // what diverges leaves the chart at its top
  chart(figure, {
    title: "Risk of this run and of all runs", xLabel: "step", yLabel: "excess risk", logY: true, yDomain: [Math.max(low, top * 1e-8), top * 1.3], diverges: !stable,
    series: [
      { name: "expected", points: expected.map(point), look: 0, marks: false },
      { name: "this run", points: risks.map(point), look: 1, line: risks.length > 1, marks: risks.length < 40 },
    ],
    alt: `The risk of this run goes from ${digits(risks[0])} to ${digits(risks.at(-1))} in ${risks.length - 1} steps; expected is ${digits(expected[risks.length - 1])}.`,
  });
}

explorer(document.getElementById("explorer-one_hot"), {
  controls, figures: ["coordinates", "risk"], update,
  actions: [
    { name: "One step more", act: (state) => (state.t = Math.min(200, state.t + 1)) },
    { name: "Another run", act: (state) => (state.seed = (state.seed + 1) % 100) },
    { name: "Rate: the best", act: (state) => (state.eta = bestRate(probabilitiesOf(state), state.b)) },
    { name: "Rate: linear scaling, η = b", act: (state) => (state.eta = state.b) },
  ],
});
