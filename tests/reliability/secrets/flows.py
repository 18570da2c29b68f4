"""The flows: each a whole run of the product, with success or with one fault.

What a flow says of its end shows that it went the way that it was to go.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.lab.github_api import INSTALLATION_ID, Control
from tests.reliability.secrets.world import REPOSITORY, Run, World

PLAYBOOK, COMMAND, ACCEPTANCE = "playbook", "command", "acceptance"
SUITE = [
    *(
        "pytest",
        "--pyargs",
        "skewgate.acceptance",
        "--hosts=ansible://all",
        "--force-ansible",
        "-p",
        "no:cacheprovider",
    ),
    *("-vvv", "--showlocals", "-rA", "-s", "--log-cli-level=DEBUG", "--log-file=log", "--log-file-level=DEBUG"),
]
INSTALLATION = f"/app/installations/{INSTALLATION_ID}"
MINT = f"{INSTALLATION}/access_tokens"
REVOKE = "/installation/token"
REFS = f"/{REPOSITORY}.git/info/refs"
TOKEN_SHOWN = "x-access-token:{token}"


class FlowError(Exception):
    """A flow did not go the way that it was to go, so it proves nothing."""


Meanwhile = Callable[[World, "subprocess.Popen[bytes]"], None]


@dataclass(frozen=True)
class Flow:
    """One run.

    ``statuses``: those with which it may end, none: any. ``keys``: those that the finding on the
    App has, or more. ``minted``: how many tokens at least were minted.
    ``live``: how many of them were not revoked; None: that is not certain. ``here``: variables that
    depend on its folder. ``then``: what is run after it.
    """

    name: str
    by: str = PLAYBOOK
    playbook: str = "check"
    words: Sequence[str] = ()
    nodes: int = 1
    app: Callable[[World], Any] = World.app
    variables: Mapping[str, Any] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    here: Callable[[World], Mapping[str, Any]] = lambda _world: {}
    api: Callable[[Control, World], None] = lambda _control, _world: None
    meanwhile: Meanwhile = lambda _world, _process: None
    statuses: Sequence[int] = (0,)
    keys: Sequence[str] = ()
    minted: int = 1
    live: int | None = None
    then: Callable[[World, Path], Run] | None = None

    def run(self, world: World) -> Run:
        """Run it: how it ended."""
        self.api(world.api.control, world)
        variables = {**self.variables, **self.here(world)}
        inventory = world.inventory(self.app(world), self.nodes, **variables)
        run = world.run(
            self._argv(world, inventory), lambda process: self.meanwhile(world, process), **self.environment
        )
        self._assert_as_meant(world, run)
        if self.then is not None:
            run = self.then(world, inventory)
        return run

    def _argv(self, world: World, inventory: Path) -> list[Any]:
        if self.by == ACCEPTANCE:
            return [*SUITE, f"--ansible-inventory={inventory}"]
        if self.by == COMMAND:
            return ["skewgate", self.playbook, "-vvvv", "-i", inventory, "--report-dir", world.report, *self.words]
        return ["ansible-playbook", "-vvvv", "-i", inventory, f"skewgate.preflight.{self.playbook}", *self.words]

    def _assert_as_meant(self, world: World, run: Run) -> None:
        found = f"{self.name}: status {run.status}, keys {run.keys()}, {len(world.minted())} tokens"
        if self.statuses and run.status not in self.statuses:
            raise FlowError(f"{found}\n{run.output[-1500:].decode(errors='replace')}")
        if self.live not in (None, len(world.api.control.tokens()["live"])):
            raise FlowError(f"{found}, {world.api.control.tokens()['live']} of them live")
        if not set(self.keys) <= set(run.keys()) or len(world.minted()) < self.minted:
            raise FlowError(found)


def scripted(method: str, path: str, times: int = 9, **answer: Any) -> Callable[[Control, World], None]:
    """An API that answers so; ``{token}`` in its body is the token that was minted first."""

    def script(control: Control, world: World) -> None:
        said = {key: _with_token(value, world) for key, value in answer.items()}
        control.script(method, path, times=times, **said)

    return script


def _with_token(value: Any, world: World) -> Any:
    return value.replace("{token}", world.tokens[0]) if isinstance(value, str) else value


def long_tokens(_control: Control, world: World) -> None:
    """As GitHub's since 2026: about 520 characters."""
    world.plant(516)


def clock_off(control: Control, _world: World) -> None:
    """GitHub's clock is ten minutes ahead, so it refuses what is signed for the true time."""
    control.set_clock_offset(700)


def inline(world: World) -> dict[str, Any]:
    """The key in a variable, as from Ansible Vault."""
    return world.app(private_key=world.pem, private_key_file=None)


def with_key(change: Callable[[World, Path], dict[str, Any]]) -> Callable[[World], dict[str, Any]]:
    """The App with another file as its key, or with its key in a wrong place."""
    return lambda world: world.app(**change(world, world.given / "key.pem"))


REFUSED, WRONG = (2, 4), (2,)
ACCESS = {"status": 403, "message": "Resource not accessible by integration"}
ECHO = {"status": 403, "body": f'{{"message": "refused, suspended: {TOKEN_SHOWN} {{token}}"}}'}
SUSPENDED = "This installation has been suspended"
LEFT = ("token_not_revoked",)

ON_SUCCESS = (
    Flow("a check by the playbook", live=0),
    Flow("a check by the command, the key in a variable", COMMAND, app=inline),
    Flow("a gate by the playbook, the key in a variable", playbook="gate", app=inline),
    Flow("a gate by the command", COMMAND, "gate"),
    Flow("long tokens", api=long_tokens),
    Flow("the token is fresh and not known yet", api=lambda api, _: api.set_replication(1.0, 403)),
    Flow("two nodes, of which one mints", "playbook", nodes=2, variables={"gate_mint_nodes": "1"}),
    Flow("pipelining is off", environment={"ANSIBLE_PIPELINING": "false"}),
    Flow("the free strategy", environment={"ANSIBLE_STRATEGY": "free"}, app=inline),
)

ON_REFUSAL = (
    Flow("GitHub's clock refuses the JWT", COMMAND, api=clock_off, statuses=(4,), minted=0),
    Flow("GitHub refuses the address", api=lambda api, _: api.refuse("ip_allow_list"), statuses=REFUSED, minted=0),
    Flow("suspended", COMMAND, api=lambda api, _: api.suspend(), statuses=(4,), minted=0),
    Flow("the mint is refused", api=scripted("POST", MINT, **ACCESS), statuses=REFUSED, minted=0),
    Flow(
        "the token's use is refused", COMMAND, api=scripted("GET", REFS, status=403, message=SUSPENDED), statuses=(4,)
    ),
    Flow("GitHub repeats the token", api=scripted("GET", REFS, **ECHO), statuses=REFUSED),
    Flow("GitHub repeats the token at its end", COMMAND, api=scripted("DELETE", REVOKE, **ECHO), keys=LEFT),
    Flow("the revocation fails", api=scripted("DELETE", REVOKE, status=503, message="Unavailable"), keys=LEFT),
    Flow("the revocation is reset", COMMAND, api=scripted("DELETE", REVOKE, reset=True), keys=LEFT),
    Flow("the mint is reset", api=scripted("POST", MINT, reset=True), statuses=(2, 3), minted=0),
    Flow("the use is reset", COMMAND, api=scripted("GET", REFS, reset=True), statuses=(3,)),
)


def _other(world: World, path: Path) -> dict[str, Any]:
    """A key that GitHub does not know."""
    pem = subprocess.run(["openssl", "genrsa", "-traditional", "2048"], check=True, capture_output=True, text=True)
    path.write_text(pem.stdout)
    world.more_keys.append(pem.stdout)
    return {"private_key_file": str(path)}


def _written(change: Callable[[str], str]) -> Callable[[World], dict[str, Any]]:
    def write(world: World, path: Path) -> dict[str, Any]:
        path.write_text(change(world.pem))
        return {"private_key_file": str(path)}

    return with_key(write)


def _in_place_of(name: str, change: Callable[[str], Any] = str) -> Callable[[World], dict[str, Any]]:
    """The key given to a setting that is not the key's."""
    return lambda world: world.app(**{name: change(world.pem)})


def _wrong(name: str, app: Callable[[World], Any], by: str = PLAYBOOK, **more: Any) -> Flow:
    return Flow(name, by, app=app, statuses=WRONG, minted=0, **more)


def _folded(pem: str) -> str:
    return pem.replace("\n", " ")


ON_WRONG_KEYS = (
    Flow("another App's key", COMMAND, app=with_key(_other), statuses=(4,), minted=0),
    _wrong("no key file", with_key(lambda _world, path: {"private_key_file": str(path)}), COMMAND),
    _wrong("a folder as key file", with_key(lambda _world, path: {"private_key_file": str(path.parent)})),
    _wrong("a key file that is cut off", _written(lambda pem: pem[: len(pem) // 2]), COMMAND),
    _wrong("a key whose lines are reversed", _written(lambda pem: "\n".join(reversed(pem.splitlines())))),
    _wrong("a key with a passphrase that it has not", lambda world: world.app(private_key_passphrase=world.pem)),
    _wrong("the key in place of its file", _in_place_of("private_key_file"), COMMAND),
    _wrong("the key in place of the App's ID", _in_place_of("app_id")),
    _wrong("the key in place of the client's ID", _in_place_of("client_id"), COMMAND),
    _wrong("the key in place of the installation", _in_place_of("installation_id")),
    _wrong("the key in place of the name", _in_place_of("name"), COMMAND),
    _wrong("the key in place of the API", _in_place_of("api_url")),
    _wrong("the key in place of the repositories", _in_place_of("repositories"), COMMAND),
    _wrong("the key in place of the CA", _in_place_of("ca_pem")),
    _wrong("the key as a list", lambda w: w.app(private_key=w.pem.splitlines(), private_key_file=None), COMMAND),
    _wrong("the key as an object", lambda w: w.app(private_key={"pem": w.pem}, private_key_file=None)),
    _wrong("the key in a setting that is misspelt", _in_place_of("private_keyy"), COMMAND),
    _wrong("the key as the name of a setting", lambda world: {**world.app(), world.pem: "x"}),
    _wrong("the key as the App", lambda world: world.pem, COMMAND),
    _wrong("the key folded, in a variable", lambda w: w.app(private_key=_folded(w.pem)[:-200], private_key_file=None)),
)

OF_ANSIBLE = (
    _wrong("ANSIBLE_KEEP_REMOTE_FILES", World.app, environment={"ANSIBLE_KEEP_REMOTE_FILES": "1"}, variables={}),
    _wrong("ANSIBLE_DEBUG", World.app, COMMAND, environment={"ANSIBLE_DEBUG": "1"}),
    _wrong(
        "su, through which no module can be piped",
        World.app,
        variables={"ansible_become": True, "ansible_become_method": "su"},
    ),
)


def signing_key(world: World) -> dict[str, str]:
    """A new key that signs reports, as the setting has it."""
    path = world.given / "signing.pem"
    subprocess.run(
        ["skewgate", "init", "--signing-key", path], check=True, capture_output=True, env=world.environment()
    )
    world.more_keys.append(path.read_text())
    return {"gate_signing_key_file": str(path)}


def _its_text(world: World) -> dict[str, str]:
    return {"gate_signing_key_file": Path(signing_key(world)["gate_signing_key_file"]).read_text()}


def _open_to_all(world: World) -> dict[str, str]:
    setting = signing_key(world)
    Path(setting["gate_signing_key_file"]).chmod(0o644)
    return setting


ON_SIGNING = (
    Flow("a signed report", here=signing_key, live=0),
    Flow("a signed report by the command", COMMAND, "gate", here=signing_key, live=0),
    _wrong("the key that signs in place of its file", World.app, here=_its_text),
    _wrong("a key that signs and that all can read", World.app, COMMAND, here=_open_to_all),
)
