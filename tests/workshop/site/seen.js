// What a reader sees of the page that is open; seen.py calls these. Each returns a list of what is wrong.

const root = document.querySelector("article") ?? document.body;
const visible = (e) => e.checkVisibility({ opacityProperty: true, visibilityProperty: true });
const name = (e) => `${e.tagName.toLowerCase()}.${e.className.baseVal ?? e.className} ${(e.alt || e.textContent).trim().slice(0, 60)}`;
const FOR_EARS = ".visually-hidden, .sr-only, .sd-hide-link-text, mjx-assistive-mml, thead, [aria-hidden=true]";
const CODE = "script, style, noscript, template, mjx-container *";
const inside = [...root.querySelectorAll("*")].filter((e) => !e.closest(`${FOR_EARS}, ${CODE}`));

// A sweep's table is as wide as its parameters and records are many; on no other page may a box scroll.
const TABLE_OF_RUNS = location.pathname.includes("/_static/sweeps/") ? '.scroll[role="region"][tabindex="0"]' : ":not(*)";

/** Boxes with something in them that does not show: it is scrolled away, cut off, or beside the page. */
function cut() {
  const edge = document.documentElement.clientWidth, wrong = [];
  for (const e of inside.filter((e) => visible(e) && !e.closest(TABLE_OF_RUNS))) {
    const style = getComputedStyle(e), box = e.getBoundingClientRect(), line = parseFloat(style.fontSize);
    if (!box.width || (e instanceof SVGElement && e.tagName !== "svg")) continue;
    if (style.overflowX !== "visible" && e.scrollWidth > e.clientWidth + 1) wrong.push(`wide: ${name(e)}`);
    if (["hidden", "clip"].includes(style.overflowY) && e.scrollHeight > e.clientHeight + line / 2) wrong.push(`high: ${name(e)}`);
    if (box.right > edge + 1 || box.left < -1) wrong.push(`off the page: ${name(e)}`);
  }
  for (const formula of [...root.querySelectorAll("mjx-container > svg")].filter(visible)) {
    const room = formula.closest("div, p, li, td, th, dd, summary, h1, h2, h3").clientWidth;
    if (formula.getBoundingClientRect().width > room + 1) wrong.push(`wide: ${name(formula.closest("mjx-container"))}`);
  }
  return [...wrong, ...wrapped()];
}

/** Lines of printed tables that go on in the next line. */
function wrapped() {
  const wrong = [], range = document.createRange();
  for (const box of [...root.querySelectorAll(".cell_output pre")].filter(visible)) {
    const texts = document.createTreeWalker(box, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
      for (const { 0: line, index } of texts.currentNode.data.matchAll(/.*\S {2,}\S.*/g)) {
        range.setStart(texts.currentNode, index + line.search(/\S/));
        range.setEnd(texts.currentNode, index + line.length);
        if (new Set([...range.getClientRects()].map((part) => part.top)).size > 1) wrong.push(`a table wraps: ${line}`);
      }
    }
  }
  return wrong;
}

/** Text and pictures that nobody sees; folded parts and a figure's other layout may be hidden. */
function invisible(paper) {
  const meant = [".headerlink", ".copybtn", "[hidden]", "option", ...(paper ? ["button", ".share", "h1"] : [])].join(); // printed titles stand above
  const stacked = (e) => e.matches("figure img") && [...e.closest("figure").querySelectorAll("img")].some(visible);
  const prompt = (e) => e.matches(".collapsed, .expanded") && [...e.parentElement.children].some(visible); // one of two shows
  const folded = (e) => {
    const fold = e.closest("details:not([open])");
    return fold && (e.closest("summary")?.parentElement !== fold || fold.parentElement.closest("details:not([open])"));
  };
  const written = (e) => e.matches("img, svg") || [...e.childNodes].some((n) => n.nodeType === Node.TEXT_NODE && n.data.trim());
  const clear = (e) => /^rgba\(.*, 0\)$/.test(getComputedStyle(e).color);
  const seen = (e) => visible(e) && e.getBoundingClientRect().width && !clear(e);
  return inside.filter((e) => written(e) && !e.closest(meant) && !stacked(e) && !prompt(e) && !folded(e) && !seen(e)).map(name);
}

/** Outputs that stand on a ground that is not the page's, and figures that are drawn on one. */
async function grounds() {
  const page = getComputedStyle(document.body).backgroundColor, wrong = [];
  const solid = (e) => {
    const colour = e ? getComputedStyle(e).backgroundColor : page;
    return /^rgba\(.*, 0\)$/.test(colour) ? solid(e.parentElement) : colour;
  };
  for (const box of [...root.querySelectorAll(".cell_output .text_html")].filter(visible)) {
    if (solid(box) !== page) wrong.push(`stands on ${solid(box)}, the page is ${page}: ${name(box)}`);
  }
  for (const image of [...root.querySelectorAll("img")].filter(visible)) {
    image.loading = "eager";
    await image.decode();
    const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 }), pen = canvas.getContext("2d");
    pen.drawImage(image, 2, 2, 1, 1, 0, 0, 1, 1);
    const [r, g, b, alpha] = pen.getImageData(0, 0, 1, 1).data, own = alpha ? `rgb(${r}, ${g}, ${b})` : page;
    if (solid(image) !== page) wrong.push(`stands on ${solid(image)}, the page is ${page}: ${name(image)}`);
    if (own !== page || getComputedStyle(image).filter !== "none") wrong.push(`is drawn on ${own}, the page is ${page}: ${name(image)}`);
  }
  return wrong;
}
