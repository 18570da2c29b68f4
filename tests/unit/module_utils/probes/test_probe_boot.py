from __future__ import annotations

from pathlib import Path

from ansible_collections.skewgate.preflight.plugins.module_utils.node.systemd import parse_show
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import boot

# The form of systemctl 252; ExecStart as src/systemctl/systemctl-show.c prints it.
SHOWN = """\
ExecStart={ path=/usr/local/bin/k3s ; argv[]=/usr/local/bin/k3s agent --token K10sesame ; ignore_errors=no ; \
start_time=[n/a] ; stop_time=[n/a] ; pid=0 ; code=(null) ; status=0/0 }
Id=k3s-agent.service
Names=k3s-agent.service
Requires=sysinit.target system.slice
Wants=network-online.target
BindsTo=
Before=shutdown.target multi-user.target
After=time-sync.target network-online.target basic.target
LoadState=loaded
ActiveState=inactive
UnitFileState=enabled
ConditionResult=no
ConditionTimestampMonotonic=0

ExecStart={ path=/usr/bin/chronyc ; argv[]=/usr/bin/chronyc -h 127.0.0.1,::1 waitsync 0 0.1 0.0 1 ; ignore_errors=no ; \
start_time=[Sun 2026-11-22 11:58:03 UTC] ; stop_time=[Sun 2026-11-22 11:58:09 UTC] ; pid=231 ; code=exited ; status=0 }
Id=chrony-wait.service
Names=chrony-wait.service
Requires=chrony.service sysinit.target
Wants=time-sync.target
Before=multi-user.target time-sync.target
WantedBy=multi-user.target
After=chrony.service basic.target
LoadState=loaded
ActiveState=active
UnitFileState=enabled
ConditionResult=yes
ConditionTimestampMonotonic=4031234

Id=time-sync.target
Names=time-sync.target
Before=k3s-agent.service
After=chrony-wait.service time-set.target
LoadState=loaded
ActiveState=active
UnitFileState=static
ConditionResult=yes
ConditionTimestampMonotonic=9031234

Id=kubelet.service
Names=kubelet.service
LoadState=not-found
ActiveState=inactive
"""


SHOWN_UNITS = [unit for unit in parse_show(SHOWN) if unit["LoadState"] != "not-found"]


def test_the_order_of_the_next_boot_is_that_of_the_units():
    units = {unit["unit"]: unit for unit in boot.collect(SHOWN_UNITS)["units"]}

    assert set(units) == {"k3s-agent.service", "chrony-wait.service", "time-sync.target"}
    assert "time-sync.target" in units["k3s-agent.service"]["after"]
    assert units["chrony-wait.service"] == {
        "unit": "chrony-wait.service",
        "names": ["chrony-wait.service"],
        "load_state": "loaded",
        "active_state": "active",
        "unit_file_state": "enabled",
        "after": ["basic.target", "chrony.service"],
        "before": ["multi-user.target", "time-sync.target"],
        "requires": ["chrony.service", "sysinit.target"],
        "wants": ["time-sync.target"],
        "binds_to": [],
        "wanted_by": ["multi-user.target"],
        "exec_start": "/usr/bin/chronyc -h 127.0.0.1,::1 waitsync 0 0.1 0.0 1",
        "condition_met": True,
    }
    assert units["time-sync.target"]["exec_start"] == ""


def test_a_unit_that_was_not_started_since_boot_has_no_condition_result():
    assert boot.collect(SHOWN_UNITS)["units"][0]["condition_met"] is None


def test_arguments_of_the_clusters_units_may_hold_a_token_and_are_not_shown():
    taken = boot.collect(SHOWN_UNITS)
    assert taken["units"][0]["exec_start"] == "/usr/local/bin/k3s"
    assert "sesame" not in str(taken)


def test_no_unit_is_a_template_which_systemctl_would_refuse():
    assert {"kubelet.service", "chrony.service", "phc2sys@*.service", "time-sync.target"} < set(boot.UNITS)
    assert [unit for unit in boot.UNITS if unit.endswith(("@", "@.service"))] == []


def test_a_question_that_failed_is_recorded_and_the_uptime_is_taken():
    taken = boot.collect({"error": "systemctl show: Failed to connect to bus"})
    assert taken["units"] == {"error": "systemctl show: Failed to connect to bus"}
    assert taken["uptime_s"] > 0


def test_without_systemd_there_are_no_units_and_the_rest_is_known(monkeypatch, tmp_path: Path):
    monkeypatch.setattr(boot, "FAKE_HWCLOCK", str(tmp_path / "fake-hwclock.data"))
    assert boot.collect([])["fake_hwclock"] is None

    (tmp_path / "fake-hwclock.data").write_text("2026-11-22 11:17:01\n")
    taken = boot.collect([])

    assert taken["units"] == []
    assert taken["fake_hwclock"] == "2026-11-22 11:17:01"
    assert abs(taken["uptime_s"] - float(Path("/proc/uptime").read_text().split()[0])) < 5
