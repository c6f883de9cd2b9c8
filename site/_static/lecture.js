// Opened from a folder, a page may not read its neighbours: the search then shows titles without excerpts.
if (location.protocol === "file:") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}

// A table that is wider than the text becomes a card for each row, which names its columns.
function layTables() {
  for (const table of document.querySelectorAll(".bd-article table")) {
    if (table.closest(".lecture-explorer, .lecture-predict")) continue;
    table.classList.remove("as-cards");
    if (table.getBoundingClientRect().width <= table.parentElement.clientWidth + 1) continue;
    const names = [...table.querySelectorAll("thead th")].map((name) => name.textContent.trim());
    for (const row of table.querySelectorAll("tbody tr")) {
      [...row.children].forEach((cell, i) => names[i] && (cell.dataset.label = names[i]));
    }
    table.classList.add("as-cards");
  }
}

// TeX with a line break before each relation that stands outside of braces, brackets and environments.
function broken(tex) {
  if (/\\\\|\\tag|&/.test(tex)) return null;
  const parts = [""];
  let depth = 0;
  for (const token of tex.match(/\\[a-zA-Z]+\s*|\\.|[^\\]/gs)) {
    const name = token.trim();
    if (/^([{([]|\\left|\\begin|\\[{|])$/.test(name)) depth++;
    if (/^([})\]]|\\right|\\end|\\[}])$/.test(name)) depth--;
    if (depth === 0 && /^(=|\\(le|ge|approx|leq|geq|quad|qquad|equiv|propto|Rightarrow|iff|longrightarrow))$/.test(name) && parts.at(-1).trim()) parts.push("");
    if (!(depth === 0 && /^\\q?quad$/.test(name))) parts[parts.length - 1] += token;
  }
  return parts.length > 1 ? `\\begin{aligned} & ${parts.join(" \\\\ & \\quad ")} \\end{aligned}` : null;
}

// A displayed formula that would have to shrink to less than four fifths is broken at its relations first.
function breakFormulas() {
  for (const formula of window.MathJax?.startup?.document?.math ?? []) {
    const box = formula.typesetRoot?.closest(".bd-article") && formula.typesetRoot.parentElement;
    const drawn = formula.typesetRoot?.querySelector("svg");
    if (!box || !formula.display || formula.whole) continue;
    const lines = drawn.width.baseVal.value * 0.8 > box.clientWidth ? broken(formula.math) : null;
    if (!lines) continue;
    formula.whole = formula.math;
    formula.math = lines;
    formula.rerender(MathJax.startup.document, 0);
  }
}

// A printed table whose lines wrap cannot be read: the style sheet makes its longest line fit.
function markTables() {
  const texts = [...document.querySelectorAll(".bd-article .cell_output pre")].flatMap((box) => [...box.childNodes]);
  for (const text of texts.filter((node) => node.nodeType === Node.TEXT_NODE)) {
    const table = (line) => / {2,}\S/.test(line);
    const parts = document.createDocumentFragment();
    for (const line of text.data.match(/.*\n|.+/g) ?? []) {
      const last = parts.lastChild;
      const box = table(line) ? (last?.nodeType === Node.ELEMENT_NODE ? last : document.createElement("span")) : document.createTextNode("");
      box.textContent += line;
      if (box !== last) parts.append(box);
    }
    for (const box of parts.children) {
      box.className = "printed-table";
      box.style.setProperty("--letters", Math.max(...box.textContent.split("\n").map((line) => line.length)));
    }
    text.replaceWith(parts);
  }
}

const arrange = () => {
  breakFormulas();
  layTables();
};
document.addEventListener("DOMContentLoaded", markTables);
window.addEventListener("load", () => (window.MathJax?.startup?.promise ?? Promise.resolve()).then(arrange));
window.addEventListener("resize", arrange);
window.addEventListener("beforeprint", arrange);
