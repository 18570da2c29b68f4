#!/usr/bin/python
# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fixes a node's time service as one transaction; module_utils/remediate does the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: node_remediate
short_description: Fix a node's time service as one transaction, and undo it
version_added: 0.1.0
description:
  - Writes files, enables and disables units, and restarts chronyd. Either all of it is done, or the
    node is as it was before.
  - Before it changes anything, it saves the state of everything that it will touch below
    C(/var/lib/skewgate/backups), and makes sure that the backup is on disk. It writes new files
    beside their places and tries them with C(chronyd -p). Then it renames them into place and
    starts chronyd. It stops other daemons when chronyd answers. If any of that fails, everything is
    put back.
  - The work is done in a new session, so a connection that is cut does not stop it half-way. If the
    node itself is reset, the next run continues with the same backup.
  - It installs nothing. Install packages with Ansible's modules, between O(state=begun) and
    O(state=applied).
  - It needs root, systemd, and Python 3.8 with its standard library.
author:
  - The skewgate developers (@skewgate)
options:
  state:
    description:
      - V(begun) prepares for the packages that are installed next. It saves the state of O(files)
        and units, masks the units of O(hold), and moves the clock by O(step_s).
      - V(applied) does the transaction. If V(begun) has not written the backup, it writes it first.
      - V(confirmed) closes the backup when the node's time is proved. With O(rtc) it sets the RTC,
        and backs up what that changes.
      - V(undone) puts back everything in the backup. It can be repeated, and completes an undo that
        was interrupted.
      - V(described) shows what V(undone) would undo, and changes nothing.
    type: str
    choices: [begun, applied, confirmed, undone, described]
    required: true
  backup_id:
    description:
      - The time of the run in UTC, for example C(20261122T152134Z). Its backup is named after it.
      - If an interrupted run left an open backup that is less than a day older, that backup is
        continued instead. It is not continued if someone has edited a file since that run wrote it.
      - For the other states, the backup that this run made or continued. Without it,
        O(state=confirmed) takes the newest open backup. O(state=undone) and O(state=described) take
        the newest backup that no run has undone itself.
    type: str
  files:
    description: The files to write. A missing folder is created. A file that exists keeps its
      owner.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: The absolute path. A symbolic link there is replaced by a file.
        type: str
        required: true
      content:
        description: The whole content.
        type: str
        required: true
      mode:
        description: The octal mode.
        type: str
        default: "0644"
  chronyd:
    description: The chronyd to run. Without it no chronyd is tried or started.
    type: dict
    suboptions:
      unit:
        description: Its unit, C(chrony.service) or C(chronyd.service).
        type: str
        required: true
      config:
        description: Its main configuration file. If it or one of its fragments changes, it is tried
          with C(chronyd -p).
        type: str
        required: true
      restart:
        description: Restart it, and wait until it answers C(chronyc).
        type: bool
        default: false
      step:
        description:
          - Whether this start may step the clock, as C(makestep) in the configuration says.
          - V(false) is for a node that has joined a cluster. It starts chronyd with C(-R). A
            drop-in in C(/run) does the same at every later start until the node is booted.
        type: bool
        default: true
      options_variable:
        description: The variable with chronyd's options in its unit's environment file. Required
          with O(chronyd.step=false).
        type: str
        choices: [DAEMON_OPTS, OPTIONS]
      options:
        description: The value of O(chronyd.options_variable) that is in force, for example C(-F 1).
        type: str
        default: ""
      needs:
        description:
          - What lines of the configuration need on this node. C(chronyd -p) does not look for it,
            but chronyd would end at its start without it. If something is missing, nothing is
            changed.
        type: list
        elements: dict
        default: []
        suboptions:
          line:
            description: The place of the line.
            type: str
            required: true
          kind:
            description: The kind of thing that is needed.
            type: str
            choices: [paths, interfaces, users]
            required: true
          name:
            description: Its name or path.
            type: str
            required: true
          one_of:
            description: The states that are good, in the words of C(chrony.named) in
              M(skewgate.preflight.node_evidence).
            type: list
            elements: str
            required: true
  enable:
    description: Units to unmask and to enable.
    type: list
    elements: str
    default: []
  disable:
    description: Units to stop and to disable after chronyd has been started. Missing units are
      skipped.
    type: list
    elements: str
    default: []
  packages:
    description: The packages that the run changes. It is kept in the backup and returned unchanged.
    type: dict
    default: {}
  step_s:
    description:
      - With O(state=begun), add this many seconds to the node's clock before packages are
        installed. If the clock is far off, apt refuses Release files, and TLS refuses certificates.
    type: float
  hold:
    description:
      - With O(state=begun), mask these units in C(/run), that is, until the next boot. Then a
        package cannot start them.
      - O(state=applied) unmasks those in O(enable). O(state=undone) unmasks all of them.
    type: list
    elements: str
    default: []
  rtc:
    description: With O(state=confirmed), set the RTC to the node's clock.
    type: bool
    default: false
  missing_ok:
    description: With O(state=undone), O(state=described) and O(state=confirmed), do not fail if
      there is no backup.
    type: bool
    default: false
  only_latest:
    description:
      - With O(state=undone) and O(state=described), fail if a run later than O(backup_id) has
        continued the backup. Then a run undoes only its own work, and not what another run has
        proved meanwhile.
      - With O(state=confirmed), leave the backup to that run, and say so in RV(notes).
    type: bool
    default: false
attributes:
  check_mode:
    description: Returns what a run would change, in the same form.
    support: full
  diff_mode:
    description: Shows the files' differences.
    support: full
  platform:
    description: Where it runs.
    platforms: linux
    support: full
"""

EXAMPLES = r"""
- name: Replace systemd-timesyncd with chronyd
  skewgate.preflight.node_remediate:
    state: applied
    backup_id: 20261122T152134Z
    files:
      - path: /etc/chrony/chrony.conf
        content: |
          server ntp1.example.com iburst
          makestep 1 3
          rtcsync
    chronyd:
      unit: chrony.service
      config: /etc/chrony/chrony.conf
      restart: true
    enable: [chrony.service]
    disable: [systemd-timesyncd.service]
  become: true

- name: Close the backup and set the RTC when the node's time is proved
  skewgate.preflight.node_remediate:
    state: confirmed
    rtc: true
  become: true

- name: Put the node back to the state before the last remediation
  skewgate.preflight.node_remediate:
    state: undone
  become: true
"""

RETURN = r"""
changes:
  description: The changes since the backup was begun. In check mode, the changes that a run would
    make.
  returned: success
  type: list
  elements: str
  sample: [changed /etc/chrony/chrony.conf, enabled chrony.service, started chrony.service, stopped and disabled ntp.service]
diff:
  description: The files' differences, each as C(before), C(after), C(before_header) and
    C(after_header).
  returned: success
  type: list
  elements: dict
backup:
  description: The folder of the backup on the node. Null if there is none.
  returned: success
  type: str
  sample: /var/lib/skewgate/backups/20261122T152134Z
backup_id:
  description:
    - The ID of the backup. It is earlier than O(backup_id) if the backup of an interrupted run was
      continued.
    - After a failure, the backup that the message is about. Null if none was left behind.
  returned: always
  type: str
  sample: 20261122T152134Z
backup_state:
  description: V(open), V(confirmed) or V(undone).
  returned: success
  type: str
  sample: open
packages:
  description: The value of O(packages) when the backup was begun.
  returned: success
  type: dict
notes:
  description: Problems that are not important enough to fail.
  returned: success
  type: list
  elements: str
"""

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.apply import applied, begun
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.files import RemediationError, reason
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.node import Node
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.rtc import confirmed
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.survive import in_own_session
from ansible_collections.skewgate.preflight.plugins.module_utils.remediate.undo import described, undone

STATES = {"begun": begun, "applied": applied, "confirmed": confirmed, "undone": undone, "described": described}

ARGUMENTS = {
    "state": {"type": "str", "required": True, "choices": list(STATES)},
    "backup_id": {"type": "str"},
    "files": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "path": {"type": "str", "required": True},
            "content": {"type": "str", "required": True},
            "mode": {"type": "str", "default": "0644"},
        },
    },
    "chronyd": {
        "type": "dict",
        "options": {
            "unit": {"type": "str", "required": True},
            "config": {"type": "str", "required": True},
            "restart": {"type": "bool", "default": False},
            "step": {"type": "bool", "default": True},
            "options_variable": {"type": "str", "choices": ["DAEMON_OPTS", "OPTIONS"]},
            "options": {"type": "str", "default": ""},
            "needs": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "line": {"type": "str", "required": True},
                    "kind": {"type": "str", "choices": ["paths", "interfaces", "users"], "required": True},
                    "name": {"type": "str", "required": True},
                    "one_of": {"type": "list", "elements": "str", "required": True},
                },
            },
        },
        "required_if": [("step", False, ["options_variable"])],
    },
    "enable": {"type": "list", "elements": "str", "default": []},
    "disable": {"type": "list", "elements": "str", "default": []},
    "packages": {"type": "dict", "default": {}},
    "step_s": {"type": "float"},
    "hold": {"type": "list", "elements": "str", "default": []},
    "rtc": {"type": "bool", "default": False},
    "missing_ok": {"type": "bool", "default": False},
    "only_latest": {"type": "bool", "default": False},
}


def main() -> None:
    """Do what ``state`` says in a new session, and print the result; an error names its backup."""
    module = AnsibleModule(
        argument_spec=ARGUMENTS,
        supports_check_mode=True,
        required_if=[("state", "begun", ["backup_id"]), ("state", "applied", ["backup_id"])],
    )
    act = STATES[module.params["state"]]
    try:
        result = in_own_session(lambda: act(Node(), module.params, module.check_mode))
    except (RemediationError, OSError) as error:
        module.fail_json(msg=reason(error), backup_id=getattr(error, "backup_id", None))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
