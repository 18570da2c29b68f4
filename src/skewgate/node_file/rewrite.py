"""Rewrites the judging code for Python 3.8: a few listed forms, each to a name of
``on_node/older.py``.

A form of a newer Python that is not listed here is an error, and no file is made.
"""

from __future__ import annotations

import ast
from collections.abc import Sequence

OLDEST = (3, 8)
OLDER = "skewgate_older"
"""The name of ``on_node/older.py`` on the node."""

_NEWER = {
    "dataclasses": ("dataclass",),
    "datetime": ("UTC",),
    "email.utils": ("parsedate_to_datetime",),
    "enum": ("StrEnum",),
    "functools": ("cache",),
    "hashlib": ("file_digest", "md5"),
    "itertools": ("pairwise",),
    "math": ("lcm",),
    "typing": ("TypeGuard",),
}
"""Names of the standard library that are newer, or newer in what they take."""

_METHODS = ("removeprefix", "removesuffix")

_TYPES = {"dict", "frozenset", "list", "set", "tuple", "type"}
"""Types of Python that take parameters since 3.9; as do those of ``collections``."""

_FOR_READERS = ("DOCUMENTATION", "EXAMPLES", "RETURN")
"""What a module of Ansible says to people."""


class NewerPythonError(ValueError):
    """Code of a newer Python that is not rewritten; the text has the place and the form."""


def for_older_python(source: str, name: str) -> str:
    """The source as Python 3.8 reads it, without comments and docstrings; ``name`` is its file's.

    Raises NewerPythonError.
    """
    tree = _Rewriter(name).visit(ast.parse(source, name))
    text = ast.unparse(ast.fix_missing_locations(tree)) + "\n"
    try:
        ast.parse(text, name, feature_version=OLDEST)
    except SyntaxError as error:
        raise NewerPythonError(f"{name}: {error}") from error
    return text


class _Rewriter(ast.NodeTransformer):
    """One file; a visit returns what stands in the form's place."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._generic = set(_TYPES)

    def _wrong(self, node: ast.AST, what: str) -> NewerPythonError:
        return NewerPythonError(f"{self._name}:{getattr(node, 'lineno', '?')}: {what} is not rewritten for Python 3.8")

    def visit_Module(self, module: ast.Module) -> ast.Module:
        """Import ``older``, and leave out what people read."""
        module.body = [each for each in module.body if not _is_for_readers(each)]
        _without_docstring(module)
        self.generic_visit(module)
        after = sum(isinstance(each, ast.ImportFrom) and each.module == "__future__" for each in module.body)
        module.body.insert(after, ast.Import(names=[ast.alias(name=OLDER)]))
        return module

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """Without its docstring."""
        _without_docstring(node)
        return self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """Without its docstring."""
        _without_docstring(node)
        return self.generic_visit(node)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> ast.AST | list[ast.AST]:
        """Newer names come from ``older``."""
        if (node.module or "").partition(".")[0] == "collections" and not node.level:
            self._generic |= {alias.asname or alias.name for alias in node.names}
        moved = [alias for alias in node.names if not node.level and alias.name in _NEWER.get(node.module or "", ())]
        kept = [alias for alias in node.names if alias not in moved]
        found: list[ast.AST] = []
        if kept:
            found.append(ast.ImportFrom(module=node.module, names=kept, level=node.level))
        if moved:
            found.append(ast.ImportFrom(module=OLDER, names=moved, level=0))
        return found

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        """``functools.cache`` and the like."""
        if isinstance(node.value, ast.Name) and node.attr in _NEWER.get(node.value.id, ()):
            return _older(node.attr)
        return self.generic_visit(node)

    def visit_Call(self, node: ast.Call) -> ast.AST:
        """Newer methods, and ``zip`` with ``strict``."""
        self.generic_visit(node)
        if isinstance(node.func, ast.Name) and node.func.id == "zip" and node.keywords:
            node.func = _older("zipped")
        if isinstance(node.func, ast.Attribute) and node.func.attr in _METHODS:
            return ast.Call(func=_older(node.func.attr), args=[node.func.value, *node.args], keywords=node.keywords)
        if isinstance(node.func, ast.Attribute) and node.func.attr == "fromisoformat":
            if ast.unparse(node.func.value).rpartition(".")[2] != "datetime":
                raise self._wrong(node, f"`{ast.unparse(node.func)}`")
            node.func = _older("fromisoformat")
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        """``|`` of two mappings, or of types."""
        self.generic_visit(node)
        return _call("either", node.left, node.right) if isinstance(node.op, ast.BitOr) else node

    def visit_AugAssign(self, node: ast.AugAssign) -> ast.AST:
        """``|=`` of a mapping."""
        self.generic_visit(node)
        if not isinstance(node.op, ast.BitOr):
            return node
        if any(isinstance(each, ast.Call) for each in ast.walk(node.target)):  # which would be called twice
            raise self._wrong(node, f"`{ast.unparse(node)}`")
        read = ast.parse(ast.unparse(node.target), mode="eval").body
        return ast.Assign(targets=[node.target], value=_call("either_in_place", read, node.value))

    def visit_Subscript(self, node: ast.Subscript) -> ast.AST:
        """``dict[str, int]`` outside an annotation is ``dict``."""
        is_type = isinstance(node.value, ast.Name) and node.value.id in self._generic
        if is_type and isinstance(node.ctx, ast.Load):
            return node.value
        return self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        """An f-string without its form: Python 3.12 writes quotes in it that 3.8 does not read."""
        self.generic_visit(node)
        parts = [_formatted(each) if isinstance(each, ast.FormattedValue) else each for each in node.values]
        joined = ast.Attribute(value=ast.Constant(""), attr="join", ctx=ast.Load())
        return ast.Call(func=joined, args=[ast.Tuple(elts=parts, ctx=ast.Load())], keywords=[])

    def visit_Match(self, node: ast.Match) -> ast.AST:
        """A ``match`` with plain values as a chain of ``if``."""
        subject = node.subject
        if not isinstance(subject, ast.Name):
            raise self._wrong(node, "`match` of anything but a name")
        chain: list[ast.stmt] = []
        for case in reversed(node.cases):
            test = self._test(subject, case.pattern)
            if case.guard:
                test = ast.BoolOp(op=ast.And(), values=[test, case.guard])
            chain = [ast.If(test=test, body=case.body, orelse=chain)]
        return self.generic_visit(ast.fix_missing_locations(ast.copy_location(chain[0], node)))

    def _test(self, subject: ast.Name, pattern: ast.pattern) -> ast.expr:
        if isinstance(pattern, ast.MatchValue):
            return _compared(subject, ast.Eq(), pattern.value)
        if isinstance(pattern, ast.MatchSingleton):
            return _compared(subject, ast.Is(), ast.Constant(pattern.value))
        if isinstance(pattern, ast.MatchOr):
            return ast.BoolOp(op=ast.Or(), values=[self._test(subject, each) for each in pattern.patterns])
        if isinstance(pattern, ast.MatchAs) and pattern.pattern is None and pattern.name is None:
            return ast.Constant(value=True)
        raise self._wrong(pattern, f"a pattern `{ast.unparse(pattern)}`")


def _older(name: str) -> ast.Attribute:
    return ast.Attribute(value=ast.Name(id=OLDER, ctx=ast.Load()), attr=name, ctx=ast.Load())


def _call(name: str, *args: ast.expr) -> ast.Call:
    return ast.Call(func=_older(name), args=list(args), keywords=[])


def _formatted(node: ast.FormattedValue) -> ast.expr:
    conversion = ast.Constant(chr(node.conversion) if node.conversion > 0 else "")
    return _call("formatted", node.value, conversion, *([node.format_spec] if node.format_spec else []))


def _compared(subject: ast.Name, how: ast.cmpop, value: ast.expr) -> ast.Compare:
    return ast.Compare(left=subject, ops=[how], comparators=[value])


def _is_for_readers(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Assign)
        and isinstance(node.targets[0], ast.Name)
        and node.targets[0].id in _FOR_READERS
        and isinstance(node.value, ast.Constant)
    )


def _without_docstring(node: ast.Module | ast.ClassDef | ast.FunctionDef) -> None:
    """Nor with the text after an assignment, which says what that is."""
    kept: Sequence[ast.stmt] = [each for each in node.body if not _is_text(each)]
    node.body = list(kept) or [ast.Pass()]


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
