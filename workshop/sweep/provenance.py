"""What a run is made with: versions of packages, modules beside its notebook, files that parameters name."""

import ast
import functools
import hashlib
import importlib.metadata
import os
import platform
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

import lecturelib
from workshop.values import NOT_LITERAL

_ALWAYS = ("jax", "jaxlib", "numpy")  # decide numbers, also where a notebook does not import them itself


class Inputs:
    """The files that values of parameters name, each read once: what a sweep calls its content from then on.

    Args:
        folder: from which paths are taken to start, as the notebook takes them.
    """

    def __init__(self, folder: Path):
        self.folder = folder
        self._known: dict[str, str | None] = {}

    def of(self, values: Mapping[str, Any]) -> dict[str, str]:
        """Path, as it is written in a value or in a list -> hash of the file there.

        >>> from pathlib import Path
        >>> import workshop
        >>> from workshop.sweep.provenance import Inputs
        >>> list(Inputs(Path(workshop.__file__).parent).of({"path": "cli.py", "loss": "squared"}))
        ['cli.py']
        """
        named = {text: self._digest(text) for text in _texts(list(values.values()))}
        return {text: digest for text, digest in sorted(named.items()) if digest is not None}

    def _digest(self, text: str) -> str | None:
        if text not in self._known:
            path = os.path.join(self.folder, text)
            self._known[text] = digest([Path(path)]) if os.path.isfile(path) else None
        return self._known[text]


def marked(files: Mapping[str, str]) -> dict[str, str]:
    """Files beside packages in one dictionary: a file may be called as a package is.

    >>> from workshop.sweep.provenance import marked
    >>> marked({"jax": "9595c9df9007"})
    {'jax (file)': '9595c9df9007'}
    """
    return {f"{path} (file)": digest for path, digest in files.items()}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part)


def digest(paths: Iterable[Path]) -> str:
    """A short hash of what is in these files."""
    content = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            content.update(hashlib.file_digest(file, "sha256").digest())
    return content.hexdigest()[:12]


def versions(code: Iterable[str], folder: Path) -> dict[str, str]:
    """What code is run with here: package -> version; for modules of the reader's own, a hash of their files.

    Args:
        code: of a notebook's cells.
        folder: that it runs in, where modules of its own may lie.

    >>> from pathlib import Path
    >>> from workshop.sweep.provenance import versions
    >>> sorted(versions(["import scipy.stats"], Path()).keys() - {"jax", "jaxlib", "numpy"})
    ['lecturelib', 'python', 'scipy']
    """
    found = {
        "python": platform.python_version(),
        "lecturelib": digest(sorted(Path(lecturelib.__file__).parent.rglob("*.py"))),
    }
    waiting = [*_ALWAYS, *(name for cell in code for name in _imported(cell))]
    seen = {"lecturelib"}
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        if own := _beside(folder, name):
            found[f"{name} (beside the notebook)"] = digest(own)
            for path in own:
                waiting += _imported(path.read_text(encoding="utf-8", errors="replace"))
        for package in _distributions().get(name, ()) if not own else ():
            found.setdefault(package, importlib.metadata.version(package))
    return found


def _beside(folder: Path, module: str) -> list[Path]:
    single = folder / f"{module}.py"
    return [single] if single.is_file() else sorted((folder / module).rglob("*.py"))


@functools.lru_cache(maxsize=1000)
def _imported(source: str) -> frozenset[str]:
    """The first words of the names that a cell imports; none if it is no Python: then it fails, too."""
    try:
        tree = ast.parse(TransformerManager().transform_cell(source))
    except (SyntaxError, *NOT_LITERAL):
        return frozenset()
    names = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    names += [n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom) and n.module and not n.level]
    return frozenset(name.split(".")[0] for name in names)


@functools.cache
def _distributions() -> Mapping[str, list[str]]:
    return importlib.metadata.packages_distributions()
