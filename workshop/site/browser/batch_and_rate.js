// Explorer 1: batch size, learning rate, spectrum and noise; bias, variance, stability, depth and work.

import { chart, digits, make } from "./chart.js";
import { explorer, inTurns, powersOfTwo, ratios } from "./panel.js";
import { criticalBatchSize, depth, gaussian, maxLearningRate, oneHot, riskCurve, steadyRisk } from "./theory.js";

const BATCHES = powersOfTwo(0, 12);
const MOST = 3e6; // steps times groups of coordinates that one depth may cost

/** The problem and the start, every coordinate off by one, of a setting. */
function problemOf({ features, d, decay, noise }) {
  const spectrum = Array.from({ length: d }, (_, i) => (i + 1) ** -decay);
  const total = spectrum.reduce((one, other) => one + other, 0);
  const shares = spectrum.map((share) => share / total);
  return { problem: features === "gaussian" ? gaussian(spectrum, noise) : oneHot(shares, noise), start: spectrum.map(() => 1) };
}

const controls = [
  { key: "features", label: "features x", start: "gaussian", choices: [["gaussian", "Gaussian"], ["onehot", "one-hot (sparse)"]] },
  { key: "d", label: "dimension d", start: 50, values: [1, 2, 5, 10, 20, 30, 50, 64, 100], whole: true },
  { key: "decay", label: "decay a of the spectrum, λᵢ = 1 / iᵃ", start: 0, values: [0, 0.25, 0.5, 0.75, 1, 1.5, 2] },
  { key: "noise", label: "label noise σ²", start: 0.1, values: [0, ...ratios(0.001, 10, 13)] },
  { key: "b", label: "batch size b", start: 16, values: [...powersOfTwo(0, 12), Infinity], whole: true },
  { key: "eta", label: "learning rate η", start: 0.2, values: ratios(0.0001, 200, 127) },
  { key: "t", label: "steps t", start: 20, values: [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000], whole: true },
  { key: "target", label: "target, of the first risk", start: 0.01, values: [0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001] },
];

const halfOfMaximum = (state) => (state.eta = 0.5 * maxLearningRate(problemOf(state).problem, state.b));
const turns = inTurns();

function update(state, ui) {
  const { b, eta, t, target } = state, { problem, start } = problemOf(state);
  const largest = maxLearningRate(problem, b), critical = criticalBatchSize(problem);
  const { bias, variance } = riskCurve(problem, start, eta, b, t);
  const single = riskCurve(problem, start, eta, 1, t).variance[t], settles = steadyRisk(problem, eta, b);
  const stable = eta < largest, risk = bias[t] + variance[t];
  ui.result("largest stable rate η_max(b)", largest);
  ui.result("critical batch size b̄", critical);
  ui.result("bias after t steps", bias[t]);
  ui.result("variance after t steps", variance[t]);
  ui.result("excess risk after t steps", risk);
  const alone = eta < maxLearningRate(problem, 1);
  const ratio = variance[t] ? single / variance[t] : Infinity;
  ui.result("variance(1) / variance(b), same η", alone ? ratio : Infinity, !alone ? "b = 1 diverges" : variance[t] ? digits(ratio) : "no variance at b");
  ui.result("risk it settles at", settles, stable ? digits(settles) : "never settles");
  ui.result("work: gradients t b", t * b);
  ui.result("steps to the target, best rate", NaN, "…");
  ui.result("work to the target, best rate", NaN, "…");
  drawRisk(ui.figures[0], bias, variance, stable);
  drawRates(ui.figures[1], problem, state, largest, critical);
  const cap = Math.floor(MOST / problem.values.length);
  turns([b, Infinity, ...BATCHES], (size) => depth(problem, start, target, size, cap), ([here, limit, ...depths]) => {
    ui.result("steps to the target, best rate", here ? here.steps : NaN, here ? digits(here.steps, 7) : `more than ${digits(cap)}`);
    ui.result("work to the target, best rate", here ? here.steps * b : NaN, here ? digits(here.steps * b, 9) : "unknown");
    drawDepth(ui.figures[2], { depths, here, limit, b, target, critical, cap });
    ui.say(`${stable ? "Stable" : "Unstable: the rate is above the maximum"}. After ${t} steps the risk is ${digits(risk)}`
      + `${risk > 0 && risk < Infinity ? `, ${digits(100 * bias[t] / risk, 3)} % of it bias` : ""}. The target takes ${here ? here.steps : `more than ${cap}`} steps at the best rate for b = ${digits(b)}; `
      + `${b <= critical ? "b is below" : "b is above"} the critical batch size ${digits(critical, 3)}.`);
  });
}

function drawRisk(figure, bias, variance, stable) {
  const t = bias.length - 1;
  const steps = [...new Set(Array.from({ length: 120 }, (_, i) => Math.round(t ** (i / 119))))];
  const shown = (values) => steps.map((step) => [step, values[step]]);
  const risk = bias.map((value, step) => value + variance[step]);
  const highest = Math.max(...risk.filter(Number.isFinite)), low = Math.min(...risk.filter((value) => value > 0));
  const top = stable ? highest : Math.min(highest, 1e6 * risk[0]); // what diverges leaves the chart at its top
  const crossing = stable ? variance.findIndex((value, step) => step > 0 && value >= bias[step]) : -1;
  chart(figure, {
    title: "Excess risk, step by step", xLabel: "step", yLabel: "excess risk", logX: true, logY: true,
    yDomain: [Math.max(low / 30, top * 1e-12), top * 1.5], diverges: !stable,
    rules: crossing > 0 ? [{ x: crossing, name: `variance overtakes bias: step ${crossing}` }] : [],
    series: [
      { name: "risk", points: shown(risk), look: 0, marks: false },
      { name: "bias", points: shown(bias), look: 1, marks: false },
      { name: variance[t] ? "variance" : "variance: zero", points: shown(variance), look: 2, marks: false },
    ],
    alt: `Excess risk from ${digits(risk[0])} to ${digits(risk[t])} in ${t} steps, ${stable ? "stable" : "growing without bound"}; `
      + `at the end the bias is ${digits(bias[t])} and the variance ${digits(variance[t])}${crossing > 0 ? `, which overtakes it at step ${crossing}` : ""}.`,
  });
}

function drawRates(figure, problem, { b, eta }, largest, critical) {
  const sizes = powersOfTwo(0, 12), rates = sizes.map((size) => [size, maxLearningRate(problem, size)]);
  const atInfinity = maxLearningRate(problem, Infinity);
  chart(figure, {
    title: "Largest stable rate", xLabel: "batch size b", yLabel: "learning rate η", logX: true, logY: true,
    series: [
      { name: "η_max(b), exact", points: rates, look: 0 },
      { name: "b η_max(1): in proportion", points: sizes.map((size) => [size, size * rates[0][1]]).filter((p) => p[1] < 4 * rates.at(-1)[1]), look: 3, marks: false },
      { name: "your setting", points: [[b, eta]], look: 1, line: false },
    ],
    rules: [{ x: critical, name: "critical batch size b̄" }, { y: atInfinity, name: "b = ∞: gradient descent, 2 / λ₁" }],
    alt: `The largest stable rate rises from ${digits(rates[0][1])} at b = 1 in proportion to b, bends at ${digits(critical, 3)} and ends at `
      + `${digits(atInfinity)}. At b = ${digits(b)} it is ${digits(largest)}; your rate is ${digits(eta)}.`,
  });
}

function drawDepth(figure, { depths, here, limit, b, target, critical, cap }) {
  const steps = BATCHES.map((size, i) => [size, depths[i]?.steps ?? NaN]);
  const first = steps.find((p) => Number.isFinite(p[1])), count = (n) => (Number.isFinite(n) ? digits(n, 7) : `more than ${digits(cap)}`);
  if (!first) {
    figure.replaceChildren(make("p", {}, `No batch size up to ${BATCHES.at(-1)} gets to the target in ${digits(cap)} steps.`));
    return;
  }
  const work = steps.map(([size, count]) => [size, size * count]);
  const perfect = steps.map(([size]) => [size, first[0] * first[1] / size]).filter((p) => p[1] >= 0.5);
  chart(figure, {
    title: `Depth and work to ${digits(target)} of the first risk`, xLabel: "batch size b", yLabel: "steps; gradients", logX: true, logY: true,
    series: [
      { name: "depth: steps", points: steps, look: 0 },
      { name: "work: gradients", points: work, look: 2 },
      { name: "perfect: depth in proportion to 1/b", points: perfect, look: 3, marks: false },
      ...(here ? [{ name: "your batch size", points: [[b, here.steps]], look: 1, line: false }] : []),
    ],
    rules: [{ x: critical, name: "critical batch size b̄" }, ...(limit ? [{ y: limit.steps, name: "depth at b = ∞" }] : [])],
    alt: `Steps to the target fall from ${count(steps[0][1])} at b = 1 to ${count(steps.at(-1)[1])} at b = ${steps.at(-1)[0]}`
      + `${limit ? ` and ${limit.steps} at b = ∞` : ""}; gradients computed go from ${count(work[0][1])} to ${count(work.at(-1)[1])}.`,
  });
}

explorer(document.getElementById("explorer-batch_and_rate"), {
  controls, figures: ["risk", "largest rate", "depth and work"], update,
  actions: [{ name: "Rate: half of the maximum", act: halfOfMaximum }],
});
