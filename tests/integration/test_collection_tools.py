"""What the tools of Ansible's collections say of this one, as it is built and installed, with each ansible-core.

`make collection` runs them for one ansible-core, `make test-nightly` for all. docs/reference/collection-tools.md has the results.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.version import VERSION

from tests.paths import ROOT
from tests.pythons import OLDEST, folders, venv_of

pytestmark = pytest.mark.nightly

IMPORTER = ("ansible-lint>=26", "galaxy-importer>=0.4.44", "cryptography", "ntplib", "PyJWT")
"""galaxy-importer holds docutils at a version with which antsibull-docs knows no directive of Sphinx: two venvs."""

ANTSIBULL = (
    "ansible-builder>=3",
    "antsibull-changelog>=0.29",
    "antsibull-docs>=2.28",
    "cryptography",
    "ntplib",
    "PyJWT",
)

GET_PIP = """\
import runpy
import sys

sys.path.insert(0, {wheel!r})
sys.argv[1:] = ["install", *(word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel"))]
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""
"""What ansible-test would download from its own site as get-pip: it runs pip out of pip's wheel, which comes from PyPI."""

PIP_OF_ANSIBLE_TEST = """\
import sys
from types import SimpleNamespace
from ansible_test._internal.python_requirements import get_venv_packages

version = "{}.{}".format(*sys.version_info)
print(get_venv_packages(SimpleNamespace(version=version, major_version=3))["pip"])
"""


@dataclass
class Tools:
    """The tools with one ansible-core; the collection as it builds it, and as it installs it."""

    venv: Path
    antsibull: Path
    home: Path
    artifact: Path
    installed: Path

    def run(self, *words: str | Path, cwd: Path, expect: int = 0) -> str:
        """Standard output and error of one of the tools."""
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHON"))}
        environment |= {
            "HOME": str(self.home),
            "PATH": f"{self.venv / 'bin'}:{self.antsibull / 'bin'}:{':'.join(folders())}",
            "NO_COLOR": "1",
        }
        venv = self.antsibull if str(words[0]).startswith(("antsibull", "ansible-builder")) else self.venv
        command = [str(venv / "bin" / words[0]), *map(str, words[1:])]
        ended = subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=1800, check=False
        )
        output = ended.stdout + ended.stderr
        assert ended.returncode == expect, output
        return output


@pytest.fixture(scope="module", params=OLDEST)
def tools(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tools:
    venv, antsibull = venv_of("tools", request.param, *IMPORTER), venv_of("antsibull", request.param, *ANTSIBULL)
    folder = tmp_path_factory.mktemp("collection")
    # No folder of the checkout: where a home or a place is within one, git's ignored files are none for ansible-test.
    artifact = folder / f"skewgate-preflight-{VERSION}.tar.gz"
    tools = Tools(venv, antsibull, venv / "home", artifact, folder / "ansible_collections/skewgate/preflight")
    tools.home.mkdir(exist_ok=True)
    tools.run("ansible-galaxy", "collection", "build", "--output-path", folder, ROOT, cwd=folder)
    tools.run("ansible-galaxy", "collection", "install", "--offline", "-p", folder, artifact, cwd=folder)
    return tools


def give_pip(tools: Tools) -> None:
    """Put where ansible-test looks for it what it would download."""
    version = tools.run("python", "-c", PIP_OF_ANSIBLE_TEST, cwd=tools.home).strip()
    [*wheels] = tools.home.glob(f"pip-{version}-*.whl")
    if not wheels:
        tools.run("pip", "download", "-q", "--no-deps", "--dest", tools.home, f"pip=={version}", cwd=tools.home)
        [*wheels] = tools.home.glob(f"pip-{version}-*.whl")
    cached = tools.home / f".ansible/test/cache/get_pip_{version.replace('.', '_')}.py"
    cached.parent.mkdir(parents=True, exist_ok=True)
    cached.write_text(GET_PIP.format(wheel=str(wheels[0])))


def test_ansible_test_sanity(tools: Tools) -> None:
    give_pip(tools)
    said = tools.run("ansible-test", "sanity", "--python", "default", "--color", "no", cwd=tools.installed)
    names = tools.run("ansible-test", "sanity", "--list-tests", cwd=tools.installed).split()
    ran = {name for name in names if f'Running sanity test "{name}"' in said}
    assert {"compile", "import", "pep8", "pylint", "validate-modules", "yamllint"} <= ran, said


def test_ansible_lint(tools: Tools) -> None:
    said = tools.run("ansible-lint", cwd=ROOT)
    assert "Profile 'production' was required, but 'production' profile passed." in said


def test_antsibull_docs(tools: Tools) -> None:
    tools.run("antsibull-docs", "lint-collection-docs", "--plugin-docs", ".", cwd=tools.installed)


def test_antsibull_changelog(tools: Tools) -> None:
    tools.run("antsibull-changelog", "lint", cwd=ROOT)


def test_galaxy_importer(tools: Tools) -> None:
    said = tools.run("python", "-m", "galaxy_importer.main", tools.artifact, cwd=tools.artifact.parent)
    assert "Importer processing completed successfully" in said
    # It lints the collection where Ansible does not find it, and one playbook imports another by its full name.
    expected = ["WARNING: ERROR    Failed to find skewgate.preflight.gate playbook."]
    assert [line for line in said.splitlines() if "ERROR" in line or "WARNING" in line] == expected


def test_ansible_builder_finds_what_an_execution_environment_needs(tools: Tools) -> None:
    said = tools.run("ansible-builder", "introspect", tools.artifact.parent, cwd=tools.artifact.parent)
    required = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
    assert required
    for line in required:
        assert f"'{line}  # from collection skewgate.preflight'" in said
    assert "openssh-clients [platform:rpm]" in said
