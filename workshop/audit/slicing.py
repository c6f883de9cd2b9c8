"""Which cells of a notebook a claim needs: those whose names it uses, and those that these use.

Found by reading, not by running, so a name that is bound by some trick can be missed. Therefore the audit
runs each selection of cells without a mutant too: there the claims must hold.
"""

import ast
import functools
import symtable
from collections.abc import Iterator
from dataclasses import dataclass, field

ASIDE = {"claims", "plots"}  # calls of these change nothing that another cell uses
# Functions for Python, but they run where they stand.
AT_ONCE = {"listcomp", "setcomp", "dictcomp", "genexpr"}


@dataclass
class Names:
    """What a cell does with names."""

    used: set[str] = field(default_factory=set)  # from cells before it
    later: set[str] = field(default_factory=set)  # in functions, when they are called
    sets: set[str] = field(default_factory=set)
    changes: set[str] = field(default_factory=set)  # in part, or perhaps


def needed(cells: list[str], targets: set[int]) -> list[int]:
    """Positions of the cells that the cells at `targets` need, those included, in order.

    >>> needed(["a = 1", "b = 2", "c = [a]", "print(b)", "c.append(0)", "print(c)"], {5})
    [0, 2, 4, 5]
    """
    kept: set[int] = set()
    while True:
        always = set().union(*(names(cells[at]).later for at in kept))
        wanted, found = set(always), set()
        for at in reversed(range(max(targets) + 1)):
            cell = names(cells[at])
            if at in targets or (cell.sets | cell.changes) & wanted:
                found.add(at)
                wanted = (wanted - (cell.sets - cell.changes)) | cell.used | cell.later | always
        if found == kept:
            return sorted(kept)
        kept = found


@functools.lru_cache(maxsize=2000)
def names(source: str) -> Names:
    """What a cell does with names."""
    cell = Names()
    for statement in ast.parse(source).body:
        _follow(statement, cell)
    cell.changes -= ASIDE
    return cell


def _follow(statement: ast.stmt, cell: Names) -> None:
    match statement:
        case ast.For(target=target, iter=source):
            _simple(ast.Expr(source), cell)
            _simple(ast.Assign([target], ast.Constant(0)), cell)
            _follow_all([*statement.body, *statement.orelse], cell)
        case ast.With(items=items):
            for item in items:
                _simple(ast.Expr(item.context_expr), cell)
                if item.optional_vars:
                    _simple(ast.Assign([item.optional_vars], ast.Constant(0)), cell)
            _follow_all(statement.body, cell)
        case ast.If() | ast.While() | ast.Try():  # may or may not happen
            before = set(cell.sets)
            handlers = getattr(statement, "handlers", [])
            tests = [handler.type for handler in handlers] + [getattr(statement, "test", None)]
            _follow_all([ast.Expr(test) for test in tests if test], cell)
            _follow_all([inner for handler in handlers for inner in handler.body], cell)
            _follow_all(
                [part for part in ast.iter_child_nodes(statement) if isinstance(part, ast.stmt)], cell
            )
            cell.changes |= cell.sets - before
        case _:
            _simple(statement, cell)


def _follow_all(statements: list[ast.stmt], cell: Names) -> None:
    for statement in statements:
        _follow(statement, cell)


def _simple(statement: ast.stmt, cell: Names) -> None:
    table = symtable.symtable(ast.unparse(ast.fix_missing_locations(statement)), "cell", "exec")
    loaded = {s.get_name() for s in table.get_symbols() if s.is_referenced()}
    for inner, at_once in _scopes(table):
        outer = {s.get_name() for s in inner.get_symbols() if s.is_global() and s.is_referenced()}
        (loaded if at_once else cell.later).update(outer)
    if isinstance(statement, ast.AugAssign):
        cell.changes.add(_root(statement.target))
        loaded.add(_root(statement.target))
    for node in ast.walk(statement):
        match node:
            case ast.Subscript(ctx=ast.Store() | ast.Del()) | ast.Attribute(ctx=ast.Store() | ast.Del()):
                cell.changes.add(_root(node))
            case ast.Expr(value=ast.Call(func=ast.Attribute() as function)):
                cell.changes.add(_root(function))
    cell.used |= loaded - cell.sets
    cell.sets |= {s.get_name() for s in table.get_symbols() if s.is_assigned() or s.is_imported()}


def _scopes(table: symtable.SymbolTable, at_once: bool = True) -> Iterator[tuple[symtable.SymbolTable, bool]]:
    """The scopes inside one, each with whether it runs where it stands."""
    for inner in table.get_children():
        now = at_once and (inner.get_name() in AT_ONCE or inner.get_type() == "class")
        yield inner, now
        yield from _scopes(inner, now)


def _root(node: ast.expr) -> str:
    """The name at the left end of a.b[c].d(); "" where that is not a name."""
    while isinstance(node, ast.Attribute | ast.Subscript | ast.Call):
        node = node.func if isinstance(node, ast.Call) else node.value
    return node.id if isinstance(node, ast.Name) else ""
