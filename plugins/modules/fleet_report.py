#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action ``fleet_report``, which runs on the controller
(plugins/action/fleet_report.py).
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: fleet_report
short_description: Report on all nodes that were checked
version_added: 0.1.0
description:
  - Collects the checks of all hosts and writes evidence.json and the report. The checks are those
    that the role P(skewgate.preflight.gate#role) kept, or that M(skewgate.preflight.node_check)
    registered in variables.
  - A host's last check counts. If the host was remediated, that is the check after the remediation.
    A check of an earlier run does not count.
  - If hosts do not wait for each other (strategies C(free) and C(host_pinned)), it writes no
    report, and says so.
  - A host without a result is reported as refused, because nothing is known about it. If Ansible
    could not begin its check, the report has Ansible's message. Examples are a user that is an
    undefined variable, and a password in a locked vault.
  - If the run has C(gate_signing_key_file), it signs the report and the evidence, in
    signature.json.
  - It runs on the controller only. Give it C(run_once), C(delegate_to) localhost and C(become)
    false.
options:
  hosts:
    description: The hosts to report on.
    type: list
    elements: str
    required: true
  report_dir:
    description: The folder on the controller for the reports. It is created if it is missing. The
      default is the folder of the run that M(skewgate.preflight.fleet_begin) began.
    type: path
  report_formats:
    description: The formats of the report. report.json is always written. The default is
      C(gate_report_formats) of the run, or V(html) and
      V(text) without a run.
    type: list
    elements: str
  run_id:
    description: A word in the report that identifies this run. The default is the word of the run
      that M(skewgate.preflight.fleet_begin) began.
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
    description: The name of the variable with the result of the remediation.
    type: str
    default: gate_remediation
attributes:
  check_mode:
    support: full
    description: Reports are written in check mode too. It does not touch nodes.
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
  description: The ID of this run, as M(skewgate.preflight.fleet_begin) returned it. Empty if no run
    was begun.
  type: str
  returned: success
verdict:
  description: V(admit) if every node is admitted, else V(refuse).
  type: str
  returned: if a report was written
exit_code:
  description: The exit code of the command for this report.
  type: int
  returned: if a report was written
summary:
  description: The numbers of nodes that were admitted, refused for a failure, and not judged.
  type: dict
  returned: if a report was written
files:
  description: The paths of the files that were written.
  type: list
  elements: str
  returned: success
lines:
  description: The report for people and the files that were written, as lines. If there are more
    than 20 nodes, it is one page of the report. The next step is a command of ansible-playbook;
    C(skewgate check) shows the same lines with its own commands.
  type: list
  elements: str
  returned: if a report was written
nodes:
  description: For each host, its C(verdict) in the report, and C(judged_at), the time when its
    evidence was taken. Empty if hosts do not wait for each other.
  type: dict
  returned: success
timings:
  description: How long the run took, with C(skewgate check --timings). C(checks) has the median and
    the longest seconds of each part of a check, C(report_s) the seconds for the report, and
    C(forks) the number of forks.
  type: dict
  returned: if the checks were timed
report_dir:
  description: The folder of the reports.
  type: str
  returned: if a report was written
"""
