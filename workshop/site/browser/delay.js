// Explorer 3: delay and sparsity. Where asynchronous SGD (Hogwild) diverges, by the closed forms with old gradients.

import { chart, digits } from "./chart.js";
import { explorer, powersOfTwo, ratios } from "./panel.js";
import { delayedRisk, gaussian, maxLearningRate, oneHot } from "./theory.js";

const DELAYS = [0, 1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64];
const STEPS = 400;

function problemOf({ features, d, noise }) {
  const ones = Array.from({ length: d }, () => 1);
  return features === "gaussian" ? gaussian(ones, noise) : oneHot(ones.map(() => 1 / d), noise);
}

/** The factor of the Hogwild paper's bound, 1 + 6 rho tau + 4 tau^2 Omega sqrt(Delta), for uniform one-hot features. */
const paperPenalty = (d, delay) => 1 + 6 * delay / d + 4 * delay ** 2 / Math.sqrt(d);

const controls = [
  { key: "features", label: "features x", start: "onehot", choices: [["onehot", "one-hot: sparse"], ["gaussian", "Gaussian: dense"]] },
  { key: "d", label: "dimension d", start: 64, values: powersOfTwo(0, 10), whole: true },
  { key: "b", label: "batch size b", start: 1, values: [...powersOfTwo(0, 10), Infinity], whole: true },
  { key: "delay", label: "delay τ, in updates", start: 16, values: DELAYS, whole: true },
  { key: "share", label: "rate / largest without delay", start: 0.5, values: ratios(0.01, 1.2, 48) },
  { key: "noise", label: "label noise σ²", start: 0.1, values: [0, ...ratios(0.001, 10, 13)] },
];

function update(state, ui) {
  const problem = problemOf(state), { b, delay, share, d } = state;
  const free = maxLearningRate(problem, b), late = maxLearningRate(problem, b, delay), rate = share * free;
  const penalty = free / late, stable = rate < late;
  const risks = delayedRisk(problem, Array.from({ length: d }, () => 1), rate, b, STEPS, delay);
  ui.result("largest stable rate without delay", free);
  ui.result("largest stable rate with this delay", late);
  ui.result("your rate η", rate);
  ui.result("the delay divides the rate by", penalty);
  const sparse = state.features === "onehot" && b === 1;
  ui.result("the Hogwild paper's bound divides it by", sparse ? paperPenalty(d, delay) : NaN, sparse ? digits(paperPenalty(d, delay)) : "one-hot, b = 1 only");
  ui.result("budget used, x = τ λ η_max(b)", delay * problem.values[0] * free);
  ui.result("at this rate, SGD with old gradients", Number(stable), stable ? "is stable" : "diverges");
  drawLimits(ui.figures[0], problem, state, rate, stable);
  drawRisk(ui.figures[1], risks, stable);
  drawSparsity(ui.figures[2], state);
  ui.say(`With gradients ${delay} updates old the largest stable rate is ${digits(late)}, ${digits(1 / penalty, 3)} times that without delay. `
    + `Your rate ${digits(rate)} ${stable ? "is below it: stable" : "is above it: the expected risk grows without bound"}.`);
}

function drawLimits(figure, problem, { b, delay }, rate, stable) {
  const limits = DELAYS.map((tau) => [tau, maxLearningRate(problem, b, tau)]);
  const rule = DELAYS.map((tau) => [tau, limits[0][1] / (1 + tau * problem.values[0] * limits[0][1])]);
  chart(figure, {
    title: "Where it diverges", xLabel: "delay τ (updates)", yLabel: "learning rate η", logY: true,
    yDomain: [Math.min(rate, rule.at(-1)[1]) / 2, limits[0][1] * 2],
    series: [
      { name: "largest stable rate, exact", points: limits, look: 0 },
      { name: "rule: 1 / (1 + x) of it", points: rule, look: 3, marks: false },
      { name: stable ? "your setting: stable" : "your setting: diverges", points: [[delay, rate]], look: 1, line: false },
    ],
    alt: `The largest stable rate falls from ${digits(limits[0][1])} without delay to ${digits(limits.at(-1)[1])} at a delay of 64. `
      + `Your setting lies ${stable ? "below the line: stable" : "above the line: it diverges"}.`,
  });
}

function drawRisk(figure, risks, stable) {
  const good = risks.filter((risk) => Number.isFinite(risk) && risk > 0), top = Math.min(Math.max(...good), 1e6 * risks[0]);
  chart(figure, {
    title: "Expected risk with old gradients", xLabel: "update", yLabel: "excess risk", logY: true,
    yDomain: [Math.max(Math.min(...good), top * 1e-10), top * 1.5], diverges: !stable,
    series: [{ name: "risk", points: risks.map((risk, step) => [step, risk]), look: 0, marks: false }],
    alt: `Expected excess risk over ${STEPS} updates: from ${digits(risks[0])} to ${digits(risks.at(-1))}, ${stable ? "stable" : "growing"}.`,
  });
}

function drawSparsity(figure, { b, delay }) {
  const sizes = powersOfTwo(0, 10);
  const left = (make) => sizes.map((d) => {
    const problem = make(d);
    return [d, maxLearningRate(problem, b, delay) / maxLearningRate(problem, b)];
  });
  const sparse = left((d) => problemOf({ features: "onehot", d, noise: 0 })), dense = left((d) => problemOf({ features: "gaussian", d, noise: 0 }));
  const paper = sizes.map((d) => [d, 1 / paperPenalty(d, delay)]);
  chart(figure, {
    title: `What a delay of ${delay} leaves of the rate`, xLabel: "dimension d", yLabel: "share of the rate without delay", logX: true, logY: true,
    series: [
      { name: "one-hot, exact", points: sparse, look: 0 },
      { name: "Gaussian, exact", points: dense, look: 2 },
      ...(b === 1 ? [{ name: "one-hot, the paper's bound", points: paper, look: 3, marks: false }] : []),
    ],
    alt: `Share of the largest rate that a delay of ${delay} leaves: for one-hot features ${digits(sparse[0][1], 3)} at d = 1 and ${digits(sparse.at(-1)[1], 3)} at d = 1024.`,
  });
}

explorer(document.getElementById("explorer-delay"), {
  controls, figures: ["where it diverges", "risk", "sparsity"], update,
  actions: [{
    name: "Rate: just below the limit",
    act: (state) => {
      const problem = problemOf(state);
      state.share = 0.98 * maxLearningRate(problem, state.b, state.delay) / maxLearningRate(problem, state.b);
    },
  }],
});
