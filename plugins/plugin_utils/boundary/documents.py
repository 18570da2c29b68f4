"""Reads YAML that an operator gives: what kubectl printed, or manifests."""

from __future__ import annotations

from typing import Any

import yaml


class DocumentsError(ValueError):
    """The text is no YAML that can be read; ``cause``: the kind of error, without its words.

    PyYAML's messages quote the text, which may be a secret.
    """

    def __init__(self, cause: str) -> None:
        """``cause``: for example ``ParserError``."""
        super().__init__(f"the YAML is cut off or broken ({cause})")
        self.cause = cause


class AliasError(DocumentsError):
    """The text has an alias (``*name``).

    A few lines with aliases can mean more data than any machine has, or data that holds itself.
    kubectl writes none.
    """

    def __init__(self) -> None:
        """Needs no words."""
        super().__init__(type(self).__name__)


class _Loader(yaml.SafeLoader):  # type: ignore[misc]
    def compose_node(self, parent: Any, index: Any) -> Any:
        if self.check_event(yaml.AliasEvent):
            raise AliasError
        return super().compose_node(parent, index)


def read_documents(text: str) -> list[Any]:
    """The data of each document; raises DocumentsError and RecursionError.

    >>> read_documents("a: 1\\n---\\n[b]")
    [{'a': 1}, ['b']]
    """
    try:
        return list(yaml.load_all(text, Loader=_Loader))
    except (AliasError, RecursionError):
        raise
    except Exception as error:  # noqa: BLE001 - a value may raise any: a month 13, `!!bool x`, `!!timestamp x`
        raise DocumentsError(type(error).__name__) from None
