"""Questions of builtin.yml that need no Ansible module, asked with testinfra:
`pytest test_plain_questions.py --hosts=...`.
"""

import os

import pytest

SERVERS = os.environ["ASKED_SERVERS"].split()
API = os.environ["ASKED_API"]
COMMANDS = [
    "chronyc -c -n tracking",
    "chronyc -c -N sources -a",
    "chronyc -c -n sourcestats",
    "chronyc -c -n selectdata",
    "chronyd -p",
    "timedatectl show",
    "systemctl show chrony.service chronyd.service ntp.service systemd-timesyncd.service time-sync.target",
    "cat /etc/os-release",
    "ls /etc/kubernetes/kubelet.conf",
    f"curl --silent --head --insecure {API}/rate_limit",
    *(f"chronyd -Q -t 5 'server {server} iburst'" for server in SERVERS),
]


@pytest.mark.parametrize("command", COMMANDS)
def test_it_answers(host, command):
    host.run(command)


def test_its_configuration_is_read(host):
    if host.file("/etc/chrony/chrony.conf").exists:
        assert host.file("/etc/chrony/chrony.conf").content_string
