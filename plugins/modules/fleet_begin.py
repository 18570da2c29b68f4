#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action ``fleet_begin``, which runs on the controller
(plugins/action/fleet_begin.py).
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_begin
short_description: Begin a run before any of its nodes is contacted
version_added: 0.1.0
description:
  - Reads the variables C(gate_*) of all hosts. If any of them are wrong, it fails with every
    problem, one line each. A problem that several hosts share ends with their names.
  - Takes an earlier report in C(gate_report_dir) out of force. If this run ends without a report,
    no node is admitted from the earlier one. Its evidence stays. It fails if the folder can't be
    written, or if another run uses it.
  - If JWTs will be signed, it measures the controller's clock with the NTP servers and APIs of all
    hosts. JWTs are dated according to the corrected clock.
  - Its result holds for the whole run, whatever nodes answer later. It does not read facts of
    nodes.
  - It chooses the hosts that mint installation tokens, according to C(gate_mint_nodes). It warns if
    some hosts do not mint, or if they have to wait.
  - The role C(skewgate.preflight.gate) runs it first. It works once for a play, and returns the
    same result for each batch.
  - It runs on the controller only. Give it C(run_once) and C(delegate_to) localhost.
options:
  hosts:
    description: The hosts of the run.
    type: list
    elements: str
    required: true
  remediation:
    description: Whether nodes are remediated in this run. If they are, the variables C(chrony_*)
      are read too.
    type: bool
    default: false
attributes:
  check_mode:
    support: full
    description: It works in check mode too, because reports are written in check mode. It does not
      touch nodes.
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
  description: An ID that no other run has. The checks of this run carry it.
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
signing_key_file:
  description: The file of the key that signs the report, an absolute path. Empty if it is not
    signed.
  type: str
  returned: success
run_id:
  description: The word that the report carries.
  type: str
  returned: success
admission_max_age_s:
  description: How old an admission may be, in seconds. It is the smallest value of any host.
  type: float
  returned: success
mint_notes:
  description: For each App, how many nodes mint its token, and why, if not all nodes do or if they
    have to wait.
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
  description: Each setting that is set on a host, by name, with its C(source) (a flag or a variable
    of the command, V(-e), V(inventory), V(play), V(default)). It has its C(value) too if that is
    the same on all hosts and not a mapping.
  type: dict
  returned: success
configuration_errors:
  description: The problems of the settings, one line each. No node was contacted.
  type: list
  elements: str
  returned: if the settings are wrong
"""
