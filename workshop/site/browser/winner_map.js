// Explorer 5: which of SGD, heavy ball and sign descent needs the fewest steps, for every batch size and condition number.

import { chart, digits, make, numbersOf, widthOf } from "./chart.js";
import { METHODS, MOMENTA, MOST_STEPS, race, riskOf, winner } from "./noisy_quadratic.js";
import { explorer, inTurns, powersOfTwo } from "./panel.js";

const BATCHES = powersOfTwo(0, 12), CONDITIONS = powersOfTwo(0, 8);
const LETTERS = ["S", "M", "±"];
const NEVER = `not in ${MOST_STEPS} steps`;

const controls = [
  { key: "b", label: "batch size b", start: 64, values: BATCHES, listed: true },
  { key: "kappa", label: "condition number κ", start: 64, values: CONDITIONS, listed: true },
  { key: "noise", label: "label noise σ²", start: 1, values: powersOfTwo(-6, 4).filter((_, i) => i % 2 === 0), listed: true },
  { key: "target", label: "target, of the first risk", start: 0.02, values: [0.2, 0.1, 0.05, 0.02, 0.01, 0.005], listed: true },
  { key: "momenta", label: "momentum of heavy ball", start: "tuned", choices: [["tuned", "best of 0.5 to 0.95"], ["habit", "always 0.9"]] },
  { key: "lead", label: "a lead that counts, share of steps", start: 0.05, values: [0, 0.05, 0.1, 0.2], listed: true },
];

const known = new Map();

/** What the three need in one cell of the map; kept, for most changes leave most cells as they are. */
function cellOf({ noise, target, momenta }, b, kappa) {
  const key = [noise, target, momenta, b, kappa].join();
  if (!known.has(key)) known.set(key, race({ octaves: Math.log2(kappa), b, noise, target }, momenta === "tuned" ? MOMENTA : [0.9]));
  return known.get(key);
}

const rowOf = (state, kappa) => BATCHES.map((b) => cellOf(state, b, kappa));
const said = ({ steps }) => (steps < Infinity ? digits(steps) : NEVER);
const turns = inTurns();

function update(state, ui) {
  const { b, kappa, lead } = state, here = cellOf(state, b, kappa), first = winner(here, lead);
  METHODS.forEach((method, i) => ui.result(`steps of ${method}`, here[i].steps, said(here[i])));
  const beta = here[1].momentum ?? Infinity;
  ui.result("momentum that heavy ball takes", beta, beta < 1 ? digits(beta) : NEVER);
  ui.result("winner in this cell", first, METHODS[first] ?? NEVER);
  METHODS.forEach((method) => ui.result(`cells that ${method} wins`, Infinity, "…"));
  drawSteps(ui.figures[1], state, rowOf(state, kappa));
  drawRisk(ui.figures[2], state, here);
  turns(CONDITIONS, (condition) => rowOf(state, condition), (rows) => {
    const winners = rows.map((row) => row.map((cell) => winner(cell, lead)));
    const wins = METHODS.map((_, i) => winners.flat().filter((one) => one === i).length);
    METHODS.forEach((method, i) => ui.result(`cells that ${method} wins`, wins[i]));
    const cell = `Steps at b = ${b} and κ = ${kappa}: SGD ${said(here[0])}, heavy ball ${said(here[1])}, sign descent ${said(here[2])}`;
    const counts = `Of ${winners.flat().length} cells SGD wins ${wins[0]}, heavy ball ${wins[1]}, sign descent ${wins[2]}`;
    drawMap(ui, state, rows, winners, `${counts}. ${cell}.`);
    ui.say(`${cell}. ${first < 0 ? "Nobody gets there" : `The winner is ${METHODS[first]}`}. ${counts}.`);
  });
}

function drawMap(ui, { b, kappa, target }, rows, winners, alt) {
  const figure = ui.figures[0], width = widthOf(figure), left = 42, top = 24, across = (width - left - 4) / BATCHES.length;
  const high = across < 34 ? 20 : 27, bottom = top + high * CONDITIONS.length, before = figure.pinned?.[0]?.winners;
  const svg = make("svg", { viewBox: `0 0 ${width} ${bottom + 40}`, width, height: bottom + 40, role: "img", "aria-label": alt });
  const place = (row, column) => ({ x: left + column * across, y: bottom - (row + 1) * high });
  svg.append(make("text", { x: 4, y: 13 }, "condition number κ"));
  CONDITIONS.forEach((condition, row) => svg.append(make("text", { x: left - 6, y: place(row, 0).y + high / 2 + 4, "text-anchor": "end" }, digits(condition))));
  BATCHES.forEach((size, column) => {
    if (column % 2 === 0) svg.append(make("text", { x: place(0, column).x + across / 2, y: bottom + 16, "text-anchor": "middle" }, String(size)));
  });
  svg.append(make("text", { x: (left + width) / 2, y: bottom + 34, "text-anchor": "middle" }, "batch size b"));
  winners.forEach((line, row) => line.forEach((who, column) => {
    const { x, y } = place(row, column), changed = before && before[row][column] !== who;
    const steps = rows[row][column].map((one) => one.steps), box = { x: x + 1, y: y + 1, width: across - 2, height: high - 2 };
    svg.append(make("rect", { ...box, class: who < 0 ? "cell nobody" : `cell bar series-${who}`, "data-steps": steps.map((count) => (count < Infinity ? count : "-")).join(" ") }));
    const text = who < 0 ? "–" : across < 34 ? LETTERS[who] : `${LETTERS[who]} ${steps[who]}`;
    svg.append(make("text", { x: x + across / 2, y: y + high / 2 + 4, "text-anchor": "middle", class: who < 0 ? "" : "on" }, text));
    if (changed) svg.append(make("circle", { class: "changed", cx: x + across - 5, cy: y + 5, r: 3 }));
  }));
  const mine = place(CONDITIONS.indexOf(kappa), BATCHES.indexOf(b));
  svg.append(make("rect", { class: "mine", ...mine, width: across, height: high }));
  svg.addEventListener("click", (event) => { // what the two sliders do, with a finger
    const bounds = svg.getBoundingClientRect(), scale = width / bounds.width;
    const column = Math.floor(((event.clientX - bounds.left) * scale - left) / across), row = Math.floor((bottom - (event.clientY - bounds.top) * scale) / high);
    if (BATCHES[column] && CONDITIONS[row]) ui.set({ b: BATCHES[column], kappa: CONDITIONS[row] });
  });
  const swatch = (inside) => make("svg", { width: 26, height: 16, "aria-hidden": "true" }, inside);
  const legend = make("ul", { class: "legend" }, [
    ...METHODS.map((method, i) => make("li", {}, [swatch([
      make("rect", { class: `bar series-${i}`, x: 3, y: 0, width: 20, height: 16 }), make("text", { class: "on", x: 13, y: 12, "text-anchor": "middle" }, LETTERS[i]),
    ]), ` ${method}`])),
    make("li", {}, [swatch(make("text", { x: 13, y: 12, "text-anchor": "middle" }, "–")), ` ${NEVER}`]),
    make("li", {}, [swatch(make("rect", { class: "mine", x: 4, y: 2, width: 18, height: 12 })), " your setting"]),
    ...(before ? [make("li", {}, [swatch(make("circle", { class: "changed", cx: 13, cy: 8, r: 3 })), " not the pinned winner"])] : []),
  ]);
  const column = (i) => ({ name: `κ = ${CONDITIONS[i]}`, points: BATCHES.map((size, j) => [size, `${METHODS[winners[i][j]] ?? "nobody"} ${digits(Math.min(...rows[i][j].map((one) => one.steps)))}`]) });
  const numbers = numbersOf(figure, "b", CONDITIONS.map((_, i) => column(i)));
  figure.drawn = [{ winners }];
  figure.replaceChildren(make("figcaption", {}, `Who needs the fewest steps to ${digits(target)} of the first risk`), svg, legend, numbers);
}

const reachedOnly = (points) => points.filter(([, steps]) => steps < Infinity);

function drawSteps(figure, { b: mine, kappa, target }, row) {
  const points = METHODS.map((_, i) => reachedOnly(BATCHES.map((b, column) => [b, row[column][i].steps])));
  const ends = METHODS.map((method, i) => (points[i].length ? `${method} from ${digits(points[i][0][1])} at b = ${points[i][0][0]} to ${digits(points[i].at(-1)[1])}` : `${method} ${NEVER}`));
  chart(figure, {
    title: `Steps to ${digits(target)} of the first risk, κ = ${kappa}`, xLabel: "batch size b", yLabel: "steps", logX: true, logY: true,
    xDomain: [BATCHES[0], BATCHES.at(-1)], rules: [{ x: mine, name: "your batch size" }],
    series: METHODS.map((name, i) => ({ name: points[i].length ? name : `${name}: ${NEVER}`, points: points[i], look: i })),
    alt: `Steps to the target against the batch size: ${ends.join("; ")}.`,
  });
}

function drawRisk(figure, state, here) {
  const problem = { octaves: Math.log2(state.kappa), b: state.b, noise: state.noise }, reached = here.map(({ steps }) => steps < Infinity);
  if (!reached.includes(true)) {
    figure.drawn = [];
    figure.replaceChildren(make("p", {}, `At this setting nobody gets to the target in ${MOST_STEPS} steps.`));
    return;
  }
  const last = Math.min(MOST_STEPS, Math.ceil(1.2 * Math.max(...here.map(({ steps }) => (steps < Infinity ? steps : 0)))) + 1);
  const series = METHODS.map((name, i) => {
    const risk = reached[i] ? riskOf(problem, name, here[i].n, here[i].momentum) : null;
    return { name: reached[i] ? name : `${name}: ${NEVER}`, points: risk ? Array.from({ length: last + 1 }, (_, t) => [t, risk(t)]) : [], look: i, marks: false };
  });
  chart(figure, {
    title: "Risk over the first, each at its best rate", xLabel: "step", yLabel: "share of the first risk", logY: true, yDomain: [state.target / 4, 2],
    rules: [{ y: state.target, name: "target" }], series,
    alt: `Expected risk step by step at b = ${state.b} and κ = ${state.kappa}: ${METHODS.map((name, i) => `${name} reaches the target after ${said(here[i])}`).join("; ")}.`,
  });
}

/** The next larger batch with another winner, from the smallest on again after the largest. */
function nextBorder(state) {
  const winners = rowOf(state, state.kappa).map((cell) => winner(cell, state.lead)), at = BATCHES.indexOf(state.b);
  const next = winners.findIndex((who, column) => column > at && who !== winners[at]);
  state.b = BATCHES[Math.max(next, 0)];
}

explorer(document.getElementById("explorer-winner_map"), {
  controls, figures: ["winner map", "steps", "risk"], update,
  actions: [{ name: "Batch: where the winner changes", act: nextBorder }],
});
