"""The node's time as a machine in service must have it. For any inventory that has the gate's settings:

pytest tests/acceptance --hosts=ansible://all --ansible-inventory=INVENTORY
"""


def chrony_unit(host):
    """Debian's family calls the unit chrony, the others chronyd."""
    return host.service("chrony" if host.system_info.distribution in ("debian", "ubuntu") else "chronyd")


def chronyc(host, command):
    answer = host.run("chronyc -c -N %s", command)
    assert answer.succeeded, answer.stderr or answer.stdout
    return [line.split(",") for line in answer.stdout.splitlines()]


def test_chrony_is_installed(host):
    assert host.package("chrony").is_installed


def test_chrony_runs_and_will_after_the_next_boot(host):
    assert chrony_unit(host).is_running
    assert chrony_unit(host).is_enabled


def test_time_sync_target_waits_for_chrony_at_boot(host):
    assert host.service("chrony-wait").is_enabled


def test_chronyd_accepts_its_configuration(host):
    path = "/etc/chrony/chrony.conf" if host.file("/etc/chrony/chrony.conf").exists else "/etc/chrony.conf"
    answer = host.run("chronyd -p -f %s", path)
    assert answer.succeeded, answer.stderr


def test_chronyd_runs_with_the_servers_that_were_given(host, servers):
    running = {row[2] for row in chronyc(host, "sources")}
    assert set(servers) <= running


def test_the_time_check_passes(findings, check):
    assert findings[check]["state"] == "pass", findings[check]["summary"]


def test_chronyd_says_that_it_is_synchronised(host):
    assert chronyc(host, "tracking")[0][13] == "Normal"
