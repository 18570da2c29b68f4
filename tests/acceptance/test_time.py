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


def test_no_other_time_daemon_is_there_to_fight_it(findings):
    assert findings["time_service"]["state"] == "pass", findings["time_service"]["summary"]


def test_chronyd_accepts_its_configuration(host):
    path = "/etc/chrony/chrony.conf" if host.file("/etc/chrony/chrony.conf").exists else "/etc/chrony.conf"
    answer = host.run("chronyd -p -f %s", path)
    assert answer.succeeded, answer.stderr


def test_chronyd_runs_with_the_servers_that_were_given(host, servers):
    running = {row[2] for row in chronyc(host, "sources")}
    assert set(servers) <= running


def test_the_given_servers_answer_from_the_node(findings):
    assert findings["ntp_servers"]["state"] == "pass", findings["ntp_servers"]["summary"]


def test_chronyd_follows_one_of_them(findings):
    assert findings["ntp_sources"]["state"] == "pass", findings["ntp_sources"]["summary"]


def test_the_clock_is_synchronised_and_shows_it(host, findings):
    assert findings["sync_state"]["state"] == "pass", findings["sync_state"]["summary"]
    assert chronyc(host, "tracking")[0][13] == "Normal"


def test_the_skew_is_within_every_clients_budget(findings):
    assert findings["clock_skew"]["state"] == "pass", findings["clock_skew"]["summary"]
