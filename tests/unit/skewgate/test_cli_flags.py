"""Flags, their environment variables, and what is said of wrong ones."""

from __future__ import annotations

import argparse
from typing import Any

import pytest

from skewgate import cli
from skewgate.arguments import Given, commands_of, parser, read
from skewgate.checking import ansible_options, settings_given
from skewgate.environment import flags_of, variable_of


def given(*argv: str, **environment: str) -> Given:
    return read(argv, environment)


def test_the_flags_of_ansible_are_handed_on_and_what_minus_e_names_is_not_read() -> None:
    line = "check -i a -i b -l x:!y -e @/no/such/file -e k=v --forks 3 -vvv -u admin --private-key k"
    files = "--become-password-file b --connection-password-file c --vault-password-file v --vault-id dev@file"
    assert set(ansible_options(given(*line.split(), *files.split()).args, ["--diff"])) == {
        "--inventory=a",
        "--inventory=b",
        "--limit=x:!y",
        "--extra-vars=@/no/such/file",
        "--extra-vars=k=v",
        "--forks=3",
        "-vvv",
        "--user=admin",
        "--private-key=k",
        "--become-password-file=b",
        "--connection-password-file=c",
        "--vault-password-file=v",
        "--vault-id=dev@file",
        "--diff",
    }


def test_flags_that_are_settings_become_variables() -> None:
    line = "gate --only clock_skew --only sync_state,next_boot --advisory next_boot --ntp-server a --ntp-server b"
    assert settings_given(given(*line.split())) == {
        "gate_checks": ["clock_skew", "sync_state", "next_boot"],
        "gate_advisory_checks": ["next_boot"],
        "gate_ntp_servers": ["a", "b"],
        "gate_run_sources": {
            "gate_checks": "flag --only",
            "gate_advisory_checks": "flag --advisory",
            "gate_ntp_servers": "flag --ntp-server",
        },
    }
    assert settings_given(given("check", "-i", "x")) == {}


@pytest.mark.parametrize(
    ("variable", "text", "dest", "value"),
    [
        ("SKEWGATE_INVENTORY", "mine", "inventory", ["mine"]),
        ("SKEWGATE_LIMIT", "a,b", "limit", "a,b"),
        ("SKEWGATE_FORKS", "7", "forks", 7),
        ("SKEWGATE_ONLY", "clock_skew,sync_state", "only", ["clock_skew", "sync_state"]),
        ("SKEWGATE_EXTRA_VARS", "a=1 b=2", "extra_vars", ["a=1 b=2"]),
        ("SKEWGATE_VERBOSE", "2", "verbose", 2),
        ("SKEWGATE_ASK_BECOME_PASS", "0", "ask_become_pass", False),
        ("SKEWGATE_ASK_BECOME_PASS", "yes", "ask_become_pass", True),
        ("SKEWGATE_FORMAT", "json,text", "format", ["json", "text"]),
        ("SKEWGATE_LIMIT", "", "limit", None),
    ],
)
def test_a_variable_is_read_as_its_flag(variable: str, text: str, dest: str, value: Any) -> None:
    assert getattr(given("check", **{variable: text}).args, dest) == value


def test_every_flag_has_a_variable_and_no_two_commands_differ_about_one() -> None:
    kinds: dict[str, set[tuple[Any, ...]]] = {}
    for command in commands_of(parser()).values():
        for flag in flags_of(command):
            kinds.setdefault(variable_of(flag), set()).add((flag.dest, flag.nargs, flag.type))
    assert {"SKEWGATE_REPORT_DIR", "SKEWGATE_PRIVATE_KEY", "SKEWGATE_MAX_AGE"} <= set(kinds)
    assert [name for name, found in kinds.items() if len(found) > 1] == []


def test_a_flag_wins_over_its_variable_whole() -> None:
    found = given(
        "check", "-i", "flag", "--forks", "1", SKEWGATE_INVENTORY="env", SKEWGATE_FORKS="9", SKEWGATE_USER="u"
    )
    assert (found.args.inventory, found.args.forks, found.args.user) == (["flag"], 1, "u")
    assert dict(found.sources) == {
        "inventory": "flag --inventory",
        "forks": "flag --forks",
        "user": "environment SKEWGATE_USER",
    }


def test_a_flag_wins_over_the_variable_of_what_it_stands_in_for() -> None:
    found = given("check", "-K", SKEWGATE_BECOME_PASSWORD_FILE="file")
    assert (found.args.ask_become_pass, found.args.become_password_file) == (True, None)
    found = given("check", "--here", SKEWGATE_INVENTORY="x", SKEWGATE_LIMIT="y")
    assert (found.args.here, found.args.inventory, found.args.limit) == (True, [], None)
    assert given("check", "-i", "x", SKEWGATE_HERE="1").args.here is False


def test_a_flag_takes_nothing_from_the_variables_of_others() -> None:
    found = given("check", "-l", "a", SKEWGATE_INVENTORY="x", SKEWGATE_FORKS="2")
    assert (found.args.limit, found.args.inventory, found.args.forks) == ("a", ["x"], 2)


WRONG: dict[str, tuple[str, dict[str, str], str]] = {
    "a check": (
        "check --only clock_skw",
        {},
        "argument --only: no check is called 'clock_skw'; did you mean clock_skew?",
    ),
    "a flag": ("check -i x --limti a", {}, "unrecognized arguments: --limti a; did you mean --limit?"),
    "a number": ("gate", {"FORKS": "many"}, "FORKS in the environment: expected a whole number, found 'many'"),
    "a switch": ("gate", {"ASK_PASS": "maybe"}, "ASK_PASS in the environment: expected 1 or 0, found 'maybe'"),
    "a format": (
        "check",
        {"FORMAT": "xml"},
        "FORMAT in the environment: no format is called 'xml'; known: csv, html, json,",
    ),
    "a name": ("check", {"ONLY": "x"}, "ONLY in the environment: no check is called 'x'"),
    "two of one": (
        "check -K --become-password-file f",
        {},
        "found flag --ask-become-pass and flag --become-password-file",
    ),
    "a flag of another command": ("verify x --forks 3", {}, "unrecognized arguments: --forks 3"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_is_said_with_the_usage_of_the_command(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    line, variables, text = WRONG[name]
    argv, environment = line.split(), {f"SKEWGATE_{key}": value for key, value in variables.items()}
    with pytest.raises(SystemExit) as ended:
        read(argv, environment)
    assert ended.value.code == 2
    err = capsys.readouterr().err
    assert text in err
    assert err.startswith(f"usage: skewgate {argv[0]} ")


def test_an_unknown_variable_is_refused_with_the_one_that_may_be_meant(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SKEWGATE_INVENTRY", "x")
    assert cli.main(["explain"]) == 2
    captured = capsys.readouterr()
    assert captured.err == (
        "skewgate: SKEWGATE_INVENTRY in the environment: no flag has this variable; did you mean SKEWGATE_INVENTORY?\n"
    )
    assert captured.out == ""


@pytest.mark.parametrize(("option", "flag"), [("-K", "-K"), ("--ask-pass", "-k"), ("--ask-vault-password", "-J")])
def test_a_question_in_the_run_is_refused_with_the_flag_that_asks_before_it(
    option: str, flag: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["check", "-i", "hosts.yml", "--", option])
    assert ended.value.code == 2
    assert (
        f"{option} after --: nobody could answer the question in the run; give {flag} before" in capsys.readouterr().err
    )


def test_help_of_every_command_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    for name in commands_of(parser()):
        with pytest.raises(SystemExit) as ended:
            read([name, "--help"], {})
        assert ended.value.code == 0
        out = capsys.readouterr().out
        assert out.startswith(f"usage: skewgate {name}")
        assert argparse.SUPPRESS not in out
