#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action ``fleet_report``, which runs on the controller (plugins/action/fleet_report.py)."""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_report
short_description: Report on all nodes that were checked
version_added: 0.1.0
description:
  - Puts together the checks of each host, as the role P(skewgate.preflight.gate#role) kept them or as
    M(skewgate.preflight.node_check) registered them in variables, and writes evidence.json and the report.
  - A host's last check counts, the one after the remediation if there was one. A check of an earlier run does not count.
  - Where hosts do not wait for each other (strategies C(free) and C(host_pinned)), it writes no report, and says so.
  - A host without a result is reported as refused, since nothing is known about it. If Ansible could not even begin its check,
    as where its user is an undefined variable or its password in a vault that is locked, the report has Ansible's words.
  - It runs on the controller alone; give it C(run_once), C(delegate_to) localhost and C(become) false.
options:
  hosts:
    description: The hosts to report on.
    type: list
    elements: str
    required: true
  report_dir:
    description: The folder on the controller for the reports; it is made if it is missing. By default that of the run that
      M(skewgate.preflight.fleet_begin) began.
    type: path
  report_formats:
    description: The formats of the report beside report.json, which is always written. By default those of the run, as
      O(skewgate.preflight.gate#role:gate_report_formats) chose them, or else V(html) and V(text).
    type: list
    elements: str
  run_id:
    description: A word that the report carries, to tell this run's from another's; by default that of the run.
    type: str
  before:
    description: The name of the variable in which the first check was registered.
    type: str
    default: gate_before
  after:
    description: The name of the variable in which the check after the remediation was registered.
    type: str
    default: gate_after
  remediation:
    description: The name of the variable that says what became of the remediation.
    type: str
    default: gate_remediation
attributes:
  check_mode:
    support: full
    description: Reports are written in check mode too; nodes are not touched by it.
author:
  - The skewgate developers (@skewgate)
"""

EXAMPLES = r"""
- name: Report on all nodes
  skewgate.preflight.fleet_report:
    hosts: "{{ ansible_play_hosts_all }}"
    report_dir: /var/tmp/skewgate-report
  run_once: true
  delegate_to: localhost
  become: false
"""

RETURN = r"""
id:
  description: What tells this run from every other, as M(skewgate.preflight.fleet_begin) returned it; empty without it.
  type: str
  returned: success
verdict:
  description: V(admit) if every node is admitted, else V(refuse).
  type: str
  returned: if a report was written
exit_code:
  description: What the command line exits with for this report.
  type: int
  returned: if a report was written
summary:
  description: How many nodes were admitted, refused for a failure, and not judged.
  type: dict
  returned: if a report was written
files:
  description: The paths of the files that were written.
  type: list
  elements: str
  returned: success
lines:
  description: The report for people, one page of it if there are more than 20 nodes, and which files were written, a line each;
    C(skewgate check) shows the same lines.
  type: list
  elements: str
  returned: if a report was written
nodes:
  description: For each host, its C(verdict) in the report, and C(judged_at), when its evidence was taken; empty if hosts do not
    wait for each other.
  type: dict
  returned: success
timings:
  description: With C(skewgate check --timings), C(checks), the median and the longest seconds of each part of a check,
    C(report_s), how long the report took, and C(forks).
  type: dict
  returned: if the checks were timed
report_dir:
  description: Where the reports are.
  type: str
  returned: if a report was written
"""
