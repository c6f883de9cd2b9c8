// Opened from a folder, a page may not read its neighbours: the search then shows titles without excerpts.
if (location.protocol === "file:") {
  DOCUMENTATION_OPTIONS.SHOW_SEARCH_SUMMARY = false;
}

// A formula in a line of text that is wider than the text scrolls on a line of its own.
function foldWideFormulas() {
  for (const formula of document.querySelectorAll('.bd-article mjx-container:not([display="true"])')) {
    formula.classList.remove("wide-formula");
    const text = formula.closest("p, li, td, dd, summary, h1, h2, h3");
    const wide = text !== null && !formula.closest("td") && formula.getBoundingClientRect().width > text.clientWidth;
    formula.classList.toggle("wide-formula", wide);
    if (wide) formula.tabIndex = 0;
  }
}

// What scrolls sideways can be reached and scrolled with the keyboard.
function reachScrollers() {
  const scrollers = ".bd-article table, .bd-article pre, .bd-article div.math, .bd-article mjx-container, .lecture-figure, .bd-article .output";
  for (const element of document.querySelectorAll(scrollers)) {
    if (element.scrollWidth > element.clientWidth + 1) element.tabIndex = 0;
  }
}

function arrange() {
  foldWideFormulas();
  reachScrollers();
}

window.addEventListener("load", () => (window.MathJax?.startup?.promise ?? Promise.resolve()).then(arrange));
window.addEventListener("resize", arrange);
