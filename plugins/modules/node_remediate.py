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
  - Writes files, enables and disables units, and starts chronyd anew. All of it is done, or the node is what it was.
  - Before anything is changed, the state of all that is touched is saved below C(/var/lib/skewgate/backups) and is on the disk.
    New files are staged beside their places and tried with C(chronyd -p); then they are renamed in, chronyd is started, and
    other daemons are stopped once it answers. If any of that fails, everything is put back.
  - The work is done in a session of its own, so a connection that is cut does not stop it half-way. If the node itself is reset,
    the next run continues with the same backup.
  - It installs nothing. Packages are Ansible's own modules' task, between O(state=begun) and O(state=applied).
  - It needs root, systemd, and Python 3.8 with its standard library.
author:
  - The skewgate developers (@skewgate)
options:
  state:
    description:
      - V(begun) saves the state of O(files) and units, for the packages that are installed next, masks the units of O(hold), and
        sets the clock by O(step_s).
      - V(applied) does the transaction, beginning with the backup where V(begun) has not written it.
      - V(confirmed) closes the backup once the node's time is proved, and sets the RTC with O(rtc). What that changes
        is backed up, too.
      - V(undone) puts everything back that the backup has. It may be repeated, and completed where it was interrupted.
      - V(described) says what V(undone) would undo, and changes nothing.
    type: str
    choices: [begun, applied, confirmed, undone, described]
    required: true
  backup_id:
    description:
      - The time of the run in UTC, C(20261122T152134Z) for instance, by which its backup is called.
      - An open backup that is less than a day older, an interrupted run's, is continued in its place, unless someone has edited
        a file since that it wrote.
      - For the other states the backup that this run made or continued. Without it, O(state=undone) and O(state=described) take
        the newest but for those that runs undid themselves, and O(state=confirmed) the newest that is open.
    type: str
  files:
    description: The files to write. A folder that is missing is made. The owner of a file that is there stays.
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
    description: The chronyd that is to run. Without it none is tried and started.
    type: dict
    suboptions:
      unit:
        description: Its unit, C(chrony.service) or C(chronyd.service).
        type: str
        required: true
      config:
        description: Its main configuration file, which is tried with C(chronyd -p) where it or a fragment of it changes.
        type: str
        required: true
      restart:
        description: Start it anew, and wait until it answers C(chronyc).
        type: bool
        default: false
      step:
        description:
          - Whether this start may step the clock as the configuration's C(makestep) says.
          - V(false) is for a node that has joined a cluster. It starts chronyd with C(-R), and so does every later start until
            the node is booted, by a drop-in in C(/run).
        type: bool
        default: true
      options_variable:
        description: The variable with chronyd's options in its unit's environment file. Needed with O(chronyd.step=false).
        type: str
        choices: [DAEMON_OPTS, OPTIONS]
      options:
        description: The value of O(chronyd.options_variable) that is in force, C(-F 1) for instance.
        type: str
        default: ""
      needs:
        description:
          - What lines of the configuration need of this node, which C(chronyd -p) does not look for. Without it chronyd would
            end at its start, so nothing is changed then.
        type: list
        elements: dict
        default: []
        suboptions:
          line:
            description: Where the line stands.
            type: str
            required: true
          kind:
            description: What is looked for.
            type: str
            choices: [paths, interfaces, users]
            required: true
          name:
            description: Its name, or path.
            type: str
            required: true
          one_of:
            description: What may be found, in the words of C(chrony.named) of the module M(skewgate.preflight.node_evidence).
            type: list
            elements: str
            required: true
  enable:
    description: Units to unmask and to enable.
    type: list
    elements: str
    default: []
  disable:
    description: Units to stop and to disable, after chronyd has been started. Those that are not there are passed over.
    type: list
    elements: str
    default: []
  packages:
    description: What packages are changed beside this; it is kept in the backup and returned as it is.
    type: dict
    default: {}
  step_s:
    description:
      - With O(state=begun), add so many seconds to the node's clock before packages are installed. By a clock that is far off,
        apt takes no Release file, and TLS no certificate.
    type: float
  hold:
    description:
      - With O(state=begun), mask these units in C(/run), that is until the next boot, so that a package does not start them.
      - Those of O(enable) are unmasked by O(state=applied), all by O(state=undone).
    type: list
    elements: str
    default: []
  rtc:
    description: With O(state=confirmed), set the RTC by the node's clock.
    type: bool
    default: false
  missing_ok:
    description: With O(state=undone), O(state=described) and O(state=confirmed), do not fail where there is no backup.
    type: bool
    default: false
  only_latest:
    description:
      - With O(state=undone) and O(state=described), fail where a later run than O(backup_id) has gone on with the backup. It is
        for a run to undo what it did itself, and not what another one has proved meanwhile.
      - With O(state=confirmed), leave the backup to that run, and say so in RV(notes).
    type: bool
    default: false
attributes:
  check_mode:
    description: Returns what a run would change, in the same words.
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
- name: Have chronyd keep the node's time, in place of systemd-timesyncd
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

- name: Close the backup, and set the RTC, once the node's time is proved
  skewgate.preflight.node_remediate:
    state: confirmed
    rtc: true
  become: true

- name: Take the node back to the state before the last remediation
  skewgate.preflight.node_remediate:
    state: undone
  become: true
"""

RETURN = r"""
changes:
  description: What was changed, or would be in check mode, since the backup was begun.
  returned: success
  type: list
  elements: str
  sample: [changed /etc/chrony/chrony.conf, enabled chrony.service, started chrony.service, stopped and disabled ntp.service]
diff:
  description: The files' differences, each as C(before), C(after), C(before_header) and C(after_header).
  returned: success
  type: list
  elements: dict
backup:
  description: The folder of the backup on the node; null where there is none.
  returned: success
  type: str
  sample: /var/lib/skewgate/backups/20261122T152134Z
backup_id:
  description:
    - The backup's id. It is an earlier one than O(backup_id) where an interrupted run's backup is continued.
    - Of a failure, the backup that the message is about; null where none was left behind.
  returned: always
  type: str
  sample: 20261122T152134Z
backup_state:
  description: V(open), V(confirmed) or V(undone).
  returned: success
  type: str
  sample: open
packages:
  description: O(packages) as given when the backup was begun.
  returned: success
  type: dict
notes:
  description: What could not be done and does not matter enough to fail.
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
    """Does what ``state`` says in a session of its own, and prints the result; an error comes with the backup it is about."""
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
