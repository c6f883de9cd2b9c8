"""Gather the site's pages in a folder, let Sphinx build them, put the site in place when it is complete."""

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from workshop import checkout, notebooks
from workshop.site import (
    audited,
    cards,
    claims_page,
    decks,
    explorers,
    front,
    gallery,
    homework,
    mend,
    notebook_map,
    question_sheet,
    slides,
    teaching,
    verdicts_page,
)

ROOT = checkout.root()
SITE = ROOT / "site"
WORK = ROOT / "build" / "site-work"
MATHJAX = "mathjax-3.2.2-tex-svg.js"
PARTS = (
    front, notebook_map, claims_page, verdicts_page, audited, cards, homework, teaching, question_sheet,
    gallery, explorers,
)  # fmt: skip
NOT_PAGES = {"README.md", "mnist.svg", "__pycache__", "vendor", "slides"}


class BuildFailed(RuntimeError):
    """Sphinx found something wrong; the message says what."""


def pages(root: Path = ROOT) -> dict[str, bytes | Path]:
    """Every file that Sphinx reads: its path in the source folder -> its content, or the file to copy.

    Args:
        root: of the checkout.
    """
    site = root / "site"
    found: dict[str, bytes | Path] = {
        str(path.relative_to(site)): path
        for path in sorted(site.rglob("*"))
        if path.is_file() and not NOT_PAGES & set(path.relative_to(site).parts)
    }
    for path in sorted((root / "workshop" / "site" / "browser").glob("*")):
        if path.suffix in (".js", ".css", ".json", ".svg"):
            found[f"_static/explorers/{path.name}"] = path
    for path in sorted((root / "notebooks").glob("[0-9][0-9]_*.ipynb")):
        found[f"notebooks/{path.name}"] = path
    found[f"_static/{MATHJAX}"] = root / "lecturelib" / "data" / MATHJAX
    found |= front.files(root) | gallery.files(root)
    made = [part.pages(root) for part in PARTS]
    for texts in (*made, explorers.handed()):
        found |= {name: text.encode() for name, text in texts.items()}
    return found


def gather(found: dict[str, bytes | Path], folder: Path) -> None:
    """Make `folder` hold exactly these files; one that has not changed is not touched: Sphinx skips it."""
    for path in [p for p in folder.rglob("*") if p.is_file()]:
        if str(path.relative_to(folder)) not in found:
            path.unlink()
    for name, content in found.items():
        content = content.read_bytes() if isinstance(content, Path) else content
        path = folder / name
        if not path.exists() or path.read_bytes() != content:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def sphinx(source: Path, work: Path) -> Path:
    """Run Sphinx on a folder of pages, warnings being errors; returns the folder of HTML.

    Raises:
        BuildFailed: with Sphinx's warnings.
    """
    html, doctrees = work / "html", work / "doctrees"
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-j", "2", "-b", "html"]
    # The pages of the library import it, and JAX must not look for other devices while it does.
    environment = os.environ | {"JAX_PLATFORMS": "cpu", "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    result = subprocess.run(
        [*command, "-d", str(doctrees), str(source), str(html)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if result.returncode:
        shutil.rmtree(doctrees, ignore_errors=True)  # else the next build would not repeat the warnings
        raise BuildFailed(f"The site was not built:\n{result.stdout}{result.stderr}")
    return html


def build(out: Path, root: Path = ROOT, work: Path = WORK) -> float:
    """Build the site into `out`, which is replaced only when the new one is complete.

    Args:
        out: folder of the finished site.
        root: of the checkout.
        work: folder of what the next build can use again.

    Returns:
        Seconds.

    Raises:
        BuildFailed: a warning is an error; an earlier site in `out` is left as it was.
    """
    start = time.monotonic()
    gather(pages(root), work / "source")
    with ThreadPoolExecutor(1) as beside:  # Sphinx is a process of its own: the slides take the other core
        built = beside.submit(sphinx, work / "source", work)
        slides.build(work / "slides", notebooks.find(root / "notebooks"))
        decks.build(work / "slides", root)
    html = built.result()
    complete = out.with_name(f".{out.name}.{os.getpid()}.part")
    shutil.rmtree(complete, ignore_errors=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    left_out = shutil.ignore_patterns(
        ".buildinfo*", "objects.inv", "_sources", "*webpack-macros.html", "*.map", "locales", "webfonts"
    )
    try:
        shutil.copytree(html, complete, ignore=left_out)
        shutil.copytree(work / "slides", complete / "slides", dirs_exist_ok=True)
        mend.mend(complete)
        shutil.rmtree(out, ignore_errors=True)
        os.replace(complete, out)
    finally:
        shutil.rmtree(complete, ignore_errors=True)
    return time.monotonic() - start
