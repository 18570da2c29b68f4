"""What is to be changed on a node so that the findings that refuse it are answered, and nothing else.

Pure: from the node's record, its judgement and the role's settings to a plan, which the role carries out. Check mode shows
the same plan, so that it foretells what a run does. A plan refuses rather than guesses: then nothing is changed, and it says why.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from ..checks.next_boot import Key as NextBoot
from ..checks.ntp_sources import Key as Sources
from ..checks.sync_state import Key as Sync
from ..checks.time_service import Key as TimeService
from ..chrony.config import ChronyConfig, read_config
from ..clock.ntp_packet import NS
from ..daemons import discover
from ..daemons.common.daemon import TimeDaemon
from ..daemons.common.strays import stray_daemons
from ..daemons.common.units import time_daemons
from ..model.cluster import KUBELET_UNITS, TIME_SYNC_TARGET
from ..model.record import MissingEvidenceError, Record
from ..model.wording import listed
from .config_text import HEADER, order_drop_in, order_drop_in_path, wait_unit
from .configuration import Configuration
from .distributions import UnknownDistributionError, distribution
from .join import Correction, correction, joined
from .owners import Owner, owner_of
from .planned import Change, Planned, RefusedError
from .servers import Choice, choose
from .settings import Settings, is_number

WAIT = "chrony-wait.service"
_MASKED = "masked"
_RTC = (NextBoot.RTC_OFF, NextBoot.RTC_LOCAL, NextBoot.RTC_UNREADABLE)
"""Keys of next_boot that go when the RTC is set."""
_NO_SOURCE = (Sources.NONE_CONFIGURED, Sources.NONE_ANSWERS, Sources.NONE_SELECTED)
"""Keys of ntp_sources that a daemon shows which was started just now."""
STARTS_WITHIN_S = 60.0
"""So long a chronyd with good servers is given before it is called stuck; with `iburst` it needs some ten."""
_UNFINISHED = ("half-installed", "unpacked", "half-configured")
"""dpkg's states of a package whose installation was cut off (dpkg(1))."""
APT_NEEDS_RIGHT_TIME_S = 5.0
"""Beyond it the clock is set before a package is installed: apt takes a Release file of more than 10 s in the future for none
(apt.conf(5), Acquire::Max-FutureTime), and TLS a certificate that is not valid yet."""


@dataclass(frozen=True)
class Plan:
    """``install``: None, or what ``_install`` gives. ``node``: the arguments of the module node_remediate.

    ``wait_s``: how long a slew takes, by which the proof waits longer. A plan with a ``refusal`` changes nothing.
    """

    refusal: str | None = None
    warnings: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    install: Mapping[str, Any] | None = None
    node: Mapping[str, Any] = field(default_factory=dict)
    wait_s: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """As plain JSON."""
        return asdict(self)


def make_plan(record: Record, judgement: Mapping[str, Any], settings: Settings) -> Plan:
    """The plan for one node, from its record and the entry that ``judge_record`` made of it."""
    planner = _Planner(record, judgement, settings)
    try:
        return planner.plan()
    except RefusedError as refused:
        return Plan(refusal=str(refused), warnings=tuple(planner.warnings))
    except MissingEvidenceError as missing:
        return Plan(refusal=f"The node did not show what a plan rests on: {missing}. Check it again as root.")


class _Planner(Planned):
    """Collects the changes while it goes through what may be at fault."""

    def __init__(self, record: Record, judgement: Mapping[str, Any], settings: Settings) -> None:
        super().__init__(record, judgement)
        self.settings = settings

    def plan(self) -> Plan:
        reachable = self.findings.get("reachable", {"state": "pass"})
        if reachable["state"] != "pass":
            raise RefusedError(f"{reachable['summary']}. {reachable['remedy']}")
        skew_s = self.record.skew.skew_s
        if skew_s and skew_s.low <= 0 <= skew_s.high and self.to_remediate.pop("clock_skew", None):
            unclear = f"{self.findings['clock_skew']['summary']}: setting it does not help, nearer servers do (chrony_servers)"
            if not self.to_remediate:
                raise RefusedError(f"The clock may be right, but is not measured well enough to tell. It is {unclear}.")
            self.warnings.append(unclear)
        if not self.to_remediate:
            return Plan()
        if self.record.section("time_services").get("manager") != "systemd":
            raise RefusedError(
                "The role changes units of systemd alone, which does not run here. Fix this node by hand."
            )
        try:
            self.platform = distribution(self.record.section("platform"))
        except UnknownDistributionError as unknown:
            raise RefusedError(str(unknown)) from unknown
        daemons = time_daemons(self.record.section("time_services"))
        self._refuse_what_is_no_units_fault(daemons)
        if units := self._other_daemon_is_fine(daemons):
            return self._only_units(*units)
        return self._with_chrony(daemons)

    # What the role can't or must not fix.

    def _refuse_what_is_no_units_fault(self, daemons: Sequence[TimeDaemon]) -> None:
        services = self.record.section("time_services")
        at_fault = [f"{stray.name}: {stray.stop}" for stray in stray_daemons(services, daemons)]
        if at_fault:
            raise RefusedError(
                f"A time daemon runs that no known unit starts, and would go on beside chrony. {listed(at_fault)}."
            )
        if ptp := [d.unit for d in daemons if discover()[d.daemon].of_linuxptp and (d.active or d.enabled)]:
            said = self.findings.get("time_service", {}).get("remedy") or "Fix PTP by hand."
            raise RefusedError(f"This node is set up for PTP ({listed(ptp)}), which chrony would fight. {said}")
        if idle := [d for d in daemons if d.daemon == "chrony" and d.active and d.leaves_clock_alone]:
            raise RefusedError(
                f"{idle[0].unit} is told to leave the clock alone ({idle[0].leaves_clock_alone}), as in a container. Take that "
                f"option away ({self.platform.options_variable}), or fix the time of the container's host."
            )

    # A daemon other than chrony that works: only the units are at fault.

    def _other_daemon_is_fine(self, daemons: Sequence[TimeDaemon]) -> tuple[TimeDaemon, list[TimeDaemon]] | None:
        if not {*self.to_remediate} <= {"time_service", "next_boot"}:
            return None
        steering = [d for d in daemons if d.steers_now]
        if not steering or any(d.daemon == "chrony" for d in steering):
            return None
        others = [d for d in daemons if d is not steering[0] and (d.active or d.enabled) and not d.leaves_clock_alone]
        at_fault = others or not steering[0].enabled or self.caused("next_boot", NextBoot.NOT_ENABLED, *_RTC)
        return (steering[0], others) if at_fault else None

    def _only_units(self, keep: TimeDaemon, others: Sequence[TimeDaemon]) -> Plan:
        enable = [] if keep.enabled and not self.caused("next_boot", NextBoot.NOT_ENABLED) else [keep.unit]
        if enable:
            self.change(f"enable {keep.unit}", *self.caused("next_boot", NextBoot.NOT_ENABLED))
        self._disable(others)
        rtc = bool(self.caused("next_boot", *_RTC)) and self._rtc(written=False)
        node = {"enable": enable, "disable": [d.unit for d in others], "rtc": rtc}
        return self._finish(None, node, Correction("slew", "no daemon is started", None))

    # chrony, installed or to be.

    def _with_chrony(self, daemons: Sequence[TimeDaemon]) -> Plan:
        choice = choose(self.record, self.judgement, self.settings.wanted)
        self.warnings += choice.warnings
        if choice.refusal:
            raise RefusedError(choice.refusal)
        chrony = self._chrony(daemons)
        if chrony and (since_s := self._just_started(chrony, choice)) is not None:
            self.change(f"wait for {chrony.unit}, which was started {since_s:.0f} s ago", *self.to_remediate)
            node = {"enable": [], "disable": [], "rtc": self._rtc(written=False)}
            return self._finish(None, node, Correction("slew", "nothing is started", None))
        step = self._step()
        others = [d for d in daemons if d != chrony and (d.active or d.enabled) and not d.leaves_clock_alone]
        install = self._install(chrony, daemons, others, step)
        files, config = Configuration(self, self.settings, self.platform).to_write(chrony, choice)
        if install:
            # What rpm puts beside a configuration file: the package's where another one was, and a changed one when the package
            # is removed (RPM's documentation of %config(noreplace)).
            suffixes = () if self.platform.manager == "apt" else (".rpmnew", ".rpmsave")
            install["beside"] = [{**file, "path": file["path"] + suffix} for file in files for suffix in suffixes]
        unit = chrony.unit if chrony else self.platform.unit
        restart = bool(files) or chrony is None or not chrony.active or bool(self.failing(*_CLOCK))
        if restart:
            if step.kind == "slew":
                self._refuse_step(unit, config)
            running = bool(chrony and chrony.active)
            words = {"step": "so that it steps the clock", "slew": "without a step: it slews the clock"}[step.kind]
            first = (
                [] if running else ["time_service", *self.caused("next_boot", NextBoot.GIVES_UP, NextBoot.STEP_UNKNOWN)]
            )
            self.change(f"{'restart' if running else 'start'} {unit}, {words}", *first, *_CLOCK)
        # One that is enabled in /run alone is not enabled at the next boot.
        enable = [] if chrony and chrony.enabled and not self.caused("next_boot", NextBoot.NOT_ENABLED) else [unit]
        if enable:
            unmask = "unmask and " if chrony and chrony.state == _MASKED else ""
            self.change(f"{unmask}enable {unit}", *self.caused("next_boot", NextBoot.NOT_ENABLED))
        if install and install["hold"] and not enable:
            enable = [unit]  # it is unmasked with what is enabled
        self._disable(others)
        if files or install or self.findings.get("next_boot", {}).get("state") != "pass":
            files += self._wait(unit, enable) + self._order()
        node = {
            "files": files,
            "chronyd": {
                "unit": unit,
                "config": config.path,
                "restart": restart,
                "step": step.kind == "step",
                "options_variable": self.platform.options_variable,
                "options": self._options(),
            },
            "enable": enable,
            "disable": [d.unit for d in others],
            "rtc": self._rtc(bool(files)),
        }
        return self._finish(install, node, step)

    def _just_started(self, chrony: TimeDaemon, choice: Choice) -> float | None:
        """How long ago, in seconds, where all that is at fault is that chronyd needs time: its servers are good.

        Not with a configuration of this role: that may be of a run that was interrupted, and is gone through again.
        """
        section = self.record.evidence.get("chrony") or {}
        config = read_config({"config": {}, **section})
        names = [source.name for source in config.sources]
        waits = [*self.caused("ntp_sources", *_NO_SOURCE), *self.caused("sync_state", Sync.NOT_SYNCHRONISED)]
        steps = self.failing("clock_skew") if config.last("makestep") else []
        if not (
            chrony.active and waits and set(names) <= set(choice.good) and {*self.to_remediate} == {*waits, *steps}
        ):
            return None
        since_s = self.record.section("collected")["wall_ns"] / NS - (section.get("started_s") or 0)
        ours = any(HEADER in text for _path, text in self.files("chrony"))
        return since_s if names and not ours and 0 <= since_s < STARTS_WITHIN_S else None

    def _chrony(self, daemons: Sequence[TimeDaemon]) -> TimeDaemon | None:
        """chronyd's unit, of several the one that runs (chronyd-restricted is another); a mask hides one that is installed."""
        units = [d for d in daemons if d.daemon == "chrony"]
        shown = self.record.section("time_services")["units"]
        masked = any(u["load_state"] == "masked" and self.platform.unit in (u["unit"], *u["names"]) for u in shown)
        if not units and masked and (self.record.evidence.get("chrony") or {}).get("present"):
            return TimeDaemon(daemon="chrony", unit=self.platform.unit, active=False, enabled=False, state=_MASKED)
        return min(units, key=lambda d: (not d.active, not d.enabled), default=None)

    def _refuse_step(self, unit: str, config: ChronyConfig) -> None:
        """A joined node is slewed by -R, by the environment file; raises RefusedError where that does not keep it from a step."""
        skew_s, makestep = self.record.skew.skew_s, config.last("makestep")
        # chronyd(8): -R ignores makestep with a positive limit alone.
        if makestep and skew_s and makestep.arguments[1:2] and makestep.arguments[1].startswith("-"):
            threshold = makestep.arguments[0]
            if not is_number(threshold) or max(-skew_s.low, skew_s.high) > float(threshold):
                raise RefusedError(
                    f"This node has joined a cluster, and `{makestep.text}` ({makestep.file}) would step it: with a negative "
                    "number of updates chronyd's option -R does not hold it. Give it a positive one, for example `makestep 1 3` "
                    "(chrony_makestep, chrony_extra_lines)."
                )
        starts = self._boot_units().get(unit, {}).get("exec_start") or ""
        variable = self.platform.options_variable
        if starts and f"${variable}" not in starts.replace("{", ""):
            raise RefusedError(
                f"This node has joined a cluster, and chronyd can't be kept from stepping its clock: {unit} runs `{starts}`, "
                f"without the options in ${variable}. Add ${variable} to its ExecStart=."
            )

    def _step(self) -> Correction:
        said = correction(
            self.record.skew.skew_s,
            joined(self.record.section("join_state")),
            threshold_s=self.settings.threshold_s,
            forward_limit_s=self.settings.joined_step_limit_s,
            slew_limit_s=self.settings.joined_slew_limit_s,
            told_by_name=self.settings.host in self.settings.step_joined,
        )
        if said.kind == "refuse":
            raise RefusedError(said.why)
        return said

    def _install(
        self, chrony: TimeDaemon | None, daemons: Sequence[TimeDaemon], others: Sequence[TimeDaemon], step: Correction
    ) -> dict[str, Any] | None:
        dpkg = self.record.section("platform").get("dpkg") or {}
        held_by = dpkg.get("held_by")
        unfinished = dpkg.get("chrony") in _UNFINISHED
        if chrony and not unfinished:
            return None
        if not self.platform.installs:
            raise RefusedError(self.platform.why_not)
        replaced = [d.unit for d in others] if self.platform.replaces else []
        what = f"install {self.platform.package}" + (f" in place of {listed(replaced)}" if replaced else "")
        if unfinished and not held_by:
            what = f"finish the installation of {self.platform.package}, which was interrupted ({dpkg['chrony']})"
        if held_by:
            at_work = f"{held_by['name'] or 'another process'} (process {held_by['pid']})"
            what += f", once {at_work} has released dpkg's lock"
        self.change(what, "time_service")
        skew_s = self.record.skew.skew_s
        off = step.kind == "step" and skew_s is not None and max(skew_s.high, -skew_s.low) > APT_NEEDS_RIGHT_TIME_S
        if off and skew_s:
            self.change("set the clock, so that the package's repository is believed", "clock_skew")
        undo = {
            "manager": self.platform.manager,
            "package": self.platform.package,
            # The package manager removes also those that neither run nor start: their states are saved too.
            "replaces": [d.daemon for d in daemons if d != chrony] if self.platform.replaces else [],
            # An earlier installation may have left keys, which are not backed up and so must not be purged.
            "purge": not (self.record.section("chrony").get("config") or {}).get("path"),
        }
        return {
            "manager": self.platform.manager,
            "package": self.platform.package,
            # Debian's package starts chronyd with Debian's own configuration, which steps by servers that nobody has asked.
            "hold": [self.platform.unit] if joined(self.record.section("join_state")) else [],
            "step_s": -skew_s.middle if off and skew_s else None,
            "idle": [d.unit for d in daemons if d not in (chrony, *others)],
            "unfinished": not held_by and (unfinished or bool(dpkg.get("interrupted"))),
            # What someone else has begun stays. Of what a run of this role has begun, the backup knows.
            "undo": {} if unfinished else undo,
        }

    def _order(self) -> list[dict[str, str]]:
        """Drop-ins for what starts pods and does not wait for the clock yet, and for what one names."""
        units = self._boot_units()
        unordered = [
            name
            for name in units
            if name in KUBELET_UNITS
            and units[name]["load_state"] == "loaded"
            and TIME_SYNC_TARGET not in units[name]["after"]
        ]
        named = [
            name
            for name in self.settings.order_units
            if TIME_SYNC_TARGET not in units.get(name, {"after": ()})["after"]
        ]
        names = list(dict.fromkeys([*unordered, *named]))
        for name in names:
            self.change(f"order {name} after {TIME_SYNC_TARGET}", *self.caused("next_boot", NextBoot.NOTHING_WAITS))
        return [{"path": order_drop_in_path(name), "content": order_drop_in(), "mode": "0644"} for name in names]

    def _wait(self, unit: str, enable: list[str]) -> list[dict[str, str]]:
        """Let ``time-sync.target`` wait for the clock: adds to ``enable``, and gives the unit's file where there is none."""
        units = self._boot_units()
        if WAIT in units and units[WAIT]["unit_file_state"] == "enabled":
            return []
        enable.append(WAIT)
        self.change(
            f"enable {WAIT}, so that {TIME_SYNC_TARGET} waits for the clock",
            *self.caused("next_boot", NextBoot.NOTHING_WAITS),
        )
        there = self.platform.wait_unit or (WAIT in units and units[WAIT]["load_state"] == "loaded")
        return [] if there else [{"path": f"/etc/systemd/system/{WAIT}", "content": wait_unit(unit), "mode": "0644"}]

    def _boot_units(self) -> dict[str, Mapping[str, Any]]:
        shown = self.record.section("boot")["units"]
        return {unit["unit"]: unit for unit in ([] if "error" in shown else shown)}

    def _rtc(self, written: bool) -> bool:
        there = bool((self.record.section("clock").get("rtc") or {}).get("present"))
        if there and (written or self.failing("clock_skew", "next_boot")):
            self.change("set the RTC by the proved clock", *self.caused("next_boot", *_RTC))
            return True
        return False

    def _disable(self, others: Iterable[TimeDaemon]) -> None:
        for daemon in others:
            self._refuse_fight(daemon)
            answered = [
                *self.caused("time_service", TimeService.SEVERAL),
                *self.caused("next_boot", NextBoot.SEVERAL_ENABLED, NextBoot.NOT_ENABLED, NextBoot.GIVES_UP),
            ]
            self.change(f"stop and disable {daemon.unit}", *answered)

    def _refuse_fight(self, daemon: TimeDaemon) -> None:
        """Another tool that configures this daemon would bring it back at its next run."""
        section = discover()[daemon.daemon].section
        if section is None or self.settings.overwrite_foreign_config:
            return
        read = self.files(section)
        beside = (self.record.evidence.get(section) or {}).get("beside") or []
        for path, text in [*read, *((file["path"], file["text"]) for file in beside)]:
            owner = owner_of(path, text)
            if owner and owner.again:
                raise RefusedError(
                    f"{daemon.unit} would be stopped, but {owner.name} wrote {path} and brings it back at its next run. "
                    f"{self._in_the_tool(owner, daemon, text, (path, text) in read)} Or take {owner.name} off this node, and "
                    "set chrony_overwrite_foreign_config=true."
                )

    def _in_the_tool(self, owner: Owner, daemon: TimeDaemon, text: str, read: bool) -> str:
        """What to set in the tool that brings a daemon; ``read``: whether that reads the tool's file, which has ``text``."""
        servers = [*self.settings.wanted.servers, *self.settings.wanted.pools]
        how = owner.how.replace("{servers}", listed(servers))
        if not read:
            bring = f": let {owner.name} bring chrony, by {owner.chrony}" if owner.chrony else ""
            return f"{daemon.daemon} does not read that file{bring}. {how}"
        there = [re.search(rf"^(server|pool)\s+{re.escape(name)}\s", text, re.MULTILINE) for name in servers]
        if daemon.active and there and all(there):
            return (
                f"It names your servers, which {daemon.daemon} follows some minutes after its start: check again then."
            )
        return how

    def _finish(self, install: Mapping[str, Any] | None, node: Mapping[str, Any], step: Correction) -> Plan:
        answered = {name for change in self.changes for name in change.answers}
        rest = [self.words(name) for name in self.to_remediate if name not in answered]
        if not answered:
            raise RefusedError(
                f"The role knows no change that answers {'; '.join(rest)}. Next: "
                f"{' '.join(dict.fromkeys(f['remedy'] for f in self.to_remediate.values()))}"
            )
        if rest:
            self.warnings.append(f"no change answers {'; '.join(rest)}")
        wait_s = step.slew_s or 0.0 if step.kind == "slew" else 0.0
        return Plan(None, tuple(self.warnings), tuple(self.changes), install, node, wait_s)

    def _options(self) -> str:
        """What chronyd is started with by the distribution's file, of several lines the last, but without -s: by it chronyd sets
        the clock by the RTC at its start (chronyd(8)).
        """
        found = self.platform.options
        for file in (self.record.evidence.get("chrony") or {}).get("defaults") or []:
            for line in file["text"].splitlines():
                name, equals, value = line.strip().partition("=")
                if equals and name == self.platform.options_variable:
                    found = " ".join(shlex.split(value, comments=True))
        return " ".join(word for word in found.split() if word != "-s")


_CLOCK = ("clock_skew", "sync_state", "config_in_use")
"""What a daemon that starts anew may answer: its offset, its claim, what it runs with."""
