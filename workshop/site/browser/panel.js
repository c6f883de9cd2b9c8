// What every explorer is made of: labelled controls, results in words, figures, and the setting in the address.

import { digits, make } from "./chart.js";

let made = 0;

/**
 * Put an explorer into `root` and keep it up to date.
 *
 * controls: {key, label, start, values} (a slider over these values; a link may set any number between them,
 *     if `whole` a whole one, if `listed` one of them) or {key, label, start, choices: [[value, name], ...]}.
 * actions: {name, act(state)} (a button that changes the setting).
 * figures: the names of its charts, of which one is shown. update(state, ui): called after every change; ui has result, say, set and figures.
 */
export function explorer(root, { controls, actions = [], figures, update }) {
  const state = Object.fromEntries(controls.map(({ key, start }) => [key, start]));
  const refused = readAddress(controls, state);
  const form = make("form", { class: "controls", "aria-label": "Settings" });
  const results = make("dl", { class: "results" }), says = make("p", { class: "says", role: "status" });
  const panels = figures.map((_, i) => make("figure", { hidden: i > 0 }));
  const tabs = make("fieldset", { class: "tabs" }, [make("legend", {}, "Chart"), ...figures.map(chooseChart)]);
  const task = make("div", { class: "task", hidden: true });
  const pin = make("button", { type: "button", "aria-pressed": "false" }, "Pin this setting");
  const compared = make("p", { class: "compared", hidden: true });
  const link = make("a", {}, "Link to this setting");
  const inputs = controls.map((control) => (control.choices ? chooser : slider)(control, state, changed));
  const start = actionButton("Start again", () => controls.forEach(({ key, start: value }) => (state[key] = value)));
  const buttons = [...actions.map(({ name, act }) => actionButton(name, () => act(state))), start];
  form.append(...inputs.map(({ element }) => element), make("div", { class: "buttons" }, [...buttons, pin]));
  form.addEventListener("submit", (event) => event.preventDefault());
  const stage = make("div", { class: "stage" }, [tabs, make("div", { class: "figures" }, panels)]);
  root.append(task, make("div", { class: "view" }, [form, stage]), compared, says, results, make("p", { class: "share" }, link));

  /** One chart is on the screen with the controls that move it; this chooses which. */
  function chooseChart(name, i) {
    const input = make("input", { type: "radio", name: `chart-${root.id}`, checked: i === 0 });
    input.addEventListener("change", () => {
      panels.forEach((panel, k) => (panel.hidden = k !== i));
      draw();
    });
    return make("label", {}, [input, ` ${name}`]);
  }

  /** Keep this setting's curves and results beside those of the next ones. */
  let kept = null;
  pin.addEventListener("click", () => {
    kept = kept ? null : { state: { ...state }, results: new Map([...results.children].map((row) => [row.dataset.name, row.querySelector("data").textContent])) };
    panels.forEach((panel) => (panel.pinned = kept ? panel.drawn : undefined));
    pin.setAttribute("aria-pressed", String(kept !== null));
    pin.textContent = kept ? "Let the pinned setting go" : "Pin this setting";
    draw();
  });

  function compare() {
    const differs = kept ? controls.filter(({ key }) => state[key] !== kept.state[key]) : [];
    const write = (value) => (typeof value === "number" ? digits(value) : value);
    compared.hidden = kept === null;
    compared.textContent = differs.length
      ? `Pinned: ${differs.map(({ key, label }) => `${label}: ${write(kept.state[key])}, now ${write(state[key])}`).join("; ")}.`
      : "Pinned. Move a control: the pinned curves stay, thin and dotted.";
  }

  /** A question of the page, asked inside the explorer, whose setting its link names: the place is not lost. */
  document.addEventListener("click", (event) => {
    const asked = event.target.closest?.('a[href^="?"]');
    if (!asked || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    controls.forEach(({ key, start: value }) => (state[key] = value));
    readAddress(controls, state, asked.getAttribute("href"));
    const back = make("button", { type: "button" }, "Back to the list"), question = asked.closest("li")?.cloneNode(true);
    question?.querySelectorAll("a").forEach((one) => one.replaceWith(...one.childNodes));
    back.addEventListener("click", () => asked.focus());
    task.replaceChildren(make("div", {}, [...(question?.childNodes ?? [])]), back);
    task.hidden = false;
    changed();
    root.scrollIntoView({ block: "start" });
    back.focus({ preventScroll: true });
  });

  function actionButton(name, act) {
    const button = make("button", { type: "button" }, name);
    button.addEventListener("click", () => {
      act();
      changed();
    });
    return button;
  }

  let waiting = null;
  const ui = {
    figures: panels,
    /** Change the setting from within a figure. */
    set(values) {
      Object.assign(state, values);
      changed();
    },
    /** Show one result: its name, the number (kept in full in the page) and how to write it. */
    result(name, value, text = digits(value)) {
      const known = [...results.children].find((row) => row.dataset.name === name);
      const row = known ?? make("div", { "data-name": name }, [make("dt", {}, name), make("dd")]);
      const before = kept?.results.get(name);
      row.querySelector("dd").replaceChildren(make("data", { value }, text), before ? make("span", { class: "before" }, ` pinned: ${before}`) : "");
      if (!known) results.append(row);
    },
    /** Say a sentence, to screen readers too, when the reader has stopped changing things. */
    say(text) {
      clearTimeout(waiting);
      waiting = setTimeout(() => (says.textContent = text), 300);
    },
  };

  function draw() {
    inputs.forEach(({ refresh }) => refresh());
    update({ ...state }, ui);
    compare();
  }

  let frameAsked = false;
  function changed() {
    writeAddress(controls, state, link);
    if (frameAsked) return;
    frameAsked = true;
    requestAnimationFrame(() => {
      frameAsked = false;
      draw();
    });
  }

  let width = root.clientWidth;
  new ResizeObserver(() => {
    if (Math.abs(root.clientWidth - width) < 8) return;
    width = root.clientWidth;
    draw();
  }).observe(root);
  writeAddress(controls, state, link);
  draw();
  if (refused.length) {
    const text = `In the link, ${refused.join(", ")} cannot be used; the usual setting stands instead.`;
    form.before(make("p", { class: "refused", role: "alert" }, text));
  }
}

function slider({ key, label, values }, state, changed) {
  const id = `explorer-${key}-${made++}`;
  const input = make("input", { type: "range", id, name: key, min: 0, max: values.length - 1, step: 1 });
  const output = make("output", { for: id });
  input.addEventListener("input", () => {
    state[key] = values[Number(input.value)];
    changed();
  });
  const refresh = () => {
    const off = values.map((value) => (value === state[key] ? 0 : Math.abs(value - state[key])));
    input.value = off.indexOf(Math.min(...off));
    output.textContent = digits(state[key]);
    input.setAttribute("aria-valuetext", output.textContent);
  };
  return { element: make("div", { class: "control" }, [make("label", { for: id }, label), output, input]), refresh };
}

function chooser({ key, label, choices }, state, changed) {
  const id = `explorer-${key}-${made++}`;
  const options = choices.map(([value, name]) => make("option", { value }, name));
  const select = make("select", { id, name: key }, options);
  select.addEventListener("change", () => {
    state[key] = select.value;
    changed();
  });
  const refresh = () => (select.value = state[key]);
  return { element: make("div", { class: "control" }, [make("label", { for: id }, label), select]), refresh };
}

/** Take the setting from the address; returns the names of what it has and cannot be used. */
function readAddress(controls, state, address = location.search) {
  const given = new URLSearchParams(address);
  return controls.filter(({ key, values, choices, whole, listed }) => {
    if (!given.has(key)) return false;
    const text = given.get(key), number = text.trim() === "" ? NaN : Number(text);
    const good = choices
      ? choices.some(([value]) => value === text)
      : number >= Math.min(...values) && number <= Math.max(...values)
        && (!whole || Number.isInteger(number) || number === Infinity) && (!listed || values.includes(number));
    if (good) state[key] = choices ? text : number;
    return !good;
  }).map(({ key }) => `${key} = ${given.get(key)}`);
}

/** Put what differs from the usual setting into the address. Inside a notebook there is none to write to. */
function writeAddress(controls, state, link) {
  if (!/^(https?|file):/.test(location.protocol)) return link.parentElement?.remove();
  const address = new URL(location.href);
  for (const { key, start } of controls) {
    if (state[key] === start) address.searchParams.delete(key);
    else address.searchParams.set(key, state[key]);
  }
  history.replaceState(null, "", address);
  link.href = address;
}

/** Powers of two from 2^low to 2^high. */
export const powersOfTwo = (low, high) => Array.from({ length: high - low + 1 }, (_, i) => 2 ** (low + i));

/** `count` numbers from low to high in equal ratios, rounded to three digits. */
export function ratios(low, high, count) {
  return Array.from({ length: count }, (_, i) => Number((low * (high / low) ** (i / (count - 1))).toPrecision(3)));
}

/** Call work(item) for one item after another, leaving the page time between them; then done(results). */
export function inTurns() {
  let current = 0;
  return (items, work, done) => {
    const mine = ++current, found = [];
    const next = () => {
      if (mine !== current) return; // the setting has changed meanwhile
      found.push(work(items[found.length]));
      if (found.length < items.length) setTimeout(next);
      else done(found);
    };
    setTimeout(next);
  };
}
