"""One run of ansible-playbook through ansible-runner: its events, its output, its end."""

from __future__ import annotations

import os
import shlex
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pexpect  # type: ignore[import-untyped]
from ansible_runner.interface import init_runner

from .passwords import handed_on

# The ansible-core of this Python, and not another one on PATH. -P: no modules from the user's
# directory.
ANSIBLE_PLAYBOOK = [sys.executable, "-P", "-m", "skewgate.ansible_playbook"]

ENVIRONMENT = {
    "ANSIBLE_NOCOLOR": "true",
    "ANSIBLE_FORCE_COLOR": "false",
    # Ansible only warns of an inventory that it can't read, and leaves out its nodes.
    "ANSIBLE_INVENTORY_ANY_UNPARSED_IS_FAILED": "true",
    # A node's facts set no variable.
    "ANSIBLE_INJECT_FACT_VARS": "false",
}

# Nobody sees a question of ssh or ansible in the run. Without an answer it would wait for ever.
ANSWERS = {
    r"continue connecting \(yes/no[^\n]*\? ?$": "no",
    r"(?i)pass(word|phrase)[^\n]*: ?$": "",
}

ASK_AGAIN_S = 5
"""After so many seconds ansible-playbook is asked again to stop: Python drops an interrupt that
comes within a hook, for example of a fork."""


@dataclass
class PlaybookRun:
    """The end of a run: ansible's exit status, its output, whether the user stopped it."""

    rc: int | None = None
    output: list[str] = field(default_factory=list)
    interrupted: bool = False

    @property
    def messages(self) -> list[str]:
        """Ansible's errors and warnings, one string each, without its excerpts of files."""
        return ansible_messages(self.output)


def run_playbook(
    playbook: str,
    options: Sequence[str],
    extra_vars: Mapping[str, Any],
    on_event: Callable[[dict[str, Any], list[str]], None],
    *,
    on_second: Callable[[], None] = lambda: None,
    answers: Mapping[str, str] | None = None,
) -> PlaybookRun:
    """Run ``playbook`` (a path or a collection's) in the current directory.

    ``on_event`` gets each event and the lines that ansible printed with it. ``on_second`` is called
    about once a second. If one of them fails, the run is stopped. ``extra_vars`` win over those of
    ``options``. ``answers``: passwords by the option that takes the file of each. The files of
    ansible-runner are in a private directory, which is removed.
    """
    run, failures = PlaybookRun(), list[Exception]()

    def guarded(call: Callable[[], None]) -> None:
        try:
            if not failures:
                call()
        except Exception as error:  # noqa: BLE001 - raised again below, once ansible-playbook has ended
            failures.append(error)
            stop.request()

    stop = _Stop(lambda: guarded(on_second))

    def handle(event: dict[str, Any]) -> bool:
        stop.pid = event.get("pid", stop.pid)
        lines = printed(event)
        run.output += lines
        guarded(lambda: on_event(event, lines))
        return False  # keep no file of it

    with (
        tempfile.TemporaryDirectory(prefix="skewgate-") as private_dir,
        handed_on(Path(private_dir), answers or {}) as asking,
    ):
        runner = _runner(private_dir, playbook, [*options, *asking], extra_vars=extra_vars, handle=handle, stop=stop)
        with stop.on_signals():
            try:
                runner.run()
            except pexpect.TIMEOUT:  # a killed ansible-playbook left a process that holds its terminal
                if not stop.requests:
                    raise
        if failures:
            raise failures[0]
        run.rc, run.interrupted = runner.rc, stop.requests > 0
    return run


def _runner(
    private_dir: str,
    playbook: str,
    options: Sequence[str],
    *,
    extra_vars: Mapping[str, Any],
    handle: Callable[[dict[str, Any]], bool],
    stop: _Stop,
) -> Any:
    """Ansible-runner's Runner, set to leave the user's own settings of Ansible as they are."""
    runner = init_runner(
        private_data_dir=private_dir,
        playbook=playbook,
        cmdline=shlex.join(options),
        extravars=dict(extra_vars),
        envvars={**ENVIRONMENT, "PWD": str(Path.cwd())},
        passwords=ANSWERS,
        fact_cache_type="",  # the user's own, if any; ansible-runner would put a file cache in its place
        suppress_env_files=True,
        quiet=True,
        event_handler=handle,
        cancel_callback=stop.kill,
    )
    config = runner.config
    config.command[:1] = ANSIBLE_PLAYBOOK
    config.cwd = str(Path.cwd())
    config.suppress_output_file = True
    config.pexpect_timeout = 1
    if "ANSIBLE_HOST_KEY_CHECKING" not in os.environ:
        # Otherwise ansible-runner switches the check of ssh host keys off.
        del config.env["ANSIBLE_HOST_KEY_CHECKING"]
    return runner


def printed(event: dict[str, Any]) -> list[str]:
    """Return the lines of an event; outside of ansible's events an empty line counts too."""
    text = event.get("stdout")
    if text is None or (text == "" and event.get("event") != "verbose"):
        return []
    return [line.rstrip("\r") for line in text.split("\n")]  # the pseudo-terminal adds the carriage returns


class _Stop:
    """The first Ctrl-C asks ansible-playbook and its workers to stop; the second kills it."""

    def __init__(self, on_second: Callable[[], None] = lambda: None) -> None:
        self._on_second = on_second
        self.pid: int | None = None
        self.requests = 0
        self._asked_mono_s = 0.0

    def kill(self) -> bool:
        """Whether to kill ansible-playbook now; ansible-runner asks this about once a second."""
        self._on_second()
        if self.requests and time.monotonic() - self._asked_mono_s > ASK_AGAIN_S:
            self._ask()
        return self.requests > (0 if self.pid is None else 1)

    def request(self, *_: object) -> None:
        """Ask ansible-playbook to stop; also a signal handler."""
        self.requests += 1
        if self.requests == 1:
            self._ask()

    def _ask(self) -> None:
        self._asked_mono_s = time.monotonic()
        if self.pid is not None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGINT)

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """Listen for the time of the run."""
        before = {
            number: signal.signal(number, self.request) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def ansible_messages(output: Sequence[str]) -> list[str]:
    r"""Pick the errors and warnings out of ansible's output.

    A message begins with ``[ERROR]: `` or ``[WARNING]: `` (``ERROR! `` before ansible-core 2.19,
    ``ansible-playbook: error: `` for options) and ends at an empty line, at its ``Origin:`` (an
    excerpt of the file follows, which may hold anything) or at the next message.

    >>> ansible_messages(["PLAY [all]", "ERROR! the playbook: x.yml could", "not be found", "", "else"])
    ['the playbook: x.yml could not be found']
    """  # noqa: W505 - an example or a table
    starts = ("[ERROR]: ", "[WARNING]: ", "ERROR! ", "ansible-playbook: error: ", "playbook: error: ")
    messages: list[str] = []
    inside = False
    for line in output:
        start = next((start for start in starts if line.startswith(start)), None)
        if start:
            messages.append(line.removeprefix(start).strip())
            inside = True
        elif not line.strip() or line.startswith(("Origin:", "[", "The error appears", "<<<")):
            inside = False
        elif inside:
            messages[-1] += " " + line.strip()
    return list(dict.fromkeys(messages))
