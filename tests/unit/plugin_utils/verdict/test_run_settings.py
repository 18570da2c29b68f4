"""The settings of all hosts of a run together:
what is wrong, on which hosts, and what all of them share.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.modules import node_check
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.arguments import documented
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.settings import SettingsError
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.signing_keys import write_pair
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.run_settings import (
    RunSettings,
    Variables,
    read_run_settings,
)

OPTIONS = documented(node_check.DOCUMENTATION)[1]
GOOD = {"gate_ntp_servers": ["ntp1"], "gate_checks": ["clock_skew"], "gate_report_dir": "/r"}


def of(*hosts: str, problems: tuple[str, ...] = (), **changes: Any) -> Variables:
    return Variables(hosts=hosts, values={**GOOD, **changes}, problems=problems)


def read(*groups: Variables) -> RunSettings:
    return read_run_settings(groups, OPTIONS, ["html", "json", "text"])


def problems(*groups: Variables) -> list[str]:
    with pytest.raises(SettingsError) as refused:
        read(*groups)
    return refused.value.problems


def test_the_references_of_all_hosts_are_those_of_the_run_each_once() -> None:
    run = read(of("a", gate_ntp_servers="ntp1, ntp2"), of("b", gate_ntp_servers=["ntp2", "ntp3"], gate_timeout_s="7"))
    assert run.ntp_servers == ["ntp1", "ntp2", "ntp3"]
    assert (run.timeout_s, run.report_dir, run.run_id) == (7, Path("/r"), "")
    assert (run.references.ntp_servers, run.references.timeout_s) == (run.ntp_servers, 7)


def test_the_formats_of_the_report_are_one_choice_of_known_names() -> None:
    assert read(of("a"), of("b")).report_formats == ["html", "text"]
    assert read(of("a", gate_report_formats="json, text")).report_formats == ["json", "text"]
    assert problems(of("a", gate_report_formats=["pdf"])) == [
        "gate_report_formats: no format is called 'pdf'; known: html, json, text"
    ]
    (differ,) = problems(of("a", gate_report_formats=["json"]), of("b"))
    assert differ.startswith("gate_report_formats: expected one for all hosts of a run")


def test_an_admission_of_the_run_lasts_as_long_as_the_strictest_host_says() -> None:
    assert read(of("a"), of("b", gate_admission_max_age_s="60")).admission_max_age_s == 60
    assert read(of("a", gate_admission_max_age_s=0), of("b")).admission_max_age_s == 0
    assert read(of("a")).admission_max_age_s == 3600


def test_a_problem_is_reported_once_with_the_hosts_that_have_it_unless_all_do() -> None:
    wrong = {"gate_clients": ["argo"]}
    (everywhere,) = problems(of("a", **wrong), of("b", gate_timeout_s=3, **wrong))
    assert everywhere.startswith("gate_clients: no client profile is called 'argo'")
    assert "(on " not in everywhere
    (somewhere,) = problems(of("a", "b", "c", "d", "e", **wrong), of("f"))
    assert somewhere.endswith("(on 5 hosts: a, b, c and 2 more)")
    (one,) = problems(of("a", "b"), of("c", problems=("gate_x: can't be worked out",)))
    assert one == "gate_x: can't be worked out (on c)"


def test_a_problem_that_two_readers_find_is_one() -> None:
    said = "chrony_nts_servers: 'a b': it has a blank; give the name alone, without options"
    assert problems(of("a", problems=(said,), chrony_nts_servers=["a b"])) == [said]


def test_all_problems_of_all_hosts_come_at_once() -> None:
    found = problems(of("a", gate_clients=["argo"]), of("b", gate_timeout_s="soon"), of("c", gate_report_dir="/other"))
    assert [line.split(":")[0] for line in found] == ["gate_clients", "gate_timeout_s", "gate_report_dir"]
    assert "'/r' (on a, b), '/other' (on c)" in found[-1]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("gate_environment", "x"),
        ("gate_environment", "HTTPS_PROXY=http://proxy:3128"),
        ("gate_environment", ["x"]),
        ("gate_remediate", "perhaps"),
        ("gate_admission_max_age_s", -1),
        ("gate_admission_max_age_s", "soon"),
        ("gate_run_id", {"a": 1}),
        ("gate_own_variables", 7),
        ("chrony_nts_servers", {"a": 1}),
    ],
)
def test_what_no_check_reads_has_its_type_too(name: str, value: Any) -> None:
    (problem,) = problems(of("a", **{name: value}))
    assert problem.startswith(f"{name}: expected ")


def test_a_folder_is_one_however_it_is_written() -> None:
    here = str(Path.cwd())
    assert read(of("a", gate_report_dir=f"{here}/r"), of("b", gate_report_dir="r")).report_dir == Path(here) / "r"


@pytest.mark.parametrize("value", ["auto", "all", "1", "400", 60])
def test_how_many_nodes_mint_is_one_for_all_hosts(value: Any) -> None:
    assert read(of("a", gate_mint_nodes=value), of("b", gate_mint_nodes=value)).mint_nodes == str(value)
    assert read(of("a")).mint_nodes == "auto"


@pytest.mark.parametrize("value", ["0", 0, -1, "some", "1.5", "60 ", "Auto"])
def test_how_many_nodes_mint_is_no_other_word(value: Any) -> None:
    (problem,) = problems(of("a", gate_mint_nodes=value))
    assert problem.startswith("gate_mint_nodes: expected auto, all, or a number of nodes, at least 1, found")


def test_hosts_do_not_differ_in_how_many_nodes_mint() -> None:
    (problem,) = problems(of("a", gate_mint_nodes="all"), of("b"))
    assert problem == "gate_mint_nodes: expected one for all hosts of a run, found 'all' (on a), 'auto' (on b)"


def test_the_key_that_signs_is_one_for_all_hosts_and_is_read_before_the_run(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_pair(tmp_path / name)
    one, two = (str(tmp_path / name) for name in ("one", "two"))
    assert read(of("a", gate_signing_key_file=one), of("b", gate_signing_key_file=one)).signing_key_file == one
    assert read(of("a"), of("b", gate_signing_key_file="")).signing_key_file == ""
    (differ,) = problems(of("a", gate_signing_key_file=one), of("b", gate_signing_key_file=two))
    assert differ.startswith("gate_signing_key_file: expected one for all hosts of a run")
    (tmp_path / "one").chmod(0o644)
    (open_to_all,) = problems(of("a", gate_signing_key_file=one), of("b", gate_signing_key_file=one))
    assert open_to_all.startswith(f"gate_signing_key_file {one}: others can read or change it (mode 0644)")


def test_a_key_in_place_of_its_file_is_not_shown(tmp_path: Path) -> None:
    write_pair(tmp_path / "key")
    pem = (tmp_path / "key").read_text()
    said = problems(of("a", gate_signing_key_file=pem), of("b", gate_signing_key_file=pem.splitlines()[1]), of("c"))
    assert [line.split(":")[0].split(" ")[0] for line in said] == ["gate_signing_key_file"] * 2
    assert pem.splitlines()[1] not in "".join(said)
