"""The library's pages, one for each module that a reader calls, from its docstrings."""

import ast
import re
import tomllib
from pathlib import Path

MORE = "More"


def groups(root: Path) -> dict[str, dict]:
    """The modules that have a page, in groups: those of site/library.toml, then others of the README's map.

    Raises:
        ValueError: a group names a module that is not there.
    """
    found = tomllib.loads((root / "site" / "library.toml").read_text(encoding="utf-8"))
    named = [name for group in found.values() for name in group["modules"]]
    if unknown := sorted(name for name in named if not source(root, name).is_file()):
        raise ValueError(f"site/library.toml names {', '.join(unknown)}; lecturelib/ has no such module")
    readme = (root / "README.md").read_text(encoding="utf-8")
    paths = re.findall(r"\(lecturelib/([\w/]+?)(?:\.py)?\)", readme)
    linked = dict.fromkeys(path.replace("/", ".") for path in paths)
    if more := [name for name in linked if source(root, name).is_file() and name not in named]:
        found[MORE] = {"about": "Further modules that the notebooks call.", "modules": more}
    return found


def source(root: Path, name: str) -> Path:
    """The file of a module, named as below lecturelib: "cost", "theory.depth", or "hogwild", a folder."""
    path = root / "lecturelib" / name.replace(".", "/")
    return path / "__init__.py" if path.is_dir() else path.with_name(f"{path.name}.py")


def pages(root: Path) -> dict[str, str]:
    """One page `library/MODULE.rst` for each module, and `library/index.md` with all of them in groups."""
    grouped = groups(root)
    modules = {
        name: ast.parse(source(root, name).read_text(encoding="utf-8"))
        for group in grouped.values()
        for name in group["modules"]
    }
    made = {f"library/{name}.rst": _page(name, tree, modules) for name, tree in modules.items()}
    return made | {"library/index.md": _index(grouped, modules)}


def _page(name: str, tree: ast.Module, documented) -> str:
    title = f"``{name}``"
    text = f"{title}\n{'=' * len(title)}\n\n"
    text += f".. automodule:: lecturelib.{name}\n   :members:\n   :ignore-module-all:\n"
    if fronted := [(item, module) for item, module in _fronted(tree) if module in documented]:
        names = "\n".join(f"- :py:obj:`{item} <lecturelib.{module}.{item}>`" for item, module in fronted)
        text += f"\n.. rubric:: Also reached from here\n\n{names}\n"
    return text


def _fronted(tree: ast.Module) -> list[tuple[str, str]]:
    """Public names that a module hands on from other modules of the library: (name, module)."""
    exported = {
        item.value
        for node in tree.body
        if isinstance(node, ast.Assign) and any(getattr(t, "id", "") == "__all__" for t in node.targets)
        for item in node.value.elts
    }
    return [
        (alias.name, node.module.removeprefix("lecturelib."))
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("lecturelib.")
        for alias in node.names
        if alias.name in exported
    ]


def _index(groups: dict, modules: dict[str, ast.Module]) -> str:
    lines = [
        "# The library",
        "",
        "`lecturelib` is small: one idea a file. Theory (NumPy, float64) and experiment (JAX, threads) never",
        "import each other; where they agree, two programs agree.",
        "",
    ]
    for group, entry in groups.items():
        lines += [f"## {group}", "", entry["about"], "", "| module | its one idea |", "|---|---|"]
        for name in entry["modules"]:
            idea = (ast.get_docstring(modules[name]) or "").split("\n")[0].replace("|", "\\|")
            lines.append(f"| [`{name}`]({name}.rst) | {idea} |")
        lines.append("")
    names = [name for entry in groups.values() for name in entry["modules"]]
    return "\n".join([*lines, "```{toctree}", ":hidden:", "", *names, "```", ""])
