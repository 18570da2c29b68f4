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
  # Made by `make docs` from plugins/plugin_utils/boundary/settings.yml
  servers:
    description: The NTP servers to choose from, by name or address. In the role, those of C(gate_ntp_servers) by
      default.
    type: list
    elements: str
    default: []
  pools:
    description: NTP pools to choose from, names that stand for several servers each.
    type: list
    elements: str
    default: []
  nts_servers:
    description:
      - Servers to authenticate with NTS. Those whose keys the node can establish are written, and no others beside
        them.
      - Where there is none, the servers and pools are written, with a warning.
      - The check tries them from the node, beside those of its chrony. What came of it stands in the evidence; no
        finding does.
    type: list
    elements: str
    default: []
  min_sources:
    description: With fewer good servers there is a warning.
    type: int
    default: 3
  source_options:
    description: Options of each C(server) and C(pool) line.
    type: str
    default: iburst
  makestep:
    description:
      - When chronyd steps the clock instead of slewing it, C(THRESHOLD_S UPDATES).
      - With a negative number of updates it steps at any time, and a joined node that has to be slewed is refused.
    type: str
    default: 1 3
  extra_lines:
    description: Further lines of chrony.conf, for example C(['hwtimestamp *']).
    type: list
    elements: str
    default: []
  order_units:
    description: Units to order after time-sync.target, beside those of a cluster that are installed. They need not
      be there yet.
    type: list
    elements: str
    default: []
  step_joined:
    description:
      - The names of nodes that are stepped although they have joined a cluster (its credentials or data are there,
        or its workload runs).
      - Other joined nodes are slewed, or refused with the time that a slew would take; never stepped back, and forwards
        by O(joined_step_limit_s) at the most.
    type: list
    elements: str
    default: []
  joined_step_limit_s:
    description: By how much a joined node that is behind is stepped without being named, in seconds.
    type: float
    default: 5
  joined_slew_limit_s:
    description: How long the slew of a joined node may take, in seconds; the proof waits for so long. A second takes
      twelve.
    type: float
    default: 60
  overwrite_foreign_config:
    description:
      - Whether to overwrite a file that another tool wrote (linux-system-roles.timesync, geerlingguy.ntp, cloud-init,
        kubespray and others). Otherwise it is extended where it names a folder for that, or the node is refused with
        what to set there.
      - Also whether to overwrite one with a reference clock, an C(allow) or a server with a key that O(extra_lines)
        and O(source_options) do not keep.
    type: bool
    default: false
  package_file:
    description:
      - chrony's package, a file on the controller, for a node that reaches no repository. What it depends on must
        be there.
      - It needs no signature.
    type: path
  # Not settings:
  from_variables:
    description: Whether an option that the task does not give is read from the host's variable that has its name behind
      C(chrony_), as in the role C(skewgate.preflight.chrony). Facts of the node are no such variables.
    type: bool
    default: false
  measured:
    description: The name of the variable in which a task of M(skewgate.preflight.node_check) was registered.
    type: str
    required: true
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
author:
  - The skewgate developers (@skewgate)
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
