"""Each test runs a real ansible-playbook through ansible-runner."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import tempfile
import textwrap
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pexpect  # type: ignore[import-untyped]
import pytest

from skewgate import run as running
from skewgate.ansible_playbook import forks_here
from skewgate.run import PlaybookRun, run_playbook
from tests.findings import unsaid

LOCAL = ["--inventory=localhost,", "--connection=local", f"--extra-vars=ansible_python_interpreter={sys.executable}"]


@pytest.fixture(autouse=True)
def user_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's current directory, and a place for this test's temporary files."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    for name in [name for name in os.environ if name.startswith("ANSIBLE_")]:
        monkeypatch.delenv(name)
    return tmp_path


def play(tasks: str, play_keys: str = "") -> str:
    head = "- hosts: all\n  gather_facts: false\n" + textwrap.indent(textwrap.dedent(play_keys), "  ")
    Path("play.yml").write_text(head + "  tasks:\n" + textwrap.indent(textwrap.dedent(tasks), "  "))
    return "play.yml"


def run(playbook: str, *options: str, **extra_vars: str) -> tuple[PlaybookRun, list[dict[str, Any]]]:
    events: list[dict[str, Any]] = []
    return run_playbook(playbook, options, extra_vars, lambda event, _: events.append(event)), events


def messages_of(events: list[dict[str, Any]]) -> list[Any]:
    return [event["event_data"]["res"].get("msg") for event in events if event["event"] == "runner_on_ok"]


def test_events_come_with_host_action_and_result() -> None:
    ended, events = run(play("- debug: {msg: hello}"), *LOCAL)
    found = [event["event_data"] for event in events if event["event"] == "runner_on_ok"]
    assert [(each["host"], each["resolved_action"], each["res"]["msg"]) for each in found] == [
        ("localhost", "ansible.builtin.debug", "hello")
    ]
    assert (ended.rc, ended.interrupted, ended.messages) == (0, False, [])


def test_the_run_is_in_the_users_directory_with_the_same_python_and_their_ansible_cfg(user_dir: Path) -> None:
    Path("ansible.cfg").write_text("[defaults]\ninventory = mine.ini\n")
    Path("mine.ini").write_text("box ansible_connection=local\n")
    _, events = run(play('- debug: {msg: \'{{ lookup("pipe", "pwd") }} {{ ansible_playbook_python }}\'}'))
    assert messages_of(events) == [f"{user_dir} {sys.executable}"]


@pytest.mark.parametrize(
    ("configured", "options", "forks"),
    [
        ("", [], None),
        ("[defaults]\nforks = 3\n", [], 3),
        ("", ["--forks=7"], 7),
        pytest.param("[defaults]\nforks = 3\n", ["--forks=7"], 7, marks=pytest.mark.nightly),
    ],
)
def test_as_many_nodes_at_a_time_as_the_user_says_or_else_as_are_good_for_the_machine(
    configured: str, options: list[str], forks: int | None
) -> None:
    Path("ansible.cfg").write_text(configured)
    _, events = run(play("- debug: {msg: '{{ ansible_forks }}'}"), *LOCAL, *options)
    assert [int(message) for message in messages_of(events)] == [forks or forks_here()]


def test_a_module_that_lies_in_the_users_directory_is_not_imported() -> None:
    Path("yaml.py").write_text("raise SystemExit('imported from the current directory')")
    ended, _ = run(play("- debug: {msg: hello}"), *LOCAL)
    assert ended.rc == 0


def test_ssh_host_keys_are_checked_as_the_user_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = play("- debug: {msg: \"{{ lookup('env', 'ANSIBLE_HOST_KEY_CHECKING', default='left alone') }}\"}")
    assert messages_of(run(asked, *LOCAL)[1]) == ["left alone"]
    monkeypatch.setenv("ANSIBLE_HOST_KEY_CHECKING", "False")
    assert messages_of(run(asked, *LOCAL)[1]) == ["False"]


def test_our_extra_variables_win_and_keep_their_spaces() -> None:
    playbook = play("- debug: {msg: '{{ gate_report_dir }}|{{ other }}'}")
    _, events = run(
        playbook, *LOCAL, "--extra-vars=gate_report_dir=x other='a b'", gate_report_dir='/a dir/with "quotes"'
    )
    assert messages_of(events) == ['/a dir/with "quotes"|a b']


def test_nothing_of_the_run_is_left_and_only_its_owner_could_read_it(user_dir: Path) -> None:
    seen: list[tuple[str, str]] = []

    def look(event: dict[str, Any], _: list[str]) -> None:
        if event["event"] == "runner_on_ok":
            for private in (user_dir / "tmp").glob("skewgate-*"):
                texts = []
                for path in private.rglob("*"):
                    with suppress(FileNotFoundError, IsADirectoryError):  # ansible goes on meanwhile
                        texts.append(path.read_text() if path.name != "command" else "")
                seen.append((oct(private.stat().st_mode & 0o777), " ".join(texts)))

    playbook = play("- debug: {msg: said-in-the-run}\n- debug: {msg: again}")
    run_playbook(playbook, LOCAL, {}, look)
    assert [mode for mode, _ in seen] == ["0o700", "0o700"]
    assert "said-in-the-run" not in seen[1][1]
    assert list((user_dir / "tmp").glob("skewgate-*")) == []


def test_if_a_handler_fails_the_run_ends_and_leaves_nothing(user_dir: Path) -> None:
    def fail(event: dict[str, Any], _lines: list[str]) -> None:
        if event["event"] == "runner_on_ok":
            raise RuntimeError("in the handler")

    with pytest.raises(RuntimeError, match="in the handler"):
        run_playbook(play("- debug: {msg: hello}\n- command: sleep 20\n- command: touch later"), LOCAL, {}, fail)
    assert not (user_dir / "later").exists()
    assert list((user_dir / "tmp").glob("skewgate-*")) == []


def test_an_interrupt_that_ansible_drops_is_sent_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python drops one that comes within a hook, of a fork for example.

    This program drops those of its first second.
    """
    deaf = (
        "import signal, time\n"
        "for wait_s, action in ((1, signal.SIG_IGN), (30, signal.SIG_DFL)):\n"
        "    signal.signal(signal.SIGINT, action)\n"
        "    time.sleep(wait_s)\n"
    )
    monkeypatch.setattr(running, "ASK_AGAIN_S", 0.2)
    stop = running._Stop()
    with subprocess.Popen([sys.executable, "-c", deaf]) as process:
        stop.pid = process.pid
        stop.request()
        while process.poll() is None:
            assert not stop.kill()
            time.sleep(0.1)
    assert process.returncode == -signal.SIGINT


def test_there_are_no_colours_in_the_output_whatever_the_user_forces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_FORCE_COLOR", "1")
    ended, _ = run(play("- debug: {msg: hello}"), *LOCAL, "-vv")
    assert any("hello" in line for line in ended.output)
    assert "\x1b" not in "".join(ended.output)


def test_a_missing_inventory_is_an_error_even_beside_one_that_is_there() -> None:
    Path("good.ini").write_text("box ansible_connection=local\n")
    ended, events = run(play("- debug: {msg: hello}"), "--inventory=good.ini", "--inventory=nowhere.ini")
    assert ended.rc == 1
    assert any(message.startswith("Completely failed to parse inventory source") for message in ended.messages)
    assert messages_of(events) == []


def test_a_limit_that_matches_nothing_is_an_error_with_ansibles_words() -> None:
    ended, _ = run(play("- debug: {msg: hello}"), *LOCAL, "--limit=nosuch")
    assert ended.rc == 1
    assert "Could not match supplied host pattern, ignoring: nosuch" in ended.messages
    assert "Specified inventory, host pattern and/or --limit leaves us with no hosts to target." in ended.messages


def test_an_unknown_option_is_reported_without_the_usage_text() -> None:
    ended, _ = run(play("- debug: {msg: hello}"), *LOCAL, "--bogus")
    assert (ended.rc, ended.messages) == (2, ["unrecognized arguments: --bogus"])


def test_an_error_shows_no_excerpt_of_the_file() -> None:
    Path("play.yml").write_text("- hosts: all\n  vars:\n    key: SECRET-IN-THE-FILE\n  tasks: [\n")
    ended, _ = run("play.yml", *LOCAL)
    assert ended.rc not in (0, None)
    assert ended.messages
    assert "SECRET" not in " ".join(ended.messages)


def test_a_playbook_that_is_not_there_is_an_error() -> None:
    ended, _ = run("no.such.playbook", *LOCAL)
    assert ended.rc == 1
    assert ended.messages == ["the playbook: no.such.playbook could not be found"]


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("Are you sure you want to continue connecting (yes/no/[fingerprint])? ", "no"),
        ("Enter passphrase for key 'k': ", ""),
    ],
)
def test_a_question_on_the_terminal_is_answered_and_never_waits(question: str, answer: str) -> None:
    # Asks as ssh does, on the terminal of the process; ansible runs such a script to
    # get a vault's password.
    script = Path("ask.sh")
    script.write_text(
        f"#!/bin/bash\nprintf '%s' {shlex.quote(question)} >/dev/tty\n"
        'read -r -t 10 answer </dev/tty && echo "<$answer>" >answer\necho password\n'
    )
    script.chmod(0o700)
    ended, _ = run(play("- debug: {msg: hello}"), *LOCAL, "--vault-password-file=ask.sh")
    assert Path("answer").read_text() == f"<{answer}>\n"
    assert ended.rc == 0


SUDO = """#!/bin/bash
while [[ $1 == -* ]]; do
  [[ $1 == -p ]] && printf '%s' "$2" >&2
  [[ $1 == -[pu] ]] && shift
  shift
done
read -r answer
echo "<$answer>" >>answers
exec "$@"
"""


def test_a_password_that_was_asked_for_reaches_sudo_and_is_in_no_argument_environment_or_file(
    user_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANSIBLE_BECOME_ALLOW_SAME_USER", "1")
    secret = "correct horse battery"
    (user_dir / "sudo").write_text(SUDO)
    (user_dir / "sudo").chmod(0o700)
    seen: list[str] = []

    def look(event: dict[str, Any], lines: list[str]) -> None:
        seen.extend(lines)
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                if os.getsid(int(process.name)) == os.getsid(event.get("pid", 0)):
                    seen.extend((process / name).read_text(errors="replace") for name in ("cmdline", "environ"))
        for path in (user_dir / "tmp").rglob("*"):
            if path.is_file():  # a pipe is none
                with suppress(OSError):
                    seen.append(path.read_text(errors="replace"))

    playbook = play("- command: id -un\n- command: id -gn", play_keys="become: true\n")
    options = [*LOCAL, f"--extra-vars=ansible_become_exe={user_dir / 'sudo'}", "-vvvv"]
    ended = run_playbook(playbook, options, {}, look, answers={"--become-password-file": secret})
    assert ended.rc == 0, ended.output[-20:]
    assert (user_dir / "answers").read_text() == f"<{secret}>\n" * 2
    assert "--become-password-file=" in "".join(seen)
    assert secret not in "".join(seen)
    assert list((user_dir / "tmp").glob("skewgate-*")) == []


@pytest.mark.nightly
def test_a_password_opens_a_vault(user_dir: Path) -> None:
    (user_dir / "password").write_text("open sesame")
    command = [
        sys.executable,
        "-P",
        "-m",
        "ansible",
        "vault",
        "encrypt_string",
        "--vault-password-file=password",
        "inside",
    ]
    locked = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    Path("locked.yml").write_text(f"value: {locked}")
    playbook = play("- debug: {msg: '{{ value }}'}", play_keys="vars_files: [locked.yml]\n")
    events: list[dict[str, Any]] = []
    answers = {"--vault-password-file": "open sesame"}
    ended = run_playbook(playbook, LOCAL, {}, lambda event, _: events.append(event), answers=answers)
    assert messages_of(events) == ["inside"], ended.output


def test_a_password_that_nobody_reads_ends_no_run_late() -> None:
    ended = run_playbook("no.such.playbook", LOCAL, {}, lambda *_: None, answers={"--become-password-file": "x"})
    assert ended.rc == 1
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("--become-password-file")]


def test_skewgate_asks_on_the_terminal_before_the_run_and_without_one_it_says_so() -> None:
    command = [sys.executable, "-m", "skewgate", "check", "-i", "nowhere.yml", "-K"]
    with_terminal = pexpect.spawn(command[0], command[1:], encoding="utf-8", timeout=60)
    with_terminal.expect_exact("Password of sudo: ")
    with_terminal.sendline("secret")
    shown = with_terminal.read()
    with_terminal.close()
    assert with_terminal.exitstatus == 2
    assert "nowhere.yml" in shown
    assert "secret" not in shown
    without = subprocess.run(command, capture_output=True, text=True, start_new_session=True, timeout=60, check=False)
    assert without.returncode == 2
    assert not unsaid(without.stderr, "terminal", "--become-password-file")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interruption_ends_ansible_and_what_it_started(user_dir: Path, number: signal.Signals) -> None:
    before = signal.getsignal(number)
    marker = user_dir / "after"
    playbook = play(f"- command: sh -c 'touch begun; sleep 5; touch {marker}'\n- debug: {{msg: later}}")
    started = time.monotonic()

    def stop_when_begun() -> None:
        while not (user_dir / "begun").exists() and time.monotonic() - started < 20:
            time.sleep(0.05)
        os.kill(os.getpid(), number)

    threading.Thread(target=stop_when_begun).start()
    ended, events = run(playbook, *LOCAL)
    assert ended.interrupted
    assert messages_of(events) == []
    time.sleep(max(0.0, 7 - (time.monotonic() - started)))
    assert not marker.exists()
    assert signal.getsignal(number) is before
    assert list((user_dir / "tmp").glob("skewgate-*")) == []
