#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action ``remediation_plan``, which runs on the controller
(plugins/action/remediation_plan.py).
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: remediation_plan
short_description: Plan what the role chrony changes on a node, from what a check found there
version_added: 0.1.0
description:
  - Plans the changes that fix the findings which refuse the node, and nothing else. They are
    packages to install, files and their content, and units. The plan says which finding each change
    fixes.
  - It changes nothing. If the node must not be changed, or only if a setting allows it, it fails
    with the reason.
  - It contacts the node only if O(nts_servers) might be written. Then chronyd itself tries them
    there with C(chronyd -Q), which sets no clock and takes up to 10 seconds. Only servers that give
    it authenticated time are written with NTS. If the node does not answer then, the task fails. If
    chrony is not installed yet, plan once more afterwards, with O(planned).
options:
  # Made by `make docs` from plugins/plugin_utils/boundary/settings.yml
  servers:
    description: The NTP servers to choose from, as names or addresses. In the role
      the default is C(gate_ntp_servers).
    type: list
    elements: str
    default: []
  pools:
    description: The NTP pools to choose from. Each is a name that stands for several
      servers.
    type: list
    elements: str
    default: []
  nts_servers:
    description:
      - Servers to authenticate with NTS. If the node's chronyd gets the time from some
        of them with NTS, only those servers are written. It is started to try them,
        and sets no clock.
      - If it gets the time from none, the servers and pools are written, with a warning.
        To accept no server without NTS, set C(chrony_servers) and C(chrony_pools) to
        empty lists. Then the node is refused.
      - The check tries them from the node, and the NTS servers of its chrony too. The
        result is in the evidence; there is no finding about it.
    type: list
    elements: str
    default: []
  min_sources:
    description: The number of good servers that a node should have. There is a warning
      if it has fewer.
    type: int
    default: 3
  source_options:
    description: The options of each C(server) and C(pool) line.
    type: str
    default: iburst
  makestep:
    description:
      - When chronyd steps the clock instead of slewing it, as C(THRESHOLD_S UPDATES).
      - If the number of updates is negative, chronyd can step at any time. Then a joined
        node that must be slewed is refused.
    type: str
    default: 1 3
  extra_lines:
    description: More lines for chrony.conf, for example C(['hwtimestamp *']).
    type: list
    elements: str
    default: []
  order_units:
    description: Units to order after time-sync.target, beside the cluster's units that
      are installed. They need not exist yet.
    type: list
    elements: str
    default: []
  step_joined:
    description:
      - The names of nodes whose clock may be stepped although they have joined a cluster.
        A node has joined if it has a cluster's credentials or data, or runs its workload.
      - The clock of any other joined node is slewed, or the node is refused with the
        time that a slew would take. Its clock is never stepped back. It is stepped
        forwards by O(joined_step_limit_s) at the most, and not at all if it is a control
        plane.
      - A node with WireGuard, or with certificates of a cluster that begin in the future,
        is never stepped back, whether it is named here or not.
    type: list
    elements: str
    default: []
  joined_step_limit_s:
    description: The largest step forwards for a joined node that O(step_joined) does
      not name, in seconds.
    type: float
    default: 5
  joined_slew_limit_s:
    description: How long the slew of a joined node may take, or of one with WireGuard,
      in seconds. The proof waits for as long. To slew away one second takes twelve
      seconds.
    type: float
    default: 60
  overwrite_foreign_config:
    description:
      - Whether to overwrite a file that another tool wrote (linux-system-roles.timesync,
        geerlingguy.ntp, cloud-init, kubespray and others). If it is false, the file
        is extended if it names a folder for more files. If it names none, the node
        is refused, with what to set in that tool.
      - It also decides about a file with a reference clock, an C(allow) line or a server
        with a key that O(extra_lines) and O(source_options) would not keep.
    type: bool
    default: false
  package_file:
    description:
      - chrony's package, a file on the controller, for a node that reaches no repository.
        The packages that it depends on must be on the node already.
      - The package needs no signature.
    type: path
  # Not settings:
  from_variables:
    description: Whether an option that the task does not give is read from a variable of the host,
      as in the role C(skewgate.preflight.chrony). The variable's name is C(chrony_) and the
      option's name. Facts of the node are not read.
    type: bool
    default: false
  measured:
    description: The name of the variable in which a task of M(skewgate.preflight.node_check) was
      registered.
    type: str
    required: true
  planned:
    description: After chrony was installed, the name of the variable in which the plan for that was
      registered. The new plan has its RV(backup_id). In check mode chrony was not installed, so the
      plan is the same.
    type: str
attributes:
  check_mode:
    description: It does the same in check mode.
    support: full
  diff_mode:
    description: Nothing is changed, so there is no difference to show.
    support: none
  action:
    description: It runs on the controller, and asks the node if NTS is to be tried.
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

- name: Show what the role chrony would change on the node
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
  description: The changes in their order, for people. Empty if there is nothing to do.
  returned: always
  type: list
  elements: str
  sample: [write /etc/chrony/chrony.conf, 'restart chrony.service, to step the clock']
backup_id:
  description: The controller's time. The node's backup is named after it.
  returned: always
  type: str
  sample: 20261122T152134Z
package_file:
  description: O(package_file) as it was when the plan was made. Null if it is not set.
  returned: always
  type: str
plan:
  description: The whole plan. It has C(changes), each with the findings that it C(answers),
    C(install), C(node) (the arguments of M(skewgate.preflight.node_remediate)), C(warnings),
    C(refusal), C(wait_s) and C(nts_clients), what chronyd is to try.
  returned: always
  type: dict
"""
