#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action ``node_check``, which runs on the controller (plugins/action/node_check.py)."""

from __future__ import annotations

DOCUMENTATION = r"""
module: node_check
short_description: Judge a node's clock and GitHub App credentials from evidence taken on it
version_added: 0.1.0
description:
  - Signs a JWT for each GitHub App on the controller and for the controller's time, takes the node's evidence with one call of
    M(skewgate.preflight.node_evidence), and judges it on the controller.
  - Only where the node's clock disagrees with the controller's time, or GitHub refused the JWT for its times, a second call
    sends a JWT of the node's clock and one of the true time, which separates a bad clock from a bad credential.
  - The controller's time is its own clock, corrected by what it measured itself, once in a run, from O(ntp_servers) and the
    C(Date) of the APIs. No JWT is signed that would be valid more than 600 s after it, as GitHub refuses such a JWT. The one of
    the true time lives 30 s.
  - It changes nothing on the node. It never fails for a node that does not pass; read RV(verdict).
options:
  # Made by `make docs` from plugins/plugin_utils/boundary/settings.yml
  clients:
    description: The GitHub App clients that the cluster will run, by the names of their profiles; docs/reference/clients.md
      has them all, by other names too.
    type: list
    elements: str
    default: [argocd]
  client_profiles:
    description: Profiles of clients that are not shipped, by name, each with C(iat_s), C(exp_s) and, if it has them,
      C(reuse_s), C(renew_before_s) (how long before the end of its installation token it gets a new one, by its own
      clock), C(iss) (C(app_id) if it signs with the App's ID only), C(source) and C(renewal_source). One of a shipped
      name is used in its place.
    type: dict
    default: {}
  ntp_servers:
    description: The NTP servers that nodes are compared with, asked from the nodes themselves; remediation configures
      them.
    type: list
    elements: str
    required: true
  github_apps:
    description: The GitHub Apps to check; the module M(skewgate.preflight.node_check) lists their fields. Keys stay
      on the controller. Needed unless C(github_app_token) is left out of O(checks).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What the App is called in reports.
        type: str
      app_id:
        description: The App's ID; this or O(github_apps[].client_id). Argo CD and others take no other ID, so it
          is needed where O(clients) names one of them.
        type: str
      client_id:
        description: The App's client ID, which GitHub recommends. Clients that take either ID are checked with it.
          If both are set, the JWT that is sent has the one that the strictest of O(clients) signs with.
        type: str
      installation_id:
        description: The ID of the App's installation; this or O(github_apps[].owner).
        type: str
      owner:
        description: The organisation or user whose installation it is, without O(github_apps[].installation_id).
          Each node looks the installation up with the App's JWT, as Argo CD and Flux do.
        type: str
      private_key_file:
        description: The App's private key, a PEM file on the controller; this or O(github_apps[].private_key).
        type: path
      private_key:
        description: The App's private key as text, for example from Ansible Vault.
        type: str
      private_key_passphrase:
        description: The passphrase of an encrypted key.
        type: str
      api_url:
        description: The API, V(https://HOST/api/v3) for GitHub Enterprise Server, V(https://api.NAME.ghe.com) for
          GHE.com.
        type: str
        default: https://api.github.com
      git_url:
        description: Where the repositories are; from O(github_apps[].api_url) by default.
        type: str
      ca_file:
        description: A PEM file on the controller with the CA of the API's certificate, in place of the node's own
          store; this or O(github_apps[].ca_pem).
        type: path
      ca_pem:
        description: The CA of the API's certificate as text.
        type: str
      repositories:
        description: The repositories, OWNER/NAME, that must be reachable with the token.
        type: list
        elements: str
        default: []
      permissions:
        description: What the token that is minted may do, V(read), V(write) or V(admin) by GitHub's names; narrow.
        type: dict
        default: {contents: read}
      depth:
        description: How far to go. V(jwt) asks for the installation and mints nothing; V(token) mints a token and
          revokes it; V(repository) also reaches each repository with it. Where repositories are named the default
          is V(repository), else V(token).
        type: str
        choices: [jwt, token, repository]
      notes:
        description: What reports and a warning say of the App beside its result. The filters for the clients' Secrets
          write it, for example if the client goes through a proxy.
        type: list
        elements: str
        default: []
      unusable:
        description: Why no client could use this credential, each reason with C(key), C(found) and C(remedy). The
          filters for the clients' Secrets write it. Such an entry has no credential; it is judged V(fail), and nobody
          is asked.
        type: list
        elements: dict
  key_elsewhere:
    description: Whether the Apps' private keys are on another machine, as for a node that pulls its playbook at its
      first boot. Then O(github_apps) may be empty. The token is not tried, so no node is admitted; C(skewgate report),
      on the machine with the key, says from the evidence what else is proved.
    type: bool
    default: false
  checks:
    description: The checks to run; all where it is empty. C(skewgate explain) lists them.
    type: list
    elements: str
    default: []
  advisory_checks:
    description: Checks whose findings are reported but never refuse a node.
    type: list
    elements: str
    default: []
  accepted_rules:
    description: IDs of rules of the check C(chrony_config), for example V(CHR302), whose findings are shown and refuse
      nothing; C(skewgate explain chrony_config) lists them.
    type: list
    elements: str
    default: []
  max_skew_s:
    description: A limit of your own for the skew, in seconds either way, beside those of the clients.
    type: float
  limits:
    description: What else runs in the cluster and breaks by a clock, by the names of shipped limits (V(etcd), V(ceph),
      V(cockroachdb), V(tidb), V(actions-runner), V(kubernetes-service-account-tokens) and others) or of O(limit_profiles).
    type: list
    elements: str
    default: []
  limit_profiles:
    description: Limits that are not shipped, by name, each with C(behind_s) and C(ahead_s), or with C(between_s)
      for one between two machines, and, for the report, C(breaks) (what happens beyond) and C(source).
    type: dict
    default: {}
  cluster_ca_file:
    description: The certificate of the cluster's CA, a PEM file on the controller (kubeadm's is /etc/kubernetes/pki/ca.crt).
      A node whose clock is outside of its times is refused.
    type: path
  max_clock_error_s:
    description: The most that the time daemon's own bound of the clock's error may be, in seconds.
    type: float
    default: 1.0
  timeout_s:
    description: The bound of each exchange with a server, in seconds. From it follows how long the whole answer may
      take, a minute more than the slowest exchanges (150 s for one App and one repository by default); then the node
      is refused as not judged.
    type: float
    default: 5
  mints_per_minute:
    description: How many installation tokens an App mints in a minute at the most, over all nodes and runs of this
      user. GitHub allows about 80; nodes wait for their turn.
    type: int
    default: 60
  mints_per_hour:
    description: The same for an hour; GitHub allows about 500. An App whose C(depth) is V(jwt) mints none.
    type: int
    default: 400
  slices:
    description: How many runs check nodes with the same Apps at the same time and share no file, for example as slices
      of a job on several machines. Each takes its equal share of O(mints_per_minute) and O(mints_per_hour).
    type: int
    default: 1
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
  # Not settings:
  wait_s:
    description: For how long to check again, in seconds, while the node does not pass.
    type: float
    default: 0
  from_variables:
    description: Whether an option that the task does not give is read from the host's variable that has its name behind C(gate_)
      (C(chrony_nts_servers) for O(nts_servers)), as in the roles of this collection; what the host does not have either has the
      default. Facts of the node are no such variables.
    type: bool
    default: false
  phase:
    description: A word that the result carries back, for those who follow a run.
    type: str
  follows:
    description: The RV(check_id) of the check that this one repeats; by default
      RV(skewgate.preflight.fleet_begin#module:id) of the run. The report counts a check only if it follows from its run.
    type: str
  admit_to:
    description:
      - The group that an admitted host is put into, as with M(ansible.builtin.group_by).
      - For the role P(skewgate.preflight.gate#role) alone, which fails what is refused later.
    type: str
attributes:
  check_mode:
    support: full
    description: It changes nothing, and runs in check mode as ever.
notes:
  - With O(github_apps) it needs a connection that pipes modules to the node (ssh with sudo or as root); it turns pipelining on
    for itself and refuses where that can't be done, since a JWT would be written to a file on the node.
  - The node goes to GitHub through the proxy of C(HTTPS_PROXY), unless C(NO_PROXY) names the host; the task's C(environment)
    gives them.
  - The controller needs a way to one of O(ntp_servers) (UDP 123) or to the API (TCP 443). Without any it uses its clock as it
    is, signs no JWT whose C(iat) is more than 2 s after that, and the report says so.
  - If GitHub's rate limit answers a node, that node waits as long as GitHub asks, up to a minute, and tries once more. Other
    nodes wait too only if a second node met the limit. A longer wait is not made, and the finding says when to check again.
author:
  - The skewgate developers (@skewgate)
"""

EXAMPLES = r"""
- name: Check the node
  skewgate.preflight.node_check:
    clients: [argocd]
    ntp_servers: [ntp1.example.net, ntp2.example.net, ntp3.example.net]
    github_apps:
      - name: deploy
        app_id: 1234567
        installation_id: 12345678
        private_key_file: ~/.secrets/deploy.pem
        repositories: [example/deploy-config]
  register: node

- name: Refuse it where it does not pass
  ansible.builtin.assert:
    that: node.verdict == 'admit'
"""

RETURN = r"""
verdict:
  description: V(admit) or V(refuse).
  type: str
  returned: always
refused_because:
  description: V(failure) if a required check failed, V(not_judged) if the node was refused without that, null if it was admitted.
  type: str
  returned: always
judged_at:
  description: When the evidence was taken, by the controller's clock.
  type: str
  returned: always
skew_s:
  description: C(low) and C(high) of the node's skew in seconds, positive if the node is ahead; null where it is not known.
  type: dict
  returned: always
reason:
  description: Why the node is refused, in a few words; empty if it is admitted.
  type: str
  returned: always
judgement:
  description: The node's entry of report.json, with its findings.
  type: dict
  returned: unless the role P(skewgate.preflight.gate#role) checks, whose report has it
record:
  description: The node's entry of evidence.json, from which the judgement can be made again.
  type: dict
  returned: unless the role P(skewgate.preflight.gate#role) checks, whose report has it
asked:
  description: What the node was asked, C(checks), C(ntp_servers) and C(nts_servers).
  type: dict
  returned: unless facts of the node have the names of settings
timings:
  description: The seconds of each part of the check.
  type: dict
  returned: with C(skewgate check --timings) or C(skewgate gate --timings)
check_id:
  description: What tells this check from every other.
  type: str
  returned: always
follows:
  description: The value of O(follows), or what stands for it; empty without either.
  type: str
  returned: always
awaits_report:
  description: Whether all that refuses the node is that its token was left to other nodes of the run; the run's report admits it
    if the token is good there. It may be true in the role P(skewgate.preflight.gate#role) alone.
  type: bool
  returned: always
chrony_can_help:
  description: Whether the role P(skewgate.preflight.chrony#role) answers one of the findings that refuse the node.
  type: bool
  returned: always
configuration_errors:
  description: What is wrong with the settings, a line each; no node was contacted.
  type: list
  elements: str
  returned: where the settings are wrong
"""
