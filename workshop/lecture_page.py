"""An executed notebook as one page to read: contents, a measure for reading, day and night, no network."""

import functools
import re
from html import unescape
from pathlib import Path

import nbformat
from nbconvert import HTMLExporter

from lecturelib import datasets
from lecturelib.badges import SITE
from lecturelib.files import render
from workshop.files import TEMPLATES

MATHJAX = datasets.DATA / "mathjax-3.2.2-tex-svg.js"
_HEADING = re.compile(r"<h2[^>]*>(.*?)</h2>", re.DOTALL)


def html(executed: Path) -> str:
    """The page of an executed notebook: pictures and MathJax inside, other notebooks' pages beside it."""
    exporter = HTMLExporter(template_name="basic", exclude_anchor_links=True, embed_images=True)
    body, _ = exporter.from_notebook_node(nbformat.read(executed, as_version=4))
    body = re.sub(r'href="(\d\d_[a-z0-9_]+)\.ipynb', r'href="\1.html', body)
    sections: list[str] = []

    def anchored(match: re.Match[str]) -> str:
        sections.append(match[1])
        return f'<h2 id="section-{len(sections)}">{match[1]}</h2>'

    body = _HEADING.sub(anchored, body)
    title = re.search(r"<h1[^>]*>(.*?)</h1>", body, re.DOTALL)
    name = executed.stem.split("__")[0].replace("_", " ")  # without the parameters of a rerun
    if title:  # "05 Bias and variance"
        number = re.match(r"\d\d ", name)
        name = (number[0] if number else "") + unescape(re.sub(r"<[^>]+>", "", title[1]))
    return render(
        "lecture.html.j2",
        TEMPLATES,
        title=name,
        sections=sections,
        body=body,
        mathjax=_mathjax(),
        site=SITE,
    )


@functools.cache
def _mathjax() -> str:
    return MATHJAX.read_text(encoding="utf-8").replace("</script", "<\\/script")
