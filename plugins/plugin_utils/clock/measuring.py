"""Measures the controller's clock once per run with the probes of nodes, and shares the result.

Sharing is needed because Ansible checks each host in a separate process.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ...module_utils.node.background import gather
from ...module_utils.node.clocks import read_clocks
from ...module_utils.probes import api_date, ntp
from ..boundary.shared_file import shared_file
from .controller import ControllerClock
from .ntp_packet import NS
from .skew import UnknownSkew, estimate_skew

STATE_FILE = "skewgate-controller-clock.json"
STEPPED_S = 0.1
"""If the clock was moved by more than this since its measurement, it is measured again."""

NTP_PORT = 123


@dataclass(frozen=True, kw_only=True)
class References:
    """The references of the controller: NTP servers, and APIs, each ``{"url", "ca_pem"}``.

    The measurement ends after ``timeout_s``, even if some references have not answered.
    """

    ntp_servers: Sequence[str]
    apis: Sequence[Mapping[str, Any]]
    timeout_s: float
    ntp_port: int = NTP_PORT

    def measure(self) -> ControllerClock:
        """Ask all references side by side, each once."""
        wall_ns, mono_ns = read_clocks()
        servers = {
            ("ntp", name): partial(ntp.collect, [name], self.ntp_port, 1, self.timeout_s) for name in self.ntp_servers
        }
        dates = {
            ("date", str(api["url"])): partial(api_date.collect, [api], self.timeout_s, requests=1) for api in self.apis
        }
        taken = gather({**servers, **dates}, self.timeout_s)
        evidence = {
            "collected": {"wall_ns": wall_ns, "mono_ns": mono_ns},
            "ntp": {"servers": [_server(name, taken["ntp", name]) for _kind, name in servers]},
            "api_date": {"apis": [_api(url, taken["date", url]) for _kind, url in dates]},
        }
        try:
            return ControllerClock.of(estimate_skew(evidence, None))
        except Exception as error:  # noqa: BLE001 - whatever a reference answers, it must not end the run
            why = f"the references' answers can't be read: {type(error).__name__}: {error}"
            return ControllerClock(None, UnknownSkew.UNREADABLE, why)


def _server(name: str, taken: Mapping[str, Any]) -> Mapping[str, Any]:
    answer: Mapping[str, Any] = taken["servers"][0] if "servers" in taken else {"server": name, **taken}
    return answer


def _api(url: str, taken: Mapping[str, Any]) -> Mapping[str, Any]:
    late = {"url": url, "answers": [{"error": {"phase": "reply", "message": taken.get("error")}}]}
    answer: Mapping[str, Any] = taken["apis"][0] if "apis" in taken else late
    return answer


def measured_once(
    folder: Path, measure: Callable[[], ControllerClock], clocks: Callable[[], tuple[int, int]] = read_clocks
) -> ControllerClock:
    """The measurement of the first process that asks; the others wait for it.

    If the clock was moved since, it is measured again. ``folder`` belongs to one run. If it can't
    be written, each process measures itself. ``clocks`` gives the wall and the monotonic clock, in
    nanoseconds.
    """
    try:
        with shared_file(folder / STATE_FILE) as file:
            wall_ns, mono_ns = clocks()
            if found := _still_holds(file.read(), wall_ns - mono_ns):
                return found
            measured = measure().as_json()
            file.write({"wall_minus_mono_ns": wall_ns - mono_ns, "measured": measured})
            return ControllerClock.from_json(measured)  # the same digits that the others read
    except OSError:
        return measure()


def _still_holds(found: Any, wall_minus_mono_ns: int) -> ControllerClock | None:
    """The measurement in the file, unless the clock was moved since; None if the file is
    incomplete.
    """
    try:
        stepped_s = abs(found["wall_minus_mono_ns"] - wall_minus_mono_ns) / NS
        return ControllerClock.from_json(found["measured"]) if stepped_s <= STEPPED_S else None
    except (ValueError, TypeError, KeyError, ArithmeticError):
        return None
