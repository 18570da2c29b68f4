"""chrony comes from the controller where no repository has it."""


def test_the_node_reaches_no_repository(host):
    assert not host.file("/etc/apt/sources.list").exists
    assert host.run("apt-cache show chrony-nothing").failed


def test_the_package_was_not_left_behind(host):
    assert not host.file("/var/lib/skewgate/chrony.deb").exists
