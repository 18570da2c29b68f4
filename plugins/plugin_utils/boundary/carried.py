"""The script that is sent to a node to take its evidence, with the sources that its sections need.

Ansible would send its module library, and compress each of our files separately. The script is a
module of the kind that gets its arguments as JSON in its text and carries its own library.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import zlib
from collections.abc import Iterable
from pathlib import Path

from ansible import constants

from .shared_file import replace_file, shared_file

PLUGINS = Path(__file__).parents[2]
PACKAGE = "ansible_collections.skewgate.preflight.plugins"
MODULE = "modules.node_evidence"
PROBES = "module_utils.probes"
SHARED_PROBES = frozenset({"boot", "chrony", "time_services"})
"""Together these know for which units to ask systemd, once for all of NEED_UNITS."""
NEED_UNITS = SHARED_PROBES | {"nts", "past_boots"}

_FOR_READERS = re.compile(r'^(?:DOCUMENTATION|EXAMPLES|RETURN) = r"""\n.*?^"""\n+', re.MULTILINE | re.DOTALL)
_IMPORT = re.compile(rf"^ *from (\.+|{re.escape(PACKAGE)}\.)([\w.]*) import ([\w, ]+|\()", re.MULTILINE)


def script_for(sections: Iterable[str]) -> Path:
    """The script for these sections, alone in a folder; a run writes it once on the controller."""
    wanted = sorted(sections)
    name = f"skewgate_node_evidence_{hashlib.sha256(' '.join(wanted).encode()).hexdigest()[:12]}"
    path = Path(constants.DEFAULT_LOCAL_TMP) / name / f"{name}.py"
    if not path.exists():
        with shared_file(path.parents[1] / "skewgate-script-lock"):  # the run's first processes all come here at once
            if not path.exists():
                path.parent.mkdir(mode=0o700, exist_ok=True)
                replace_file(path, _script(wanted))
    return path


def _script(sections: Iterable[str]) -> str:
    packed = zlib.compress(json.dumps(sources(sections)).encode(), 9)
    return (
        _SCRIPT.replace("@SOURCES@", base64.b64encode(packed).decode())
        .replace("@PACKAGE@", PACKAGE)
        .replace("@PROBES@", PROBES)
    )


def sources(sections: Iterable[str]) -> dict[str, str]:
    """The sources of the module (without documentation), the asked probes and all their imports.

    They are named below PACKAGE.
    """
    probes = set(sections)
    probes |= SHARED_PROBES if probes & NEED_UNITS else set()
    waiting = [MODULE, *(f"{PROBES}.{probe}" for probe in sorted(probes))]
    found: dict[str, str] = {}
    while waiting:
        name = waiting.pop()
        path = PLUGINS / f"{name.replace('.', '/')}.py"
        if name not in found and path.exists():
            found[name] = _FOR_READERS.sub("", path.read_text(encoding="utf-8"))
            waiting += _imported(name, found[name])
    return dict(sorted(found.items()))


def _imported(name: str, source: str) -> list[str]:
    """The modules of ours that a source imports.

    Imports in parentheses are the module's probes. The sections say which of them are needed.
    """
    imported = []
    for start, module, names in _IMPORT.findall(source):
        above = name.split(".")[: -len(start)] if start[0] == "." else []
        place = ".".join([*above, module] if module else above)
        imported += [place, *(f"{place}.{one.strip()}" for one in names.split(",") if one != "(")]
    return imported


_SCRIPT = '''#!/usr/bin/python
# skewgate.preflight.node_evidence with what it imports. SOURCES is JSON, compressed by zlib, in
# base64: names to Python sources.
import sys

sys.path[:] = [path for path in sys.path if path not in ("", ".")]  # nothing from the folder that it was started in

import json

if sys.version_info < (3, 8):
    said = "skewgate requires Python 3.8 or later on a node; this is Python %d.%d" % sys.version_info[:2]
    print(json.dumps({"failed": True, "msg": said}))
    sys.exit(1)

import base64
import zlib
from importlib import import_module
from importlib.machinery import ModuleSpec

true, false, null, NaN, Infinity = True, False, None, float("nan"), float("inf")
ARGUMENTS = <<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>
SOURCES = "@SOURCES@"
PACKAGE = "@PACKAGE@"


class Carried:
    """Imports from SOURCES; a probe that is not carried is empty, because it is not used."""

    def __init__(self):
        self.sources = json.loads(zlib.decompress(base64.b64decode(SOURCES)).decode())
        self.packages = {PACKAGE + ".@PROBES@"}  # also if no probe is carried
        for name in self.sources:
            parts = (PACKAGE + "." + name).split(".")
            self.packages.update(".".join(parts[:end]) for end in range(1, len(parts)))

    def find_spec(self, name, path=None, target=None):
        is_ours = name in self.packages or name.startswith(PACKAGE + ".")
        return ModuleSpec(name, self, is_package=name in self.packages) if is_ours else None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        name = module.__name__
        exec(compile(self.sources.get(name[len(PACKAGE) + 1 :], ""), name, "exec"), module.__dict__)


sys.meta_path.insert(0, Carried())
import_module(PACKAGE + ".module_utils.node.core_dumps").forbid_core_dumps()  # of the JWTs in ARGUMENTS
# JSON's way to write a character beyond the first 65,536 is not Python's.
given = json.loads(json.dumps({name: ARGUMENTS[name] for name in ARGUMENTS if not name.startswith("_ansible_")}))
print(json.dumps(import_module(PACKAGE + ".modules.node_evidence").answer(given)))
'''
