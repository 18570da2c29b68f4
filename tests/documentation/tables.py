"""Where each page's commands run, and which blocks are not run here, with the reason."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.documentation.pages import Block

#: An inventory of three nodes, as `skewgate init my-nodes` writes it and a user fills it in.
MY_NODES = (
    "skewgate init my-nodes",
    "sed -i 's/FILL_IN_NODE_1:/node1.example.net:/; s/FILL_IN_NODE_2:/node2.example.net:/' my-nodes/hosts.yml",
    "sed -i 's/FILL_IN_NTP_SERVER/ntp1.example.net, ntp2.example.net, ntp3.example.net/' my-nodes/group_vars/all.yml",
    "sed -i 's/FILL_IN_APP_ID/1001/; s/FILL_IN_INSTALLATION_ID/2002/' my-nodes/group_vars/all.yml",
    "sed -i 's#FILL_IN_PRIVATE_KEY_FILE#~/.secrets/deploy-app.pem#' my-nodes/group_vars/all.yml",
    "sed -i 's#FILL_IN_OWNER_AND_REPOSITORY#acme/deploy-config#' my-nodes/group_vars/all.yml",
)
CLONE = "git clone -q https://example.com/skewgate"
#: Nodes that pass: these ask of them what this machine can have, which has no time daemon.
PASSING = (*MY_NODES, "echo 'gate_checks: [clock_skew, github_app_token, ntp_servers]' >> my-nodes/group_vars/all.yml")

#: Nodes whose last report is there, and the folders of the tools that watch them.
MONITORED = (
    *PASSING,
    "mv my-nodes inventory",
    "skewgate check -i inventory || test $? = 4",
    "mkdir -p /var/lib/skewgate /var/lib/prometheus/node-exporter",
    "cp -r skewgate-report /var/lib/skewgate/report",
    CLONE,
    "export PATH=$PATH:$PWD/skewgate/docs/monitoring",
)


@dataclass(frozen=True)
class World:
    """What is there before a page's first command."""

    before: tuple[str, ...] = ()
    """Commands that the page need not show."""
    nodes_behind_s: float = 0
    """How far the nodes' clocks are behind that of the NTP servers, the API and the controller."""
    server: str = "github.com"
    """What the API answers as: a GitHub Enterprise Server (`ghes`) has the certificate of a CA
    that nobody trusts.
    """
    way_to_github: bool = True
    """Whether there is another way to GitHub than a proxy."""
    stand_ins: dict[str, str] = field(default_factory=dict)
    """Scripts of commands that are not the product's, by their names."""
    nightly: bool = False


#: Pages with console blocks, and what is there before them.
WORLDS: dict[str, World] = {
    "README.md": World(nodes_behind_s=612),
    "docs/how-to/air-gapped.md": World(server="ghes", nightly=True),
    "docs/how-to/check-your-first-node.md": World(),
    "docs/how-to/check-many-nodes.md": World(before=PASSING, nightly=True),
    "docs/how-to/gate-a-node-at-its-first-boot.md": World(nightly=True),
    "docs/how-to/explain-a-sosreport.md": World(),
    "docs/how-to/github-enterprise-server.md": World(server="ghes", nightly=True),
    "docs/how-to/install.md": World(),
    "docs/how-to/monitor-with-nagios.md": World(before=MONITORED, nodes_behind_s=612, nightly=True),
    "docs/how-to/monitor-with-prometheus.md": World(before=MONITORED, nodes_behind_s=612, nightly=True),
    "docs/how-to/prove-an-admission-later.md": World(before=PASSING),
    "docs/how-to/read-argo-cds-log.md": World(),
    "docs/how-to/run-it-in-ci.md": World(before=PASSING, nightly=True),
    "docs/how-to/run-it-on-awx.md": World(before=PASSING, nightly=True),
    "docs/how-to/run-the-command.md": World(before=(*PASSING, "mv my-nodes nodes.yml"), nightly=True),
    "docs/how-to/take-the-clusters-credentials.md": World(
        before=(CLONE,), stand_ins={"kubectl": "cat ~/argocd-secrets.json"}, nightly=True
    ),
    "docs/how-to/use-a-proxy.md": World(way_to_github=False, nightly=True),
    "docs/how-to/use-the-gate-in-your-plays.md": World(before=PASSING),
    "docs/how-to/verify-with-testinfra.md": World(),
}

#: Page with console blocks: the test that runs it.
RUN_ELSEWHERE: dict[str, str] = {"docs/tutorial.md": "tests/integration/test_tutorial.py"}

EXAMPLES = "tests/integration/test_examples.py"
#: Page: the tests that take its blocks by their names.
HELD: dict[str, tuple[str, ...]] = {
    "docs/explanation/architecture.md": ("tests/unit/docs/test_architecture.py",),
    "docs/how-to/add-a-check.md": ("tests/unit/docs/test_how_to_add_a_check.py", EXAMPLES),
    "docs/how-to/add-a-client-or-a-limit.md": ("tests/unit/docs/test_how_to_add_a_client_or_a_limit.py",),
    "docs/how-to/add-a-daemon.md": ("tests/unit/docs/test_how_to_add_a_daemon.py", EXAMPLES),
    "docs/how-to/add-a-distribution.md": ("tests/unit/docs/test_how_to_add_a_distribution.py",),
    "docs/how-to/add-a-format.md": ("tests/unit/docs/test_how_to_add_a_format.py", EXAMPLES),
    "docs/how-to/add-a-section.md": ("tests/unit/docs/test_how_to_add_a_section.py", EXAMPLES),
    "docs/how-to/add-a-setting.md": ("tests/unit/docs/test_how_to_add_a_setting.py",),
    "docs/how-to/verify-with-testinfra.md": ("tests/integration/test_acceptance.py",),
}

#: Page that is made from the code: the test that compares them.
MADE: dict[str, str] = {
    "docs/reference/command.md": "tests/unit/docs/test_command_page.py",
    "docs/reference/formats.md": "tests/unit/docs/test_formats_page.py",
}

PRINTED = "ansible-test and galaxy-importer print it, in minutes: tests/integration/test_collection_tools.py."
_ON_LAB = "It needs root on a node with systemd: tests/integration/test_node_file_lab.py runs it on the lab."
#: Block, by its page and how its first line begins: why it is neither run nor checked here.
NOT_RUN: dict[str, str] = {
    "docs/explanation/architecture.md: controller  ": "It is a picture of where things run.",
    "docs/explanation/remediation.md: ansible-playbook -i my-nodes": (
        "It changes nodes; tests/integration/test_remediation.py runs the three commands on the lab."
    ),
    'docs/how-to/add-a-section.md: "connman": _of_daemon': "It is one row of a table in boundary/sections.py.",
    "docs/how-to/add-a-setting.md: gate_max_rtc_error_s:": "There is no such setting: it is the page's example.",
    "docs/how-to/air-gapped.md: $ pip wheel": "It asks PyPI for all wheels.",
    "docs/how-to/air-gapped.md: $ ~/.skewgate/bin/pip install --no-index": "It installs what the command above brings.",
    "docs/how-to/explain-a-sosreport.md: $ skewgate explain --sosreport sosreport-worker-2": (
        "It explains an archive of the reader's; the example below it is a folder."
    ),
    "docs/how-to/keep-checking-after-the-join.md: $ make node-file": (
        "tests/integration/test_node_file.py runs the command that the target runs."
    ),
    "docs/how-to/keep-checking-after-the-join.md: # systemctl daemon-reload": _ON_LAB,
    "docs/how-to/keep-checking-after-the-join.md: # /usr/local/lib/skewgate": _ON_LAB,
    "docs/how-to/keep-checking-after-the-join.md: kubelet --register": "It is a flag of kubelet, which is not run here.",
    "docs/how-to/monitor-with-nagios.md: object CheckCommand": "It is Icinga's configuration, and Icinga is not run.",
    "docs/how-to/monitor-with-nagios.md: define command": "It is Nagios's configuration, and Nagios is not run.",
    "docs/how-to/nodes-without-python.md: $ ansible -i INVENTORY NODE -m raw": "It asks a node of the reader's.",
    "docs/how-to/nodes-without-python.md: $ talosctl": "It asks a node that runs Talos, which is not here.",
    "docs/how-to/nodes-without-python.md: $ apiclient": "It asks a node that runs Bottlerocket, which is not here.",
    "docs/how-to/read-argo-cds-log.md: $ skewgate explain --argocd -n argocd": (
        "It asks a cluster; tests/daemons/skewgate/test_kubectl.py runs it with kubectl and an API server."
    ),
    "docs/how-to/read-argo-cds-log.md: $ kubectl logs": "It asks a cluster, for what the examples below it are.",
    "docs/how-to/run-it-on-awx.md: $ ansible-playbook job-template.yml": (
        "It asks AWX; the test of the recipes runs it with stand-ins of AWX's modules."
    ),
    "docs/how-to/verify-with-testinfra.md: export ACCEPTANCE_SUITE": (
        "tests/integration/test_acceptance.py runs it, and molecule after it."
    ),
    "docs/reference/collection-tools.md: Downloading pip": PRINTED,
    "docs/reference/collection-tools.md: WARNING: Skipping sanity test": PRINTED,
    "docs/reference/collection-tools.md: WARNING: Required program": PRINTED,
    "docs/reference/collection-tools.md: WARNING: docs/recipes/awx": PRINTED,
}


def why_not_run(block: Block) -> str | None:
    """Why a block is not run, if it is not."""
    return next((why for begin, why in NOT_RUN.items() if block.name.startswith(begin)), None)
