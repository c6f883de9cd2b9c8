// SGD, heavy ball and sign descent on the noisy quadratic, exactly. Read it beside lecturelib/least_squares/noisy_quadratic.py:
// the same problem, rates and order. tests/workshop/site/test_winner_map.py runs this file and compares every cell.
//
// Directions of curvature 2^-k, k = 0 .. octaves, never meet. Over its curvature, a gradient's noise has the variance
// v_k = s^2 2^k / b; each octave has the same share of the first risk, so the risk is the mean of E Delta^2 over octaves.

export const METHODS = ["SGD", "heavy ball", "sign descent"];
export const MOMENTA = [0.5, 0.7, 0.8, 0.9, 0.95];
export const MOST_STEPS = 500;
const STARTS = [0.157, 0.489, 0.887, 1.534]; // errors at the start: medians of the four quarters of |standard normal|
const FIRST = STARTS.reduce((total, start) => total + start ** 2, 0) / STARTS.length;
const AN_OCTAVE = 4, SHARES = 32, SIGNS = 29;
const ROUNDING = 1e-12; // a risk that equals the goal but for rounding has reached it
const NOTHING = 1e-40; // a place of the lattice that is as rare is left out

/** Phi(-x), for x of either sign: a series in the middle, a continued fraction in the tail. */
export function upperTail(x) {
  if (x < 0) return 1 - upperTail(-x);
  const density = Math.exp(-x * x / 2) / Math.sqrt(2 * Math.PI);
  if (x > 3) {
    let below = x;
    for (let k = 120; k > 0; k--) below = x + k / below;
    return density / below;
  }
  let term = x, total = x;
  for (let k = 3; term > 1e-17 * total; k += 2) total += (term *= x * x / k);
  return 0.5 - density * total;
}

/** E Delta^2 after 0 .. steps steps at curvature 1, rate 2 (1 + beta) 2^(-n/4): from an error of one (noise 0), or from none under noise of one. */
function linearErrors(steps, beta, n, noise) {
  const rate = 2 * (1 + beta) * 2 ** (-n / AN_OCTAVE), errors = new Float64Array(steps + 1);
  let error = 1 - noise, cross = 0, speed = 0;
  for (let t = 0; ; t++) {
    errors[t] = error;
    if (t === steps) return errors;
    const drag = beta * cross - rate * error;
    speed = beta * (beta * speed - rate * cross) - rate * drag + rate * rate * noise;
    error += 2 * drag + speed;
    cross = drag + speed;
  }
}

/** The same of sign descent, the mean over the starts: up or down by the rate, up with probability Phi(-Delta / deviation). */
function signErrors(steps, rate, variance) {
  const deviation = Math.sqrt(variance), errors = new Float64Array(steps + 1);
  for (const start of STARTS) {
    const up = new Float64Array(2 * steps + 1).fill(-1); // by place, in rates from the start: -steps .. steps
    let law = new Float64Array(steps + 2), next = new Float64Array(steps + 2), low = 0, size = 1; // places low, low + 2, ...
    law[0] = 1;
    errors[0] += start ** 2 / STARTS.length;
    for (let t = 1; t <= steps; t++) {
      next[0] = 0;
      for (let i = 0; i < size; i++) {
        const place = low + 2 * i;
        if (up[steps + place] < 0) up[steps + place] = upperTail((start + rate * place) / deviation);
        const rising = law[i] * up[steps + place];
        next[i] += law[i] - rising;
        next[i + 1] = rising;
      }
      let from = 0, to = size + 1, total = 0;
      while (next[from] < NOTHING) from++;
      while (next[to - 1] < NOTHING) to--;
      low += 2 * from - 1;
      size = to - from;
      for (let i = 0; i < size; i++) {
        law[i] = next[from + i];
        total += law[i] * (start + rate * (low + 2 * i)) ** 2;
      }
      errors[t] += total / STARTS.length;
    }
  }
  return errors;
}

const kept = new Map();

/** A curve that is remembered: `known` so far, and `upTo(t)`, which computes more of it. */
function curve(make, first, second, third) {
  const key = `${make.name} ${first} ${second} ${third}`;
  if (!kept.has(key)) {
    const one = { known: [], upTo: (t) => (one.known = make(Math.min(MOST_STEPS, Math.max(60, 2 * t)), first, second, third)) };
    kept.set(key, one);
  }
  return kept.get(key);
}

/** The risk over the first, step by step, of a method at the n-th of its rates: a function of the step. */
export function riskOf({ octaves, b, noise }, method, n, beta) {
  const terms = []; // weights and curves
  for (let k = 0; k <= octaves; k++) {
    const variance = noise * 2 ** k / b, slower = n + k * AN_OCTAVE;
    if (method === "sign descent") terms.push([1 / FIRST, curve(signErrors, 2 ** (-n / AN_OCTAVE), variance)]);
    else terms.push([1, curve(linearErrors, beta, slower, 0)], [variance / FIRST, curve(linearErrors, beta, slower, 1)]);
  }
  return (t) => {
    let total = 0;
    for (const [weight, one] of terms) {
      if (one.known.length <= t) one.upTo(t);
      total += weight * one.known[t];
    }
    return total / (octaves + 1);
  };
}

/** No rate brings an error down by more than `rate` a step: whether the target is then out of reach within so many. */
function tooFar(rate, steps, target) {
  return STARTS.reduce((total, start) => total + Math.max(0, start - steps * rate) ** 2, 0) / STARTS.length > 1.000001 * target * FIRST;
}

/** The fewest steps of a method to target * (first risk): {steps, rate, momentum, risk, n}; Infinity where no rate gets there. */
function fewest(problem, method, momenta, most) {
  let best = { steps: Infinity };
  const sign = method === "sign descent", goal = problem.target * (1 + ROUNDING);
  for (const momentum of momenta) {
    for (let i = 0; i < (sign ? SIGNS : SHARES); i++) {
      const n = sign ? i : i + 1, rate = (sign ? 1 : 2 * (1 + momentum)) * 2 ** (-n / AN_OCTAVE);
      const last = Math.min(most, best.steps - 1);
      if (sign && tooFar(rate, last, problem.target)) break;
      const risk = riskOf(problem, method, n, momentum);
      for (let t = 1; t <= last; t++) {
        if (risk(t) > goal) continue;
        best = { steps: t, rate, momentum, risk: risk(t), n };
        break;
      }
    }
  }
  return best;
}

/** What each of METHODS needs; problem: {octaves, b, noise, target}. */
export function race(problem, momenta = MOMENTA, most = MOST_STEPS) {
  return METHODS.map((method, i) => fewest(problem, method, i === 1 ? momenta : [0], most));
}

/** Place in METHODS of the first that needs at most 1 + lead times the fewest steps; -1 where none gets there. */
export function winner(reached, lead) {
  const least = Math.min(...reached.map(({ steps }) => steps));
  return least === Infinity ? -1 : reached.findIndex(({ steps }) => steps <= (1 + lead) * least);
}
