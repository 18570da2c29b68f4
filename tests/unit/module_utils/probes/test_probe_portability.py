"""What runs on a node must run with Python 3.8 and its standard library."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT

PLUGINS = ROOT / "plugins"
OURS = "ansible_collections.skewgate.preflight.plugins.module_utils."
MODULES = [PLUGINS / "modules" / "node_evidence.py", PLUGINS / "modules" / "node_remediate.py"]
NODE_CODE = [*sorted((PLUGINS / "module_utils").rglob("*.py")), *MODULES]


def test_there_is_node_code():
    assert len(NODE_CODE) > 8


@pytest.mark.parametrize("path", NODE_CODE, ids=lambda path: path.name)
def test_node_code_is_python_3_8_and_imports_the_standard_library_alone(path: Path):
    tree = ast.parse(path.read_text(), feature_version=(3, 8))
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            imported.add(node.module or "")
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            # AnsiballZ sends what is imported statically, and nothing else.
            assert node.func.id not in {"__import__", "import_module"}
    strange = {
        name
        for name in imported
        if name.split(".")[0] not in sys.stdlib_module_names and not name.startswith(("ansible.module_utils.", OURS))
    }
    assert strange == set()
