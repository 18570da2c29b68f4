from __future__ import annotations

import threading
import time

from ansible_collections.skewgate.preflight.plugins.module_utils.node.background import Once, gather
from ansible_collections.skewgate.preflight.plugins.module_utils.node.run import run


def test_one_task_that_never_ends_and_one_that_fails_do_not_cost_the_others():
    never = threading.Event()

    def fail() -> None:
        raise LookupError("no such thing")

    begun_s = time.monotonic()
    results = gather({"slow": never.wait, "failing": fail, "good": lambda: 7}, bound_s=0.3)
    lasted_s = time.monotonic() - begun_s
    never.set()

    assert results == {
        "slow": {"error": "TimeoutError: it did not end within its bound"},
        "failing": {"error": "LookupError: no such thing"},
        "good": 7,
    }
    assert lasted_s < 5


def test_a_task_for_which_there_is_no_thread_does_not_cost_the_others(monkeypatch):
    started: list[threading.Thread] = []
    really_start = threading.Thread.start

    def start_one(thread: threading.Thread) -> None:
        if started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        really_start(thread)

    monkeypatch.setattr(threading.Thread, "start", start_one)
    assert gather({"first": lambda: 7, "second": lambda: 8}, bound_s=5) == {
        "first": 7,
        "second": {"error": "RuntimeError: can't start new thread"},
    }


def test_what_many_ask_for_once_is_done_once_and_only_if_it_is_asked_for():
    begun = []

    def take() -> int:
        begun.append(1)
        time.sleep(0.1)
        return 7

    once = Once(take)
    assert begun == []
    assert gather(dict.fromkeys(range(8), once), bound_s=5) == dict.fromkeys(range(8), 7)
    assert begun == [1]


def test_what_fails_once_fails_for_all_who_ask():
    once = Once(lambda: 1 / 0)
    failed = {"error": "ZeroDivisionError: division by zero"}
    assert gather({"first": once, "second": once}, bound_s=5) == {"first": failed, "second": failed}


def test_a_command_is_run_with_its_output_and_return_code():
    assert run(["sh", "-c", "echo out; echo err >&2; exit 3"], 5) == {"rc": 3, "stdout": "out\n", "stderr": "err\n"}


def test_a_command_that_does_not_end_is_ended():
    begun_s = time.monotonic()
    assert run(["sleep", "30"], 0.2) == {"error": "sleep 30 did not end within 0.2 s"}
    assert time.monotonic() - begun_s < 5


def test_a_missing_command_is_recorded():
    assert run(["no-such-command-here"], 1) == {"error": "no-such-command-here is not installed"}


def test_a_commands_output_is_that_of_the_c_locale_and_of_utc(monkeypatch):
    monkeypatch.setenv("LC_ALL", "de_DE.UTF-8")
    monkeypatch.setenv("TZ", "America/New_York")
    said = run(["sh", "-c", 'echo "$LC_ALL $SYSTEMD_COLORS"; date +%Z'], 5)
    assert said["stdout"] == "C 0\nUTC\n"
