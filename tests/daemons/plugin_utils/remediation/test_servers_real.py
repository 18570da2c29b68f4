"""A real chronyd takes the lines that are chosen."""

from __future__ import annotations

import subprocess
from pathlib import Path

from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import Record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.remediation.servers import Wanted, choose
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.unit.plugin_utils.remediation.test_servers import situations


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(situations(), st.sampled_from(["iburst", "", "iburst maxpoll 8 maxsources 3", "prefer"]), st.booleans())
def test_a_real_chronyd_takes_whatever_is_chosen(chrony_tree: Path, tmp_path: Path, situation, options, has_rtc):
    data, wanted = situation
    data["evidence"]["clock"]["rtc"] = {"present": has_rtc}
    wanted = Wanted(wanted.servers, wanted.pools, wanted.nts_servers, options)
    choice = choose(Record(data), judge_record(data), wanted)
    (tmp_path / "chrony.conf").write_text("".join(f"{line}\n" for line in (*choice.lines, *choice.directives)))
    command = [chrony_tree / "usr/sbin/chronyd", "-p", "-f", tmp_path / "chrony.conf"]
    printed = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert printed.returncode == 0, printed.stderr
    assert printed.stdout.splitlines() == [line for line in (*choice.lines, *choice.directives) if line[0] != "#"]
