"""What to change on a node to fix the findings that refuse it, and nothing else.

Pure: from the node's record, its judgement and the role's settings to a plan, which the role
carries out. Check mode shows the same plan, so it predicts a run. If a plan would have to guess, it
refuses: then nothing is changed, and it says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

from ..checks.config_in_use import Key as InUse
from ..checks.next_boot import Key as NextBoot
from ..checks.ntp_sources import Key as Sources
from ..checks.sync_state import Key as Sync
from ..checks.time_service import Key as TimeService
from ..chrony.config import ChronyConfig
from ..chrony.reader import read_config
from ..chrony.sources import host_key
from ..clock.ntp_packet import NS
from ..daemons import discover
from ..daemons.common.asking import synchronisation
from ..daemons.common.daemon import TimeDaemon
from ..daemons.common.strays import stray_daemons
from ..daemons.common.units import time_daemons
from ..model.cluster import KUBELET_UNITS, TIME_SYNC_TARGET
from ..model.record import MissingEvidenceError, Record
from ..model.roles import Roles, objections, roles, wall_s_of
from ..model.wording import listed
from .chronyd_start import chronyd_options, needs, refuse_failing_start, refuse_later_step, refuse_step
from .config_text import HEADER, order_drop_in, order_drop_in_path, wait_unit
from .configuration import Configuration
from .distributions import UnknownDistributionError, distribution
from .join import Correction, correction
from .other_tools import refuse_fight
from .packages import plan_installation
from .planned import Change, Planned, RefusedError
from .servers import Choice, choose
from .settings import Settings

WAIT = "chrony-wait.service"
_RTC = (NextBoot.RTC_OFF, NextBoot.RTC_LOCAL, NextBoot.RTC_UNREADABLE)
"""Keys of next_boot that are fixed when the RTC is set."""
_STARTED_ANEW = (NextBoot.GIVES_UP, NextBoot.STEP_UNKNOWN)
"""Keys of next_boot that are fixed when chronyd is started in place of another daemon."""
_NO_SOURCE = (Sources.NONE_CONFIGURED, Sources.NONE_ANSWERS, Sources.NONE_SELECTED)
"""Keys of ntp_sources that a daemon may have just after its start."""
_UNSURE = (Sync.NOT_SYNCHRONISED, Sync.ROOT_DISTANCE)
"""Keys of sync_state that a daemon may have just after its start."""
STARTS_WITHIN_S = 60.0
"""How long a chronyd with good servers may take before it counts as stuck;
with `iburst` it needs about ten.
"""


@dataclass(frozen=True)
class Plan:
    """``install``: None, or what ``_install`` gives.

    ``node``: the arguments of the module node_remediate.

    ``wait_s``: extra time to wait for the proof while the clock is slewed. ``nts_clients``: what
    chronyd is to try before this is done (``Choice.to_try``); then the plan is made again. A plan
    with a ``refusal`` changes nothing.
    """

    refusal: str | None = None
    warnings: tuple[str, ...] = ()
    changes: tuple[Change, ...] = ()
    install: Mapping[str, Any] | None = None
    node: Mapping[str, Any] = field(default_factory=dict)
    wait_s: float = 0.0
    nts_clients: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        """The plan as the task remediation_plan returns it: JSON with lists for tuples."""
        return asdict(self)


def make_plan(record: Record, judgement: Mapping[str, Any], settings: Settings) -> Plan:
    """The plan for one node, from its record and the entry that ``judge_record`` made of it."""
    planner = _Planner(record, judgement, settings)
    try:
        return planner.plan()
    except RefusedError as refused:
        return Plan(refusal=str(refused), warnings=tuple(planner.warnings), nts_clients=planner.nts_clients)
    except MissingEvidenceError as missing:
        next_step = missing.remedy or "Run the check again as root."
        return Plan(refusal=f"The evidence that a plan needs is missing: {missing}. {next_step}")


class _Planner(Planned):
    """Collects the changes while it goes through the possible faults."""

    def __init__(self, record: Record, judgement: Mapping[str, Any], settings: Settings) -> None:
        super().__init__(record, judgement)
        self.settings = settings
        self.nts_clients: Mapping[str, Sequence[str]] = {}

    @cached_property
    def roles(self) -> Roles:
        """What the node is; raises MissingEvidenceError if it did not show that."""
        return roles(self.record.section("join_state"))

    def plan(self) -> Plan:
        reachable = self.findings.get("reachable", {"state": "pass"})
        if reachable["state"] != "pass":
            raise RefusedError(f"{reachable['summary']}. {reachable['remedy']}")
        skew_s = self.record.skew.skew_s
        if skew_s and skew_s.low <= 0 <= skew_s.high and self.to_remediate.pop("clock_skew", None):
            unclear = (
                f"{self.findings['clock_skew']['summary']}: setting the clock does not help; "
                "name nearer servers in chrony_servers, or more of them"
            )
            if not self.to_remediate:
                raise RefusedError(f"The clock may be right, but the measurement is not exact enough. It is {unclear}.")
            self.warnings.append(unclear)
        if not self.to_remediate:
            return Plan()
        if self.record.section("time_services").get("manager") != "systemd":
            raise RefusedError(
                "The role changes only units of systemd, which does not run here. Fix this node by hand."
            )
        try:
            self.platform = distribution(self.record.section("platform"))
        except UnknownDistributionError as unknown:
            raise RefusedError(str(unknown)) from unknown
        daemons = time_daemons(self.record)
        self._refuse_what_is_no_units_fault(daemons)
        if units := self._other_daemon_is_fine(daemons):
            return self._only_units(*units)
        return self._with_chrony(daemons)

    # Faults that the role cannot or must not fix.

    def _refuse_what_is_no_units_fault(self, daemons: Sequence[TimeDaemon]) -> None:
        at_fault = [f"{stray.name}: {stray.stop}" for stray in stray_daemons(self.record, daemons)]
        if at_fault:
            raise RefusedError(
                f"A time daemon runs that no known unit starts. It would go on beside chrony. {listed(at_fault)}."
            )
        if ptp := [d.unit for d in daemons if discover()[d.daemon].of_linuxptp and (d.active or d.enabled)]:
            said = self.findings.get("time_service", {}).get("remedy") or (
                "If chrony takes the time from it (`refclock`), the role's configuration would end that: change "
                "chrony.conf by hand."
            )
            raise RefusedError(f"This node is set up for PTP ({listed(ptp)}), which the role does not change. {said}")
        for daemon in daemons:
            instead = discover()[daemon.daemon].instead_of_stopping
            if instead and (daemon.active or daemon.enabled) and not daemon.leaves_clock_alone:
                raise RefusedError(
                    f"{daemon.unit} sets the clock and has other work, so the role does not stop it: {instead}."
                )
        if idle := [d for d in daemons if d.daemon == "chrony" and d.active and d.leaves_clock_alone]:
            raise RefusedError(
                f"{idle[0].unit} has an option to leave the clock alone ({idle[0].leaves_clock_alone}), as in a "
                "container. Remove that "
                f"option ({self.platform.options_variable}), or fix the time of the container's host."
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
        self.nts_clients = choice.to_try
        if choice.refusal:
            raise RefusedError(choice.refusal)
        chrony = self._chrony(daemons)
        if chrony and (since_s := self._just_started(chrony, choice)) is not None and not self._is_about_to_step():
            self.change(f"wait for {chrony.unit}, which was started {since_s:.0f} s ago", *self.to_remediate)
            node = {"enable": [], "disable": [], "rtc": self._rtc(written=False)}
            return self._finish(None, node, Correction("slew", "nothing is started", None))
        self._leave_a_root_distance_to(choice)
        step = self._step()
        others = [d for d in daemons if d != chrony and (d.active or d.enabled) and not d.leaves_clock_alone]
        install = plan_installation(
            self, self.platform, daemons, chrony=chrony, others=others, step=step, roles=self.roles
        )
        files, config = Configuration(self, self.settings, self.platform).to_write(chrony, choice)
        if not (files or choice.with_nts):  # NTS is neither written nor relied on
            self.nts_clients = {}
        if install:
            # rpm puts these beside a configuration file: the package's if there was another one,
            # and a changed one when the package is removed (RPM's documentation of
            # %config(noreplace)).
            suffixes = () if self.platform.manager == "apt" else (".rpmnew", ".rpmsave")
            install["beside"] = [{**file, "path": file["path"] + suffix} for file in files for suffix in suffixes]
        chronyd = self._chronyd(chrony, config, step, written=bool(files))
        unit = chronyd["unit"]
        enable = self._enable(chrony, unit)
        if install and install["hold"] and not enable:
            enable = [unit]  # it is unmasked with what is enabled
        self._disable(others)
        if files or install or self.findings.get("next_boot", {}).get("state") != "pass":
            files += self._wait(unit, enable) + self._order()
        node = {
            "files": files,
            "chronyd": chronyd,
            "enable": enable,
            "disable": [d.unit for d in others],
            "rtc": self._rtc(bool(files)),
        }
        return self._finish(install, node, step)

    def _leave_a_root_distance_to(self, choice: Choice) -> None:
        """A root distance that is too large comes from the sources:
        only other sources change it.
        """
        if not self.caused("sync_state", Sync.ROOT_DISTANCE):
            return
        config = read_config({"config": {}, **(self.record.evidence.get("chrony") or {})})
        in_use = {source.name for source in config.sources}
        in_use |= {name for peer in synchronisation(self.record).peers for name in (peer.name, peer.address)}
        asked = (self.record.evidence.get("ntp") or {}).get("servers") or []
        addresses = {server["server"]: {server["server"], *server["addresses"]} for server in asked}
        if not all(addresses.get(name, {name}) & in_use for name in choice.good):
            return
        finding = self.to_remediate.pop("sync_state")
        why = f"{finding['summary']}. This node already follows the wanted servers (chrony_servers): name a nearer one"
        if not self.to_remediate:
            raise RefusedError(f"{why}. {finding['remedy']}")
        self.warnings.append(why)

    def _chronyd(
        self, chrony: TimeDaemon | None, config: ChronyConfig, step: Correction, *, written: bool
    ) -> dict[str, Any]:
        """The chronyd that is to run, and whether it is restarted; ``written``:
        its files change.
        """
        unit = chrony.unit if chrony else self.platform.unit
        restart = written or chrony is None or not chrony.active or bool(self.failing(*_CLOCK))
        variable = self.platform.options_variable
        if restart:
            section = self.record.evidence.get("chrony") or {}
            refuse_failing_start(config, read_config({"config": {}, **section}) if chrony else config)
            if self.roles.wireguard:
                refuse_later_step(config)
            if step.kind == "slew":
                starts = self._boot_units().get(unit, {}).get("exec_start") or ""
                refuse_step(self.record.skew.skew_s, config, unit=unit, exec_start=starts, variable=variable)
            running = bool(chrony and chrony.active)
            words = {"step": "to step the clock", "slew": "without a step, to slew the clock"}[step.kind]
            first = [] if running else ["time_service", *self.caused("next_boot", *_STARTED_ANEW)]
            self.change(f"{'restart' if running else 'start'} {unit}, {words}", *first, *_CLOCK)
        return {
            "unit": unit,
            "config": config.path,
            "restart": restart,
            "step": step.kind == "step",
            "options_variable": variable,
            "options": chronyd_options(self.record, self.platform),
            "needs": needs(config) if restart else [],
        }

    def _enable(self, chrony: TimeDaemon | None, unit: str) -> list[str]:
        """The unit, if it is not enabled.

        A unit that is enabled only in /run is not enabled at the next boot.
        """
        if chrony and chrony.enabled and not self.caused("next_boot", NextBoot.NOT_ENABLED):
            return []
        unmask = "unmask and " if chrony and chrony.masked else ""
        self.change(f"{unmask}enable {unit}", *self.caused("next_boot", NextBoot.NOT_ENABLED))
        return [unit]

    def _just_started(self, chrony: TimeDaemon, choice: Choice) -> float | None:
        """How long ago, in seconds, chronyd was started, if it only needs time: its
        servers are good.

        Not with a configuration of this role: it may come from an interrupted run,
        and is done again.
        """
        section = self.record.evidence.get("chrony") or {}
        config = read_config({"config": {}, **section})
        names = [source.name for source in config.sources]
        waits = [*self.caused("ntp_sources", *_NO_SOURCE), *self.caused("sync_state", *_UNSURE)]
        waits += self.caused("config_in_use", InUse.INITSTEPSLEW)
        steps = self.failing("clock_skew") if config.last("makestep") else []
        if not (
            chrony.active
            and waits
            and {*map(host_key, names)} <= {*map(host_key, choice.good)}
            and {*self.to_remediate} == {*waits, *steps}
        ):
            return None
        since_s = self.record.section("collected")["wall_ns"] / NS - (section.get("started_s") or 0)
        ours = any(HEADER in text for _path, text in self.files("chrony"))
        return since_s if names and not ours and 0 <= since_s < STARTS_WITHIN_S else None

    def _is_about_to_step(self) -> bool:
        """Whether chronyd, if it is let alone, would step a clock that must not be stepped."""
        against = objections(self.roles, self.record.skew.skew_s, wall_s_of(self.record))
        return bool(self.failing("clock_skew") and against)

    def _chrony(self, daemons: Sequence[TimeDaemon]) -> TimeDaemon | None:
        """chronyd's unit; of several the one that runs (another is chronyd-restricted).

        A mask hides a unit.
        """
        units = [d for d in daemons if d.daemon == "chrony"]
        shown = self.record.section("time_services")["units"]
        masked = any(u["load_state"] == "masked" and self.platform.unit in (u["unit"], *u["names"]) for u in shown)
        if not units and masked and (self.record.evidence.get("chrony") or {}).get("present"):
            return TimeDaemon(
                daemon="chrony", unit=self.platform.unit, active=False, enabled=False, state="masked", masked=True
            )
        return min(units, key=lambda d: (not d.active, not d.enabled), default=None)

    def _step(self) -> Correction:
        said = correction(
            self.record.skew.skew_s,
            self.roles,
            wall_s=wall_s_of(self.record),
            threshold_s=self.settings.threshold_s,
            forward_limit_s=self.settings.joined_step_limit_s,
            slew_limit_s=self.settings.joined_slew_limit_s,
            named_by_user=self.settings.host in self.settings.step_joined,
        )
        if said.kind == "refuse":
            self.nts_clients = {}  # no server lets the clock be stepped
            raise RefusedError(said.why)
        return said

    def _order(self) -> list[dict[str, str]]:
        """Drop-ins for units that start pods and do not wait for the clock yet,
        and for units that are named.
        """
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
        """Let ``time-sync.target`` wait for the clock:
        adds to ``enable``, and gives the unit's file if there is none.
        """
        units = self._boot_units()
        if WAIT in units and units[WAIT]["unit_file_state"] == "enabled":
            return []
        enable.append(WAIT)
        self.change(
            f"enable {WAIT}: {TIME_SYNC_TARGET} then waits for the clock",
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
            self.change("set the RTC from the proved clock", *self.caused("next_boot", *_RTC))
            return True
        return False

    def _disable(self, others: Iterable[TimeDaemon]) -> None:
        for daemon in others:
            refuse_fight(self, self.settings, daemon)
            answered = [
                *self.caused("time_service", TimeService.SEVERAL),
                *self.caused("next_boot", NextBoot.SEVERAL_ENABLED, NextBoot.NOT_ENABLED, NextBoot.GIVES_UP),
            ]
            self.change(f"stop and disable {daemon.unit}", *answered)

    def _finish(self, install: Mapping[str, Any] | None, node: Mapping[str, Any], step: Correction) -> Plan:
        answered = {name for change in self.changes for name in change.answers}
        rest = [self.words(name) for name in self.to_remediate if name not in answered]
        if not answered:
            raise RefusedError(
                f"The role knows no change that fixes {'; '.join(rest)}. Next: "
                f"{' '.join(dict.fromkeys(f['remedy'] for f in self.to_remediate.values()))}"
            )
        if rest:
            self.warnings.append(f"no change fixes {'; '.join(rest)}")
        wait_s = step.slew_s or 0.0 if step.kind == "slew" else 0.0
        return Plan(None, tuple(self.warnings), tuple(self.changes), install, node, wait_s, self.nts_clients)


_CLOCK = ("clock_skew", "sync_state", "config_in_use")
"""The checks that a restart of the daemon may fix:
its offset, its claim, its configuration in use.
"""
