#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action ``node_admission`` (plugins/action/node_admission.py)."""

from __future__ import annotations

DOCUMENTATION = r"""
module: node_admission
short_description: Refuse a node unless the admission of this run still holds
version_added: 0.1.0
description:
  - An admission is for the clock that was judged. It ends when that clock is replaced or set.
  - It fails if no report of this run admits the host, or if the admission is too old. Otherwise it
    asks the node once more, with one call of a module, for its boot ID, its clocks and the VMClock
    of its hypervisor.
  - It fails after a reboot, after a resume, after the machine was paused or restored from a
    snapshot, after a break that a VMClock reports, and if the clock was set or slewed by more than
    a second. A leap second is one second, and is allowed.
  - Two steps that cancel each other are not seen. Neither is a pause after which the hypervisor
    lets the machine's clocks catch up, unless a VMClock reports it. The clock is right then.
  - It fails if the node gives no answer.
  - The role P(skewgate.preflight.gate#role) runs it in its entry point C(admission).
options:
  check_id:
    description: The RV(skewgate.preflight.node_check#module:check_id) of the host's first check,
      empty without one.
    type: str
    required: true
  max_age_s:
    description: How old the admission may be, in seconds.
    type: float
    required: true
  allow_reboot:
    description: Whether a node that rebooted may join if its clock passes. Then the check's
      C(clock_skew) is made again with its NTP servers, and so are C(time_service) and
      C(sync_state) if they were required.
    type: bool
    default: false
attributes:
  check_mode:
    description: Works the same, because it changes nothing.
    support: full
  diff_mode:
    description: Nothing is changed, so there is no difference to show.
    support: none
author:
  - The skewgate developers (@skewgate)
"""

EXAMPLES = r"""
- name: Refuse a node without an admission that holds
  skewgate.preflight.node_admission:
    check_id: "{{ gate_before.check_id }}"
    max_age_s: 3600
"""

RETURN = r"""
ended_by:
  description: Why the admission does not hold - C(settings_in_facts), C(not_admitted), C(too_old),
    C(not_recorded) (its evidence lacks the clocks), C(no_answer), C(not_shown) (the answer lacks
    them), C(rebooted), C(clock_after_reboot), C(restored), C(disrupted), C(resumed), C(stepped),
    C(stood_still), C(ran_ahead) and C(slewed).
  type: list
  elements: str
  returned: failure
unread:
  description: The VMClocks that could not be read now, each with C(device) and C(error). They
    decide nothing.
  type: list
  elements: dict
  returned: success
"""
