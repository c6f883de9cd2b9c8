// Starts the slides. A code block that is opened must not be scaled away: the slide scrolls instead.
Reveal.initialize({
  width: 1280,
  height: 720,
  margin: 0.02,
  center: false,
  hash: true,
  slideNumber: "c/t",
  transition: "none",
  plugins: [RevealNotes],
});

// What scrolls sideways can be reached and scrolled with the keyboard; the page calls this when its formulas are set.
function reachScrollers() {
  const scrollers = 'mjx-container[display="true"], .jp-OutputArea-output';
  for (const element of Reveal.getCurrentSlide().querySelectorAll(scrollers)) {
    if (element.scrollWidth > element.clientWidth + 1) element.tabIndex = 0;
  }
}
Reveal.on("slidechanged", reachScrollers);
