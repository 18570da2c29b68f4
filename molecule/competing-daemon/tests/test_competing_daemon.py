"""Of two time daemons chrony stays."""


def test_the_other_daemon_neither_runs_nor_starts_at_boot(host):
    assert not host.service("ntpd").is_running
    assert not host.service("ntpd").is_enabled
    assert host.service("chrony").is_running
