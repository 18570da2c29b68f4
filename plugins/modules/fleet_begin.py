#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action ``fleet_begin``, which runs on the controller (plugins/action/fleet_begin.py)."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_begin
short_description: Begin a run before any of its nodes is contacted
version_added: 0.1.0
description:
  - Reads the variables C(gate_*) of all hosts, and fails with all that is wrong with any of them, a line each. Hosts
    that have a problem in common are named behind it.
  - Takes an earlier report in C(gate_report_dir) out of force, so that nothing is admitted from it if this run ends without a
    report. Its evidence stays. It fails if the folder can't be written, or if another run has it.
  - If JWTs will be signed, it measures the controller's clock with the NTP servers and APIs of all hosts. JWTs are dated by
    what comes of that.
  - What it returns holds for the whole run, whatever nodes answer later. Facts of nodes are not read.
  - It chooses the hosts that mint installation tokens, by C(gate_mint_nodes), and warns if not all do, or if they have to wait.
  - The role C(skewgate.preflight.gate) runs it first. It does its work once for a play, and returns the same for each batch.
  - It runs on the controller alone; give it C(run_once) and C(delegate_to) localhost.
options:
  hosts:
    description: The hosts of the run.
    type: list
    elements: str
    required: true
  remediation:
    description: Whether nodes are remediated in this run; then the variables C(chrony_*) are read too.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: Reports are written in check mode too, so it does the same; nodes are not touched by it.
author:
  - The skewgate developers (@skewgate)
"""

EXAMPLES = r"""
- name: Begin the run
  skewgate.preflight.fleet_begin:
    hosts: "{{ ansible_play_hosts_all }}"
  register: gate_begun
  run_once: true
  delegate_to: localhost
  become: false
"""

RETURN = r"""
id:
  description: What tells this run from every other; the checks of this run carry it.
  type: str
  returned: success
hosts:
  description: The hosts of the run.
  type: list
  elements: str
  returned: success
report_dir:
  description: The folder for the reports, an absolute path.
  type: str
  returned: success
run_id:
  description: The word that the report carries.
  type: str
  returned: success
admission_max_age_s:
  description: How old an admission may be, in seconds; the least that any host has.
  type: float
  returned: success
mint_notes:
  description: How many nodes mint an App's token, and why, if not all do or if they have to wait.
  type: list
  elements: str
  returned: success
ntp_servers:
  description: The NTP servers of all hosts.
  type: list
  elements: str
  returned: success
apis:
  description: The addresses of all hosts' GitHub APIs.
  type: list
  elements: str
  returned: success
settings:
  description: Each setting that is set on a host, by name, with its C(source) (a flag or a variable of the command, V(-e),
    V(inventory), V(play), V(default)) and, if it is the same on all hosts and no mapping, its C(value).
  type: dict
  returned: success
configuration_errors:
  description: What is wrong with the settings, a line each; no node was contacted.
  type: list
  elements: str
  returned: where the settings are wrong
"""
