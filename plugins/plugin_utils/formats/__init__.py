"""The formats of a report, one file each.

A format is a name, a file's name, and a function that writes a report.

A format knows the report alone: a saved ``report.json`` is enough. A new file here is a new format.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Collection, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any, Protocol, TextIO, cast

from ..boundary.holder import Holder
from ..boundary.libraries import Ed25519PrivateKey
from ..boundary.saved import EVIDENCE_FILE, REPORT_FILE, ROOM_BYTES, Writer, begin_folder, replace_files
from ..boundary.stored import write_nodes
from ..verdict.attestation import signature_of

DEFAULT = ("html", "text")
"""The formats that are written beside ``report.json`` if nobody chooses others."""


class Format(Protocol):
    """What each module in this folder is."""

    NAME: str
    FILE: str

    def write(self, report: Mapping[str, Any], file: TextIO) -> None:
        """Write the report (the content of ``report.json``) piece by piece:
        its nodes may be more than fit into memory.
        """


@cache
def discover() -> dict[str, Format]:
    """All formats by name."""
    modules = (importlib.import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__))
    formats = [cast(Format, module) for module in modules]
    return {each.NAME: each for each in sorted(formats, key=lambda each: each.NAME)}


def begin(directory: Path, holder: Holder, room_bytes: int = ROOM_BYTES) -> None:
    """Before a run: take the folder for it and its report out of force in every format; prove that
    the next one can be written.

    Raises SavedFileError.
    """
    # report.json first: it is what admits.
    files = sorted((each.FILE for each in discover().values()), key=lambda name: name != REPORT_FILE)
    begin_folder(directory, files, room_bytes, holder)


def write(
    directory: Path,
    report: Mapping[str, Any],
    evidence: Mapping[str, Any],
    names: Collection[str] = DEFAULT,
    holder: Holder | None = None,
    *,
    signing_key: Ed25519PrivateKey | None = None,
) -> list[Path]:
    """Write the evidence and the report, as one, and return the paths; ``holder``: the
    run, or this process.

    ``names``: the formats beside ``report.json``, which is always written. With a ``signing_key``
    the signature of both is written too. Raises OSError if the directory can't be written, or
    another run has it.
    """
    files: dict[str, Writer] = {EVIDENCE_FILE: partial(write_nodes, evidence)}
    chosen = (each for name, each in discover().items() if name in names or each.FILE == REPORT_FILE)
    files |= {each.FILE: partial(each.write, report) for each in chosen}
    sign = None if signing_key is None else partial(signature_of, report, evidence, signing_key)
    return replace_files(directory, files, holder, sign)


def write_evidence(directory: Path, evidence: Mapping[str, Any], holder: Holder) -> None:
    """Write the evidence alone, of a run that can have no report; raises OSError."""
    replace_files(directory, {EVIDENCE_FILE: partial(write_nodes, evidence)}, holder)
