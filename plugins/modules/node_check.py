#!/usr/bin/python
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Documentation of the action ``node_check``, which runs on the controller
(plugins/action/node_check.py).
"""

from __future__ import annotations

DOCUMENTATION = r"""
module: node_check
short_description: Judge a node's clock and GitHub App credentials from evidence taken on it
version_added: 0.1.0
description:
  - Signs a JWT for each GitHub App on the controller, for the controller's time. Takes the node's
    evidence with one call of M(skewgate.preflight.node_evidence), and judges it on the controller.
  - A second call follows only if the node's clock disagrees with the controller's time, or if
    GitHub refused the JWT for its times. It sends a JWT of the node's clock and one of the true
    time. The two answers distinguish a bad clock from a bad credential.
  - The controller's time is its own clock, corrected by its own measurement. It measures once in a
    run, with O(ntp_servers) and the C(Date) of the APIs. No JWT is signed that is valid for more
    than 600 s after that time, because GitHub refuses such a JWT. The JWT of the true time is valid
    for 30 s.
  - It changes nothing on the node. It does not fail if the node does not pass; read RV(verdict).
options:
  # Made by `make docs` from plugins/plugin_utils/boundary/settings.yml
  clients:
    description: The GitHub App clients that the cluster will run. Give the names of
      their profiles; docs/reference/clients.md lists them and their other names.
    type: list
    elements: str
    default: [argocd]
  client_profiles:
    description: Your own client profiles, by name. Each has C(iat_s) and C(exp_s).
      It can also have C(reuse_s), C(renew_before_s) (how long before its installation
      token expires it gets a new one, according to its own clock), C(iss) (C(app_id)
      if it signs with the App's ID only), C(source) and C(renewal_source). A profile
      with a shipped name replaces the shipped one.
    type: dict
    default: {}
  ntp_servers:
    description: The NTP servers that nodes are compared with. Each node asks them itself,
      and remediation configures them.
    type: list
    elements: str
    required: true
  github_apps:
    description: The GitHub Apps to check. The module M(skewgate.preflight.node_check)
      lists their fields. Keys stay on the controller. Required unless O(checks) leaves
      out C(github_app_token).
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: The App's name in reports.
        type: str
      app_id:
        description: The App's ID. Give this or O(github_apps[].client_id). Argo CD
          and some other clients accept no other ID, so it is required if O(clients)
          names one of them.
        type: str
      client_id:
        description: The App's client ID, which GitHub recommends. Clients that accept
          either ID are checked with it. If both IDs are set, the JWT that is sent has
          the ID with which the strictest of O(clients) signs.
        type: str
      installation_id:
        description: The ID of the App's installation. Give this or O(github_apps[].owner).
        type: str
      owner:
        description: The organisation or user that owns the installation. Give it if
          O(github_apps[].installation_id) is not set. Each node then looks up the installation
          with the App's JWT, as Argo CD and Flux do.
        type: str
      private_key_file:
        description: The App's private key, a PEM file on the controller. Give this
          or O(github_apps[].private_key).
        type: path
      private_key:
        description: The App's private key as text, for example from Ansible Vault.
        type: str
      private_key_passphrase:
        description: The passphrase of an encrypted key.
        type: str
      api_url:
        description: The URL of the API. It is V(https://HOST/api/v3) for GitHub Enterprise
          Server and V(https://api.NAME.ghe.com) for GHE.com.
        type: str
        default: https://api.github.com
      git_url:
        description: The URL where the repositories are. By default it follows from
          O(github_apps[].api_url).
        type: str
      ca_file:
        description: A PEM file on the controller with the CA of the API's certificate.
          It replaces the node's own store. Give this or O(github_apps[].ca_pem).
        type: path
      ca_pem:
        description: The CA of the API's certificate as text.
        type: str
      repositories:
        description: The repositories that must be reachable with the token, as OWNER/NAME.
        type: list
        elements: str
        default: []
      permissions:
        description: The permissions of the minted token, V(read), V(write) or V(admin)
          for each of GitHub's names of permissions. Keep them narrow.
        type: dict
        default: {contents: read}
      depth:
        description: How far the check goes. V(jwt) asks for the installation and mints
          no token. V(token) mints a token and revokes it. V(repository) also reaches
          each repository with the token. The default is V(repository) if repositories
          are named, and V(token) otherwise.
        type: str
        choices: [jwt, token, repository]
      notes:
        description: Remarks about the App that reports and a warning show beside its
          result. The filters for the clients' Secrets write them, for example if the
          client goes through a proxy.
        type: list
        elements: str
        default: []
      unusable:
        description: The reasons why no client can use this credential, each with C(key),
          C(found) and C(remedy). The filters for the clients' Secrets write them. Such
          an entry has no credential. It is judged V(fail), and no API is asked.
        type: list
        elements: dict
  key_elsewhere:
    description: Whether the Apps' private keys are on another machine, for example
      because a node pulls its playbook at its first boot. Then O(github_apps) may be
      empty. The token is not tried, so no node is admitted. Run C(skewgate report)
      on the machine with the key; it shows what else the evidence proves.
    type: bool
    default: false
  checks:
    description: The checks to run. If it is empty, all checks run. C(skewgate explain)
      lists them.
    type: list
    elements: str
    default: []
  advisory_checks:
    description: Checks whose findings are reported but never refuse a node.
    type: list
    elements: str
    default: []
  accepted_rules:
    description: IDs of rules of the check C(chrony_config), for example V(CHR302).
      Their findings are shown but refuse no node. C(skewgate explain chrony_config)
      lists the rules.
    type: list
    elements: str
    default: []
  max_skew_s:
    description: Your limit for the skew, in seconds ahead or behind. It applies beside
      the limits of the clients.
    type: float
  limits:
    description: What else runs in the cluster and fails if a clock is wrong. Give the
      names of shipped limits (V(etcd), V(ceph), V(aws-sigv4), V(vault-jwt-auth), V(istio-ca)
      and others; docs/reference/limits.md has all, in groups) or of O(limit_profiles).
      The name of a group is refused.
    type: list
    elements: str
    default: []
  limit_profiles:
    description: Your own limits, by name. Each has C(behind_s) and C(ahead_s), or C(between_s)
      if it limits the skew between two machines. For the report it can have C(breaks)
      (what fails beyond the limit) and C(source). A row with the name of a shipped
      limit replaces it, and keeps its C(breaks) unless it has another. So a limit that
      tolerates nothing (V(cert-manager)), which decides nothing, gets a tolerance and
      counts.
    type: dict
    default: {}
  cluster_ca_file:
    description: The certificate of the cluster's CA, a PEM file on the controller (kubeadm's
      is /etc/kubernetes/pki/ca.crt). A node is refused if the certificate is not valid
      at the time of the node's clock.
    type: path
  max_clock_error_s:
    description: The largest clock error that the time daemon may report as its own
      bound, in seconds.
    type: float
    default: 1.0
  timeout_s:
    description: How long each exchange with a server may take, in seconds. The node's
      whole answer may take a minute longer than the slowest exchanges together (by
      default 150 s for one App and one repository). If it takes longer, the node is
      refused as not judged.
    type: float
    default: 5
  mints_per_minute:
    description: The most installation tokens that an App mints in a minute, over all
      nodes and runs of this user. Nodes wait for their turn. GitHub allows about 80.
    type: int
    default: 60
  mints_per_hour:
    description: The most installation tokens that an App mints in an hour, over all
      nodes and runs of this user. GitHub allows about 500. An App whose C(depth) is
      V(jwt) mints none.
    type: int
    default: 400
  slices:
    description: How many runs check nodes with the same Apps at the same time but share
      no file, for example slices of a job on several machines. Each run takes an equal
      share of O(mints_per_minute) and O(mints_per_hour).
    type: int
    default: 1
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
  # Not settings:
  wait_s:
    description: How long to check again, in seconds, while the node does not pass.
    type: float
    default: 0
  from_variables:
    description: Whether an option that the task does not give is read from a variable of the host,
      as in the roles of this collection. The variable's name is C(gate_) and the option's name
      (C(chrony_nts_servers) for O(nts_servers)). If there is no such variable, the option has its
      default. Facts of the node are not read.
    type: bool
    default: false
  phase:
    description: A word that the result returns, for a program that follows the run.
    type: str
  follows:
    description: The RV(check_id) of the check that this one repeats. The default is
      RV(skewgate.preflight.fleet_begin#module:id) of the run. The report counts a check only if it
      belongs to its run.
    type: str
  admit_to:
    description:
      - The group to which an admitted host is added, as with M(ansible.builtin.group_by).
      - Only for the role P(skewgate.preflight.gate#role), which fails the refused hosts later.
    type: str
attributes:
  check_mode:
    support: full
    description: It changes nothing, and does the same in check mode.
notes:
  - With O(github_apps) it needs a connection that pipes modules to the node (ssh as root or with
    sudo). It turns on pipelining itself. If that is not possible it refuses, because a JWT would be
    written to a file on the node.
  - The node goes to GitHub through the proxy of C(HTTPS_PROXY), unless C(NO_PROXY) names the host.
    Set both in the task's C(environment).
  - The controller needs a way to one of O(ntp_servers) (UDP 123) or to the API (TCP 443). Without
    one it uses its clock as it is, and signs no JWT whose C(iat) is more than 2 s after it. The
    report says so.
  - If GitHub answers a node with its rate limit, that node waits as long as GitHub asks, up to a
    minute, and tries once more. Other nodes wait too only if a second node met the limit. If GitHub
    asks for a longer wait, the node does not wait, and the finding says when to check again.
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

- name: Refuse the node if it does not pass
  ansible.builtin.assert:
    that: node.verdict == 'admit'
"""

RETURN = r"""
verdict:
  description: V(admit) or V(refuse).
  type: str
  returned: always
refused_because:
  description: V(failure) if a required check failed, V(not_judged) if the node was refused for
    another reason, null if it was admitted.
  type: str
  returned: always
judged_at:
  description: When the evidence was taken, according to the controller's clock.
  type: str
  returned: always
skew_s:
  description: C(low) and C(high) of the node's skew in seconds, positive if the node is ahead. Null
    if it is not known.
  type: dict
  returned: always
reason:
  description: Why the node is refused, in a few words; empty if it is admitted.
  type: str
  returned: always
judgement:
  description: The node's entry of report.json, with its findings.
  type: dict
  returned: unless the role P(skewgate.preflight.gate#role) checks; its report has it
record:
  description: The node's entry of evidence.json, from which the judgement can be made again.
  type: dict
  returned: unless the role P(skewgate.preflight.gate#role) checks; its report has it
asked:
  description: The C(checks), C(ntp_servers), C(nts_servers) and C(timeout_s) of this check.
  type: dict
  returned: unless facts of the node have the names of settings
timings:
  description: The seconds of each part of the check.
  type: dict
  returned: with C(skewgate check --timings) or C(skewgate gate --timings)
check_id:
  description: An ID that no other check has.
  type: str
  returned: always
follows:
  description: The value of O(follows), or its default. Empty if there is neither.
  type: str
  returned: always
awaits_report:
  description: Whether the node is refused only because other nodes of the run try its token. The
    run's report admits it if the token works there. Only in the role
    P(skewgate.preflight.gate#role) can it be true.
  type: bool
  returned: always
chrony_can_help:
  description: Whether the role P(skewgate.preflight.chrony#role) can fix one of the findings that
    refuse the node.
  type: bool
  returned: always
configuration_errors:
  description: The problems of the settings, one line each. No node was contacted.
  type: list
  elements: str
  returned: if the settings are wrong
"""
