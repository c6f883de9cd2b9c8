// A small chart in SVG: lines that differ in colour, marker and dash, a text alternative, the numbers as a table.
// Colours come from explorers.css, which says the same as lecturelib/plots/themes.py.

const SVG = "http://www.w3.org/2000/svg";
const DASHES = ["", "6 3", "7 3 2 3", "2 3", "10 3"];
const SUPERSCRIPT = Object.fromEntries([..."-0123456789"].map((digit, i) => [digit, "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"[i]]));

/** An element, its attributes and what is inside; a text, an element or a list of them. */
export function make(tag, attributes = {}, inside = []) {
  const svg = /^(svg|g|path|line|text|rect|clipPath|circle)$/.test(tag);
  const element = svg ? document.createElementNS(SVG, tag) : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...[inside].flat());
  return element;
}

/** A number for reading: four significant digits. */
export function digits(x, significant = 4) {
  if (x === Infinity) return "∞";
  if (!Number.isFinite(x)) return "none";
  if (x === 0) return "0";
  const size = Math.floor(Math.log10(Math.abs(x)));
  if (size < -4 || size > 8) {
    const [mantissa, exponent] = x.toExponential(significant - 1).split("e");
    const power = [...String(Number(exponent))].map((digit) => SUPERSCRIPT[digit]).join("");
    return Number(mantissa) === 1 ? `10${power}` : `${Number(mantissa)} × 10${power}`;
  }
  return Number(x.toPrecision(significant)).toLocaleString("en", { maximumFractionDigits: significant + 3 });
}

/** Domain, ticks and the map to 0 .. 1 of an axis; values outside a logarithmic axis are left out by `holds`. */
export function axisOf({ values, log, domain }) {
  const good = values.filter((v) => Number.isFinite(v) && (!log || v > 0));
  let [low, high] = domain ?? [Math.min(...good), Math.max(...good)];
  if (!(low < high)) [low, high] = log ? [low / 2, high * 2] : [low - 1, high + 1];
  const to = log ? Math.log10 : (v) => v;
  return {
    low, high, log,
    ticks: log ? logTicks(low, high) : linearTicks(low, high),
    holds: (v) => Number.isFinite(v) && (!log || v > 0),
    place: (v) => (to(v) - to(low)) / (to(high) - to(low)),
    value: (place) => (log ? 10 ** (to(low) + place * (to(high) - to(low))) : low + place * (high - low)),
  };
}

function logTicks(low, high) {
  const ticks = [], decades = Math.log10(high / low);
  const factors = decades < 1.3 ? [1, 2, 5] : [1], every = Math.max(1, Math.ceil(decades / 6));
  for (let power = Math.floor(Math.log10(low)); power <= Math.ceil(Math.log10(high)); power++) {
    if (((power % every) + every) % every) continue;
    ticks.push(...factors.map((factor) => Number(`${factor}e${power}`)));
  }
  return ticks.filter((tick) => tick >= low * 0.999 && tick <= high * 1.001);
}

function linearTicks(low, high) {
  const rough = (high - low) / 4, size = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * size).find((one) => one >= rough);
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + 1e-9 * step; i++) ticks.push(Number((i * step).toPrecision(10)));
  return ticks;
}

const MARKERS = [
  (x, y, r) => `M${x - r} ${y}a${r} ${r} 0 1 0 ${2 * r} 0a${r} ${r} 0 1 0 ${-2 * r} 0z`,
  (x, y, r) => `M${x - r} ${y - r}h${2 * r}v${2 * r}h${-2 * r}z`,
  (x, y, r) => `M${x} ${y - 1.3 * r}l${1.3 * r} ${1.3 * r}l${-1.3 * r} ${1.3 * r}l${-1.3 * r} ${-1.3 * r}z`,
  (x, y, r) => `M${x} ${y + 1.2 * r}l${1.2 * r} ${-2.2 * r}h${-2.4 * r}z`,
  (x, y, r) => `M${x} ${y - 1.2 * r}l${1.2 * r} ${2.2 * r}h${-2.4 * r}z`,
];

export const marker = (look, x, y, r = 3.5) => make("path", { class: `mark series-${look}`, d: MARKERS[look](x, y, r) });

/** Pixels across that a figure has; one that is not shown has those of what it stands in. */
export const widthOf = (figure) => Math.max(260, Math.floor(figure.clientWidth || figure.parentElement?.clientWidth || 420));

let clips = 0;

/** The frame of a chart: SVG, axes, grid and the maps from values to pixels. `alt` says what the figure finds. */
export function frame({ width, height = 250, x, y, xLabel, yLabel, alt, role = "img" }) {
  const left = 58, right = 16, topEdge = 24, bottom = 42;
  const toX = (v) => left + x.place(v) * (width - left - right);
  const toY = (v) => height - bottom - y.place(v) * (height - topEdge - bottom);
  const clip = `explorer-clip-${clips++}`;
  const svg = make("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role, "aria-label": alt });
  const box = { x: left, y: topEdge, width: width - left - right, height: height - topEdge - bottom };
  const wider = { x: box.x - 5, y: box.y - 5, width: box.width + 10, height: box.height + 10 }; // for whole markers
  svg.append(make("clipPath", { id: clip }, make("rect", wider)));
  for (const tick of x.ticks) {
    svg.append(make("line", { class: "grid", x1: toX(tick), x2: toX(tick), y1: topEdge, y2: height - bottom }));
    const last = toX(tick) > width - 30;
    svg.append(make("text", { x: last ? width - 2 : toX(tick), y: height - bottom + 17, "text-anchor": last ? "end" : "middle" }, digits(tick)));
  }
  for (const tick of y.ticks) {
    svg.append(make("line", { class: "grid", x1: left, x2: width - right, y1: toY(tick), y2: toY(tick) }));
    svg.append(make("text", { x: left - 6, y: toY(tick) + 4, "text-anchor": "end" }, digits(tick)));
  }
  svg.append(make("path", { class: "axis", d: `M${left} ${topEdge}V${height - bottom}H${width - right}` }));
  svg.append(make("text", { x: (left + width - right) / 2, y: height - 8, "text-anchor": "middle" }, xLabel));
  svg.append(make("text", { x: 4, y: 13 }, yLabel));
  const inside = make("g", { "clip-path": `url(#${clip})` });
  svg.append(inside);
  return { svg, inside, toX, toY, box };
}

const path = (points) => points.map(([x, y], i) => `${i ? "L" : "M"}${x.toFixed(1)} ${y.toFixed(1)}`).join("");

/**
 * Draw a chart into a figure element: series are {name, points: [[x, y]], look: 0 .. 4, line, marks}, rules are
 * {x or y, name}. The numbers stand in a table below, made when it is opened.
 */
export function chart(figure, { title, xLabel, yLabel, logX, logY, xDomain, yDomain, series: own, rules = [], alt, height, diverges = false }) {
  const pinned = (figure.pinned ?? []).filter(({ line, name }) => line !== false && name !== undefined);
  const series = [...pinned.map((one) => ({ ...one, name: `${one.name || "pinned"}, pinned`, pinned: true, marks: false })), ...own];
  figure.drawn = own;
  const all = series.flatMap(({ points }) => points);
  const x = axisOf({ values: all.map((p) => p[0]), log: logX, domain: xDomain });
  const y = axisOf({ values: all.map((p) => p[1]), log: logY, domain: yDomain });
  const width = widthOf(figure), high = height ?? (width < 420 ? 210 : 320);
  const { svg, inside, toX, toY } = frame({ width, height: high, x, y, xLabel, yLabel, alt });
  const within = (v, axis) => (v === Infinity ? axis.high * (diverges ? 10 : 1) : v); // what is infinite stands at the edge
  if (diverges) svg.append(make("text", { class: "diverges", x: width - 18, y: 13, "text-anchor": "end" }, "diverges ↑"));
  const legend = make("ul", { class: "legend" });
  const entry = (name, mark) => {
    const swatch = make("svg", { width: 26, height: 12, "aria-hidden": "true" }, mark);
    legend.append(make("li", {}, [swatch, ` ${name}`]));
  };
  for (const { name, points, look, line = true, marks = true, pinned: ghost } of series) {
    const gone = diverges ? points.findIndex((p) => p[1] > y.high) : -1; // above the chart for good
    const drawn = (gone < 0 ? points : points.slice(0, gone + 1)).map(([px, py]) => [within(px, x), within(py, y)]).filter(([px, py]) => x.holds(px) && y.holds(py))
      .map(([px, py]) => [toX(px), toY(py)]);
    const stroke = { class: `line series-${look}${ghost ? " pinned" : ""}`, "stroke-dasharray": DASHES[look] };
    if (line && drawn.length) inside.append(make("path", { ...stroke, d: path(drawn) }));
    if (marks) inside.append(...drawn.map(([px, py]) => marker(look, px, py)));
    if (name) entry(name, [...(line ? [make("path", { ...stroke, d: "M1 6H25" })] : []), ...(marks ? [marker(look, 13, 6)] : [])]);
  }
  for (const rule of rules) {
    const at = rule.x === undefined ? `M${toX(x.low)} ${toY(rule.y)}H${toX(x.high)}` : `M${toX(rule.x)} ${toY(y.low)}V${toY(y.high)}`;
    inside.append(make("path", { class: "rule", d: at }));
    if (rule.name) entry(rule.name, make("path", { class: "rule", d: "M1 6H25" }));
  }
  const numbers = numbersOf(figure, xLabel, series);
  figure.replaceChildren(make("figcaption", {}, title), svg, legend, numbers);
}

/** The numbers of a figure below it, folded, made when they are opened; they stay open when the figure is drawn again. */
export function numbersOf(figure, xLabel, series) {
  const open = figure.querySelector("details")?.open ?? false;
  const numbers = make("details", { class: "numbers", open }, make("summary", {}, "Numbers"));
  const fill = () => {
    if (numbers.open && !numbers.querySelector("table")) numbers.append(table(xLabel, series));
  };
  numbers.addEventListener("toggle", fill);
  fill();
  return numbers;
}

/** The points of all series, one row for each x; of long series some rows are left out. */
function table(xLabel, series) {
  const rows = [...new Set(series.flatMap(({ points }) => points.map((p) => p[0])))].sort((one, other) => one - other);
  const every = Math.ceil(rows.length / 40);
  const cell = (points, at) => points.find((p) => p[0] === at), write = (value) => (typeof value === "number" ? digits(value) : value);
  const named = series.filter(({ name }) => name);
  const head = make("tr", {}, [xLabel, ...named.map(({ name }) => name)].map((name) => make("th", { scope: "col" }, name)));
  const body = rows.filter((_, i) => i % every === 0).map((at) => make("tr", {}, [
    make("th", { scope: "row" }, digits(at)),
    ...named.map(({ points }) => make("td", {}, write(cell(points, at)?.[1] ?? ""))),
  ]));
  const scroll = make("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": "Numbers of the figure" });
  scroll.append(make("table", {}, [make("thead", {}, head), make("tbody", {}, body)]));
  return scroll;
}
