"""What the tools of Ansible's collections say of this one, as it is built and installed,
with each ansible-core.

`make collection` runs them for one ansible-core, `make test-nightly` for all, and CI what is quick
for the one that the commit picks. docs/reference/collection-tools.md has the results.
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.version import VERSION

from tests.paths import BUILD, ROOT
from tests.pythons import OLDEST, folders, params, venv_of

pytestmark = pytest.mark.nightly

PACKAGES: dict[str, tuple[str, ...]] = {
    "sanity": ("cryptography", "ntplib", "PyJWT"),
    "importer": ("ansible-lint>=26", "galaxy-importer>=0.4.44", "cryptography", "ntplib", "PyJWT"),
    "antsibull": (
        "ansible-builder>=3",
        "antsibull-changelog>=0.29",
        "antsibull-docs>=2.28",
        "cryptography",
        "ntplib",
        "PyJWT",
    ),
}
"""What is in which venv. In none is the checkout, where Ansible would find the collection.

galaxy-importer holds docutils at a version with which antsibull-docs knows no directive of Sphinx.
"""

PARTS = {
    "quick": (["--skip-test", "import", "--skip-test", "pylint"], {"compile", "pep8", "validate-modules", "yamllint"}),
    "import": (["--test", "import"], {"import"}),
    "pylint": (["--test", "pylint"], {"pylint"}),
}
"""ansible-test's sanity tests in three parts: its options, and some of the tests that run.

Two tests take most of its time.
"""

GET_PIP = """\
import runpy
import sys

sys.path.insert(0, {wheel!r})
sys.argv[1:] = ["install", *(word for word in sys.argv[1:] if word not in ("--no-setuptools", "--no-wheel"))]
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""
"""What ansible-test would download from its own site as get-pip:
it runs pip out of pip's wheel, which comes from PyPI.
"""

PIP_OF_ANSIBLE_TEST = """\
import sys
from types import SimpleNamespace
from ansible_test._internal.python_requirements import get_venv_packages

version = "{}.{}".format(*sys.version_info)
print(get_venv_packages(SimpleNamespace(version=version, major_version=3))["pip"])
"""


UNRESOLVED = (
    "WARNING: ERROR    Failed to find skewgate.preflight.gate playbook.",
    "WARNING: docs/recipes/awx/job-template.yml:11:7: syntax-check[unknown-module]: ",
)
"""galaxy-importer lints the collection where Ansible does not find it,
and without AWX's collection, which one recipe needs.
"""


@dataclass
class Tools:
    """The tools with one ansible-core; the collection as it builds it, and as it installs it."""

    core: str
    home: Path
    artifact: Path
    installed: Path

    def run(self, *words: str | Path, cwd: Path, venv: str = "sanity") -> str:
        """Standard output and error of a command of one of the venvs."""
        commands = venv_of(venv, self.core, *PACKAGES[venv]) / "bin"
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTHON"))}
        environment |= {"HOME": str(self.home), "PATH": f"{commands}:{':'.join(folders())}", "NO_COLOR": "1"}
        command = [str(commands / words[0]), *map(str, words[1:])]
        ended = subprocess.run(
            command, cwd=cwd, env=environment, capture_output=True, text=True, timeout=1800, check=False
        )
        output = ended.stdout + ended.stderr
        assert ended.returncode == 0, output
        return output


@pytest.fixture(scope="module", params=params(*OLDEST))
def tools(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Tools:
    folder = tmp_path_factory.mktemp("collection")
    # No folder of the checkout: where a place is within one, git's ignored files are
    # none for ansible-test.
    artifact = folder / f"skewgate-preflight-{VERSION}.tar.gz"
    home = BUILD / f"home-{request.param}"
    tools = Tools(request.param, home, artifact, folder / "ansible_collections/skewgate/preflight")
    tools.home.mkdir(parents=True, exist_ok=True)
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


@pytest.mark.parametrize("part", PARTS)
def test_ansible_test_sanity(tools: Tools, part: str) -> None:
    give_pip(tools)
    options, expected = PARTS[part]
    said = tools.run("ansible-test", "sanity", "--python", "default", "--color", "no", *options, cwd=tools.installed)
    ran = {name for name in expected if f'Running sanity test "{name}"' in said}
    assert ran == expected, said


def test_ansible_lint(tools: Tools) -> None:
    said = tools.run("ansible-lint", cwd=ROOT, venv="importer")
    assert "Passed: 0 failure(s), 0 warning(s)" in said
    assert "Profile 'production' was required" in said


def test_antsibull_docs(tools: Tools) -> None:
    tools.run("antsibull-docs", "lint-collection-docs", "--plugin-docs", ".", cwd=tools.installed, venv="antsibull")


def test_antsibull_changelog(tools: Tools) -> None:
    tools.run("antsibull-changelog", "lint", cwd=ROOT, venv="antsibull")


def test_galaxy_importer(tools: Tools) -> None:
    words = ("python", "-m", "galaxy_importer.main", tools.artifact)
    said = tools.run(*words, cwd=tools.artifact.parent, venv="importer")
    assert "Importer processing completed successfully" in said
    messages = [line for line in said.splitlines() if line.startswith(("ERROR", "WARNING"))]
    assert [line for line in messages if not line.startswith(UNRESOLVED)] == []


def test_ansible_builder_finds_what_an_execution_environment_needs(tools: Tools) -> None:
    folder = tools.artifact.parent
    said = tools.run("ansible-builder", "introspect", folder, cwd=folder, venv="antsibull")
    required = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if not line.startswith("#")]
    assert required
    for line in required:
        assert f"'{line}  # from collection skewgate.preflight'" in said
    assert "openssh-clients [platform:rpm]" in said
