#!/usr/bin/python
# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Takes the evidence on a node; the probes of module_utils do the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: node_evidence
short_description: Take evidence of a node's clock, time services and GitHub App access
version_added: 0.1.0
description:
  - Reads the node's clocks, its time services and chrony's configuration and state, exchanges raw NTP packets with the
    given servers, asks APIs for their C(Date), and sends JWTs that were signed elsewhere to the GitHub App API.
  - It reads and asks only. Nothing on the node is changed, and an installation token that it mints is revoked at once.
  - It judges nothing. The action M(skewgate.preflight.node_check) calls it and judges what it returns.
  - It needs Python 3.8 and its standard library. What the node lacks, C(chronyc) for instance, is recorded as missing.
    Without root, what only root may see is recorded as an error.
author:
  - The skewgate developers (@skewgate)
options:
  sections:
    description: What to observe.
    type: list
    elements: str
    choices: [clock, time_services, chrony, ntpd, openntpd, timesyncd, ptp, ntp, nts, api_date, join_state, boot, clock_movers,
      github_apps]
    default: [clock, time_services, chrony, ntpd, openntpd, timesyncd, ptp, ntp, nts, api_date, join_state, boot, clock_movers,
      github_apps]
  ntp_servers:
    description: Names or addresses of the NTP servers that the node's clock is compared with. Every address of a name is asked.
    type: list
    elements: str
    default: []
  ntp_samples:
    description: How many exchanges to make with each address.
    type: int
    default: 4
  ntp_port:
    description: The UDP port of the NTP servers.
    type: int
    default: 123
  apis:
    description: APIs whose HTTP C(Date) is read, each once by its URL. No credential is sent to them.
    type: list
    elements: dict
    default: []
    suboptions:
      url:
        description: An https URL.
        type: str
        required: true
      ca_pem:
        description: CA certificates to verify against, in place of the node's own.
        type: str
  github_apps:
    description: GitHub Apps whose JWTs are sent from this node.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What the App is called in the evidence.
        type: str
        required: true
      api_url:
        description: The API's base URL, C(https://api.github.com) for instance.
        type: str
        required: true
      git_url:
        description: The base URL of repositories, C(https://github.com) for instance.
        type: str
        required: true
      ca_pem:
        description: CA certificates to verify against, in place of the node's own.
        type: str
      installation_id:
        description: The App's installation.
        type: str
        required: true
      depth:
        description:
          - V(jwt) reads the installation, V(token) mints an installation token and revokes it, V(repository) reaches the
            repositories with it in between.
        type: str
        choices: [jwt, token, repository]
        required: true
      repositories:
        description: Repositories as C(owner/name). A minted token is narrowed to them.
        type: list
        elements: str
        default: []
      permissions:
        description: The permissions that a minted token is narrowed to, C(contents=read) for instance.
        type: dict
        default: {}
      attempts:
        description: The JWTs to send, in order.
        type: list
        elements: dict
        required: true
        suboptions:
          label:
            description: What the attempt is called in the evidence.
            type: str
            required: true
          jwt:
            description: The JWT.
            type: str
            required: true
          signed_for_s:
            description: The Unix time that the JWT was signed for.
            type: int
            required: true
          only_within_s:
            description: Send the JWT only if the node's clock is at most this far from O(github_apps[].attempts[].signed_for_s).
            type: float
  timeout_s:
    description: How many seconds each network exchange may take. A command on the node, which waits for nobody else, may take
      three times as long on a busy one.
    type: float
    default: 5
attributes:
  check_mode:
    description: Can run in check mode and return what it would without it.
    support: full
  diff_mode:
    description: Nothing is changed, so there is no difference to show.
    support: none
  platform:
    description: Where it runs.
    platforms: linux
    support: full
"""

EXAMPLES = r"""
- name: See the node's clock and what steers it
  skewgate.preflight.node_evidence:
    sections: [clock, time_services, chrony]
  become: true
  register: node

- name: Compare the node's clock with two NTP servers and an API
  skewgate.preflight.node_evidence:
    sections: [ntp, api_date]
    ntp_servers: [ntp1.example.com, 192.0.2.123]
    apis:
      - url: https://api.github.com/zen
"""

RETURN = r"""
evidence:
  description:
    - What the node showed. Names that end in C(_ns) are nanoseconds, of C(time.time_ns()) (wall) or
      C(time.monotonic_ns()) (mono).
    - A section that was not asked for is absent; one that failed as a whole has nothing but C(error).
  returned: always
  type: dict
  contains:
    schema:
      description: The version of this form.
      type: str
      returned: always
      sample: skewgate/evidence/1
    collected:
      description: The clocks before anything else was done, and who did it.
      type: dict
      returned: always
      sample:
        wall_ns: 1795334400123456789
        mono_ns: 812345678901
        end_mono_ns: 814345678901
        python: 3.11.2
        euid: 0
    clock:
      description: The kernel's clock state (read-only adjtimex), its clocksource, the hardware clock.
      type: dict
      returned: when asked for
    time_services:
      description: Units (OpenRC's services too) and processes that may steer the clock, and C(timedatectl show).
      type: dict
      returned: when asked for
    chrony:
      description: Version, configuration as text with all it includes, C(chronyd -p), C(chronyc -c) output by command.
      type: dict
      returned: when asked for
    ntpd:
      description: Of ntp.org's ntpd and NTPsec, configuration as text with all it includes, C(ntpq -c rv), C(ntpq -pn).
      type: dict
      returned: when asked for
    openntpd:
      description: Of OpenNTPD, configuration as text, C(ntpctl -s all).
      type: dict
      returned: when asked for
    timesyncd:
      description: Of systemd-timesyncd, configuration as text with its drop-ins, C(timedatectl show-timesync --all).
      type: dict
      returned: when asked for
    ptp:
      description: Of linuxptp, configuration as text, C(pmc GET TIME_STATUS_NP) and C(PORT_DATA_SET).
      type: dict
      returned: when asked for
    ntp:
      description: Raw NTP exchanges by server, with the clock readings around each.
      type: dict
      returned: when asked for
    api_date:
      description: HTTP C(Date) by API, with the clock readings around each.
      type: dict
      returned: when asked for
    boot:
      description: How systemd orders what sets the clock and what relies on it, the uptime, fake-hwclock's saved time.
      type: dict
      returned: when asked for
    nts:
      description: How far the key establishment (TCP 4460) of each server was reached that chrony authenticates with NTS.
      type: dict
      returned: when asked for
    clock_movers:
      description: Commands in cron and systemd's timers that move the clock, the virtualization, VMware's time synchronisation.
      type: dict
      returned: when asked for
    join_state:
      description: Which traces of a joined cluster are there. Null is what may not be seen without root.
      type: dict
      returned: when asked for
    github_apps:
      description: By App and attempt, each request's answer. No token is in it; bodies are redacted, those of success left out.
      type: list
      elements: dict
      returned: when asked for
"""

import os
import platform
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import (
    api_date,
    boot,
    chrony,
    clock,
    clock_movers,
    github_app,
    join_state,
    ntp,
    ntpd,
    nts,
    openntpd,
    ptp,
    time_services,
    timesyncd,
)
from ansible_collections.skewgate.preflight.plugins.module_utils.probes.background import outcome, start

SECTIONS = [
    "clock",
    "time_services",
    "chrony",
    "ntpd",
    "openntpd",
    "timesyncd",
    "ptp",
    "ntp",
    "nts",
    "api_date",
    "join_state",
    "boot",
    "clock_movers",
    "github_apps",
]

APP_OPTIONS = {
    "name": {"type": "str", "required": True},
    "api_url": {"type": "str", "required": True},
    "git_url": {"type": "str", "required": True},
    "ca_pem": {"type": "str"},
    "installation_id": {"type": "str", "required": True},
    "depth": {"type": "str", "choices": ["jwt", "token", "repository"], "required": True},
    "repositories": {"type": "list", "elements": "str", "default": []},
    "permissions": {"type": "dict", "default": {}},
    "attempts": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "label": {"type": "str", "required": True},
            "jwt": {"type": "str", "required": True, "no_log": True},
            "signed_for_s": {"type": "int", "required": True},
            "only_within_s": {"type": "float"},
        },
    },
}

ARGUMENTS = {
    "sections": {"type": "list", "elements": "str", "choices": SECTIONS, "default": SECTIONS},
    "ntp_servers": {"type": "list", "elements": "str", "default": []},
    "ntp_samples": {"type": "int", "default": 4},
    "ntp_port": {"type": "int", "default": 123},
    "apis": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"url": {"type": "str", "required": True}, "ca_pem": {"type": "str"}},
    },
    "github_apps": {"type": "list", "elements": "dict", "default": [], "options": APP_OPTIONS},
    "timeout_s": {"type": "float", "default": 5},
}

QUIET_S = 0.5
"""How long the NTP exchanges have the node for themselves: on a slow processor, what runs beside them widens their delay."""


def collect(params: dict) -> dict:
    """The evidence, for the module's parameters."""
    wall_ns, mono_ns = clock.read_clocks()
    timeout_s = params["timeout_s"]
    busy_s = 3 * timeout_s
    probes = {  # section: how to take it, and by when it has ended if nothing is wrong with the node
        "ntp": (
            lambda: ntp.collect(params["ntp_servers"], params["ntp_port"], params["ntp_samples"], timeout_s),
            ntp.bound_s(params["ntp_samples"], timeout_s),
        ),
        "clock": (clock.collect, busy_s),
        "github_apps": (
            lambda: github_app.collect(params["github_apps"], timeout_s),
            github_app.bound_s(params["github_apps"], timeout_s),
        ),
        "api_date": (lambda: api_date.collect(params["apis"], timeout_s), api_date.bound_s(timeout_s)),
        "chrony": (lambda: chrony.collect(busy_s), busy_s + 3),
        "ntpd": (lambda: ntpd.collect(busy_s), busy_s + 3),
        "openntpd": (lambda: openntpd.collect(busy_s), busy_s + 3),
        "timesyncd": (lambda: timesyncd.collect(busy_s), busy_s + 3),
        "ptp": (lambda: ptp.collect(busy_s), busy_s + 3),
        "time_services": (lambda: time_services.collect(busy_s), busy_s + 3),
        "boot": (lambda: boot.collect(busy_s), busy_s + 3),
        "nts": (lambda: nts.collect(timeout_s), nts.bound_s(timeout_s)),
        "clock_movers": (lambda: clock_movers.collect(busy_s), busy_s + 3),
        "join_state": (join_state.collect, busy_s),
    }
    started = {}
    for section, (probe, bound_s) in probes.items():
        if section in params["sections"]:
            started[section] = (start(probe), time.monotonic() + bound_s)
            if section == "ntp":
                outcome(started[section][0], time.monotonic() + QUIET_S)
    evidence = {section: outcome(future, deadline_mono_s) for section, (future, deadline_mono_s) in started.items()}
    evidence["schema"] = "skewgate/evidence/1"
    evidence["collected"] = {
        "wall_ns": wall_ns,
        "mono_ns": mono_ns,
        "end_mono_ns": time.monotonic_ns(),
        "python": platform.python_version(),
        "euid": os.geteuid(),
    }
    return evidence


def main():
    """The module."""
    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    module.exit_json(changed=False, evidence=collect(module.params))


if __name__ == "__main__":
    main()
