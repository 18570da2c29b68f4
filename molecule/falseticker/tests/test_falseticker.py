"""Servers that lie alike give way, though chrony believed them."""


def test_chrony_follows_no_liar(host):
    sources = {line.split(",")[2] for line in host.run("chronyc -c sources").stdout.splitlines()}
    assert sources == {"10.77.0.1", "10.77.0.2", "10.77.0.3"}
