"""What a page is about, for search engines and shared links: its first paragraph; _templates/layout.html."""

import textwrap

from docutils import nodes


def _about(app, pagename, templatename, context, doctree):
    paragraphs = doctree.findall(nodes.paragraph) if doctree is not None else ()
    first = next((each for each in paragraphs if isinstance(each.parent, nodes.section)), None)
    if first is not None:
        context["about"] = textwrap.shorten(first.astext(), 200, placeholder=" ...")


def setup(app):
    app.connect("html-page-context", _about)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
