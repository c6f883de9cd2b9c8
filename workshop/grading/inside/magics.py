"""A cell's code as IPython reads it, whole or in brief: what it defines, without what it tries out."""

import ast
import re
import types

_TIMED = re.compile(r"%%(time|timeit|capture)\b.*")
_DEFINITIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Import, ast.ImportFrom)
_COSTLY = (ast.Call, ast.Await, ast.comprehension)


def compiled(text: str, name: str, whole: bool = True) -> types.CodeType:
    """A cell's code, compiled; if that fails, as IPython reads it.

    This is done where the cell is run: the text is a student's, and may cost the compiler gigabytes. Unless
    it is to run `whole`, only what it defines is left.

    Raises:
        SyntaxError: it is neither Python nor IPython.
    """
    text = without_cell_magics(text)
    try:
        tree = ast.parse(text, name)
    except (SyntaxError, ValueError):
        tree = ast.parse(as_python(text), name)
    kept = tree if whole else definitions(tree)
    return compile(kept, name, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def without_cell_magics(text: str) -> str:
    r"""A cell's code without the `%%` lines that time it: in notebooks, too, what it defines is defined.

    >>> from workshop.grading.inside import magics
    >>> magics.without_cell_magics("%%time\nx = 1"), magics.without_cell_magics("%%bash\nls")
    ('x = 1', '%%bash\nls')
    """
    lines = text.split("\n")
    start = 0
    for number, line in enumerate(lines, 1):
        mark = line.strip()
        if mark and not _TIMED.fullmatch(mark):
            break
        start = number if mark else start
    return "\n".join(lines[start:])


def as_python(text: str) -> str:
    r"""A cell's code with its magics, shell lines and questions as calls of `get_ipython()`.

    >>> from workshop.grading.inside import magics
    >>> magics.as_python("%matplotlib inline\nx = 1")
    "get_ipython().run_line_magic('matplotlib', 'inline')\nx = 1\n"
    """
    from IPython.core.inputtransformer2 import TransformerManager  # here, for it takes a third of a second

    return str(TransformerManager().transform_cell(text))


def definitions(tree: ast.Module) -> ast.Module:
    """A module's functions, classes, imports, and names for constants; nothing else.

    >>> import ast
    >>> from workshop.grading.inside import magics
    >>> cell = "import time; N = 10**3; start = time.time()"
    >>> ast.unparse(magics.definitions(ast.parse(cell))).splitlines()
    ['import time', 'N = 10 ** 3']
    """
    kept = [node for node in tree.body if isinstance(node, _DEFINITIONS) or _is_constant(node)]
    return ast.Module(kept, tree.type_ignores)


def _is_constant(node: ast.stmt) -> bool:
    if not isinstance(node, ast.Assign | ast.AnnAssign) or node.value is None:
        return False
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    only_names = not any(isinstance(part, ast.Attribute) for target in targets for part in ast.walk(target))
    return only_names and not any(isinstance(part, _COSTLY) for part in ast.walk(node.value))
