from __future__ import annotations

import doctest
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import time_services

from tests.node_parts import process

HOLDERS = {"given": [{"comm": "mytimed", "pid": 20, "processes": 1, "cgroup": None}], "privileged": ["cron"]}


def test_the_docstrings_example_holds():
    tested = doctest.testmod(time_services)
    assert tested.attempted > 0
    assert tested.failed == 0


def shown(*names: str, load_state: str = "loaded", main_pid: str | None = "0") -> dict[str, str]:
    """What systemctl shows of a unit with these names, the first its own.

    A target has no MainPID.
    """
    states = {"LoadState": load_state, "ActiveState": "active", "SubState": "running", "UnitFileState": "enabled"}
    return {"Id": names[0], "Names": " ".join(names), **states, **({"MainPID": main_pid} if main_pid else {})}


def test_units_that_may_steer_the_clock_are_picked_by_any_of_their_names(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(time_services, "is_manager", lambda: True)
    answer = [
        shown("kubelet.service"),  # the section boot asks for it in the same question
        shown("chrony.service", "chronyd.service", main_pid="231"),
        shown("site-time.service", "ntp.service"),
        shown("systemd-timesyncd.service", load_state="masked"),
        shown("ptp4l@eth0.service"),
        shown("time-set.target", main_pid=None),
        shown("time-sync.target", main_pid=None),
    ]

    taken = time_services.collect(5, answer, [], HOLDERS)
    units = {unit["unit"]: unit for unit in taken["units"]}

    assert taken["manager"] == "systemd"
    assert list(units) == [
        "chrony.service",
        "site-time.service",
        "systemd-timesyncd.service",
        "ptp4l@eth0.service",
        "time-sync.target",
    ]
    assert units["chrony.service"]["names"] == ["chrony.service", "chronyd.service"]
    assert units["chrony.service"]["main_pid"] == 231
    assert units["systemd-timesyncd.service"]["load_state"] == "masked"
    assert units["time-sync.target"]["main_pid"] == 0


def test_a_question_that_failed_is_recorded_and_the_processes_are_shown(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(time_services, "is_manager", lambda: True)
    taken = time_services.collect(
        5, {"error": "systemctl show: Failed"}, [process("chronyd", "-F", "1", pid=7)], HOLDERS
    )
    assert taken["units"] == {"error": "systemctl show: Failed"}
    assert taken["processes"] == [process("chronyd", "-F", "1", pid=7)]
    assert taken["may_set_clock"] == HOLDERS


def add_openrc(root: Path, name: str, *, runlevel: str | None = None, state: str | None = None, pid: int = 0) -> None:
    """A service as OpenRC notes it: links to its script, and the PID file of its daemon."""
    script = root / "etc/init.d" / name
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text("#!/sbin/openrc-run\n")
    for folder in [f"etc/runlevels/{runlevel}"] * bool(runlevel) + [f"run/openrc/{state}"] * bool(state):
        (root / folder).mkdir(parents=True, exist_ok=True)
        (root / folder / name).symlink_to(f"/etc/init.d/{name}")
    if pid:
        daemon = root / f"run/openrc/daemons/{name}/001"
        daemon.parent.mkdir(parents=True)
        daemon.write_text(f"exec=/usr/sbin/{name}\nargv_0=/usr/sbin/{name}\npidfile=/run/{name}.pid\n")
        (root / f"run/{name}.pid").write_text(f"{pid}\n")


def openrc(root: Path) -> dict[str, tuple]:
    return {
        unit["unit"]: (unit["active_state"], unit["sub_state"], unit["unit_file_state"], unit["main_pid"])
        for unit in time_services.openrc_units(str(root))
    }


def test_openrcs_services_are_shown_like_systemds(tmp_path: Path):
    (tmp_path / "proc/412").mkdir(parents=True)
    add_openrc(tmp_path, "chronyd", runlevel="default", state="started", pid=412)
    add_openrc(tmp_path, "ntpd")
    add_openrc(tmp_path, "openntpd", runlevel="shutdown", state="stopping")
    add_openrc(tmp_path, "ntp-client", runlevel="boot", state="failed")
    add_openrc(tmp_path, "sshd", runlevel="default", state="started")

    assert openrc(tmp_path) == {
        "chronyd": ("active", "started", "enabled", 412),
        "ntpd": ("inactive", "stopped", "disabled", 0),
        "openntpd": ("deactivating", "stopping", "disabled", 0),
        "ntp-client": ("failed", "failed", "enabled", 0),
    }
    (chronyd,) = [unit for unit in time_services.openrc_units(str(tmp_path)) if unit["unit"] == "chronyd"]
    assert (chronyd["names"], chronyd["load_state"]) == (["chronyd"], "loaded")


def test_a_service_of_openrc_whose_daemon_has_ended_is_crashed(tmp_path: Path):
    add_openrc(tmp_path, "chronyd", runlevel="default", state="started", pid=412)
    assert openrc(tmp_path) == {"chronyd": ("failed", "crashed", "enabled", 0)}

    (tmp_path / "run/chronyd.pid").unlink()
    assert openrc(tmp_path) == {"chronyd": ("failed", "crashed", "enabled", 0)}


def test_a_pid_file_that_only_root_may_read_does_not_make_a_service_crashed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    add_openrc(tmp_path, "chronyd", runlevel="default", state="started", pid=412)
    real = time_services.read_text

    def refuse(path: str) -> str:
        if path.endswith("/run/chronyd.pid"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(time_services, "read_text", refuse)  # these tests run as root, to whom nothing is refused
    assert openrc(tmp_path) == {"chronyd": ("active", "started", "enabled", 0)}


# As ConnMan 1.41 stored it after SetProperty TimeUpdates manual.
STORED = (
    "[global]\nOfflineMode=false\nTimeUpdates=manual\nTimezoneUpdates=auto\n\n[WiFi]\nTethering.Passphrase=sesame\n"
)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (STORED, "manual"),
        (STORED.replace("manual", "auto"), "auto"),
        (STORED.replace("TimeUpdates=manual\n", ""), None),
        (STORED.replace("manual", "sesame"), None),
        ("[WiFi]\nTimeUpdates=manual\n", None),
        (None, None),
    ],
)
def test_of_connmans_settings_only_whether_it_sets_the_clock_is_shown(
    tmp_path: Path, text: str | None, said: str | None
):
    settings = tmp_path / "settings"
    if text:
        settings.write_text(text)
    connmand = process("/usr/sbin/connmand", "-n")
    assert time_services.connman_time_updates([connmand], str(settings)) == said
    assert time_services.connman_time_updates([{**connmand, "contained": True}], str(settings)) is None
    assert time_services.connman_time_updates([process("/usr/sbin/chronyd")], str(settings)) is None
