"""``--output``: the report once more, in one format, to a file or to standard output."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TextIO

from ansible_collections.skewgate.preflight.plugins.plugin_utils.formats import Format, discover

from . import screen
from .errors import SkewgateError

STANDARD_OUTPUT = "-"


class Output:
    """The place of a command's report, beside the report's folder.

    If that is standard output, only the report goes there. Lines for people go to standard error.
    """

    def __init__(self, args: argparse.Namespace) -> None:
        """Read the flags; raises SkewgateError if they do not say which format is wanted."""
        self._format: Format | None = None
        self._file: Path | None = None
        if args.output is None:
            return
        only = discover()[args.format[0]] if len(args.format) == 1 else None
        if args.output != STANDARD_OUTPUT:
            self._file = Path(args.output).expanduser()
            self._format = only or _format_of(self._file)
        elif len(args.format) > 1:
            raise SkewgateError(f"--output -: expected one --format, found {', '.join(args.format)}")
        else:
            self._format = only or discover()["text"]

    @property
    def to_standard_output(self) -> bool:
        """Whether the report, and nothing else, is written to standard output."""
        return self._format is not None and self._file is None

    def begin(self) -> None:
        """Before a run: remove the file of an earlier one. Raises SkewgateError if that fails."""
        if self._file is None:
            return
        try:
            self._file.unlink(missing_ok=True)
        except OSError as error:
            raise self._unwritable(error) from error
        if not os.access(self._file.absolute().parent, os.W_OK | os.X_OK):
            raise SkewgateError(f"--output: can't write {self._file}: expected a folder that exists and can be written")

    def show(self, lines: Iterable[str]) -> None:
        """Write lines for people."""
        screen.show(lines, self._stream)

    @property
    def _stream(self) -> TextIO:
        return sys.stderr if self.to_standard_output else sys.stdout

    def write(self, report: Mapping[str, Any]) -> None:
        """Write the report; raises SkewgateError if that fails."""
        if self._format is None:
            return
        if self._file is None:
            if not sys.stdout.isatty():  # the bytes that a file would have: some formats name their encoding
                sys.stdout.reconfigure(encoding="utf-8")  # type: ignore[union-attr]
            self._format.write(report, sys.stdout)
            sys.stdout.flush()
            return
        whole = self._file.with_name(f".{self._file.name}.{os.getpid()}")
        try:
            with whole.open("w", encoding="utf-8") as file:
                self._format.write(report, file)
            whole.replace(self._file)
        except OSError as error:
            whole.unlink(missing_ok=True)
            raise self._unwritable(error) from error
        self.show([f"Report ({self._format.NAME}) in {self._file}"])

    def _unwritable(self, error: OSError) -> SkewgateError:
        return SkewgateError(f"--output: can't write {self._file}: {error.strerror}")


def _format_of(file: Path) -> Format:
    """The format whose own file has a name that ends like this one's."""
    for each in discover().values():
        if Path(each.FILE).suffix == file.suffix:
            return each
    endings = ", ".join(f"{Path(each.FILE).suffix} ({each.NAME})" for each in discover().values())
    raise SkewgateError(f"--output {file}: its name does not say the format ({endings}); name it with --format")
