"""What another tool or a person wrote is extended, refused or replaced with a word,
and never lost in silence.
"""

from __future__ import annotations

from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node.names import COMMAND_LINE
from ansible_collections.skewgate.preflight.plugins.plugin_utils.remediation.plan import Plan

from tests.builders import (
    boot_unit,
    time_services,
)
from tests.findings import unsaid
from tests.paths import SAMPLES
from tests.unit.plugin_utils.remediation.scenarios import (
    CONF,
    DEAD_CONFIG,
    EMPTY,
    NTPSEC,
    SERVERS,
    TIMESYNC_ROLE,
    WRITE,
    dead,
    measured,
    plan,
    running,
    whats,
)


def test_a_file_that_another_tool_writes_is_refused_with_what_to_set_there():
    made = plan(measured(45, chrony=running("10.77.0.9", config=TIMESYNC_ROLE, synchronised=False, skew_s=45)))
    assert made.refusal
    assert "linux-system-roles.timesync" in made.refusal
    assert "timesync_ntp_servers" in made.refusal
    assert "10.77.0.1" in made.refusal


def test_another_tools_file_is_extended_if_it_names_a_folder_for_that():
    section = running("10.77.0.9", config=TIMESYNC_ROLE + "confdir /etc/chrony/conf.d\n", synchronised=False, skew_s=45)
    section["config"]["sources_dirs"] = [{"path": "/etc/chrony/conf.d", "exists": True}]
    made = plan(measured(45, chrony=section))
    assert (
        whats(made)[0]
        == "write /etc/chrony/conf.d/50-skewgate.conf, beside the configuration of linux-system-roles.timesync"
    )
    (file,) = made.node["files"]
    assert [line for line in file["content"].splitlines() if not line.startswith("#")] == [
        f"server {s} iburst" for s in SERVERS
    ]


def test_another_tools_file_is_extended_if_chronyd_accepts_what_is_unknown_here():
    newer = "newdirective 5\nserver 10.77.0.9 newest 3\n"
    text = f"{TIMESYNC_ROLE}{newer}confdir /etc/chrony/conf.d\n"
    section = running("10.77.0.9", config=text, synchronised=False, skew_s=45)
    section["config"]["sources_dirs"] = [{"path": "/etc/chrony/conf.d", "exists": True}]
    made = plan(measured(45, chrony=section))
    assert made.refusal is None
    assert [file["path"] for file in made.node["files"]] == ["/etc/chrony/conf.d/50-skewgate.conf"]


def test_a_foreign_file_is_overwritten_if_allowed():
    section = running("10.77.0.9", config=TIMESYNC_ROLE, synchronised=False, skew_s=45)
    assert whats(plan(measured(45, chrony=section), overwrite_foreign_config=True))[0] == WRITE


OF_KUBESPRAY = (SAMPLES / "owners/kubespray/etc/ntpsec/ntp.conf").read_text()


def in_place_of_ntpsec(*, read: str = "", beside: str = "", **changes: Any) -> Plan:
    section = {
        "present": True,
        "config": {
            "path": "/etc/ntpsec/ntp.conf",
            "files": [{"path": "/etc/ntpsec/ntp.conf", "text": read}],
            "unread": [],
        },
        "beside": [{"path": "/etc/ntp.conf", "text": beside}],
        "commands": {},
    }
    return plan(measured(-612, time_services=time_services(NTPSEC), ntpd=section, **EMPTY), **changes)


def test_no_daemon_is_stopped_that_another_tool_would_bring_back():
    refused = in_place_of_ntpsec(read=OF_KUBESPRAY).refusal
    assert refused
    assert refused.startswith(
        "ntpsec.service would be stopped, but kubespray wrote /etc/ntpsec/ntp.conf and brings it back"
    )
    assert "Set ntp_servers to 10.77.0.1, 10.77.0.2, 10.77.0.3, each followed by iburst" in refused
    overwriting = in_place_of_ntpsec(read=OF_KUBESPRAY, overwrite_foreign_config=True)
    assert whats(overwriting)[0] == "install chrony in place of ntpsec.service"


def test_no_daemon_is_stopped_if_that_tool_wrote_a_file_that_the_daemon_does_not_read():
    """kubespray's `ntp` on Debian 12 is NTPsec, which reads a file in another place."""
    refused = in_place_of_ntpsec(beside=OF_KUBESPRAY).refusal
    assert refused
    assert "kubespray wrote /etc/ntp.conf" in refused
    assert (
        "ntpsec does not read that file: let kubespray install chrony, with ntp_package: chrony. Set ntp_servers"
        in refused
    )


def test_a_tool_that_names_the_servers_already_needs_no_change():
    servers = "".join(f"server {server} iburst\n" for server in SERVERS)
    refused = in_place_of_ntpsec(read=OF_KUBESPRAY + servers).refusal
    assert refused
    assert (
        "It names your servers, which ntpsec follows some minutes after its start: run the check again then." in refused
    )
    assert "Set ntp_servers" not in refused


def replacing(config: str, *files: dict[str, str], path: str = CONF, **changes: Any) -> Plan:
    section = running("10.77.0.9", config="", synchronised=False, skew_s=45)
    section["config"] = {"path": path, "files": [{"path": path, "text": config}, *files], "unread": []}
    return plan(measured(45, chrony=section), **changes)


NEEDED = {
    "a reference clock": "refclock PHC /dev/ptp0 poll 2",
    "clients of this node": "allow 10.0.0.0/8",
    "a server with a key": "server 10.77.0.9 iburst key 7",
}


@pytest.mark.parametrize("line", NEEDED.values(), ids=NEEDED)
def test_a_line_that_is_missed_is_not_replaced_unless_allowed(line: str):
    made = replacing(f"{DEAD_CONFIG}{line}\n")
    assert made.refusal
    assert line in made.refusal
    assert whats(replacing(f"{DEAD_CONFIG}{line}\n", overwrite_foreign_config=True))[0] == WRITE
    if not line.startswith("server"):
        assert whats(replacing(f"{DEAD_CONFIG}{line}\n", extra_lines=[line]))[0] == WRITE


def test_a_server_with_a_key_is_replaced_by_servers_with_one_and_their_key_file_stays():
    config = DEAD_CONFIG + "server 10.77.0.9 iburst key 7\nkeyfile /etc/ntp/keys\n"
    (file,) = replacing(config, source_options="iburst key 7").node["files"]
    assert "keyfile /etc/ntp/keys\n" in file["content"]


def test_other_lines_that_go_are_reported_and_those_of_every_distribution_are_not():
    site = {"path": "/etc/chrony/site/more.conf", "text": "hwtimestamp eth1\n"}
    shipped = "leapsectz right/UTC\nlogdir /var/log/chrony\nmaxupdateskew 100.0\nntsdumpdir /var/lib/chrony\n"
    made = replacing(DEAD_CONFIG + shipped + "minsources 1\ninclude /etc/chrony/site/*.conf\n", site)
    lines, files = made.warnings
    assert lines == f"no longer in effect, unless chrony_extra_lines has them: minsources 1 ({CONF})"
    assert files == "no longer read by chronyd: /etc/chrony/site/more.conf"
    assert not replacing(DEAD_CONFIG + shipped).warnings


def test_files_with_servers_that_are_no_longer_read_are_reported():
    dhcp = {"path": "/run/chrony-dhcp/eth0.sources", "text": "server 10.0.0.1 iburst\n"}
    (warning,) = replacing(DEAD_CONFIG + "sourcedir /run/chrony-dhcp\n", dhcp).warnings
    assert "/run/chrony-dhcp/eth0.sources" in warning


def test_of_a_file_of_this_role_the_settings_decide():
    ours = (
        f"# Written by the Ansible role skewgate.preflight.chrony\n{DEAD_CONFIG}refclock PHC /dev/ptp0\nlog tracking\n"
    )
    made = replacing(ours)
    assert whats(made)[0] == WRITE
    assert not made.warnings


def test_a_file_that_could_not_be_read_is_not_replaced():
    section = dead(45)
    section["config"]["unread"] = [{"path": "/etc/chrony/conf.d/site.conf", "error": "Input/output error"}]
    made = plan(measured(45, chrony=section))
    assert made.refusal
    assert "/etc/chrony/conf.d/site.conf could not be read (Input/output error)" in made.refusal


@pytest.mark.parametrize("path", ["/run/cloud/chrony.conf", "/usr/share/site/chrony.conf"])
def test_a_file_that_chronyd_is_made_to_read_and_that_is_not_the_nodes_own_is_refused(path: str):
    made = replacing(DEAD_CONFIG, path=path)
    assert made.refusal
    assert path in made.refusal


def test_if_chronyd_reads_its_command_line_no_file_is_written():
    made = replacing(DEAD_CONFIG, path=COMMAND_LINE)
    assert made.refusal
    assert not unsaid(made.refusal, "command line", "DAEMON_OPTS", "systemctl cat chrony.service")
    assert not made.node


@pytest.mark.parametrize("path", ["/srv/other.conf", COMMAND_LINE])
def test_if_the_next_start_reads_something_else_nothing_is_written_or_started(path: str):
    section = {**dead(45), "next_start": {"unit": "chrony.service", "path": path, "text": "rtcsync\n"}}
    made = plan(measured(45, chrony=section))
    assert made.refusal
    assert not unsaid(made.refusal, CONF, "`rtcsync`" if path == COMMAND_LINE else path)
    assert not made.node


def test_a_good_chronyd_of_the_command_line_is_left_with_it():
    section = running(*SERVERS)
    section["config"]["path"] = section["config"]["files"][0]["path"] = COMMAND_LINE
    made = plan(measured(0, chrony=section, boot={"units": [boot_unit("chrony.service", "disabled")]}))
    assert made.refusal is None
    assert not made.node.get("files")


def test_the_vendors_file_of_suse_is_left_and_etc_goes_before_it():
    assert replacing(DEAD_CONFIG, path="/usr/etc/chrony.conf").node["files"][0]["path"] == CONF


def test_a_chronyd_that_chronyc_could_not_ask_is_never_written():
    made = replacing(DEAD_CONFIG, extra_lines=["cmdport 0", "bindcmdaddress /"])
    assert made.refusal
    assert "bindcmdaddress /" in made.refusal


# A change claims no finding that it does not answer, and none is made that answers nothing.


def beside_another_tool(config: str) -> Plan:
    section = running("10.77.0.9", config=config, synchronised=False, skew_s=45)
    section["config"]["sources_dirs"] = [{"path": "/etc/chrony/sources.d", "exists": True}]
    return plan(measured(45, chrony=section), extra_lines=["log tracking"])


def test_a_folder_of_servers_takes_no_other_line():
    config = TIMESYNC_ROLE + "sourcedir /etc/chrony/sources.d\n"
    made = beside_another_tool(config)
    assert made.node["files"][0]["path"] == "/etc/chrony/sources.d/50-skewgate.sources"
    assert made.warnings == ("not written, as /etc/chrony/sources.d takes only servers: log tracking",)
    made = beside_another_tool(config.replace("makestep 1.0 3\n", ""))
    assert made.refusal
    assert "/etc/chrony/sources.d" in made.refusal
