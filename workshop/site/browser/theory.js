// Exact theory of mini-batch SGD on least squares, for a page that computes without a kernel. Read it beside
// lecturelib/least_squares/risk.py, stability.py, depth.py, hogwild/delayed_risk.py and parallel/cost.py: the same names, the same
// formulas. tests/workshop/site/test_explorers_theory.py runs this very file and compares it with them.
//
// L(w) = 1/2 E (y - x'w)^2, mean over the batch, Delta = w - w*, risk = L(w) - L(w*). For Gaussian and one-hot
// features the diagonal p of E Delta Delta' is all that a risk depends on. One step at rate eta, batch size b:
//
//     p  ->  (1 - eta l)^2 p + eta^2 / b ((own - l^2) p + (coupling l'p + s^2) l)
//
// Coordinates with one eigenvalue behave alike, so each group of equals is kept as one sum.

function check(good, name, value, remedy) {
  if (!good) throw new RangeError(`${name} = ${value} is refused; pass ${remedy}`);
}

function checkBatch(b) {
  check(b === Infinity || (Number.isInteger(b) && b >= 1), "batch size", b, "a whole number, 1 or more, or Infinity");
}

function sum(terms, of) {
  let total = 0;
  for (let i = 0; i < terms.length; i++) total += of ? of(terms[i], i) : terms[i];
  return total;
}

function problem(eigenvalues, noise, own, coupling) {
  check(eigenvalues.length && Math.max(...eigenvalues) > 0 && Math.min(...eigenvalues) >= 0, "eigenvalues",
    eigenvalues, "variances: none negative, one positive");
  check(noise >= 0 && noise < Infinity, "noise variance", noise, "a finite number, 0 or more");
  const values = [...new Set(eigenvalues.filter((l) => l > 0))].sort((one, other) => other - one);
  const place = eigenvalues.map((l) => values.indexOf(l));
  const count = values.map((l, g) => place.filter((at) => at === g).length);
  return { values, count, place, noise, own: values.map(own), coupling };
}

/** x ~ N(0, diag(eigenvalues)): E[xx' Phi xx'] = 2 H Phi H + tr(H Phi) H. */
export function gaussian(eigenvalues, noise = 0) {
  return problem(eigenvalues, noise, (l) => 2 * l * l, 1);
}

/** x = e_i with probability p_i: coordinates never meet. */
export function oneHot(probabilities, noise = 0) {
  const total = sum(probabilities);
  check(Math.abs(total - 1) < 1e-9, "the sum of the probabilities", total, "probabilities that sum to 1");
  return problem(probabilities, noise, (p) => p, 0);
}

/** Sums of Delta_i^2 over each group of equal eigenvalues. */
function startSquares(problem, startError) {
  const squares = problem.values.map(() => 0);
  startError.forEach((error, i) => { if (problem.place[i] >= 0) squares[problem.place[i]] += error * error; });
  return squares;
}

/** A product in which nothing of something infinite is nothing: where a run diverges it is infinite, never NaN. */
const times = (x, y) => (x === 0 ? 0 : x * y);

/** Excess risk after 0 .. steps steps: {bias, variance}, as least_squares.risk_curve. */
export function riskCurve(problem, startError, rate, b, steps) {
  checkBatch(b);
  check(rate >= 0 && rate < Infinity, "learning rate", rate, "a finite number, 0 or more");
  const { values, count, coupling, noise } = problem;
  const scale = rate * rate / b;
  const own = values.map((l, g) => scale * (problem.own[g] - l * l));
  const shrink = values.map((l) => (1 - rate * l) ** 2);
  const mean = startSquares(problem, startError), covariance = values.map(() => 0);
  const bias = [], variance = [];
  for (let step = 0; step <= steps; step++) {
    const ofMean = sum(values, (l, g) => l * mean[g]), ofNoise = sum(values, (l, g) => l * covariance[g]);
    bias.push(ofMean / 2);
    variance.push(ofNoise / 2);
    const shared = times(coupling, ofMean + ofNoise) + noise;
    for (let g = 0; g < values.length; g++) {
      covariance[g] = times(shrink[g] + own[g], covariance[g]) + times(own[g], mean[g]) + times(scale * values[g] * count[g], shared);
      mean[g] = times(shrink[g], mean[g]);
    }
  }
  return { bias, variance };
}

// ------------------------------------------------------------------------------------------------ stability

/** Largest eigenvalue of diag(diagonal) + v v', squares = v^2: Newton's method on the secular equation. */
export function topOfDiagonalPlusRankOne(diagonal, squares) {
  const top = Math.max(...diagonal), gaps = diagonal.map((d) => top - d), mass = sum(squares);
  if (!(mass > 0)) return top;
  // One over the sum is increasing and concave in the root: from below, each step climbs and none passes it.
  let root = Math.max(...squares.filter((_, i) => gaps[i] === 0), mass - Math.max(...gaps));
  for (;;) {
    let total = 0, slope = 0;
    for (let i = 0; i < gaps.length; i++) {
      const ratio = squares[i] / (root + gaps[i]);
      total += ratio;
      slope += ratio / (root + gaps[i]);
    }
    const next = root + total * (total - 1) / slope;
    if (!(next > root * (1 + 4e-16))) return top + root;
    root = next;
  }
}

/** 1 / eta_max; slowing (one number a group) is what a delay divides the condition by. */
function top(problem, b, slowing) {
  const diagonal = problem.values.map((l, g) => 0.5 * (problem.own[g] / l / b + (1 - 1 / b) * l) / slowing[g]);
  const squares = problem.values.map((l, g) => 0.5 * problem.coupling * l * problem.count[g] / b / slowing[g]);
  return topOfDiagonalPlusRankOne(diagonal, squares);
}

/** s with which a delay replaces the 2 of the stability condition by 2 s, for q = eta * eigenvalue. */
export function slowingOf(q, delay) {
  const theta = 2 * Math.asin(q / 2), quarter = Math.PI / 4;
  return Math.cos(quarter + (2 * delay - 1) * theta / 4) / Math.cos(quarter - (2 * delay + 1) * theta / 4);
}

/** Rate beyond which the mean square of the error grows without bound; gradients `delay` steps old. */
export function maxLearningRate(problem, b, delay = 0) {
  checkBatch(b);
  check(Number.isInteger(delay) && delay >= 0, "delay", delay, "a whole number, 0 or more");
  if (delay === 0) return 1 / top(problem, b, problem.values.map(() => 1));
  const limit = 2 * Math.sin(Math.PI / (2 * (2 * delay + 1))) / problem.values[0];
  const stable = (rate) => rate * top(problem, b, problem.values.map((l) => slowingOf(rate * l, delay))) < 1;
  if (b === Infinity || stable(limit)) return limit;
  let low = 0, high = limit;
  for (;;) { // the condition is increasing in the rate; halve until no number lies between
    const middle = (low + high) / 2;
    if (middle === low || middle === high) return middle;
    if (stable(middle)) low = middle;
    else high = middle;
  }
}

/** eta_max(infinity) / eta_max(1), in examples. */
export function criticalBatchSize(problem) {
  return maxLearningRate(problem, Infinity) / maxLearningRate(problem, 1);
}

/** Excess risk that a constant rate below eta_max settles at; Infinity where it does not settle. */
export function steadyRisk(problem, rate, b) {
  if (!(rate > 0 && rate < maxLearningRate(problem, b))) return Infinity;
  const spread = sum(problem.values, (l, g) =>
    problem.count[g] * rate * l / b / (2 - rate * (problem.own[g] / l / b + (1 - 1 / b) * l)));
  return 0.5 * problem.noise * spread / (1 - problem.coupling * spread);
}

/** Expected excess risk after 0 .. steps steps with gradients `delay` steps old: hogwild/delayed_risk.py. */
export function delayedRisk(problem, startError, rate, b, steps, delay) {
  checkBatch(b);
  const { values, count, own, coupling, noise } = problem;
  let moments = startSquares(problem, startError) // S_ij = E[Delta_(t-i) Delta_(t-j)], one table a group
    .map((square) => Array.from({ length: delay + 1 }, () => new Float64Array(delay + 1).fill(square)));
  const risks = [];
  for (let step = 0; step <= steps; step++) {
    const risk = sum(values, (l, g) => l * moments[g][0][0]) / 2;
    risks.push(Number.isFinite(risk) && risks.at(-1) !== Infinity ? risk : Infinity);
    const shared = coupling * sum(values, (l, g) => l * moments[g][delay][delay]) + noise;
    moments = moments.map((table, g) => {
      const l = values[g], stale = table[delay][delay];
      const square = l * l * stale + ((own[g] - l * l) * stale + shared * l * count[g]) / b;
      const row = table[0].map((value, j) => value - rate * l * table[delay][j]);
      const newest = table[0][0] - 2 * rate * l * table[delay][0] + rate * rate * square;
      const shifted = (head, tail) => {
        const line = new Float64Array(delay + 1);
        line[0] = head;
        line.set(tail.subarray(0, delay), 1);
        return line;
      };
      return [shifted(newest, row), ...table.slice(0, delay).map((old, i) => shifted(row[i], old))];
    });
  }
  return risks;
}

// ---------------------------------------------------------------------------------------------------- depth

/** First step in 1 .. last at which the risk is at most goal, or null; with `at`, the risk after `at` steps. */
function run(problem, squares, rate, b, goal, last, at = null) {
  const { values, count, own, coupling, noise } = problem;
  const c = 1 / b, size = values.length, p = Float64Array.from(squares);
  const diagonal = values.map((l, g) => 1 - 2 * rate * l + rate * rate * ((1 - c) * l * l + c * own[g]));
  const force = values.map((l, g) => rate * rate * c * l * count[g]);
  let twice = 0, still = 0; // twice the risk; steps in a row in which it has not moved
  for (let g = 0; g < size; g++) twice += values[g] * p[g];
  const hopeless = 1e9 * twice; // the step is a symmetric matrix without negative entries: no way back
  for (let step = 1; step <= last; step++) {
    const shared = coupling * twice + noise, before = twice;
    twice = 0;
    for (let g = 0; g < size; g++) {
      p[g] = diagonal[g] * p[g] + shared * force[g];
      twice += values[g] * p[g];
    }
    if (at === null && twice / 2 <= goal) return step;
    still = Math.abs(twice - before) <= 1e-15 * twice ? still + 1 : 0;
    if (still > 9 && at === null) return null;
    if (!(twice < hopeless)) return at === null ? null : Infinity;
  }
  return at === null ? null : twice / 2;
}

const ROUNDING = 1e-12; // a risk that equals the goal but for rounding has reached it
const GOLDEN = (Math.sqrt(5) - 1) / 2;

function lowest(of, low, high) {
  let left = high - GOLDEN * (high - low), right = low + GOLDEN * (high - low);
  let ofLeft = of(left), ofRight = of(right);
  for (let turn = 0; turn < 36; turn++) {
    if (ofLeft < ofRight) {
      [high, right, ofRight] = [right, left, ofLeft];
      ofLeft = of(left = high - GOLDEN * (high - low));
    } else {
      [low, left, ofLeft] = [left, right, ofRight];
      ofRight = of(right = low + GOLDEN * (high - low));
    }
  }
  return ofLeft < ofRight ? left : right;
}

/**
 * Fewest steps to target * (first risk) at the best constant rate: {steps, rate}, or null beyond mostSteps.
 * A search: rates in steps of 5 %, each that is better refined. least_squares/depth.py proves what this finds.
 */
export function depth(problem, startError, target, b, mostSteps = 1e6) {
  checkBatch(b);
  check(target >= 1e-12 && target < 1, "target", target, "a fraction of the first risk, 1e-12 or more, below 1");
  const squares = startSquares(problem, startError);
  const goal = target * (1 + ROUNDING) * sum(problem.values, (l, g) => l * squares[g]) / 2;
  const stable = maxLearningRate(problem, b);
  const largest = 2 / Math.min(...problem.values.filter((_, g) => squares[g] > 0));
  let best = null;
  const tooSlow = (rate, steps) => rate < 1 / problem.values[0] // then the bias falls all the time
    && sum(problem.values, (l, g) => l * squares[g] * (1 - rate * l) ** (2 * steps)) / 2 > goal;
  const improve = (rate) => {
    for (;;) {
      const last = best ? best.steps - 1 : mostSteps;
      const steps = tooSlow(rate, last) ? null : run(problem, squares, rate, b, goal, last);
      if (steps === null) return;
      best = { steps, rate };
      if (steps === 1) return;
      const before = (r) => run(problem, squares, r, b, goal, steps - 1, steps - 1);
      rate = lowest(before, rate / 1.5, Math.min(rate * 1.5, largest));
    }
  };
  const slowest = () => (1 - target) / (2 * problem.values[0]) / (best ? best.steps : mostSteps);
  for (let rate = stable / 2; rate > slowest(); rate *= 0.5) improve(rate);
  if (!best) return null;
  for (let rate = largest; rate > slowest() && best.steps > 1; rate *= 0.95) improve(rate);
  return best;
}

// -------------------------------------------------------------------------------------------------- cluster

/** Messages and numbers sent, one after another, until all machines hold the sum of `size` numbers. */
export function allReduce(algorithm, machines, size) {
  const rounds = Math.ceil(Math.log2(machines)), shared = 2 * (machines - 1) / machines * size;
  if (algorithm === "ring") return { messages: 2 * (machines - 1), numbers: shared };
  if (algorithm === "tree") return { messages: 2 * rounds, numbers: 2 * rounds * size };
  check(algorithm === "halving-doubling", "algorithm", algorithm, "ring, tree or halving-doubling");
  check(Number.isInteger(Math.log2(machines)), "machines", machines, "a power of two for halving-doubling");
  return { messages: 2 * rounds, numbers: shared };
}

/** Seconds of one step: {compute, communicate}; alpha seconds a message, beta seconds a number. */
export function stepSeconds(b, machines, { secondsPerExample, alpha, beta, size, algorithm }) {
  const { messages, numbers } = allReduce(algorithm, machines, size);
  return { compute: Math.ceil(b / machines) * secondsPerExample, communicate: messages * alpha + numbers * beta };
}
