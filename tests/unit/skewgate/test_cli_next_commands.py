"""The commands of the next step, read again as a shell and the command would read them."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats.report_text import lines
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.next_step import Action, Commands, Step

from skewgate.arguments import Given, read
from skewgate.next_commands import LEFT_OUT, Here, commands_of_report, commands_of_run
from tests.reports import finding, refused, report

GATE, CHECK = Step(Action.GATE, ("node2", "node3")), Step(Action.FIX_AND_CHECK, ("node2",))


def commands(*argv: str, extra: tuple[str, ...] = (), **environment: str) -> Commands:
    return commands_of_run(read(argv, environment), extra, Path("/r"))


def read_again(command: str) -> tuple[Given, list[str]]:
    """The command line that a shell makes of the command, and what is after ``--``."""
    words = shlex.split(command)
    end = words.index("--") if "--" in words else len(words)
    assert words[0] == "skewgate"
    return read(words[1:end], {}), words[end + 1 :]


LINES: dict[str, list[str]] = {
    "an inventory": ["-i", "my hosts", "-i", "b"],
    "a login": ["-i", "a", "-u", "admin", "-K", "--private-key", "~/key", "--vault-id", "dev@x"],
    "settings": ["-i", "a", "--only", "clock_skew,sync_state", "--ntp-server", "10.0.0.1", "--forks", "3"],
    "variables": ["-i", "a", "-e", "@vars file.yml", "-e", "gate_max_skew_s=3 chrony_makestep='1 3'"],
    "a place": ["-i", "a", "--report-dir", "other place", "--format", "json,text"],
    "the parts of a name": ["--inv", "a", "--lim=b"],
}


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize(("step", "command"), [(GATE, "gate"), (CHECK, "check")])
def test_the_command_has_every_flag_of_the_run_and_a_limit(name: str, step: Step, command: str) -> None:
    run = read([command, *LINES[name]], {})
    made = commands_of_run(run, [], Path("/r"))
    again, after = read_again(made.of(step))
    assert again.args.command == command
    assert vars(again.args) == {**vars(run.args), "limit": ",".join(step.nodes)}
    assert (after, made.note) == ([], "")


def test_what_is_of_one_run_alone_is_left_out() -> None:
    command = commands("check", "-i", "a", "-l", "web*", "--timings", "-vv", "--output", "x.json").of(GATE)
    assert command == "skewgate gate -i a --limit node2,node3"


def test_a_variable_of_the_environment_stays_there() -> None:
    assert commands("check", SKEWGATE_INVENTORY="a").of(GATE) == "skewgate gate --limit node2,node3"


@pytest.mark.parametrize(
    "secret",
    [
        "ansible_become_pass=hunter2",
        "gate_checks=clock_skew token=hunter2",
        '{"gate_github_apps": "hunter2"}',
        "gate_github_apps=hunter2",
        "gate_environment=hunter2",
        "chrony_package_environment=hunter2",
        "gate_key_of_mine=hunter2",
        "gate_checks hunter2",
        "'hunter2",
    ],
)
@pytest.mark.parametrize("after", [True, False])
def test_variables_that_may_be_secret_are_not_repeated_and_the_reader_is_warned(secret: str, after: bool) -> None:
    flags: tuple[str, ...] = ("-e", secret)
    made = commands("check", "-i", "a", *(() if after else flags), extra=flags if after else ())
    assert "hunter2" not in made.of(GATE) + made.of(CHECK)
    assert made.note == LEFT_OUT
    assert "hunter2" not in commands("check", "-i", "a", extra=(f"-e{secret}",)).of(GATE)
    assert "hunter2" not in commands("check", "-i", "a", extra=(f"--extra-vars={secret}",)).of(GATE)


def test_the_options_of_ansible_come_after_the_limit() -> None:
    made = commands("check", "-i", "a", extra=("--diff", "--ssh-extra-args", "-o x=y"))
    again, after = read_again(made.of(GATE))
    assert again.args.limit == "node2,node3"
    assert after == ["--diff", "--ssh-extra-args", "-o x=y"]


def test_this_machine_alone_needs_no_limit() -> None:
    here = Here("this-host", "ansible_python_interpreter='/a b' gate_key_elsewhere=True", is_root=True)
    run = read(["check", "--here", "--only", "clock_skew"], {})
    made = commands_of_run(run, ["--diff"], Path("/r"), here)
    assert made.of(CHECK) == "skewgate check --here --only clock_skew -- --diff"
    again, after = read_again(made.of(GATE))
    assert (again.args.inventory, again.args.only) == (["this-host,"], ["clock_skew"])
    assert (again.args.extra_vars, again.args.ask_become_pass) == ([here.variables], False)
    assert after == ["--connection=local", "--diff"]


def test_the_gate_of_this_machine_asks_for_sudos_password_if_the_check_was_not_roots() -> None:
    run = read(["check", "--here", "--only", "clock_skew"], {})
    again, _ = read_again(commands_of_run(run, [], Path("/r"), Here("h", "a=b", is_root=False)).of(GATE))
    assert again.args.ask_become_pass


def test_after_a_check_here_without_a_key_the_evidence_goes_to_the_machine_that_has_it() -> None:
    run = read(["check", "--here"], {})
    made = commands_of_run(run, [], Path("/r"), Here("h", "a=b", is_root=True))
    again, after = read_again(made.of(Step(Action.TRY_TOKEN, ("h",))))
    assert (again.args.command, [path.name for path in again.args.evidence], after) == ("report", ["evidence.json"], [])
    assert commands("check", "-i", "a").of(Step(Action.TRY_TOKEN, ("h",))) == "skewgate check -i a --limit h"


def test_after_a_check_here_the_file_to_copy_is_named_where_the_token_was_not_tried() -> None:
    untried = {**finding("github_app_token", "inconclusive"), "keys": ["no_app_given"]}
    content = report(a=refused(findings=[finding("clock_skew"), untried]))
    shown = lines(content, commands=Commands(here=True, directory="/var/run"))
    assert shown[-1] == "  skewgate report evidence.json"
    assert "/var/run/evidence.json" in " ".join(shown)
    assert lines(content)[-1] == "  skewgate check -i INVENTORY --limit a"


@pytest.mark.parametrize(
    ("argv", "verify"),
    [
        (["run"], "skewgate verify run"),
        (["run/evidence.json"], "skewgate verify run"),
        (["run", "b"], "skewgate verify REPORT_DIR"),
        (["run", "b", "--report-dir", "the joined"], "skewgate verify 'the joined'"),
    ],
)
def test_a_report_of_saved_evidence_names_its_folder_and_the_inventory(
    tmp_path: Path, monkeypatch: Any, argv: list[str], verify: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "run").mkdir()
    of_report = commands_of_report(read(["report", *argv], {}).args)
    assert of_report.of(Step(Action.JOIN, ("a",))) == verify
    assert of_report.of(GATE) == "skewgate gate -i INVENTORY --limit node2,node3"
    given = commands_of_report(read(["report", *argv, "-i", "my hosts"], {}).args)
    assert given.of(CHECK) == "skewgate check -i 'my hosts' --limit node2"
