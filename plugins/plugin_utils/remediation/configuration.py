"""The new configuration of chrony: which file is written, and which lines must not be lost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...module_utils.node.names import COMMAND_LINE
from ..checks.config_in_use import Key as InUse
from ..checks.next_boot import Key as NextBoot
from ..checks.sync_state import Key as Sync
from ..chrony.config import ChronyConfig
from ..chrony.faults import Place
from ..chrony.reader import read_config
from ..chrony.rules import ENDS_NEXT_START, MAY_NOT_START, RULES, Rule
from ..chrony.sources import host_key, selectable
from ..daemons.chrony import next_start_differs
from ..daemons.common.daemon import TimeDaemon
from ..model.policy import Policy
from ..model.wording import listed
from .config_text import FRAGMENT, HEADER, fragment, main_file
from .distributions import Distribution
from .owners import Owner, extends, owner_of
from .planned import Planned, RefusedError
from .servers import Choice
from .settings import Settings

_SERVES = "CHR302"
"""The rule that finds lines that let other machines in (`allow`)."""
_REPLACED = (
    *("server", "pool", "peer", "makestep", "rtcsync", "driftfile", "keyfile", "confdir", "sourcedir", "include"),
    *("dumpdir", "leapseclist", "leapsectz", "logdir", "maxupdateskew", "ntsdumpdir"),
)
"""Directives that are dropped without a message.

The role writes some itself. Distributions ship the others, and no clock needs them.
"""


_IN_THE_FILES = (
    *(InUse.DROPPED_LINE, InUse.NTS_STARVATION, InUse.NTS_WITHOUT_KEYS, InUse.WAITS_FOR_REQUIRED),
    *(InUse.KEY_MISSING, InUse.MINSOURCES, InUse.NEXT_START_DIFFERS),
)
"""Keys of config_in_use that stay until the files are changed; a restart fixes the others."""


class Configuration:
    """Chrony's files on one node."""

    def __init__(self, planned: Planned, settings: Settings, platform: Distribution) -> None:
        """``planned`` takes the changes and the warnings."""
        self.planned, self.settings, self.platform = planned, settings, platform

    def to_write(self, chrony: TimeDaemon | None, choice: Choice) -> tuple[list[dict[str, str]], ChronyConfig]:
        """The files to write (none if chrony's configuration is not at fault),
        and what chronyd then reads.
        """
        section = self.planned.record.evidence.get("chrony") or {}
        in_use = (section.get("config") or {}).get("path") if chrony else None
        # SUSE's file; /etc/chrony.conf is used instead of it if it exists.
        path = (
            in_use if in_use and in_use.startswith("/") and not in_use.startswith("/usr/etc/") else self.platform.conf
        )
        config = read_config({"config": {}, **section}) if chrony and section else ChronyConfig(path)
        if chrony and self._is_fine(config, chrony, choice):
            return [], replace(config, path=path)
        if chrony and section:
            self._refuse_what_is_not_read(path, config, section, chrony)
        if config.unreadable:
            unread = config.unreadable[0]
            raise RefusedError(
                f"{unread.path} could not be read ({unread.error}), and its lines must not be lost. Make it "
                "readable, or remove the "
                "file from chrony's configuration."
            )
        answered = [
            *(["time_service"] if chrony and not chrony.active else []),
            *("chrony_config", "ntp_sources", "config_in_use", "clock_skew", "sync_state"),
            *self.planned.caused("next_boot", NextBoot.NO_STEP, NextBoot.WOULD_NOT_START),
        ]
        owner = self._owner(path) if chrony else None
        if owner and not self.settings.overwrite_foreign_config:
            file = self._extend(owner, config, choice)
            self.planned.change(f"write {file['path']}, beside the configuration of {owner.name}", *answered)
        else:
            confdirs, sourcedirs, not_read = self._folders(chrony, config, choice)
            keyfile = config.last("keyfile")
            content = main_file(
                choice,
                replace(self.platform, keyfile=keyfile.arguments[0])
                if keyfile and keyfile.arguments
                else self.platform,
                makestep=self.settings.makestep,
                extra=self.settings.extra_lines,
                confdirs=confdirs,
                sourcedirs=sourcedirs,
                not_read=not_read,
            )
            file = {"path": path, "content": content, "mode": "0644"}
            self.planned.change(f"write {path}", *answered)
        new = self._lint(path, file, section)
        self._account_for_the_rest(config, new)
        return [file], new

    def _refuse_what_is_not_read(
        self, path: str, config: ChronyConfig, section: Mapping[str, Any], chrony: TimeDaemon
    ) -> None:
        """Raise RefusedError if ``path`` would not be read, now or at a next start,
        or would not stay.
        """
        where = f"`systemctl cat {chrony.unit}` and {self.platform.options_variable}"
        if other := next_start_differs(config, section):
            raise RefusedError(
                f"chronyd runs with {config.path}, and {chrony.unit} starts it with {other}: it is not known which is "
                f"intended. Look at {where}, make both the same, and run the role again."
            )
        if config.path == COMMAND_LINE:
            raise RefusedError(
                "chronyd is started with directives on its command line and reads no file: a written file would have no "
                f"effect. Remove them from its command line ({where}), and run the role again."
            )
        if path.startswith(("/usr/", "/run/", "/var/run/")):
            raise RefusedError(
                f"chronyd is started with {path}, which belongs to a package or is written at each boot. Set the servers where "
                f"it comes from, or make chronyd read {self.platform.conf} (its option -f)."
            )

    def _account_for_the_rest(self, config: ChronyConfig, new: ChronyConfig) -> None:
        """Report the lines and files that no longer have an effect;
        raises RefusedError if a line may be needed.
        """
        ours = {path for path, text in self.planned.files("chrony") if HEADER in text}
        kept = {directive.text for directive in new.directives}
        gone = [d for d in config.directives if d.text not in kept and d.file not in ours]
        needed = {place.text: "other machines take their time here" for place in RULES[_SERVES].find(config)}
        needed |= {s.directive.text: "it is a reference clock" for s in config.sources if s.kind == "refclock"}
        if not all(s.authenticated for s in new.sources if s.kind != "refclock"):
            needed |= {s.directive.text: "it is authenticated" for s in config.sources if "key" in s.options}
        missed = [f"`{d.text}` ({d.file}:{d.line}): {needed[d.text]}" for d in gone if d.text in needed]
        if missed and not self.settings.overwrite_foreign_config:
            raise RefusedError(
                f"{new.path} would be replaced, and these lines would be lost: {listed(missed)}. To keep a line, "
                "put it into chrony_extra_lines "
                "(for a server, put its key into chrony_source_options). To drop it, set chrony_overwrite_foreign_config=true."
            )
        lines = [f"{d.text} ({d.file})" for d in gone if d.name not in _REPLACED and d.file in new.files]
        files = [file for file in config.files if file not in (*new.files, *ours)]
        if lines:
            self.planned.warnings.append(f"no longer in effect, unless chrony_extra_lines has them: {'; '.join(lines)}")
        if files:
            self.planned.warnings.append(f"no longer read by chronyd: {', '.join(files)}")

    def _is_fine(self, config: ChronyConfig, chrony: TimeDaemon, choice: Choice) -> bool:
        """Whether chrony's configuration may stay as it is."""
        if self.planned.failing("chrony_config", "ntp_sources"):
            return False
        if self.planned.caused("sync_state", Sync.ROOT_DISTANCE):
            return False
        if self.planned.caused("config_in_use", *_IN_THE_FILES) or self.planned.caused(
            "next_boot", NextBoot.NO_STEP, NextBoot.WOULD_NOT_START
        ):
            return False
        names = [s.name for s in selectable(config) if s.kind != "refclock"]
        good = len([name for name in names if host_key(name) in map(host_key, choice.good)])
        if not chrony.steers_now:
            # A daemon that does not run was not judged: its files may stay if they pass the rules
            # and have our servers.
            return not _errors(config, self.planned.policy) and good >= min(
                self.settings.wanted.min_sources, len(choice.good)
            )
        # If a clock is off although its daemon calls itself synchronised, the servers are wrong.
        misled = self.planned.failing("clock_skew") and not self.planned.failing("sync_state", "config_in_use")
        return not misled or (bool(names) and good == len(names))

    def _owner(self, path: str) -> Owner | None:
        texts = [text for file, text in self.planned.files("chrony") if file == path]
        return next((owner for text in texts if (owner := owner_of(text))), None)

    def _extend(self, owner: Owner, config: ChronyConfig, choice: Choice) -> dict[str, str]:
        """A fragment beside a file that another tool writes;
        raises RefusedError if that does not help.
        """
        servers = listed([*choice.good])
        owned = (
            f"{config.path} was written by {owner.name}{', which would overwrite it' if owner.again else ''}. "
            f"{owner.how.replace('{servers}', servers)} To let this role overwrite the file, set "
            "chrony_overwrite_foreign_config=true."
        )
        folder = extends(config, (self.planned.record.section("chrony")["config"]).get("sources_dirs") or [])
        if folder is None:
            raise RefusedError(f"{owned} It includes no folder for additional files.")
        if errors := _errors(config, self.planned.policy, but=("CHR101", "CHR102", "CHR108")):
            raise RefusedError(f"{owned} The errors are in that file ({', '.join(errors)}).")
        if any(s.authenticated for s in config.sources) or choice.with_nts:
            raise RefusedError(
                f"{owned} It would mix NTS servers and plain ones, and chronyd would not use the plain ones."
            )
        ours = (f"makestep {self.settings.makestep}", "rtcsync")
        lines = [line for line in ours if not config.all(line.split()[0])] + [*self.settings.extra_lines]
        if lines and folder.kind == "sourcedir":
            if self.planned.caused("next_boot", NextBoot.NO_STEP):
                raise RefusedError(f"{owned} Its folder {folder.path} takes only servers.")
            self.planned.warnings.append(f"not written, as {folder.path} takes only servers: {'; '.join(lines)}")
            lines = []
        suffix = ".sources" if folder.kind == "sourcedir" else ".conf"
        return {"path": f"{folder.path}/{FRAGMENT}{suffix}", "content": fragment(choice, lines), "mode": "0644"}

    def _folders(
        self, chrony: TimeDaemon | None, config: ChronyConfig, choice: Choice
    ) -> tuple[list[str], list[str], dict[str, str]]:
        """The folders that the new file draws in, and those that it leaves out as what is
        at fault stands there.
        """
        confdirs = [self.platform.confdir] if self.platform.confdir else []
        # What a package ships in its sourcedir is not seen yet: Ubuntu's are NTS pools, beside
        # which plain servers starve.
        sourcedirs = [self.platform.sourcedir] if self.platform.sourcedir and chrony else []
        bad = _places(config, self.planned.policy) | {
            problem.directive.file: "a line that chronyd drops" for problem in config.dropped
        }
        if not choice.with_nts:
            bad |= {
                s.directive.file: "NTS servers, without which plain ones starve"
                for s in config.sources
                if s.authenticated
            }
        not_read = {}
        for folder in [*confdirs, *sourcedirs]:
            why = [f"{path} has {what}" for path, what in bad.items() if path.startswith(f"{folder}/")]
            if why:
                not_read[folder] = "; ".join(why)
        if not_read:
            self.planned.warnings += [f"{folder} is no longer read: {why}" for folder, why in not_read.items()]
        return [f for f in confdirs if f not in not_read], [f for f in sourcedirs if f not in not_read], not_read

    def _lint(self, path: str, file: Mapping[str, str], section: Mapping[str, Any]) -> ChronyConfig:
        """Hold what would be written against the rules, as it would be read on the node."""
        texts = dict(self.planned.files("chrony")) | {file["path"]: file["content"]}
        files = {"path": path, "files": [{"path": p, "text": text} for p, text in texts.items()], "unread": []}
        there = {name: section.get(name) for name in ("version", "features", "named") if section.get("present")}
        config = read_config({"config": files, **there, "commands": section.get("commands")})
        # What chronyd itself accepted stays accepted, whatever the tables know of it.
        taken = {(p.directive.file, p.directive.text) for p in read_config({"config": {}, **section}).unjudged}
        unknown = tuple(p for p in config.invalid if (p.directive.file, p.directive.text) not in taken)
        config = replace(config, invalid=unknown)
        # What would end chronyd is refused where it is to be started: with file and line.
        if errors := _errors(config, self.planned.policy, but=(*ENDS_NEXT_START, MAY_NOT_START)):
            raise RefusedError(
                f"The configuration that would be written has {', '.join(errors)} (`skewgate explain chrony_config`). See "
                "chrony_source_options and chrony_extra_lines."
            )
        socket, port = config.last("bindcmdaddress"), config.last("cmdport")
        if socket and socket.arguments == ("/",) and port and port.arguments == ("0",):
            raise RefusedError(f"With `{port.text}` and `{socket.text}` nothing can ask chronyd. Take one of them out.")
        return config


def _matches(config: ChronyConfig, policy: Policy) -> Iterator[tuple[Rule, Place]]:
    """Each place where a rule refuses this configuration."""
    for rule in RULES.values():
        if rule.severity != "warning" and rule.id not in policy.accepted_rules:
            yield from ((rule, place) for place in rule.find(config))


def _errors(config: ChronyConfig, policy: Policy, but: Sequence[str] = ()) -> list[str]:
    """The rules that refuse this configuration, as ``CHR101 no-source``."""
    names = (
        f"{rule.id} {rule.name}{f' at {place}' if rule.id in ENDS_NEXT_START else ''}"
        for rule, place in _matches(config, policy)
        if rule.id not in but
    )
    return list(dict.fromkeys(names))


def _places(config: ChronyConfig, policy: Policy) -> dict[str, str]:
    """The files in which a rule finds an error, each with the rule."""
    return {place.file: f"{rule.id} {rule.name}" for rule, place in _matches(config, policy)}
