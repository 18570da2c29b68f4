"""The rewriting for Python 3.8: what each form becomes does what the form did."""

from __future__ import annotations

import ast
import textwrap
from typing import Any

import pytest

from skewgate.node_file.on_node import older
from skewgate.node_file.rewrite import OLDER, NewerPythonError, for_older_python


def rewritten(source: str) -> str:
    return for_older_python("from __future__ import annotations\n" + textwrap.dedent(source), "m.py")


def value(source: str) -> Any:
    """What ``found`` is after the rewritten source has run."""
    names: dict[str, Any] = {OLDER: older, "__name__": "m"}
    code = rewritten(source).replace(f"import {OLDER}\n", "").replace(f"from {OLDER} ", f"from {older.__name__} ")
    exec(compile(code, "m.py", "exec"), names)
    return names["found"]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("found = {'a': 1} | {'b': 2}", {"a": 1, "b": 2}),
        ("found = {1} | {2}", {1, 2}),
        ("found = 5 | 2", 7),
        ("found = isinstance(1, int | None)", True),
        ("found = isinstance(None, str | int | None)", True),
        ("found = isinstance('', list | dict)", False),
        ("found = {'a': 1}\nfound |= {'b': 2}", {"a": 1, "b": 2}),
        ("found = {1}\nfound |= {2}", {1, 2}),
        ("from collections import Counter\nfound = Counter('aab') | Counter('ab')", {"a": 2, "b": 1}),
        ("from collections import Counter\nfound = Counter('aab')\nfound |= Counter('ab')", {"a": 2, "b": 1}),
        ("from functools import cache\n@cache\ndef f(): return object()\nfound = f() is f()", True),
        ("import functools\n@functools.cache\ndef f(): return object()\nfound = f() is f()", True),
        ("found = 'abc'.removeprefix('a').removesuffix('c')", "b"),
        ("found = list(zip('ab', 'cd', strict=True))", [("a", "c"), ("b", "d")]),
        ("found = list(zip('ab', 'c'))", [("a", "c")]),
        ("from itertools import pairwise\nfound = list(pairwise('abc'))", [("a", "b"), ("b", "c")]),
        ("k, w = 'ab', 6\nfound = f'{k!r:>{w}}|{k:4}|{2.5:.2f}|{None}{{'", "  'ab'|ab  |2.50|None{"),
        ("import hashlib, io\nfound = hashlib.file_digest(io.BytesIO(b'a'), 'sha256').hexdigest()[:8]", "ca978112"),
        ("import math\nfound = math.lcm(), math.lcm(4, 6), math.lcm(0, 3)", (1, 12, 0)),
        (
            "from datetime import UTC, datetime\nfound = datetime.fromisoformat('2026-01-31T12:00:00Z').timestamp()",
            1769860800.0,
        ),
        ("from collections.abc import Callable\nShape = Callable[[int], dict[str, int]] | None\nfound = 1", 1),
        (
            "from enum import StrEnum\nclass K(StrEnum):\n    A = 'a'\nfound = f'{K.A}', str(K.A), K.A == 'a'",
            ("a", "a", True),
        ),
    ],
)
def test_each_form_does_what_it_did(source: str, expected: Any) -> None:
    assert value(source) == expected


MATCH = """
def of(x):
    match x:
        case 1:
            return 'one'
        case 2 | 3 if x == 3:
            return 'three'
        case None:
            return 'none'
        case _:
            return 'other'
found = [of(x) for x in (1, 2, 3, None, 'x')]
"""


def test_a_match_with_values_becomes_a_chain_of_ifs() -> None:
    assert "match" not in rewritten(MATCH)
    assert value(MATCH) == ["one", "other", "three", "none", "other"]


@pytest.mark.parametrize(
    "source",
    [
        "match x:\n    case [a]:\n        pass",
        "match x():\n    case 1:\n        pass",
        "x()['a'] |= {1}",
        "from datetime import date\nfound = date.fromisoformat('2026-01-31')",
        "match x:\n    case {'a': b}:\n        pass",
        "try:\n    pass\nexcept* OSError:\n    pass",
    ],
)
def test_a_form_that_is_not_listed_makes_no_file(source: str) -> None:
    with pytest.raises(NewerPythonError, match=r"m\.py"):
        rewritten(source)


def test_comments_docstrings_and_what_ansible_reads_are_left_out() -> None:
    text = rewritten(
        '"""Doc."""\nDOCUMENTATION = r"""\nmodule: m\n"""\ndef f():\n    """Only this."""\nX = 1\n"""Of X."""\n'
    )
    assert [type(node) for node in ast.parse(text).body] == [ast.ImportFrom, ast.Import, ast.FunctionDef, ast.Assign]
    assert "Only" not in text


def test_no_f_string_is_left_for_which_python_3_12_would_write_quotes_that_3_8_does_not_read() -> None:
    text = rewritten("found = f'{a[\"k\"]:{w}}'")
    assert not any(isinstance(node, ast.JoinedStr) for node in ast.walk(ast.parse(text)))


def test_zip_with_strict_refuses_other_lengths() -> None:
    with pytest.raises(ValueError, match="different lengths"):
        list(older.zipped("ab", "c", strict=True))


def test_what_is_no_date_is_a_value_error_in_every_python() -> None:
    with pytest.raises(ValueError, match="Invalid date"):
        older.parsedate_to_datetime("never")
