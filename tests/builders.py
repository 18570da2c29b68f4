"""Evidence and records in miniature, in the forms that the module `node_evidence` gives; times are
those of a made-up run.

Positive skew: the node is ahead. Everything is built from a true time and the node's skew, so tests
know the truth.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from email.utils import formatdate
from typing import Any

from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import discover

NS = 1_000_000_000
NTP_TO_UNIX_S = 2_208_988_800
TRUE_NS = 1_795_336_536_250_000_000
"""The true time at which the module begins (22 November 2026)."""

MONO_NS = 290_000_000_000
"""What the node's monotonic clock shows then."""

BOOT_ID = "08993a95-0d51-406e-b60e-0e4696aa1a73"

NONCE = bytes.fromhex("d15cb8f294cd3503")


def wall_ns(skew_s: float, after_s: float = 0.0) -> int:
    """The node's clock, so long after the beginning."""
    return TRUE_NS + round((skew_s + after_s) * NS)


def mono_ns(after_s: float = 0.0) -> int:
    """The node's monotonic clock, so long after the beginning; it does not depend on the skew."""
    return MONO_NS + round(after_s * NS)


def ntp_timestamp(unix_ns: int) -> bytes:
    """64 bits, of whatever era (RFC 5905, section 6)."""
    seconds, fraction_ns = divmod(unix_ns + NTP_TO_UNIX_S * NS, NS)
    return struct.pack("!II", seconds % (1 << 32), -(-(fraction_ns << 32) // NS) % (1 << 32))


PRECISION_S = 2.0**-20
"""The precision that `ntp_reply` claims, unless given: a sample's bound has it on top."""


def ntp_reply(
    t2_ns: int,
    t3_ns: int,
    *,
    leap: int = 0,
    version: int = 4,
    mode: int = 4,
    stratum: int = 2,
    root_delay_s: float = 0.0,
    root_dispersion_s: float = 0.0,
    refid: bytes = b"\x7f\x7f\x01\x01",
    precision: int = -20,
    origin: bytes = NONCE,
) -> bytes:
    """A server's 48 bytes, field by field (RFC 5905, figure 8)."""
    head = struct.pack("!BBbb", leap << 6 | version << 3 | mode, stratum, 6, precision)
    root = struct.pack("!II", round(root_delay_s * 65536), round(root_dispersion_s * 65536))
    reference_time = ntp_timestamp(t2_ns - 16 * NS)
    return head + root + refid + reference_time + origin + ntp_timestamp(t2_ns) + ntp_timestamp(t3_ns)


def ntp_sample(
    skew_s: float = 0.0,
    *,
    after_s: float = 0.1,
    there_s: float = 0.001,
    back_s: float = 0.001,
    serving_s: float = 0.0001,
    server_off_s: float = 0.0,
    true_ns: int = TRUE_NS,
    **reply: Any,
) -> dict[str, Any]:
    """One exchange begun ``after_s`` into the run,
    with a server whose own clock is ``server_off_s`` ahead of the truth.
    """
    begun_ns = true_ns + round(after_s * NS)
    t2_ns = begun_ns + round((there_s + server_off_s) * NS)
    t3_ns = t2_ns + round(serving_s * NS)
    return {
        "address": "10.77.0.1",
        "t1_wall_ns": begun_ns + round(skew_s * NS),
        "t1_mono_ns": mono_ns(after_s),
        "t4_mono_ns": mono_ns(after_s + there_s + serving_s + back_s),
        "sent_hex": (b"\x23" + bytes(39) + NONCE).hex(),
        "reply_hex": ntp_reply(t2_ns, t3_ns, **reply).hex(),
    }


def silent_sample(skew_s: float = 0.0) -> dict[str, Any]:
    """An exchange in which no server replied within the bound."""
    return {
        "address": "10.77.0.9",
        "t1_wall_ns": wall_ns(skew_s, 0.1),
        "error": "no reply within 2 s",
        "kind": "silent",
    }


def ntp_server(
    name: str, *samples: dict[str, Any], error: str | None = None, address: str | None = None
) -> dict[str, Any]:
    """A machine at ``address`` that follows nobody, unless the samples' reference ID differs."""
    at = address or (name if name[0].isdigit() else f"10.77.1.{sum(name.encode()) % 250}")
    return {
        "server": name,
        "addresses": [] if error else [at],
        "samples": [{**sample, "address": at} for sample in samples],
        "error": error,
    }


def date_answer(
    skew_s: float = 0.0,
    *,
    after_s: float = 0.5,
    there_s: float = 0.01,
    back_s: float = 0.01,
    api_off_s: float = 0.0,
    **changes: Any,
) -> dict[str, Any]:
    """An API, whose clock is ``api_off_s`` ahead of the truth,
    puts its whole second into `Date` when the request arrives.
    """
    second = (TRUE_NS + round((after_s + there_s + api_off_s) * NS)) // NS
    return {
        "t_send_wall_ns": wall_ns(skew_s, after_s),
        "t_send_mono_ns": mono_ns(after_s),
        "t_recv_mono_ns": mono_ns(after_s + there_s + back_s),
        "status": 200,
        "date": formatdate(second, usegmt=True),
        "verified": True,
        **changes,
    }


def date_api(*answers: dict[str, Any], url: str = "https://api.github.lab") -> dict[str, Any]:
    """An entry of ``api_date.apis``: what one API answered when it was asked for its Date."""
    return {"url": url, "certificate_time_error": None, "answers": list(answers)}


def _loaded_unit(name: str, active: str, enabled: str) -> dict[str, Any]:
    return {
        "unit": name,
        "names": [name],
        "load_state": "loaded",
        "active_state": active,
        "unit_file_state": enabled,
    }


def unit(name: str, active: str = "active", enabled: str = "enabled", **changes: Any) -> dict[str, Any]:
    """A service as the section ``time_services`` has it: one that runs has the process 731."""
    return {
        **_loaded_unit(name, active, enabled),
        "sub_state": {"active": "running", "activating": "start"}.get(active, "dead"),
        "main_pid": 731 if active == "active" else 0,
        **changes,
    }


def boot_unit(name: str, enabled: str = "enabled", after: tuple[str, ...] = (), **changes: Any) -> dict[str, Any]:
    """A unit as the section ``boot`` has it."""
    return {
        **_loaded_unit(name, "inactive", enabled),
        "after": list(after),
        "before": [],
        "requires": [],
        "wants": [],
        "exec_start": "",
        "condition_met": None,
        **changes,
    }


CHRONY_UNIT = unit("chrony.service", names=["chrony.service", "chronyd.service"])


def time_services(*units: dict[str, Any], manager: str = "systemd", processes: Iterable[Any] = ()) -> dict[str, Any]:
    """The section: who starts services on the node, those that concern time,
    and the processes of time daemons.
    """
    return {"manager": manager, "units": list(units), "processes": list(processes)}


def tracking(
    *,
    skew_s: float = 0.0,
    age_s: float = 16.0,
    system_time_s: float = 0.00001,
    root_delay_s: float = 0.0002,
    root_dispersion_s: float = 0.0001,
    interval_s: float = 64.0,
    stratum: int = 3,
    leap: str = "Normal",
    refid: str = "0A4D0001",
    last_offset_s: float = 0.000001,
) -> str:
    """``chronyc -c tracking``: 14 fields."""
    ref_time_s = wall_ns(skew_s) / NS - age_s
    numbers = f"{ref_time_s:.9f},{system_time_s:.9f},{last_offset_s:.9f},0.000002,-0.130,0.001,0.012"
    root = f"{root_delay_s:.9f},{root_dispersion_s:.9f}"
    return f"{refid},10.77.0.1,{stratum},{numbers},{root},{interval_s:.1f},{leap}\n"


def source(name: str = "10.77.0.1", state: str = "*", reach: int = 0o377, poll: int = 6) -> str:
    """A row of ``chronyc -c sources``: 10 fields, reach in octal."""
    last_rx = 12 if reach else 4294967295
    return f"^,{state},{name},2,{poll},{reach:o},{last_rx},0.000001,0.000002,0.000100\n"


def chrony(
    tracking_text: str | None = None, *sources: str, config: str | None = None, **commands: Any
) -> dict[str, Any]:
    """A chronyd that runs with what its files say, unless ``config`` is another text,
    or ``commands`` answer otherwise.
    """
    rows = "".join(sources or [source()])
    printed = {
        "tracking": tracking_text or tracking(),
        "activity": f"{rows.count(chr(10))},0,0,0,0\n",
        **dict.fromkeys(("sources", "sources_named", "sources_all"), rows),
    }
    servers = "".join(f"server {row.split(',')[2]} iburst\n" for row in rows.splitlines())
    text = servers + "makestep 1 3\nrtcsync\ndriftfile /var/lib/chrony/chrony.drift\n" if config is None else config
    path = "/etc/chrony/chrony.conf"
    return {
        "present": True,
        "version": "4.3",
        "config": {"path": path, "files": [{"path": path, "text": text}], "unread": []},
        "printed": answer(text),
        "commands": {**{name: answer(text) for name, text in printed.items()}, **commands},
    }


def answer(stdout: str, rc: int = 0) -> dict[str, Any]:
    """What a command said."""
    return {"rc": rc, "stdout": stdout, "stderr": ""}


def step(name: str, status: int | None = 200, message: str | None = None, **changes: Any) -> dict[str, Any]:
    """One request of an attempt to GitHub's API, and what came back:
    GitHub's ``message`` if it refused.
    """
    return {
        "step": name,
        "method": "GET",
        "url": f"https://api.github.lab/{name}",
        "status": status,
        "message": message,
        "headers": {},
        "node_wall_s": TRUE_NS / NS,
        "duration_s": 0.1,
        "repository": None,
        "error": None,
        **changes,
    }


def repository_step(status: int = 200, **changes: Any) -> dict[str, Any]:
    """The request for a repository's refs with the token; a success has git's content type."""
    headers = {"content-type": "application/x-git-upload-pack-advertisement"} if status == 200 else {}
    return step("repository", status, **{"repository": "acme/deploy-config", "headers": headers, **changes})


def failed_step(name: str, phase: str, message: str, **kind: str) -> dict[str, Any]:
    """A request without an answer: the phase that failed (dns, connect, tls ...), why,
    and the error's ``kind`` if it has one.
    """
    return step(name, None, error={"phase": phase, "message": message, **kind})


def attempt(label: str, *steps: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """An entry of ``github_apps[].attempts``:
    a JWT signed for the true time was sent, and these requests made with it.
    """
    return {
        "label": label,
        "signed_for_s": TRUE_NS // NS,
        "node_wall_s": TRUE_NS / NS,
        "sent": True,
        "not_sent_because": None,
        "steps": list(steps),
        **changes,
    }


def not_sent(label: str = "now") -> dict[str, Any]:
    """An attempt that the node kept to itself:
    its clock, 612 s behind, is not the one that the JWT was signed for.
    """
    why = "the node's clock is -612.002 s from the time that the JWT was signed for, more than 5 s"
    return attempt(label, sent=False, not_sent_because=why)


def accepted_steps() -> list[dict[str, Any]]:
    """A token minted, used for a repository and revoked, each with success."""
    return [step("token", 201), repository_step(), step("revoke", 204)]


def accepted(label: str = "now") -> dict[str, Any]:
    """An attempt of which GitHub refused nothing."""
    return attempt(label, *accepted_steps())


def app(name: str = "deploy") -> dict[str, Any]:
    """The public part of a GitHub App, as the policy carries it."""
    return {
        "name": name,
        "issuer": "Iv23liLabClientId0001",
        "installation_id": "2002",
        "api_url": "https://api.github.lab",
        "repositories": ["acme/deploy-config"],
        "depth": "repository",
    }


CHECKS = tuple(discover())


def policy(**changes: Any) -> dict[str, Any]:
    """What the controller judges by: every check, required, for Argo CD with one App."""
    return {
        "checks": list(CHECKS),
        "advisory_checks": [],
        "clients": ["argocd"],
        "client_profiles": {},
        "github_apps": [app()],
        "max_clock_error_s": 1.0,
        "max_skew_s": None,
        **changes,
    }


def join_state(*joined: str, **changes: Any) -> dict[str, Any]:
    """The section of a node with these traces of a cluster, and nothing more against a step."""
    nothing = {"interfaces": [], "files": [], "processes": [], "unseen": []}
    return {
        "paths": dict.fromkeys(joined, True),
        "processes": [],
        "certificates": {},
        "wireguard": nothing,
        **changes,
    }


def wireguard(**found: list[str]) -> dict[str, Any]:
    """The section of a node that has joined no cluster, with these traces of WireGuard."""
    return join_state(wireguard={**join_state()["wireguard"], **found})


def evidence(skew_s: float = 0.0, **sections: Any) -> dict[str, Any]:
    """A node with chrony, three NTP servers and a working App;
    ``sections`` replace, and None takes one away.
    """
    whole = {
        "schema": "skewgate/evidence/1",
        "collected": {
            "wall_ns": wall_ns(skew_s),
            "mono_ns": mono_ns(),
            "boot_ns": mono_ns() + 300,
            "raw_ns": mono_ns() - 40_000_000,
            "gap_ns": 600,
            "boot_id": BOOT_ID,
            "suspends": 0,
            "vmclocks": [],
            "end_mono_ns": mono_ns(2.0),
            "python": "3.11.2",
            "euid": 0,
        },
        "clock": {"adjtimex": {"state": 0, "status": 0, "maxerror_us": 7580}, "clocksource": "tsc"},
        "time_services": time_services(CHRONY_UNIT),
        "clock_movers": {"cron": [], "timers": [], "virtualization": None, "vmware_timesync": None},
        "boot": {"units": [], "uptime_s": 290.0, "fake_hwclock": None},
        "chrony": chrony(tracking(skew_s=skew_s)),
        "ntp": {"servers": [ntp_server(f"10.77.0.{n}", ntp_sample(skew_s)) for n in (1, 2, 3)]},
        "nts": {"servers": []},
        "api_date": {"apis": [date_api(date_answer(skew_s))]},
        "github_apps": [{"name": "deploy", "attempts": [accepted()]}],
        "join_state": join_state(),
        **sections,
    }
    return {name: section for name, section in whole.items() if section is not None}


CONTROLLER = {"before_ns": TRUE_NS - NS, "after_ns": TRUE_NS + 3 * NS}
"""A controller with the true time: its bracket of a node with the true time is [-1, 1]."""


def record(skew_s: float = 0.0, *, of_policy: dict[str, Any] | None = None, **sections: Any) -> dict[str, Any]:
    """A node's entry of evidence.json: its evidence with the policy,
    from a controller that has the true time.
    """
    return {
        "policy": of_policy or policy(),
        "collected_at": "2026-11-22T08:35:36Z",
        "evidence": evidence(skew_s, **sections),
        "controller": CONTROLLER,
        "unreachable": None,
        "module_error": None,
    }


def unreached(reason: str = "ssh: connect to host 10.77.0.15 port 22: No route to host") -> dict[str, Any]:
    """The record of a node that Ansible got no connection to; ``reason`` is ssh's."""
    return {**record(), "evidence": {}, "controller": None, "unreachable": reason}


def refused_with_certificates(*valid_s: tuple[int, int | None]) -> dict[str, Any]:
    """The record of a node that refused a login for which ssh offered certificates; each is valid
    between two seconds from then.
    """
    at_s = TRUE_NS // NS
    certificates = [
        {
            "from": f"/home/ops/.ssh/id_{number}-cert.pub",
            "key_id": "ops",
            "valid_after_s": at_s + after_s if after_s else 0,
            "valid_before_s": before_s and at_s + before_s,
        }
        for number, (after_s, before_s) in enumerate(valid_s)
    ]
    refused = unreached("ops@10.77.0.15: Permission denied (publickey).")
    return {**refused, "ssh_login": {"at_s": float(at_s), "certificates": certificates}}


def without_evidence(module_error: str) -> dict[str, Any]:
    """The record of a node that was reached, and on which the module failed."""
    return {**record(), "evidence": {}, "module_error": module_error}
