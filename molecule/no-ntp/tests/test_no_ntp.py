"""A node without a time daemon gets one, with the servers of the gate's settings."""

SERVERS = {"10.77.0.1", "10.77.0.2", "10.77.0.3"}


def test_chrony_has_the_servers_that_were_given(host):
    sources = host.run("chronyc -c sources").stdout.splitlines()
    assert {line.split(",")[2] for line in sources} == SERVERS


def test_time_sync_target_waits_for_chrony_at_boot(host):
    assert host.service("chrony-wait").is_enabled
