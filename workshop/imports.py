"""Which modules of the lecture a text imports, near or far, found by reading and not by running."""

import ast
import functools
from collections.abc import Collection, Mapping
from pathlib import Path


def reached(
    source: str,
    root: Path,
    packages: Collection[str] = ("lecturelib",),
    changed: Mapping[str, str] | None = None,
    without: Collection[str] = (),
) -> dict[str, str]:
    """The modules that a text imports, and those that they import, anywhere in them.

    A name that a package hands out on demand (its table `_DOORS`) counts as the module behind it.

    Args:
        source: Python.
        root: folder that holds the packages.
        packages: names of packages; modules of others are passed over.
        changed: file -> text in place of that on disk; files are named from `root` on, with slashes.
        without: modules that are passed over, with all below them, such as "lecturelib.plots".

    Returns:
        File -> its text.

    >>> from workshop import checkout, imports
    >>> sorted(imports.reached("from lecturelib import claims", checkout.root()))
    ['lecturelib/__init__.py', 'lecturelib/badges.py', 'lecturelib/claims.py', 'lecturelib/records.py']
    """
    texts: dict[str, str] = {}
    waiting, changed = [source], changed or {}
    while waiting:
        for name in _names(waiting.pop(), root, tuple(packages)):
            path = root.joinpath(*name.split("."))
            path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
            file = path.relative_to(root).as_posix()
            passed_over = any(f"{name}.".startswith(f"{other}.") for other in without)
            if file not in texts and path.is_file() and not passed_over:
                texts[file] = changed[file] if file in changed else path.read_text(encoding="utf-8")
                waiting.append(texts[file])
    return texts


@functools.lru_cache(maxsize=1000)
def _names(source: str, root: Path, packages: tuple[str, ...]) -> frozenset[str]:
    """What a text may import from the packages, with the packages around each; not all need be modules."""
    dotted = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            dotted |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            dotted |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    doors = {key: value for package in packages for key, value in _doors(root / package).items()}
    parts = [doors.get(name, name).split(".") for name in dotted if name.split(".")[0] in packages]
    return frozenset(".".join(name[:depth]) for name in parts for depth in range(1, len(name) + 1))


@functools.cache
def _doors(package: Path) -> dict[str, str]:
    """Name that a package hands out on demand -> the module behind it."""
    for node in ast.parse((package / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "_DOORS":
            doors = ast.literal_eval(node.value)
            return {f"{package.name}.{name}": module for name, module in doors.items()}
    return {}
