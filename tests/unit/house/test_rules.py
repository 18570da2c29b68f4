"""The rules of this house, over the product and its tests:
what is short can be read, and what has a name says what it is.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from tests.paths import ROOT

FOLDERS = ("plugins", "src", "docs", "tests")
FILES = sorted([*ROOT.glob("*.py"), *(path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py"))])

MAX_FUNCTION_LINES = 50
MAX_FILE_LINES = 400


def words(text: str) -> set[str]:
    """The words of a sentence or of a name in either case, without the s of the plural."""
    return {word.lower().rstrip("s") for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", text)}


#: Words that a docstring may add to a name without saying anything.
EMPTY_WORDS = set(words("a an and are as at be by for in is it its of on or that the this to with"))
#: What Ansible calls by this name, and documents.
OF_ANSIBLE = {"run", "filters"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def statements(path: Path) -> list[ast.stmt]:
    """All statements of a file, at any depth; expressions, which are most of a tree, hold none."""
    found: list[ast.stmt] = []
    bodies = [tree_of(path).body]
    while bodies:
        for node in bodies.pop():
            found.append(node)
            parts = [node, *getattr(node, "handlers", []), *getattr(node, "cases", [])]
            bodies += [getattr(part, field, []) for part in parts for field in ("body", "orelse", "finalbody")]
    return found


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def lines_of(node: ast.stmt) -> int:
    assert node.end_lineno is not None
    return node.end_lineno - node.lineno + 1


def is_docstring(node: ast.stmt) -> bool:
    """Whether a statement is a text alone: the docstring of a module, class, function or name."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def code_lines(path: Path) -> int:
    """A file's lines without its docstrings, and without its tables:
    the assignments outside of functions.
    """
    tables = [node for node in tree_of(path).body if isinstance(node, ast.Assign | ast.AnnAssign)]
    docstrings = filter(is_docstring, statements(path))
    return len(path.read_text(encoding="utf-8").splitlines()) - sum(map(lines_of, [*tables, *docstrings]))


def function_lines(node: Function) -> int:
    """A function's lines without its docstring."""
    return lines_of(node) - (lines_of(node.body[0]) if is_docstring(node.body[0]) else 0)


def public(body: list[ast.stmt]) -> Iterator[Function | ast.ClassDef]:
    """What others use of a module or class: functions and classes, and what these classes have."""
    for node in body:
        if isinstance(node, Function | ast.ClassDef) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from public(node.body)


def is_of_tests(path: Path) -> bool:
    """Whether a file's functions are tests and fixtures,
    which say by their names what they show and give.
    """
    return path.name.startswith("test_") or path.name == "conftest.py"


def test_there_are_files_to_look_at():
    assert len(FILES) > 200


def test_words_are_those_of_names_in_any_case():
    assert words("set_token_form") == words("SetTokenForm") == words("set the tokens' form") - {"the"}


def test_no_function_is_longer_than_a_screen():
    long = [
        f"{name(path)}: {node.name} has {function_lines(node)} lines"
        for path in FILES
        for node in statements(path)
        if isinstance(node, Function) and function_lines(node) > MAX_FUNCTION_LINES
    ]
    assert not long, "\n".join(long)


def test_no_file_has_more_code_than_one_can_keep_in_mind():
    long = [f"{name(path)}: {code_lines(path)} lines" for path in FILES if code_lines(path) > MAX_FILE_LINES]
    assert not long, "\n".join(long)


def test_every_module_says_what_it_is_about():
    silent = [path for path in FILES if not is_of_tests(path) and not ast.get_docstring(tree_of(path))]
    missing = [name(path) for path in silent if tree_of(path).body]
    assert not missing, "\n".join(missing)


def test_every_public_name_has_a_docstring_that_is_more_than_the_name():
    thin = [
        f"{name(path)}: {node.name}: {ast.get_docstring(node) or 'no docstring'}"
        for path in FILES
        if not is_of_tests(path)
        for node in public(tree_of(path).body)
        if node.name not in OF_ANSIBLE
        and len(words(ast.get_docstring(node) or "") - words(node.name) - EMPTY_WORDS) < 2
    ]
    assert not thin, "\n".join(thin)


def imported(path: Path) -> set[str]:
    """The names of the modules that a file imports."""
    nodes = statements(path)
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)}


def test_a_unit_test_starts_no_process_and_opens_no_socket():
    """What does is in tests/daemons, and the unit tests answer at once, on any machine."""
    starting = {"subprocess", "socket", "multiprocessing"}
    units = (path for path in FILES if path.is_relative_to(ROOT / "tests/unit"))
    found = [name(path) for path in units if starting & imported(path)]
    assert not found, "\n".join(found)
