// One run of SGD on one-hot features. A coordinate hit n times in a batch of b has its error multiplied by
// 1 - eta n / b; one that is not hit stays as it is. That is all there is.

/** Random numbers in [0, 1) that depend on the seed only (mulberry32), so that a link shows the same run. */
export function randomFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let z = Math.imul(state ^ (state >>> 15), state | 1);
    z ^= z + Math.imul(z ^ (z >>> 7), z | 61);
    return ((z ^ (z >>> 14)) >>> 0) / 4294967296;
  };
}

/** Errors after 0 .. steps steps of one run from all ones, and the hits of the last batch. */
export function oneRun({ probabilities, rate, b, steps, update, seed }) {
  const random = randomFrom(seed), upTo = [];
  probabilities.reduce((total, p, i) => (upTo[i] = total + p), 0);
  let errors = probabilities.map(() => 1), hits = probabilities.map(() => 0);
  const risks = [risk(probabilities, errors)];
  for (let step = 0; step < steps; step++) {
    hits = probabilities.map(() => 0);
    for (let k = 0; k < b; k++) {
      const drawn = random(), found = upTo.findIndex((end) => drawn < end);
      hits[found < 0 ? upTo.length - 1 : found] += 1; // the last end may be rounded to below 1
    }
    errors = errors.map((error, i) => times(update === "once" ? (hits[i] ? 0 : 1) : 1 - rate * hits[i] / b, error));
    risks.push(risk(probabilities, errors));
  }
  return { errors, hits, risks };
}

/** A product in which nothing of something infinite is nothing. */
const times = (x, y) => (x === 0 ? 0 : x * y);

const risk = (probabilities, errors) => errors.reduce((total, error, i) => total + probabilities[i] * error * error, 0) / 2;

export function probabilitiesOf({ d, decay }) {
  const weights = Array.from({ length: d }, (_, i) => (i + 1) ** -decay);
  const total = weights.reduce((one, other) => one + other, 0);
  return weights.map((weight) => weight / total);
}

/** The constant rate that contracts the slowest coordinate most, in closed form. */
export function bestRate(probabilities, b) {
  const low = Math.min(...probabilities), high = Math.max(...probabilities);
  return (b - 1) * (high - low) <= 1 ? b / (1 + (b - 1) * low) : 2 * b / (1 + (b - 1) * (low + high));
}
