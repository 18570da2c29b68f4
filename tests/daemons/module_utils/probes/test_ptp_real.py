"""The probe of linuxptp asks a real ptp4l."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import run
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import ptp

from tests.daemons.boxed import Box, unpacked, wait_for

Daemon = tuple[Path, list[dict]]
"""The configuration, and the processes that a scan finds."""


@pytest.fixture
def ptp4l(box: Box, tmp_path: Path) -> Daemon:
    """A real ptp4l that hears no master."""
    package = unpacked("linuxptp")
    box.run("mount", "-t", "tmpfs", "none", "/run")  # for the sockets of ptp4l and pmc
    box.run("ip", "link", "add", "ptp0", "type", "veth", "peer", "name", "ptp1")
    for interface in ("ptp0", "ptp1"):
        box.run("ip", "link", "set", interface, "up")
    conf = tmp_path / "ptp4l.conf"
    conf.write_text(
        "[global]\ndomainNumber 24\nslaveOnly 1\nfree_running 1\ntime_stamping software\n"
        "network_transport L2\n[ptp0]\nlogAnnounceInterval 0\n"
    )
    process = box.start(package / "usr/sbin/ptp4l", "-f", conf)
    box.command("pmc", package / "usr/sbin/pmc")
    answer = ["pmc", "-u", "-b", "0", "-d", "24", "GET PORT_DATA_SET"]
    wait_for(lambda: "portState" in run.run(answer, 5).get("stdout", ""), "ptp4l did not come up")
    return conf, box.daemons(process)


def test_a_real_ptp4l_of_another_domain_is_seen_with_its_configuration_and_its_own_words(ptp4l: Daemon):
    conf, running = ptp4l
    taken = ptp.collect(5, running)

    assert taken["present"] is True
    assert taken["config"]["files"][0]["text"] == conf.read_text()
    assert "gmPresent                  false" in taken["commands"]["time_status"]["stdout"]
    assert "portState" in taken["commands"]["port_data_set"]["stdout"]
    # Without its file, pmc would get no answer and say nothing of it.
    unaware = run.run(["pmc", "-u", "-b", "0", "GET TIME_STATUS_NP"], 5)
    assert (unaware["rc"], "RESPONSE" in unaware["stdout"]) == (0, False)
