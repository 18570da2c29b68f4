"""Ansible's own messages, found in its output."""

from __future__ import annotations

from skewgate.run import ansible_messages


def test_messages_end_at_an_empty_line_an_origin_or_the_next_message() -> None:
    output = [
        "PLAY [all] ****",
        "[WARNING]: first line",
        "second line",
        "[ERROR]: broken",
        "Origin: /etc/x.yml:3:1",
        "3 password: hunter2",
        "ERROR! old style",
        "",
        "no part of it",
    ]
    assert ansible_messages(output) == ["first line second line", "broken", "old style"]
