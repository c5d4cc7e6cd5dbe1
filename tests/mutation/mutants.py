"""Small faults put into a module's text, one at a time: the operators are mutmut's, and a few of our own.

Left alone are what no rule decides by: docstrings, types, imports, ``__all__``, prose (a string with a space in it, or
a part of an f-string), and how a dataclass is made.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import libcst as cst
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators

#: A string that is data: an id, a key, a name.
_DATA = re.compile(r"""["'][\w.-]+["']""")
#: Numbers as large as this are units (nanoseconds in a second): one more would be nothing.
_UNIT = 1e6
#: Without those that only make a program crash: a name that becomes None, a call without a positional argument.
_OPERATORS = [
    (kind, operator)
    for kind, operator in mutation_operators
    if operator.__name__ not in ("operator_string", "operator_assignment", "operator_arg_removal")
]

Change = cst.CSTNode | cst.RemovalSentinel


@dataclass(frozen=True)
class Mutant:
    """One fault, at one place.

    Attributes
    ----------
    module : str
        Without ``.py``.
    line : int
    change : str
        The code that was replaced, and what stands there instead.
    """

    module: str
    line: int
    change: str
    _tree: cst.Module
    _old: cst.CSTNode
    _new: Change

    @classmethod
    def none(cls, module: str, source: str) -> Mutant:
        """The module as it is."""
        tree = cst.parse_module(source)
        return cls(module, 0, "", tree, tree, tree)

    def text(self) -> str:
        """The whole module with the fault in it."""
        changed = self._tree.visit(_Replacement(self._old, self._new))
        assert isinstance(changed, cst.Module)
        return changed.code


def mutants_of(module: str, source: str) -> list[Mutant]:
    """All faults of a module, from its first line to its last.

    Parameters
    ----------
    module : str
        Its name.
    source : str
        Its text.

    Examples
    --------
    >>> for mutant in mutants_of("example", "def is_small(size: int) -> bool:\\n    return size < 640\\n"):
    ...     print(mutant.line, mutant.change)
    2 < 640 -> <= 640
    2 640 -> 641
    2 640 -> 639
    """
    wrapper = MetadataWrapper(cst.parse_module(source))
    lines = wrapper.resolve(PositionProvider)
    tree = wrapper.module
    found = []
    for node in _open_to_change(tree):
        for old, new in _changes(node):
            found.append(Mutant(module, lines[old].start.line, f"{_code(old)} -> {_code(new)}", tree, old, new))
    return found


def _open_to_change(node: cst.CSTNode) -> Iterator[cst.CSTNode]:
    """The nodes at and below this one that may be changed."""
    if isinstance(node, cst.Annotation | cst.Import | cst.ImportFrom) or _is_docstring(node) or _names_types(node):
        return
    if isinstance(node, cst.Decorator):
        yield node
        return
    if isinstance(node, cst.FormattedString):
        for part in node.parts:
            if isinstance(part, cst.FormattedStringExpression):
                yield from (n for n in _open_to_change(part.expression) if not isinstance(n, cst.SimpleString))
        return
    yield node
    for child in node.children:
        yield from _open_to_change(child)


def _is_docstring(node: cst.CSTNode) -> bool:
    """A statement that is only a string."""
    return isinstance(node, cst.Expr) and isinstance(node.value, cst.SimpleString | cst.ConcatenatedString)


def _names_types(node: cst.CSTNode) -> bool:
    """``Pair = tuple[int, int]``: a name for a type, which nothing looks at when the program runs."""
    return (
        isinstance(node, cst.Assign)
        and isinstance(node.value, cst.Subscript)
        and isinstance(node.value.value, cst.Name)
        and node.value.value.value in ("tuple", "dict", "list", "Callable", "Literal")
    )


def _changes(node: cst.CSTNode) -> Iterator[tuple[cst.CSTNode, Change]]:
    """What is replaced (the node, or a part of it), and by what."""
    if isinstance(node, cst.SimpleString):
        if _DATA.fullmatch(node.value):
            yield node, cst.SimpleString(f'"XX{node.value[1:-1]}XX"')
        return
    if isinstance(node, cst.Integer | cst.Float) and node.evaluated_value >= _UNIT:
        yield node, node.with_changes(value=repr(2 * node.evaluated_value))
        return
    kind: type[Any]
    operator: Callable[[Any], Iterable[cst.CSTNode]]
    for kind, operator in _OPERATORS:
        if isinstance(node, kind):
            for new in operator(node):
                yield (node.test, new.test) if isinstance(new, cst.IfExp) else (node, new)
    if isinstance(node, cst.Integer):
        less = node.evaluated_value - 1
        yield node, cst.Integer(str(less)) if less >= 0 else cst.parse_expression(f"({less})")
    if isinstance(node, cst.If) and not isinstance(node.test, cst.Comparison | cst.UnaryOperation):
        test = node.test.with_changes(lpar=[cst.LeftParen()], rpar=[cst.RightParen()])
        yield node.test, cst.UnaryOperation(cst.Not(), test)
    if isinstance(node, cst.Arg) and node.keyword is not None:
        yield node, cst.RemoveFromParent()
    if isinstance(node, cst.Decorator) and not _code(node).startswith("@dataclass"):
        yield node, cst.RemoveFromParent()


def _code(node: cst.CSTNode | cst.RemovalSentinel) -> str:
    """The code of a node by itself, on one line."""
    return "" if isinstance(node, cst.RemovalSentinel) else " ".join(cst.Module([]).code_for_node(node).split())


class _Replacement(cst.CSTTransformer):
    """Puts another node in the place of one."""

    def __init__(self, old: cst.CSTNode, new: Change) -> None:
        super().__init__()
        self._old = old
        self._new = new

    def on_leave(self, original_node: cst.CSTNode, updated_node: cst.CSTNode) -> Any:
        return self._new if original_node is self._old else super().on_leave(original_node, updated_node)
