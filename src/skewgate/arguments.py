"""The command line's arguments, a function a command."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from ansible_collections.skewgate.preflight.plugins.plugin_utils import checks
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.saved import EVIDENCE_FILE, SIGNATURE_FILE
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.settings import meant, nearest, texts_of
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.signing_keys import PUBLIC_SUFFIX
from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import DEFAULT, discover
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.admission import MAX_AGE_S
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.exit_code import ExitCode
from ansible_collections.skewgate.preflight.plugins.plugin_utils.version import VERSION

from . import environment as environ
from .argocd_log.pods import LOG_COMMAND, PODS_COMMAND
from .environment import NEW_SIGNING_KEY

REPORT_DIR = Path("skewgate-report")
SIGNING_KEY = Path("skewgate-signing-key.pem")

EXIT_STATUS = "exit status:\n" + "".join(f"  {code.value}  {code.meaning}\n" for code in ExitCode)

VARIABLES = """environment:
  Each flag has a variable: --report-dir is SKEWGATE_REPORT_DIR, --only is SKEWGATE_ONLY, and so on. A flag wins over its
  variable, the variable over -e, and -e over the inventory. The report shows the source of each setting.
"""

EXPLAIN_LOG = f"""which nodes GitHub refuses, from Argo CD's log:
  skewgate explain --argocd -n argocd

This runs `kubectl get pods` and `kubectl logs`, and changes nothing in the cluster.
If kubectl is on another machine, two files are enough:
  {LOG_COMMAND}
  {PODS_COMMAND}
  skewgate explain --argocd-log repo-server.log --pods pods.txt

The log may be stern's too, and the pods -o json or -o yaml. Exit status: 0 even if there are failures, because it judges no
node; 2 if the cluster or the files could not be read, or have no pod in common.
"""

SETTINGS = {
    "only": "gate_checks",
    "advisory": "gate_advisory_checks",
    "ntp_server": "gate_ntp_servers",
    "report_dir": "gate_report_dir",
    "format": "gate_report_formats",
    "signing_key": "gate_signing_key_file",
}
"""The flags that are settings, by their ``dest``."""

COMPLETION = """in the shell's start file:
  ~/.bashrc                   source <(skewgate completion bash)
  ~/.zshrc, after compinit    source <(skewgate completion zsh)
  ~/.config/fish/config.fish  skewgate completion fish | source
"""

_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"
_RAW = argparse.RawDescriptionHelpFormatter


@dataclass(frozen=True)
class Given:
    """A command line that was read: its arguments, and the source of each that is no default."""

    args: argparse.Namespace
    command: argparse.ArgumentParser
    sources: Mapping[str, str]


def read(argv: Sequence[str], environment: Mapping[str, str]) -> Given:
    """Read a command line; a flag that is not given has the value of its variable, or its default.

    Ends with the usage of the command that was named if anything is wrong with it.
    """
    whole = parser()
    commands = commands_of(whole)
    with environ.only_what_is_given(commands.values()):
        args, unknown = whole.parse_known_args(argv)
    command = commands[args.command]
    if unknown:
        known = sorted(
            {option for action in command._actions for option in action.option_strings if option[:2] == "--"}
        )
        near = (nearest(word.partition("=")[0], known) for word in unknown if word.startswith("--"))
        hints = "".join(f"; did you mean {each}?" for each in dict.fromkeys(filter(None, near)))
        command.error(f"unrecognized arguments: {' '.join(unknown)}{hints}")
    environ.refuse_unknown(commands.values(), environment)
    return Given(args, command, environ.complete(command, args, environment))


def commands_of(whole: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """The parser of each command by its name."""
    [commands] = [action for action in whole._actions if isinstance(action, argparse._SubParsersAction)]
    return dict(commands.choices)


def parser() -> argparse.ArgumentParser:
    """The parser of all commands; ``command`` names the one that was given."""
    whole = argparse.ArgumentParser(
        prog="skewgate",
        description="Proves on a node that its clock and its GitHub App credentials will work, before it joins a cluster.",
        epilog=EXIT_STATUS,
        formatter_class=_RAW,
    )
    whole.add_argument("--version", action="version", version=f"skewgate {VERSION}")
    commands = whole.add_subparsers(dest="command", required=True, metavar="COMMAND")
    _add_run(commands, "check", "check the nodes, change nothing")
    _add_run(commands, "gate", "check the nodes, fix their clocks if that can help, check again")
    _add_report(commands)
    _add_explain(commands)
    _add_verify(commands)
    _add_init(commands)
    _add_completion(commands)
    return whole


def _add_run(commands: _Commands, name: str, text: str) -> None:
    which = "(-i INVENTORY | --here)" if name == "check" else "-i INVENTORY"
    command = commands.add_parser(
        name,
        help=text,
        description=f"{text[0].upper()}{text[1:]}.",
        usage=f"skewgate {name} {which} [options] [-- ansible-playbook's options]",
        epilog=f"{VARIABLES}\n{EXIT_STATUS}",
        formatter_class=_RAW,
    )
    nodes = command.add_argument_group("which nodes")
    _add_inventory(nodes)
    if name == "check":
        nodes.add_argument("--here", action="store_true", help="this machine, without an inventory; run it as root")
    _add_limit(nodes)
    nodes.add_argument(
        "-f",
        "--forks",
        type=int,
        metavar="N",
        help="how many nodes at a time; default: ANSIBLE_FORKS or ansible.cfg, or else what this machine can run",
    )
    _add_login(command.add_argument_group("how to reach them, as in ansible"))
    settings = command.add_argument_group("what to check")
    settings.add_argument("-e", "--extra-vars", action="append", default=[], metavar="VARS", help="key=value or @FILE")
    for flag, which in (
        ("--only", "run only this check"),
        ("--advisory", "report this check, never refuse a node because of it"),
    ):
        settings.add_argument(
            flag, action="extend", type=_checks, default=[], metavar="CHECK", help=f"{which}; may be repeated, or A,B"
        )
    settings.add_argument(
        "--ntp-server", action="extend", type=texts_of, default=[], metavar="HOST", help="an NTP server to compare with"
    )
    output = command.add_argument_group("output")
    _add_report_dir(output, REPORT_DIR)
    _add_output(output)
    _add_signing_key(output)
    output.add_argument("--timings", action="store_true", help="show where the run's time went")
    output.add_argument("-v", "--verbose", action="count", default=0, help="show ansible's output too (-v to -vvvv)")


def _add_inventory(
    command: argparse._ActionsContainer, text: str = "the inventory, as in ansible; may be repeated"
) -> None:
    command.add_argument("-i", "--inventory", action="append", default=[], help=text)


def _add_limit(command: argparse._ActionsContainer) -> None:
    command.add_argument("-l", "--limit", metavar="PATTERN", help="only these nodes (a pattern, as in ansible)")


def _add_login(command: argparse._ArgumentGroup) -> None:
    """The login flags of ansible-playbook. The command asks their questions before the run."""
    command.add_argument("-u", "--user", help="log in as this user")
    command.add_argument("--private-key", metavar="FILE", help="log in with this ssh key")
    command.add_argument("-k", "--ask-pass", action="store_true", help="ask for the password of the login")
    command.add_argument("--connection-password-file", metavar="FILE", help="a file with the password of the login")
    command.add_argument("-K", "--ask-become-pass", action="store_true", help="ask for sudo's password")
    command.add_argument("--become-password-file", metavar="FILE", help="a file with the password of sudo")
    _add_vault(command)


def _add_vault(command: argparse._ActionsContainer) -> None:
    command.add_argument("-J", "--ask-vault-pass", action="store_true", help="ask for the password of Ansible Vault")
    command.add_argument(
        "--vault-password-file",
        action="append",
        default=[],
        metavar="FILE",
        help="a file with the password of Ansible Vault",
    )
    command.add_argument("--vault-id", action="append", default=[], metavar="ID", help="a vault's name and its file")


def _checks(text: str) -> list[str]:
    """The names of checks, with commas between them."""
    names, known = texts_of(text), list(checks.discover())
    for name in names:
        if name not in known:
            raise argparse.ArgumentTypeError(f"no check is called {name!r}; {meant(name, known)}")
    return names


def _formats(text: str) -> list[str]:
    """The names of formats, with commas between them."""
    names, known = texts_of(text), list(discover())
    for name in names:
        if name not in known:
            raise argparse.ArgumentTypeError(f"no format is called {name!r}; {meant(name, known)}")
    return names


def _path(text: str) -> Path:
    """A path as it was given; its home folder must be known.

    A key's text is refused at once, because Ansible shows its arguments with -vvvv.
    """
    if "PRIVATE KEY" in text:
        raise argparse.ArgumentTypeError(
            "expected a file's path, found a key's text; write it into a file, and name that"
        )
    path = Path(text)
    try:
        path.expanduser()
    except RuntimeError:
        raise argparse.ArgumentTypeError("the home folder of this user is not known") from None
    return path


def names_of(action: argparse.Action) -> list[str]:
    """The names of checks or formats, if these are what the argument takes."""
    known = {"CHECK": list(checks.discover()), "FORMAT": list(discover())}
    return known.get(str(action.metavar), [])


def _add_output(command: argparse._ActionsContainer) -> None:
    command.add_argument(
        "--format",
        action="extend",
        type=_formats,
        default=[],
        metavar="FORMAT",
        help=f"write the report in this format: {', '.join(discover())}; may be repeated, or A,B; default: {', '.join(DEFAULT)}",
    )
    command.add_argument(
        "--output",
        metavar="FILE",
        help="write the report to this file as well, in the format of --format or as its name ends; -: standard output, "
        "with nothing else there",
    )


def _add_report(commands: _Commands) -> None:
    command = commands.add_parser(
        "report",
        help="judge saved evidence again, and join or compare that of several runs",
        description="Judges saved evidence again, and joins that of several runs. With -i, every node of the "
        "inventory must have evidence; without -i, this is not checked. With --diff, it compares two runs.",
        epilog=EXIT_STATUS,
        formatter_class=_RAW,
    )
    command.add_argument(
        "evidence", nargs="+", type=Path, metavar="RUN", help="the folder of a run's report, or its evidence.json"
    )
    nodes = command.add_argument_group("which nodes must be there")
    _add_inventory(nodes, "the inventory, as in ansible; may be repeated. A node without evidence is refused")
    _add_limit(nodes)
    _add_vault(nodes)
    output = command.add_argument_group("output")
    output.add_argument(
        "--diff",
        action="store_true",
        help="show what changed from the first RUN to the second one, and write nothing; the exit status is that of the second",
    )
    _add_report_dir(output, None)
    _add_output(output)
    _add_signing_key(output)


def _add_report_dir(command: argparse._ActionsContainer, default: Path | None) -> None:
    command.add_argument(
        "--report-dir",
        type=_path,
        metavar="DIR",
        help=f"the folder for {EVIDENCE_FILE} and the report; default: {default or 'nowhere'}",
    )


def _add_signing_key(command: argparse._ActionsContainer) -> None:
    command.add_argument(
        "--signing-key",
        type=_path,
        metavar="FILE",
        help=f"sign the report with this key, in {SIGNATURE_FILE}; `skewgate init --signing-key` makes one",
    )


def _add_explain(commands: _Commands) -> None:
    command = commands.add_parser(
        "explain",
        help="what a check looks at, why, and what to do (without CHECK: list them); which nodes fail in Argo CD's log; or what "
        "a sosreport shows of a clock",
        description="Explains what a check looks at, why, and what to do; which nodes fail in Argo CD's log; or what a sosreport "
        "shows of a clock.",
        epilog=EXPLAIN_LOG,
        formatter_class=_RAW,
    )
    command.add_argument(
        "check", nargs="?", metavar="CHECK", help="a check, or a rule of chrony_config, for example CHR101"
    )
    cluster = command.add_argument_group("Argo CD's log, as kubectl gives it")
    cluster.add_argument("--argocd", action="store_true", help="ask kubectl for the repo-server's pods and their logs")
    cluster.add_argument("-n", "--namespace", default="argocd", metavar="NAME", help="Argo CD's; default: argocd")
    cluster.add_argument("--context", metavar="NAME", help="kubectl's context; default: its current one")
    cluster.add_argument("--kubeconfig", metavar="FILE", help="kubectl's configuration; default: as kubectl finds it")
    cluster.add_argument(
        "--since", metavar="TIME", help="only lines that are not older than this, for example 90m or 24h; default: all"
    )
    files = command.add_argument_group("Argo CD's log, from files")
    files.add_argument(
        "--argocd-log",
        action="append",
        default=[],
        metavar="FILE",
        help="the log; - for standard input; may be repeated",
    )
    files.add_argument("--pods", metavar="FILE", help="the pods and their nodes; - for standard input")
    files.add_argument(
        "--pod", metavar="NAME", help="the pod of lines that name no pod; default: the file's name without .log"
    )
    archive = command.add_argument_group("a node that cannot be reached")
    archive.add_argument(
        "--sosreport",
        type=_path,
        metavar="FILE",
        help="what a sosreport, or an archive of Red Hat Insights, shows of chrony and the clock: the archive, or its folder "
        "if it is unpacked. Never an admission",
    )


def _add_verify(commands: _Commands) -> None:
    command = commands.add_parser(
        "verify",
        help="exit 0 only if a report still admits every node",
        description="Exits with 0 only if a report still admits every node, or the node of --node. It reads files and asks no "
        "node, so it cannot know whether a node has rebooted or its clock was set since then. The entry point admission of the "
        "role gate asks.",
        epilog=EXIT_STATUS,
        formatter_class=_RAW,
    )
    command.add_argument("run", type=Path, metavar="RUN", help="the folder of a run's report, or its report.json")
    command.add_argument("--node", metavar="NAME", help="this node alone; default: every node of the report")
    command.add_argument(
        "--max-age",
        type=float,
        default=MAX_AGE_S,
        metavar="SECONDS",
        help=f"how old an admission may be, according to this machine's clock; inf: any age; default: {MAX_AGE_S}",
    )
    command.add_argument(
        "--key",
        type=_path,
        metavar="FILE",
        help=f"the public key of the controller: admit a node only if {SIGNATURE_FILE} is signed with its private key",
    )


def _add_init(commands: _Commands) -> None:
    command = commands.add_parser(
        "init",
        help="write an inventory and settings to fill in, or a key that signs reports",
        usage="skewgate init DIR | skewgate init --signing-key [FILE]",
        description="Writes hosts.yml and group_vars/all.yml, with comments; or a key that signs reports. It asks no question "
        "and contacts no machine.",
    )
    command.add_argument(
        "folder", type=Path, nargs="?", metavar="DIR", help="the folder to write to; it must not have these files"
    )
    command.add_argument(
        "--signing-key",
        dest=NEW_SIGNING_KEY,
        type=_path,
        nargs="?",
        const=SIGNING_KEY,
        metavar="FILE",
        help=f"write a private key to FILE and its public key to FILE{PUBLIC_SUFFIX}, which must not exist; default: "
        f"{SIGNING_KEY} in the current folder",
    )


def _add_completion(commands: _Commands) -> None:
    command = commands.add_parser(
        "completion",
        help="print the completion of skewgate for bash, zsh or fish",
        description="Prints the completion of skewgate for a shell.",
        epilog=COMPLETION,
        formatter_class=_RAW,
    )
    command.add_argument("shell", choices=["bash", "zsh", "fish"], help="the shell")
