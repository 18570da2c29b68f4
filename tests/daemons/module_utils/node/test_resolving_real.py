from __future__ import annotations

import socket
import threading
import time

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.node import resolving

FOUND = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 443))]


def test_a_name_is_asked_for_again_if_no_answer_comes(monkeypatch):
    asked, hanging = [], threading.Event()

    def answer(*_: object, **__: object) -> list:
        asked.append(1)
        if len(asked) == 1:
            hanging.wait()
        return FOUND

    monkeypatch.setattr(resolving, "ASK_AGAIN_S", 0.05)
    monkeypatch.setattr(socket, "getaddrinfo", answer)
    begun_s = time.monotonic()
    assert resolving.addresses("api.example", 443, socket.SOCK_STREAM) == FOUND
    assert time.monotonic() - begun_s < 5
    hanging.set()
    assert len(asked) == 2


def test_a_name_that_is_resolved_is_asked_for_once(monkeypatch):
    asked = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *words, **__: asked.append(words) or FOUND)
    assert resolving.addresses("api.example", 443, socket.SOCK_STREAM) == FOUND
    assert asked == [("api.example", 443)]


def test_the_resolvers_error_is_raised_at_once(monkeypatch):
    def fail(*_: object, **__: object) -> list:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    with pytest.raises(socket.gaierror, match="not known"):
        resolving.addresses("api.example", 443, socket.SOCK_STREAM)
