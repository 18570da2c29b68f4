#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action ``remediation_plan``, which runs on the controller (plugins/action/remediation_plan.py)."""

from __future__ import annotations

DOCUMENTATION = r"""
module: remediation_plan
short_description: Plan what the role chrony changes on a node, from what a check found there
version_added: 0.1.0
description:
  - Says what is to be installed, which files with which content, and which units, so that the findings that refuse the node
    are answered, and which finding each change answers. Nothing else is planned.
  - It contacts no node and changes nothing. Where the node must not be changed, or not without being told to, it fails with
    the reason.
options:
  measured:
    description: The name of the variable in which a task of M(skewgate.preflight.node_check) was registered.
    type: str
    required: true
  servers:
    description: The NTP servers to choose from.
    type: list
    elements: str
    default: []
  pools:
    description: The pools to choose from.
    type: list
    elements: str
    default: []
  nts_servers:
    description: The servers to authenticate with NTS, where they can be.
    type: list
    elements: str
    default: []
  source_options:
    description: Options of each line.
    type: str
    required: true
  min_sources:
    description: With fewer good servers there is a warning.
    type: int
    required: true
  makestep:
    description: The threshold in seconds and the number of updates of chrony's C(makestep).
    type: str
    required: true
  extra_lines:
    description: Further lines of chrony.conf.
    type: list
    elements: str
    default: []
  order_units:
    description: Units to order after time-sync.target, beside those of a cluster that are installed.
    type: list
    elements: str
    default: []
  step_joined:
    description: The names of nodes that are stepped although they have joined a cluster.
    type: list
    elements: str
    default: []
  joined_step_limit_s:
    description: How far a joined node that is behind is stepped without being named, in seconds.
    type: float
    required: true
  joined_slew_limit_s:
    description: How long a slew of a joined node may take, in seconds.
    type: float
    required: true
  overwrite_foreign_config:
    description: Whether files that another tool wrote are overwritten.
    type: bool
    default: false
  package_file:
    description: chrony's package, a file on the controller.
    type: path
attributes:
  check_mode:
    description: Can run in check mode and return what it would without it.
    support: full
  diff_mode:
    description: Nothing is changed, so there is no difference to show.
    support: none
  action:
    description: It runs on the controller.
    support: full
"""

EXAMPLES = r"""
- name: Check a node
  skewgate.preflight.node_check:
    clients: [argocd]
    ntp_servers: [ntp1.example.net, ntp2.example.net, ntp3.example.net]
    checks: [clock_skew, ntp_servers, ntp_sources, sync_state, time_service, next_boot]
  register: checked

- name: See what the role chrony would change there
  skewgate.preflight.remediation_plan:
    measured: checked
    servers: [ntp1.example.net, ntp2.example.net, ntp3.example.net]
    source_options: iburst
    min_sources: 3
    makestep: 1 3
    joined_step_limit_s: 5
    joined_slew_limit_s: 60
  register: planned
"""

RETURN = r"""
changes:
  description: What is changed, in words and in order; empty where there is nothing to do.
  returned: always
  type: list
  elements: str
  sample: [write /etc/chrony/chrony.conf, 'restart chrony.service, so that it steps the clock']
backup_id:
  description: The time by the controller's clock, which the node's backup is called by.
  returned: always
  type: str
  sample: 20261122T152134Z
package_file:
  description: O(package_file) as it was when the plan was made; null where there is none.
  returned: always
  type: str
plan:
  description: The whole plan, with C(changes) and what each C(answers), C(install), C(node) (the arguments of
    M(skewgate.preflight.node_remediate)), C(warnings), C(refusal) and C(wait_s).
  returned: always
  type: dict
"""
