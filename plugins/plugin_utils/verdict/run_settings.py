"""The settings of a run: validated for all hosts at once, before any node is contacted."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ..boundary.settings import SettingsError, count_of, texts_of, unknown_names
from ..boundary.signing_keys import read_signing_key
from ..boundary.values import shown
from ..boundary.variables import read_settings, setting_of
from ..clock.measuring import References
from ..github.apps import GithubApp, date_apis
from ..github.minters import ALL, AUTO, Wanted
from ..model.wording import listed
from .admission import MAX_AGE_S
from .settings import CheckSettings, read_check_settings


@dataclass(frozen=True, kw_only=True)
class Variables:
    """Hosts whose settings are equal: their variables, the problems of these,
    and where they come from.
    """

    hosts: Sequence[str]
    values: Mapping[str, Any]
    problems: Sequence[str]
    sources: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RunSettings:
    """What a run has once: where its reports go, how old an admission may be,
    and the references of all hosts.
    """

    report_dir: Path
    report_formats: Sequence[str]
    run_id: str
    admission_max_age_s: float
    ntp_servers: Sequence[str]
    apps: Sequence[GithubApp]
    timeout_s: float
    warnings: Sequence[str] = ()
    mint_nodes: str = AUTO
    signing_key_file: str = ""
    wanted_tokens: Sequence[Wanted] = ()

    @property
    def references(self) -> References:
        """The references that the controller compares its clock with before it signs
        for any host.
        """
        return References(ntp_servers=self.ntp_servers, apis=date_apis(self.apps), timeout_s=self.timeout_s)


def options_of(settings: Mapping[str, Any], options: Iterable[str]) -> dict[str, Any]:
    """The options of node_check that are settings, from the settings by their variables' names."""
    return {option: settings[setting_of(option)] for option in options if setting_of(option) in settings}


def read_run_settings(groups: Sequence[Variables], options: Iterable[str], formats: Collection[str]) -> RunSettings:
    """The settings of all hosts; raises SettingsError with all problems, each once.

    ``options`` are those of node_check, ``formats`` the names of all formats.
    """
    hosts_of: dict[str, list[str]] = {}
    settings_of: list[tuple[Sequence[str], dict[str, Any]]] = []
    checks: list[CheckSettings] = []
    wanted: list[Wanted] = []
    max_ages_s: list[int] = []
    for group in groups:
        settings, problems = read_settings(group.values)
        settings_of.append((group.hosts, settings))
        problems += group.problems
        given = {"admission_max_age_s": settings["gate_admission_max_age_s"]}
        max_ages_s.append(count_of(given, "admission_max_age_s", MAX_AGE_S, problems, least=0))
        try:
            check = read_check_settings(options_of(settings, options), list, problems)
            checks.append(check)
            wanted.append(_wanted(group.hosts, check))
        except SettingsError as error:
            problems = error.problems
        for problem in dict.fromkeys(problems):
            hosts_of.setdefault(problem, []).extend(group.hosts)
    count = sum(len(group.hosts) for group in groups)
    shared = [_problem_text(problem, hosts, count) for problem, hosts in hosts_of.items()]
    report_dir = _one("gate_report_dir", settings_of, lambda value: str(_folder(value or "skewgate-report")), shared)
    report_formats = _report_formats(settings_of, formats, shared)
    run_id = _one("gate_run_id", settings_of, lambda value: value or "", shared)
    mint_nodes = _mint_nodes(settings_of, shared)
    signing_key_file = _signing_key_file(settings_of, Path(report_dir), shared)
    if shared:
        raise SettingsError(shared)
    return RunSettings(
        report_dir=Path(report_dir),
        report_formats=report_formats,
        run_id=run_id,
        admission_max_age_s=min(max_ages_s),
        ntp_servers=list(dict.fromkeys(server for check in checks for server in check.ntp_servers)),
        apps=list({app.api_url: app for check in checks for app in check.apps}.values()),
        timeout_s=max(check.timeout_s for check in checks),
        warnings=list(dict.fromkeys(warning for check in checks for warning in check.warnings)),
        mint_nodes=mint_nodes,
        signing_key_file=signing_key_file,
        wanted_tokens=wanted,
    )


def _wanted(hosts: Sequence[str], check: CheckSettings) -> Wanted:
    return Wanted(hosts=hosts, apps=check.apps, per_minute=check.mints_per_minute, per_hour=check.mints_per_hour)


def _mint_nodes(settings_of: Iterable[tuple[Sequence[str], Mapping[str, Any]]], problems: list[str]) -> str:
    found = _one("gate_mint_nodes", settings_of, str, problems)
    if found not in (AUTO, ALL) and not re.fullmatch("[1-9][0-9]{0,8}", found):
        problems.append(
            f"gate_mint_nodes: expected {AUTO}, {ALL}, or a number of nodes, at least 1, found {shown(found)}"
        )
    return found


def _signing_key_file(
    settings_of: Iterable[tuple[Sequence[str], Mapping[str, Any]]], report_dir: Path, problems: list[str]
) -> str:
    """The file of the key that signs the report.

    It is read now, because after the run it would be too late to correct it. The report reads it
    again, so nothing keeps the key meanwhile. A value is shown only if it is a key's file: the key
    itself may have been written there.
    """
    name = "gate_signing_key_file"
    wrong: list[str] = []
    for value in dict.fromkeys(settings[name] for _hosts, settings in settings_of if settings[name]):
        try:
            read_signing_key(value, name, report_dir)
        except ValueError as error:
            wrong.append(str(error))
    problems += wrong
    found = "" if wrong else _one(name, settings_of, lambda value: value or "", problems)
    return str(_folder(found)) if found else ""


def _report_formats(
    settings_of: Iterable[tuple[Sequence[str], Mapping[str, Any]]], known: Collection[str], problems: list[str]
) -> list[str]:
    name = "gate_report_formats"
    found = texts_of(_one(name, settings_of, lambda value: ", ".join(value or []), problems))
    problems += unknown_names(f"{name}: no format is called", found, known)
    return found


def _folder(value: str) -> Path:
    return Path(value).expanduser().absolute()


def _problem_text(problem: str, hosts: Sequence[str], count: int) -> str:
    """A problem, with the hosts that have it if other hosts do not."""
    if len(hosts) == count:
        return problem
    return f"{problem} (on {f'{len(hosts)} hosts: ' if len(hosts) > 1 else ''}{listed(hosts, 3)})"


def _one(
    name: str,
    settings_of: Iterable[tuple[Sequence[str], Mapping[str, Any]]],
    read: Callable[[Any], str],
    problems: list[str],
) -> str:
    """A setting that must be the same for all hosts of a run; a difference is a problem."""
    hosts_by_value: dict[str, list[str]] = {}
    for hosts, settings in settings_of:
        hosts_by_value.setdefault(read(settings[name]), []).extend(hosts)
    if len(hosts_by_value) > 1:
        found = [f"{value!r} (on {listed(hosts, 3)})" for value, hosts in hosts_by_value.items()]
        problems.append(f"{name}: expected one for all hosts of a run, found {listed(found, 3)}")
    return next(iter(hosts_by_value), "")
