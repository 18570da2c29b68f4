"""A dead server gives way to those of the gate's settings."""


def test_chrony_asks_the_dead_server_no_more(host):
    sources = [line.split(",")[2] for line in host.run("chronyc -c sources").stdout.splitlines()]
    assert "10.77.0.9" not in sources
    assert len(sources) == 3
