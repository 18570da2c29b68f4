"""The example of docs/adding-a-check.md passes the test that stands beside it."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tests.paths import ROOT

TEXT = (ROOT / "docs/adding-a-check.md").read_text(encoding="utf-8")


BLOCKS = dict(re.findall(r"^```python (check|test)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))


CONFTEST = """
from pathlib import Path
from ansible_collections.skewgate.preflight.plugins.plugin_utils import checks
checks.__path__.append(str(Path(__file__).parent / "checks"))
"""


def test_its_test_passes(tmp_path: Path) -> None:
    (tmp_path / "checks").mkdir()
    (tmp_path / "checks/clock_source.py").write_text(BLOCKS["check"])
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_check_clock_source.py").write_text(BLOCKS["test"])
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    environment = {"PYTHONPATH": ":".join(sys.path), "PATH": "/usr/bin:/bin"}
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_check_clock_source.py"]
    ended = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout
    assert "6 passed" in ended.stdout
