"""Every example in a docstring of the product is as the code does it."""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

from tests.paths import ROOT

COLLECTION = "ansible_collections.skewgate.preflight"
WITH_EXAMPLES = [
    path
    for folder in ("plugins", "src")
    for path in sorted((ROOT / folder).rglob("*.py"))
    if ">>> " in path.read_text("utf-8")
]


def module_of(path: Path) -> str:
    words = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(words[1:] if words[0] == "src" else (COLLECTION, *words))


@pytest.mark.parametrize("path", WITH_EXAMPLES, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_examples_of_a_module_hold(path: Path) -> None:
    tested = doctest.testmod(importlib.import_module(module_of(path)))
    assert tested.attempted > 0
    assert tested.failed == 0
