// Explorer 4: seconds to a target on a cluster: depth(b) steps, each computed in parallel and then summed up.

import { chart, digits } from "./chart.js";
import { explorer, inTurns, powersOfTwo, ratios } from "./panel.js";
import { depth, gaussian, oneHot, stepSeconds } from "./theory.js";

const BATCHES = powersOfTwo(0, 12);
const MACHINES = powersOfTwo(0, 10);
const ones = (d) => Array.from({ length: d }, () => 1);
const PROBLEMS = {
  isotropic: { name: "Gaussian, d = 50, equal λ", make: (noise) => gaussian(ones(50), noise), d: 50 },
  power: { name: "Gaussian, d = 50, λᵢ = 1 / i", make: (noise) => gaussian(ones(50).map((_, i) => 1 / (i + 1)), noise), d: 50 },
  onehot: { name: "one-hot, d = 64", make: (noise) => oneHot(ones(64).map(() => 1 / 64), noise), d: 64 },
};

const controls = [
  { key: "problem", label: "problem", start: "isotropic", choices: Object.entries(PROBLEMS).map(([key, { name }]) => [key, name]) },
  { key: "noise", label: "label noise σ²", start: 0, values: [0, 0.01, 0.1, 1] },
  { key: "target", label: "target, of the first risk", start: 0.01, values: [0.1, 0.05, 0.02, 0.01] },
  { key: "machines", label: "machines K", start: 16, values: MACHINES, listed: true },
  { key: "b", label: "batch size b, all machines", start: 64, values: BATCHES, listed: true },
  { key: "algorithm", label: "all-reduce", start: "ring", choices: ["ring", "tree", "halving-doubling"].map((name) => [name, name]) },
  { key: "example", label: "seconds an example", start: 1e-4, values: ratios(1e-7, 1e-1, 19) },
  { key: "alpha", label: "α: seconds a message", start: 1e-5, values: ratios(1e-7, 1e-2, 16) },
  { key: "beta", label: "β: seconds a number", start: 4e-10, values: [...ratios(1e-11, 1e-6, 16), 4e-10].sort((one, other) => one - other) },
  { key: "size", label: "numbers in the gradient N", start: 1e6, values: ratios(100, 1e10, 25) },
];

const turns = inTurns(), known = new Map();

/** Steps to the target for every batch size; kept, for most changes leave them as they are. */
function depthsOf({ problem, noise, target }, done) {
  const key = [problem, noise, target].join(), { make, d } = PROBLEMS[problem], made = make(noise);
  turns(BATCHES, (b) => known.get(`${key},${b}`) ?? depth(made, ones(d), target, b, 60000)?.steps ?? NaN, (steps) => {
    BATCHES.forEach((b, i) => known.set(`${key},${b}`, steps[i]));
    done(Object.fromEntries(BATCHES.map((b, i) => [b, steps[i]])));
  });
}

/** Seconds to the target, by batch size, on so many machines. */
function secondsOf(state, depths, machines) {
  const terms = { secondsPerExample: state.example, alpha: state.alpha, beta: state.beta, size: state.size, algorithm: state.algorithm };
  return BATCHES.map((b) => {
    const { compute, communicate } = stepSeconds(b, machines, terms);
    return [b, depths[b] * (compute + communicate), communicate / (compute + communicate)];
  });
}

const fastest = (times) => times.filter((row) => Number.isFinite(row[1])).reduce((best, row) => (row[1] < best[1] ? row : best), [NaN, Infinity, NaN]);

function update(state, ui) {
  const { machines, b } = state;
  depthsOf(state, (depths) => {
    const times = secondsOf(state, depths, machines), here = times.find((row) => row[0] === b), best = fastest(times);
    const alone = fastest(secondsOf(state, depths, 1)), speedUps = MACHINES.map((k) => [k, alone[1] / fastest(secondsOf(state, depths, k))[1]]);
    ui.result("steps to the target", depths[b], Number.isFinite(depths[b]) ? digits(depths[b], 7) : "more than 60,000");
    const reached = Number.isFinite(here[1]), some = Number.isFinite(best[1]), never = "not reached in 60,000 steps";
    ui.result("seconds to the target", reached ? here[1] : Infinity, reached ? digits(here[1]) : never);
    ui.result("share of them spent communicating", here[2], `${digits(100 * here[2], 3)} %`);
    ui.result("best batch size for these machines", best[0], some ? digits(best[0]) : never);
    ui.result("seconds at the best batch size", best[1]);
    ui.result("times faster than one machine at its best", some ? alone[1] / best[1] : 1, some ? digits(alone[1] / best[1]) : never);
    drawTimes(ui.figures[0], state, depths, machines, b, here, best);
    drawSpeedUp(ui.figures[1], speedUps, machines);
    ui.say(!some ? `No batch size gets to the target in 60,000 steps.` : `${machines} machines with b = ${b} ${reached ? `take ${digits(here[1])} seconds` : "do not get there in 60,000 steps"}, ${digits(100 * here[2], 3)} % of the time spent communicating. Their best batch size is ${best[0]}: `
      + `${digits(best[1])} seconds, ${digits(alone[1] / best[1], 3)} times faster than one machine.`);
  });
}

function drawTimes(figure, state, depths, machines, b, here, best) {
  const others = [1, 8, 64, 512].filter((k) => k !== machines).slice(0, 3);
  const curve = (k) => secondsOf(state, depths, k).map(([size, seconds]) => [size, seconds]);
  chart(figure, {
    title: "Seconds to the target", xLabel: "batch size b", yLabel: "seconds", logX: true, logY: true,
    series: [
      { name: `${machines} machine${machines > 1 ? "s" : ""}, yours`, points: curve(machines), look: 1 },
      ...others.map((k, i) => ({ name: `${k} machine${k > 1 ? "s" : ""}`, points: curve(k), look: [0, 2, 3][i], marks: false })),
      { name: "your batch size", points: [[b, here[1]]], look: 4, line: false },
    ],
    alt: `Seconds to the target against batch size for several numbers of machines. With ${machines} the least is ${digits(best[1])} seconds at b = ${best[0]}.`,
  });
}

function drawSpeedUp(figure, speedUps, machines) {
  const most = speedUps.reduce((best, row) => (row[1] > best[1] ? row : best));
  chart(figure, {
    title: "Times faster than one machine, best batch sizes", xLabel: "machines K", yLabel: "times faster", logX: true, logY: true,
    series: [
      { name: "this cluster", points: speedUps, look: 1 },
      { name: "perfect: K times", points: MACHINES.map((k) => [k, k]), look: 3, marks: false },
    ],
    rules: [{ x: machines, name: "your number of machines" }],
    alt: `Speed-up against the number of machines, each at its best batch size: at most ${digits(most[1], 3)} times, with ${most[0]} machines; perfect would be ${MACHINES.at(-1)} times with ${MACHINES.at(-1)}.`,
  });
}

explorer(document.getElementById("explorer-cluster"), {
  controls, figures: ["seconds", "times faster"], update,
  actions: [{
    name: "Batch size: the best",
    act: (state) => {
      const cached = Object.fromEntries(BATCHES.map((b) => [b, known.get([state.problem, state.noise, state.target, b].join())]));
      const best = fastest(secondsOf(state, cached, state.machines))[0];
      if (Number.isFinite(best)) state.b = best;
    },
  }],
});
