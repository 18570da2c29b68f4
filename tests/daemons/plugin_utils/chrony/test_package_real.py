"""The chrony package of this machine's distribution is as the samples and the table
of names have it.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.unit.plugin_utils.chrony.test_chrony_distributions import matched, read


def test_what_the_package_here_ships_is_the_sample_and_is_accepted_by_its_chronyd(chrony_tree: Path):
    """The very sample where the package is of this release;
    whatever it is, nothing in it is wrong or weak.
    """
    shipped = chrony_tree / "usr/share/chrony/chrony.conf"
    done = subprocess.run(
        [chrony_tree / "usr/sbin/chronyd", "-p", "-f", shipped], capture_output=True, timeout=10, check=False
    )
    assert done.returncode == 0
    assert matched(read({"/etc/chrony/chrony.conf": shipped.read_text()}, "/etc/chrony/chrony.conf")) == []
