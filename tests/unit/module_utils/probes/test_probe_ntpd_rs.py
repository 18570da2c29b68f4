from __future__ import annotations

import time
from pathlib import Path

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import ntpd_rs

from tests.node_parts import add_command, process

SAYS = 'echo "asked: $*"'
RUNS = process("/usr/bin/ntp-daemon", "-l", "info")


@pytest.fixture
def installed(bare: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A node with Debian's file and an ntp-ctl that prints how it was asked."""
    monkeypatch.setattr(ntpd_rs, "CONFIGURATION", str(bare / "ntp.toml"))
    (bare / "ntp.toml").write_text('[observability]\nobservation-path = "/run/x"\n')
    add_command(bare, "ntp-ctl", SAYS)
    return bare


def test_where_it_does_not_run_nothing_is_run(installed: Path):
    taken = ntpd_rs.collect(5, [process("/usr/sbin/chronyd")])
    assert (taken["present"], taken["commands"]) == (True, {})
    (installed / "ntp.toml").unlink()
    taken = ntpd_rs.collect(5, [])
    assert (taken["present"], taken["commands"], taken["config"]["files"]) == (False, {}, [])


def test_ntp_ctl_is_asked_for_its_metrics_with_the_daemons_configuration(installed: Path):
    taken = ntpd_rs.collect(5, [RUNS])
    path = f"{installed}/ntp.toml"
    assert taken["commands"]["status"]["stdout"] == f"asked: status -f prometheus -c {path}\n"
    assert (taken["config"]["path"], [file["path"] for file in taken["config"]["files"]]) == (path, [path])


@pytest.mark.parametrize(
    "words",
    [
        ["-c", "/srv/ntp.toml"],
        ["-c/srv/ntp.toml"],
        ["--config", "/srv/ntp.toml"],
        ["--config=/srv/ntp.toml"],
        ["-l", "info", "--config=/srv/ntp.toml"],
        ["--log-level=info", "--config=/srv/ntp.toml"],
        ["--log-level", "info", "-c", "/srv/ntp.toml"],
    ],
)
def test_its_configuration_is_the_one_that_it_was_given(words: list[str]):
    assert ntpd_rs.configuration([process("/usr/bin/ntp-daemon", *words)]) == "/srv/ntp.toml"


def test_a_relative_path_starts_where_the_daemon_runs():
    given = process("/usr/bin/ntp-daemon", "-c", "ntp.toml")
    assert ntpd_rs.configuration([given]) == f"{Path.cwd()}/ntp.toml"
    assert ntpd_rs.configuration([]) == "/etc/ntpd-rs/ntp.toml"


def test_a_containers_daemon_is_not_the_nodes(installed: Path):
    taken = ntpd_rs.collect(5, [{**RUNS, "contained": True}])
    assert taken["commands"] == {}
    assert not (installed / "asked").exists()


def test_what_may_not_set_the_clock_names_no_file_that_root_reads(installed: Path):
    """A service's account can call its process ntp-daemon, with a file that only root may read."""
    secret = installed / "shadow"
    secret.write_text("root:hash")
    other = {**process("/srv/ntp-daemon", "-c", str(secret)), "may_set_clock": False}
    taken = ntpd_rs.collect(5, [other, RUNS])
    assert [file["path"] for file in taken["config"]["files"]] == [f"{installed}/ntp.toml"]
    assert str(secret) not in taken["commands"]["status"]["stdout"]
    assert ntpd_rs.collect(5, [other])["commands"] == {}


def test_an_ntp_ctl_that_hangs_or_prints_without_end_is_stopped(installed: Path):
    add_command(installed, "ntp-ctl", "while :; do :; done")
    begun_s = time.monotonic()
    assert "did not end" in ntpd_rs.collect(0.3, [RUNS])["commands"]["status"]["error"]
    assert time.monotonic() - begun_s < 5
    add_command(installed, "ntp-ctl", "while :; do echo ntp_source_offset_seconds; done")
    assert "printed more than" in ntpd_rs.collect(5, [RUNS])["commands"]["status"]["error"]


SECRET = "c2VjcmV0"


@pytest.mark.parametrize(
    "text",
    [
        f'[[nts-ke-server]]\naccepted-pool-authentication-tokens = ["{SECRET}="]\nlisten = "[::]:4460"\n',
        f'accepted-pool-authentication-tokens = [\n  "{SECRET}==",\n  "{SECRET}", # x = y\n]\nlisten = "a"\n',
        f'"accepted-pool-authentication-tokens"=["{SECRET}"]\nlisten = "a"\n',
        f'accepted-pool-authentication-tokens\t=\n["{SECRET}"]\nlisten = "a"\n',
        f'nts-ke-server = [{{ listen = "a", accepted-pool-authentication-tokens = ["{SECRET}"] }}]\n',
    ],
)
def test_tokens_stay_on_the_node(installed: Path, text: str):
    (installed / "ntp.toml").write_text(text)
    (file,) = ntpd_rs.collect(5, [])["config"]["files"]
    assert SECRET not in file["text"]
    assert "listen =" in file["text"]
    assert file["text"].count("\n") == text.count("\n")


def test_looking_for_tokens_takes_linear_time():
    begun_s = time.monotonic()
    for text in ("token" * 50_000, "token\n" * 40_000, "a." * 100_000, " " * 250_000, "token=\n" + "a " * 100_000):
        ntpd_rs.without_tokens(text)
    assert time.monotonic() - begun_s < 2
