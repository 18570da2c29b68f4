"""How often an API is asked for its Date, and what is kept of it."""

from __future__ import annotations

import email.utils
import math
import time

import pytest
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import api_date

from tests.daemons.module_utils.probes.dated import Dated, collect_one, error_of


@pytest.fixture
def _twice(_once, monkeypatch):
    monkeypatch.setattr(api_date, "REQUESTS", 2)


@pytest.fixture
def _five_times(_once, monkeypatch):
    monkeypatch.setattr(api_date, "REQUESTS", 5)


@pytest.mark.usefixtures("_twice")
def test_the_date_is_read_more_than_once_over_one_connection(authority, serve_https, dated):
    url = serve_https(dated, authority.server_context()) + "/zen?a=b"
    before_ns = time.time_ns()
    taken = collect_one(url, authority.pem)

    assert taken["certificate_time_error"] is None
    assert len(taken["answers"]) == 2
    for answer in taken["answers"]:
        assert (answer["status"], answer["verified"]) == (200, True)
        assert before_ns <= answer["t_send_wall_ns"] <= time.time_ns()
        assert answer["t_send_mono_ns"] < answer["t_recv_mono_ns"]
        date_s = email.utils.parsedate_to_datetime(answer["date"]).timestamp()
        received_s = (answer["t_send_wall_ns"] + answer["t_recv_mono_ns"] - answer["t_send_mono_ns"]) / 1e9
        assert answer["t_send_wall_ns"] / 1e9 - 1 < date_s <= received_s
    assert {(method, path) for method, path, _client, _headers in dated.seen} == {("HEAD", "/zen?a=b")}
    assert len({client for _method, _path, client, _headers in dated.seen}) == 1
    assert all("Authorization" not in headers for *_, headers in dated.seen)


def behind(dated: type[Dated], offset_s: float) -> type[Dated]:
    """A server whose clock is so far behind this machine's: node minus API is ``offset_s``."""

    class Behind(dated):  # type: ignore[valid-type,misc]
        def date_time_string(self, _timestamp: float | None = None) -> str:
            return email.utils.formatdate(math.floor(time.time() - offset_s), usegmt=True)

    return Behind


def interval(answers: list[dict]) -> tuple[float, float]:
    """Node minus API as all answers together leave it open:
    each says ``[sent - D - 1, received - D]``.
    """
    low, high = -math.inf, math.inf
    for answer in answers:
        date_s = email.utils.parsedate_to_datetime(answer["date"]).timestamp()
        sent_s = answer["t_send_wall_ns"] / 1e9
        lasted_s = (answer["t_recv_mono_ns"] - answer["t_send_mono_ns"]) / 1e9
        low, high = max(low, sent_s - date_s - 1), min(high, sent_s + lasted_s - date_s)
    return low, high


@pytest.mark.usefixtures("_five_times")
def test_five_requests_split_the_second_and_fewer_do_on_a_slow_network(authority, serve_https, dated):
    slow = type("Slow", (dated,), {"do_HEAD": lambda self: (time.sleep(0.6), dated.do_HEAD(self))})
    offsets_s = (0.137, -0.62, 612.9, 0.3)
    servers = [behind(dated, offset_s) for offset_s in offsets_s[:3]] + [behind(slow, 0.3)]
    apis = [{"url": serve_https(server, authority.server_context()), "ca_pem": authority.pem} for server in servers]
    taken = [api["answers"] for api in api_date.collect(apis, 5)["apis"]]

    for offset_s, answers in zip(offsets_s, taken, strict=True):
        low, high = interval(answers)
        assert low <= offset_s <= high
        assert answers[-1]["t_send_mono_ns"] - answers[0]["t_send_mono_ns"] < (api_date.PLACING_S + 0.5) * 1e9
    for answers in taken[:3]:
        low, high = interval(answers)
        assert len(answers) >= 4  # of five, where this machine is not too busy to place them
        assert high - low < 0.3  # one answer alone leaves a second
    assert 2 <= len(taken[3]) < 5


@pytest.mark.usefixtures("_twice")
@pytest.mark.parametrize(("header", "value"), [("X-RateLimit-Remaining", "0"), ("Retry-After", "60")])
def test_an_api_that_asks_to_be_left_alone_is_asked_once(authority, serve_https, dated, header, value):
    class Limited(dated):
        def end_headers(self) -> None:
            self.send_header(header, value)
            super().end_headers()

    taken = collect_one(serve_https(Limited, authority.server_context()), authority.pem)
    assert len(taken["answers"]) == 1
    assert taken["answers"][0]["date"]


@pytest.mark.usefixtures("_twice")
@pytest.mark.parametrize("date", ["", "yesterday", "Sun, 22 Nov 99999 12:00:00 GMT"])
def test_an_answer_without_a_date_that_can_be_read_is_the_last(authority, serve_https, dated, monkeypatch, date):
    monkeypatch.setattr(dated, "date_time_string", lambda _self: date)
    taken = collect_one(serve_https(dated, authority.server_context()), authority.pem)
    assert [answer["date"] for answer in taken["answers"]] == [date]


@pytest.mark.usefixtures("_five_times")
def test_several_machines_with_separate_clocks_are_not_asked_further(authority, serve_https, dated, monkeypatch):
    offsets = iter([0.0, 20.0])
    monkeypatch.setattr(
        dated, "date_time_string", lambda _self: email.utils.formatdate(time.time() - next(offsets), usegmt=True)
    )
    taken = collect_one(serve_https(dated, authority.server_context()), authority.pem)
    assert len(taken["answers"]) == 2


@pytest.mark.usefixtures("_twice")
def test_a_server_that_closes_after_each_answer_is_connected_to_again(authority, serve_https, dated):
    dated.protocol_version = "HTTP/1.0"
    taken = collect_one(serve_https(dated, authority.server_context()), authority.pem)
    assert [answer["status"] for answer in taken["answers"]] == [200, 200]
    assert len({client for _method, _path, client, _headers in dated.seen}) == 2


def test_a_dead_api_does_not_delay_the_others(authority, serve_https, serve_tcp, dated):
    dead = f"https://127.0.0.1:{serve_tcp(lambda _: time.sleep(5)).port}/"
    good = serve_https(dated, authority.server_context())
    taken = api_date.collect([{"url": url, "ca_pem": authority.pem} for url in (dead, good)], 1)["apis"]
    ended_s = time.monotonic()
    assert [entry["url"] for entry in taken] == [dead, good]
    assert error_of(taken[0])["phase"] == "tls"
    assert taken[1]["answers"][0]["t_recv_mono_ns"] / 1e9 < ended_s - 0.3  # it did not wait for the dead one's end
