"""The configuration that node-setup writes for the lab's nodes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.paths import ROOT
from tests.unit.plugin_utils.chrony.test_chrony_distributions import matched, read


@pytest.mark.parametrize(
    ("servers", "expected"),
    [("10.77.0.1,10.77.0.2,10.77.0.3", []), ("10.77.0.9", ["CHR104 warning"])],
    ids=["node1", "node3, whose only source is dead"],
)
def test_what_the_labs_nodes_are_given_has_no_error(servers: str, expected: list[str], tmp_path: Path):
    setup = (ROOT / "tests/lab/image/node-setup").read_text()
    begin = setup.index('if [ -n "$ntp" ] && [ -d /etc/chrony ]')
    script = setup[begin : setup.index("elif", begin)] + "fi\n"
    (tmp_path / "etc/chrony").mkdir(parents=True)
    given = script.replace("/etc/chrony", f"{tmp_path}/etc/chrony")

    subprocess.run(["sh", "-euc", given], env={"ntp": servers.replace(",", " ")}, check=True, timeout=10)

    text = (tmp_path / "etc/chrony/chrony.conf").read_text()
    assert matched(read({"/etc/chrony/chrony.conf": text}, "/etc/chrony/chrony.conf")) == expected
