"""Notebooks: find the lecture's by number and others by path, read them and their parameters."""

import copy
import functools
import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import nbformat

from workshop import checkout
from workshop.values import Parameter, listing, parse_parameters

# Else each kernel warns of TCP on loopback, and some report as an error that they were told to end.
QUIET = "--IPKernelApp.log_level=50"
_NUMBERED = re.compile(r"(\d\d)_[a-z0-9_]+")


@functools.lru_cache(maxsize=16)  # the audit reads each some hundred times
def _parsed(data: bytes) -> nbformat.NotebookNode:
    invalid: dict[str, Exception] = {}
    contents = nbformat.reads(data.decode("utf-8"), as_version=4, capture_validation_error=invalid)
    for error in invalid.values():
        raise error
    return contents


def papermill_path(path: Path) -> str:
    """A path as papermill takes it, which reads single braces as names of parameters."""
    return str(path).replace("{", "{{").replace("}", "}}")


class Exited(RuntimeError):
    """A cell ended its kernel; what follows it would not run."""


def refuse_exit(cell: nbformat.NotebookNode, cell_index: int, execute_reply: dict) -> None:
    """Called by nbclient after each cell: raise Exited after exit() and quit().

    A kernel that ends still runs the next cells for a moment, or not: it depends on timing.
    """
    if any(said.get("source") == "ask_exit" for said in execute_reply["content"].get("payload", [])):
        raise Exited(f"cell [{cell.execution_count}]: exit() ended the kernel")


def first_error(contents: nbformat.NotebookNode) -> str | None:
    """Which cell of an executed notebook shows an error, and what; None if none does.

    papermill takes sys.exit() for success, but what follows it has not run: this finds it.
    """
    for cell in contents.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                return f"cell [{cell.execution_count}]: {output.ename}: {output.evalue}"
    return None


@dataclass(frozen=True)
class Notebook:
    """A notebook: one of the lecture, or a reader's own.

    Attributes:
        path: of its file.
        data: the file's bytes at one moment, which is read then in its place; None to read it as it is now.
    """

    path: Path
    data: bytes | None = field(default=None, repr=False, compare=False)

    @property
    def name(self) -> str:
        """The file's name without .ipynb."""
        return self.path.stem

    @property
    def number(self) -> str:
        """The two digits of a numbered notebook; of any other one, its name."""
        return self.name[:2] if _NUMBERED.fullmatch(self.name) else self.name

    def kept(self) -> "Notebook":
        """The notebook as it is at this moment, whatever is saved later.

        Raises:
            OSError: it cannot be read.
        """
        return self if self.data is not None else replace(self, data=self.path.read_bytes())

    def read(self) -> nbformat.NotebookNode:
        """The notebook's contents; a copy, which the caller may change.

        Raises:
            ValueError: the file is not a notebook; the message says where it stops being one.
            OSError: it cannot be read.
        """
        data = self.path.read_bytes() if self.data is None else self.data
        try:
            return copy.deepcopy(_parsed(data))
        except Exception as error:  # nbformat raises its own, JSON's, jsonschema's and attribute errors
            first_line = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise ValueError(f"{self.path.name} is not a readable notebook: {first_line}") from error

    def title(self) -> str:
        """The first heading."""
        for cell in self.read().cells:
            if found := re.search(r"^# +(.+)$", cell.source, re.MULTILINE):
                return found[1].strip()
        return self.name

    def code(self) -> list[str]:
        """Its code cells."""
        return [cell.source for cell in self.read().cells if cell.cell_type == "code"]

    def parameters(self) -> dict[str, Parameter]:
        """The parameters cell, name -> Parameter, in order; empty where there is none.

        Raises:
            ValueError: not a notebook, two such cells, or one that `parse_parameters` refuses.
        """
        cells = [c for c in self.read().cells if "parameters" in c.metadata.get("tags", [])]
        if len(cells) > 1:
            raise ValueError(f"{self.name} has {len(cells)} cells tagged parameters; keep one")
        return parse_parameters(cells[0].source, where=self.name) if cells else {}

    def defaults(self) -> dict[str, Any]:
        """The values in the parameters cell; ValueError as for `parameters`."""
        return {name: parameter.default for name, parameter in self.parameters().items()}


def check_ranges(notebook: Notebook, runs: Iterable[Mapping[str, Any]]) -> None:
    """Refuse values that are outside of the parameters' ranges or do not fit each other.

    A notebook says these in cells tagged `checks`, by `lecturelib.checks`; they run here before anything.

    Args:
        notebook: whose parameters they are.
        runs: of each run, the values given, of the parameters' types.

    Raises:
        ValueError: as the cell raises it; any other error of the cell, by its name.
    """
    cells = [c.source for c in notebook.read().cells if "checks" in c.metadata.get("tags", [])]
    if not cells:
        return
    code = compile("\n".join(cells), f"<checks of {notebook.name}>", "exec")
    defaults = notebook.defaults()
    with listing(notebook.parameters(), notebook.name):
        for values in runs:
            try:
                exec(code, defaults | dict(values))
            except ValueError:
                raise
            except Exception as error:
                raise ValueError(f"the ranges cannot be checked: {type(error).__name__}: {error}") from error


def find(folder: Path | None = None) -> list[Notebook]:
    """All numbered notebooks, in the lecture's order.

    Args:
        folder: where they lie; by default notebooks/ of the checkout.

    Raises:
        FileNotFoundError: no notebooks there, or no checkout.
    """
    folder = folder or checkout.root() / "notebooks"
    found = [Notebook(p) for p in sorted(folder.glob("*.ipynb")) if _NUMBERED.fullmatch(p.stem)]
    if not found:
        raise FileNotFoundError(f"no numbered notebooks (NN_topic.ipynb) in {folder}: run from a checkout")
    return found


def select(wanted: Iterable["Notebook | Path | str"], folder: Path | None = None) -> list[Notebook]:
    """The notebooks asked for; all numbered ones if none is asked for.

    Args:
        wanted: numbers or names of numbered notebooks ("4", "04", "04_mini_batching"), paths of others.
        folder: where the numbered ones lie, as for `find`; not looked at if only paths are given.

    Returns:
        The numbered ones in the lecture's order, then those given by path; each once.

    Raises:
        ValueError: a number or name that no notebook has, or a path where no file is.
        FileNotFoundError: as for `find`.
    """
    names, own = set(), []
    for word in (each.path if isinstance(each, Notebook) else each for each in wanted):
        word = str(word)
        try:
            word.encode()
        except UnicodeEncodeError:  # it becomes part of the names of runs, and of texts
            raise ValueError(f"{word!r} is no name in UTF-8; give the notebook another one") from None
        if word.endswith(".ipynb") and os.path.isfile(word):
            own.append(Notebook(Path(word).resolve()))
        elif word.endswith(".ipynb") and not _NUMBERED.fullmatch(word.removesuffix(".ipynb")):
            raise ValueError(f"there is no file {word}")
        else:
            names.add(word.removesuffix(".ipynb"))
    numbered = find(folder) if names or not own else []
    known = {n: {n.number, n.number.lstrip("0"), n.name} for n in numbered}
    for name in sorted(names.difference(*known.values())):
        raise ValueError(f"no notebook {name!r}; there are {', '.join(n.name for n in numbered)}")
    return list(dict.fromkeys([*(n for n in numbered if not names or names & known[n]), *own]))
