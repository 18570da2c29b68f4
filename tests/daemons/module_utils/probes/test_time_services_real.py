"""A process that really runs is found among the time daemons."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ansible_collections.skewgate.preflight.plugins.module_utils.node import processes
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import time_services

from tests.daemons.boxed import wait_for


def running() -> tuple:
    """What a probe is given of a look at all processes."""
    found = processes.scan()
    return found.time_daemons, found.may_set_clock


def own_cgroup() -> str | None:
    """What this test's own process is in, and so its children."""
    lines = [line.split(":", 2) for line in Path("/proc/self/cgroup").read_text().splitlines()]
    named = {controllers or hierarchy: path for hierarchy, controllers, path in lines}
    return named.get("name=systemd", named.get("0"))


def test_a_running_time_daemon_is_found_among_the_processes(tmp_path: Path):
    daemon = tmp_path / "ntpd"
    daemon.symlink_to("/bin/sleep")  # a process is known by the name that it was started under
    with subprocess.Popen([daemon, "30"]) as process:
        try:
            # Popen returns a moment before the kernel has changed the name.
            wait_for(
                lambda: Path(f"/proc/{process.pid}/cmdline").read_text().startswith(str(daemon)), "it did not start"
            )
            found = {entry["pid"]: entry for entry in time_services.collect(5, [], *running())["processes"]}
        finally:
            process.kill()

    assert found[process.pid]["comm"] == "ntpd"
    assert found[process.pid]["argv"] == [str(daemon), "30"]
    assert found[process.pid]["exe"] == str(Path("/bin/sleep").resolve())
    assert found[process.pid]["cgroup"] == own_cgroup()
