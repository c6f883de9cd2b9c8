"""Files that are whole or not there, and pages: jinja2 templates on one base page with one style sheet.

A page stands alone: one file that needs no network and no script, light or dark as its reader has it. What
goes into one is escaped; what is not says `|safe` in its template.
"""

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jinja2

TEMPLATES = Path(__file__).parent / "templates"


@contextlib.contextmanager
def written(path: Path) -> Iterator[Path]:
    """A temporary name beside `path` to write to; renamed to `path` on success, removed on failure."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield part
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)


def render(
    template: str, folder: Path = TEMPLATES, filters: dict[str, Callable] | None = None, **values: Any
) -> str:
    """A page from a template.

    Args:
        template: its file's name.
        folder: of the template; those of this package (base.html.j2, style.css) are there too.
        filters: functions that the template calls by these names, beside jinja2's own.
        values: what the template shows.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([folder, TEMPLATES]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= filters or {}
    return environment.get_template(template).render(**values)
