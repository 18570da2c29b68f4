"""A healthy node is admitted as it is."""


def test_nothing_was_changed_on_it(host):
    assert not host.file("/var/lib/skewgate").exists
