"""Our docstrings are plain text with formulas in indented blocks; autodoc expects reStructuredText.

indented block         stays as it is, in a fixed-width font
|x|, x*y, w_           are text, not markup
>>> ...                stays an example
Args: / Returns: ...   are Napoleon's, which comes after
"""

import re

SECTION = re.compile(r"(Args|Arguments|Returns|Raises|Example|Examples|Attributes|Yields|Note|Notes):")
CODE = re.compile(r"(``?[^`]+``?)")


def escaped(text: str) -> str:
    """Prose with the characters that reStructuredText would take for markup escaped; `code` left alone."""
    parts = CODE.split(text.replace("\\", "\\\\"))
    return "".join(
        part.replace("\\\\", "\\")
        if number % 2
        else re.sub(r"(?<=\w)_(?!\w)|[*|]", lambda m: "\\" + m[0], part)
        for number, part in enumerate(parts)
    )


def plain(lines: list[str]) -> list[str]:
    """A docstring's lines as reStructuredText that shows what the docstring shows."""
    out: list[str] = []
    in_section = in_block = in_example = in_list = False
    for line in lines:
        indent = len(line) - len(line.lstrip())
        after_blank = not out or not out[-1].strip()
        if not line.strip():
            in_example = False
            out.append("")
            continue
        if SECTION.fullmatch(line):
            in_section, in_block = True, False
            out.append(line)
            continue
        in_section = in_section and indent > 0
        in_example = in_example or line.lstrip().startswith(">>>")
        if in_example:
            out.append(line)
        elif in_section:
            out.append(escaped(line))
        elif indent >= 4 or (in_block and indent > 0):
            if not in_block:
                out += ["", ".. code-block:: text", ""]
            in_block = True
            out.append(line)
        else:
            if in_block:
                out.append("")
            in_block = False
            dash = line.startswith(("- ", "+ "))
            in_list = (dash and (after_blank or in_list)) or (in_list and indent > 0)
            text = escaped(line if in_list else line.lstrip())
            out.append("\\" + text if dash and not in_list else text)  # a minus sign at the start of a line
    return out


def _process(app, what, name, obj, options, lines):
    lines[:] = plain(lines)


def setup(app):
    app.connect("autodoc-process-docstring", _process, priority=400)  # before Napoleon's 500
    return {"parallel_read_safe": True, "parallel_write_safe": True}
