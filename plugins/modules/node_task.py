#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action ``node_task`` (plugins/action/node_task.py)."""

from __future__ import annotations

DOCUMENTATION = r"""
module: node_task
short_description: Run one of Ansible's modules on a node that is not trusted
version_added: 0.1.0
description:
  - Runs the module as its task would, and returns only the keys that are documented here.
  - The module's own task would pass on everything that the node answers. The node's facts would
    become variables, which can replace the operator's variables and the settings of the connection
    to the node.
options:
  module:
    description: The module of C(ansible.builtin).
    type: str
    choices: [apt, command, copy, dnf, file]
    required: true
  arguments:
    description: The arguments of the module.
    type: dict
    required: true
author:
  - The skewgate developers (@skewgate)
attributes:
  check_mode:
    description: Depends on the module.
    support: full
  diff_mode:
    description: No differences are returned.
    support: none
"""

EXAMPLES = r"""
- name: Install chrony
  skewgate.preflight.node_task:
    module: apt
    arguments:
      name: chrony
      state: present
  become: true
"""

RETURN = r"""
rc:
  description: The exit code of a command.
  returned: when there is one
  type: int
stdout:
  description: What a command printed. C(stdout_lines) has its lines.
  returned: when there is any
  type: str
stderr:
  description: What a command printed to standard error. C(stderr_lines) has its lines.
  returned: when there is any
  type: str
skipped:
  description: Whether the module was skipped in check mode.
  returned: when it was
  type: bool
failures:
  description: What a package manager could not do.
  returned: on failure
  type: list
  elements: str
"""
