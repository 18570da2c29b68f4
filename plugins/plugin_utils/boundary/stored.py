"""Nodes by name that stay in a file. Only one at a time is in memory.

A fleet of thousands may have more data than a machine has memory.

A file of nodes is JSON with a line for each key of its head, then one for each node::

    {"schema": "skewgate/report/1",
    "verdict": "refuse",
    "nodes": {
    "node1": {"verdict": "admit"},
    "node2": {"verdict": "refuse"}
    }}

So it can be read and searched line by line, and any reader of JSON finds the same in it.
"""

from __future__ import annotations

import json
import tempfile
import weakref
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import IO, Any, TextIO

MAX_NODE_BYTES = 24 * 1024**2
"""The most bytes of a node: twice the limit for its evidence (before and after the remediation),
and room for the rest."""

MAX_HEAD_BYTES = 32 * 1024**2
"""The most bytes before the nodes. They have the names of all nodes, grouped by cause."""

_NODES = b'"nodes": {\n'
_END = b"}}\n"

Check = Callable[[str, Any], object]
"""Takes a node's name and its stored data. It may raise any exception."""


class TooLargeError(ValueError):
    """A node has more data than can be read again."""


class OtherFormError(ValueError):
    """A file does not have the form of a file of nodes, but may still be JSON.

    The text says which line, and why.
    """


class Stored(MutableMapping[str, Any]):
    """A mapping whose values are JSON data in a file. Each access reads one value.

    After you change a value, store it again.
    """

    def __init__(
        self,
        directory: Path | None = None,
        file: IO[bytes] | None = None,
        places: dict[str, tuple[int, int]] | None = None,
    ) -> None:
        """Empty, in a file without a name in the ``directory``; or the ``places`` (offset, length)
        of a ``file``.
        """
        self._file = file or tempfile.TemporaryFile(dir=directory)  # noqa: SIM115 - it is closed with this object
        weakref.finalize(self, self._file.close)
        self._places = {} if places is None else places
        self._end = 0

    def __getitem__(self, name: str) -> Any:
        """What is stored of a node, read anew."""
        found, value = read_pair(self.line(name))
        if found != name:
            raise OtherFormError(f"the file was changed while it was read: expected node {name!r}, found {found!r}")
        return value

    def __setitem__(self, name: str, value: Any) -> None:
        """Store a node; raises TooLargeError, and OSError if there is no room."""
        line = pair(name, value).encode()
        if len(line) > MAX_NODE_BYTES:
            raise TooLargeError(f"expected at most {MAX_NODE_BYTES} bytes, found {len(line)}")
        self._file.seek(self._end)
        self._file.write(line)
        self._places[name] = (self._end, len(line))
        self._end += len(line)

    def __delitem__(self, name: str) -> None:
        """Remove a node; its place in the file is not used again."""
        del self._places[name]

    def __iter__(self) -> Iterator[str]:
        """The names in the order in which they were stored."""
        return iter(self._places)

    def __len__(self) -> int:
        """How many nodes there are."""
        return len(self._places)

    def line(self, name: str) -> str:
        """A node's name and data as they stand in the file."""
        offset, length = self._places[name]
        self._file.seek(offset)
        return self._file.read(length).decode()


def pair(name: str, value: Any) -> str:
    """A node's line, without the comma after it.

    >>> pair("node1", {"verdict": "admit"})
    '"node1": {"verdict": "admit"}'
    """
    return f"{json.dumps(name)}: {json.dumps(value)}"


def read_pair(line: str, decoder: json.JSONDecoder | None = None) -> tuple[str, Any]:
    """The name and the value of such a line; raises ValueError if it is none, and RecursionError if
    it is too deep.
    """
    decoder = decoder or _DECODER
    name, end = decoder.raw_decode(line)
    if not isinstance(name, str) or line[end : end + 2] != ": ":
        raise ValueError("expected a node's name and a colon")
    value, end = decoder.raw_decode(line, end + 2)
    if end != len(line):
        raise ValueError(f"expected one node, found {line[end : end + 20]!r} after it")
    return name, value


_DECODER = json.JSONDecoder()


def write_nodes(content: Mapping[str, Any], file: TextIO) -> None:
    """Write a file of nodes: whatever ``content`` has, and ``nodes`` last."""
    file.write("{")
    for key, value in content.items():
        if key != "nodes":
            file.write(f"{pair(key, value)},\n")
    nodes, before = content["nodes"], ""
    file.write('"nodes": {\n')
    for name in nodes:
        file.write(before + (nodes.line(name) if isinstance(nodes, Stored) else pair(name, nodes[name])))
        before = ",\n"
    file.write("\n}}\n" if before else "}}\n")


def read_head(file: IO[bytes], decoder: json.JSONDecoder) -> dict[str, Any]:
    """The data before the nodes; the file is then at the first node. Raises OtherFormError."""
    head = b""
    while (line := file.readline(MAX_HEAD_BYTES + 1)) != _NODES:
        head += line
        if not line or len(head) > MAX_HEAD_BYTES:
            raise OtherFormError('expected a line with "nodes" alone, found none')
    try:
        found = decoder.decode(head.decode().removesuffix(",\n") + "}")
    except (ValueError, RecursionError) as error:
        raise OtherFormError(f"before the nodes: {error}") from error
    if not isinstance(found, dict) or not head.endswith(b",\n") or "nodes" in found:
        raise OtherFormError("before the nodes: expected the beginning of an object")
    return found


def read_nodes(file: IO[bytes], check: Check, decoder: json.JSONDecoder) -> Stored:
    """The nodes of a file that is at its first node; raises OtherFormError.

    Each node is given to ``check`` once. The file stays open as long as the nodes are used.
    """
    places: dict[str, tuple[int, int]] = {}
    number, follows = 0, True
    while (line := file.readline(MAX_NODE_BYTES + 3)) not in (_END, _END.rstrip()):
        number += 1
        where = f"line {number} of its nodes"
        if not line or not follows:
            raise OtherFormError(
                f"{where}: expected {'a comma before it' if line else 'a node, found the end of the file'}"
            )
        text = line.removesuffix(b"\n")
        follows = text.endswith(b",")
        text = text.removesuffix(b",")
        if len(text) > MAX_NODE_BYTES:
            raise OtherFormError(f"{where} has more than {MAX_NODE_BYTES} bytes")
        try:
            name, value = read_pair(text.decode(), decoder)
        except (ValueError, RecursionError) as error:
            raise OtherFormError(f"{where}: {error}") from error
        if name in places:
            raise OtherFormError(f"{where}: node {name!r} is there twice")
        check(name, value)
        places[name] = (file.tell() - len(line), len(text))
    if (number and follows) or file.read(1):
        raise OtherFormError("after the nodes: expected the end of the object")
    return Stored(file=file, places=places)
