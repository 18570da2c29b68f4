"""A node that answers as it likes: a program in place of its Python, which prints what it chooses.

It keeps each module that it was sent. It may give a module of the evidence to a real Python, to
change what is true here into a lie. Nothing else that it is sent is ever run.
"""

from __future__ import annotations

import copy
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.paths import ROOT

JWT = re.compile(rb"eyJ[\w-]+\.[\w-]+\.[\w-]+")
BEHIND_S = -612
"""The clock of a hostile node, in truth: nothing that it says may admit it."""

EVIDENCE = "node_evidence"

CANARY_KEY, CANARY_FILE, ELSEWHERE = "@canary_key@", "@canary_file@", "@elsewhere@"
PLACES = {CANARY_KEY: "canary.pem", CANARY_FILE: "canary.deb", ELSEWHERE: "elsewhere"}
"""What answers name by a word, and where it is in the folder of a run:
files of the controller that no node may get.
"""


@dataclass
class Asked:
    """What one call sent: the ``module``'s name, and all of it as bytes."""

    module: str
    sent: bytes
    _honest: dict[str, Any] = field(default_factory=dict)

    @property
    def jwts(self) -> list[str]:
        """The JWTs in the module's arguments."""
        return list(dict.fromkeys(found.decode() for found in JWT.findall(self.sent)))

    def honest(self) -> dict[str, Any]:
        """The true answer of the module that takes the evidence."""
        if not self._honest:
            done = subprocess.run([sys.executable, "-"], input=self.sent, capture_output=True, check=True)
            self._honest = json.loads(done.stdout)
        return copy.deepcopy(self._honest)

    def behind(self, off_s: float = BEHIND_S) -> dict[str, Any]:
        """The answer of a node whose clock is off, and whose evidence shows it."""
        answer = self.honest()
        answer["evidence"] = shifted(answer["evidence"], off_s)
        for app in answer["evidence"].get("github_apps") or []:
            for attempt in app["attempts"]:
                if attempt["label"] == "now":
                    attempt.update(sent=False, not_sent_because="the node's clock is off", steps=[])
        return answer


def shifted(value: Any, off_s: float) -> Any:
    """The evidence with each reading of the node's clock so many seconds later."""
    if isinstance(value, list):
        return [shifted(item, off_s) for item in value]
    if not isinstance(value, dict):
        return value
    moved = {key: shifted(item, off_s) for key, item in value.items()}
    for key, item in moved.items():
        if isinstance(item, int | float) and not isinstance(item, bool):
            if key.endswith("wall_ns"):
                moved[key] = item + round(off_s * 1e9)
            elif "wall_s" in key:
                moved[key] = item + off_s
    return moved


def while_asked() -> bool:
    """Whether whoever asked still waits: what never ends ends with it."""
    time.sleep(0.01)
    return os.getppid() != 1


#: What an answer is: JSON, text, or bytes for standard output; or it prints by
#: itself and gives None.
Answer = Callable[[Asked], dict[str, Any] | str | bytes | None]


def install(folder: Path, name: str) -> Path:
    """A program that answers by the name; what it is sent is kept in ``folder/NAME.sent``."""
    program = folder / f"{name}.python"
    program.write_text(
        f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(ROOT)!r})\n"
        "from tests.reliability.hostile.hostile_python import main\n"
        f"main({name!r}, {str(folder)!r})\n"
    )
    program.chmod(0o755)
    return program


def main(name: str, folder: str) -> None:
    """What the program does: keep what came on standard input,
    or in the file that is named, and answer.
    """
    from tests.reliability.hostile.answers import ANSWERS  # noqa: PLC0415 - which imports this file

    files = [Path(word) for word in sys.argv[1:] if Path(word).is_file()]
    sent = b"".join(file.read_bytes() for file in files) or sys.stdin.buffer.read()
    with (Path(folder) / f"{name}.sent").open("ab") as kept:
        kept.write(sent)
    found = re.search(rb"preflight[./]plugins[./]modules[./](\w+)", sent) or re.search(
        rb"ansible[./]modules[./](\w+)", sent
    )
    answer = ANSWERS[name](Asked(found[1].decode() if found else "", sent))
    if isinstance(answer, dict):
        answer = json.dumps(answer)
        for word, file in PLACES.items():
            answer = answer.replace(word, str(Path(folder) / file))
    if answer is not None:
        sys.stdout.buffer.write(answer.encode("utf-8", "surrogatepass") if isinstance(answer, str) else answer)
    sys.stdout.flush()
