"""Kubernetes objects as ``kubectl get -o json|yaml`` or ``kubernetes.core.k8s_info`` gives them,
and the Secrets among them.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...boundary.documents import AliasError, DocumentsError, read_documents
from ...boundary.settings import SettingsError
from ...boundary.values import label_problem
from ..key_faults import Fault
from .faults import SecretFault

ARGOCD_TYPE = "argocd.argoproj.io/secret-type"
"""The label with which Argo CD finds its Secrets."""

REPOSITORY, REPO_CREDS = "repository", "repo-creds"
REPOSITORY_WRITE, REPO_WRITE_CREDS = "repository-write", "repo-write-creds"
"""The Secrets with which Argo CD's source hydrator pushes."""

_LONGEST_LABEL = 80
"""The most characters of a label in a report's name. A host and an owner may follow it."""

SOURCES = "the output of `kubectl get secrets -o json` (or yaml), or the result of kubernetes.core.k8s_info"


@dataclass(frozen=True)
class Secret:
    """The decoded values of a Secret that were asked for, and the keys of empty values.

    Characters that are not UTF-8 are escaped. ``undecoded`` has the keys of values that are not
    base64.
    """

    namespace: str
    name: str
    argocd_type: str | None
    values: Mapping[str, str] = field(repr=False, hash=False)
    empty: frozenset[str] = frozenset()
    undecoded: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """NAMESPACE/NAME, as reports show it."""
        return label_of(self.namespace, self.name)

    @property
    def is_template(self) -> bool:
        """Whether it is a template of Argo CD, for all repositories whose URL begins with its
        URL.
        """
        return self.argocd_type in (REPO_CREDS, REPO_WRITE_CREDS)


def objects_of(given: object) -> list[Mapping[str, Any]]:
    """All objects in one list: of a List, a result's ``resources``, lists of these, or YAML or
    JSON.

    Raises SettingsError.
    """
    try:
        return _objects_of(given)
    except RecursionError:
        found = "text that is nested too deep" if isinstance(given, str) else "lists in too many lists"
        raise SettingsError([f"expected {SOURCES}; found {found}"]) from None


def _objects_of(given: object) -> list[Mapping[str, Any]]:
    if isinstance(given, str):
        return _objects_of(_documents(given))
    if isinstance(given, Mapping):
        for key in ("resources", "items"):
            if isinstance(given.get(key), list):
                return _objects_of(given[key])
        if isinstance(given.get("metadata"), Mapping):
            return [given]
        raise SettingsError([f"expected {SOURCES}; found a mapping that is no List and has no metadata"])
    if isinstance(given, list):
        return [item for element in given if element is not None for item in _objects_of(element)]
    raise SettingsError(
        [f"expected {SOURCES}; found {'nothing' if given is None else f'the type {type(given).__name__}'}"]
    )


def _documents(text: str) -> list[Any]:
    try:
        return [json.loads(text)]
    except ValueError:
        pass
    try:
        documents = read_documents(text)
    except AliasError:
        raise SettingsError(
            [f"expected {SOURCES}; found text with an alias of YAML (*NAME): write the value out"]
        ) from None
    except DocumentsError:
        raise SettingsError([f"expected {SOURCES}; found text that is neither JSON nor YAML"]) from None
    if not any(documents) or any(isinstance(document, str) for document in documents):
        raise SettingsError([f"expected {SOURCES}; found text that holds no objects"])
    return documents


def secrets_of(
    objects: Iterable[Mapping[str, Any]], argocd_types: Sequence[str | None], wanted: set[str]
) -> list[Secret]:
    """The Secrets of these types (``None``: not Argo CD's), with those of their values that are
    ``wanted``; each once.
    """
    secrets: dict[Secret, Mapping[str, str]] = {}
    for item in objects:
        if item.get("kind", "Secret") != "Secret":
            continue
        argocd_type = mapping(mapping(item["metadata"]).get("labels")).get(ARGOCD_TYPE)
        if argocd_type not in argocd_types:
            continue
        # The API server lets stringData win, too.
        plain = mapping(item.get("stringData"))
        values = {key: str(plain[key]) for key in plain if key in wanted and plain[key] is not None}
        undecoded = []
        for key, encoded in mapping(item.get("data")).items():
            if key in wanted and key not in values:
                try:
                    packed = "".join(str(encoded or "").split())
                    values[key] = base64.b64decode(packed, validate=True).decode(errors="surrogateescape")
                except ValueError:
                    undecoded.append(key)
        full = {key: value for key, value in values.items() if value}
        secret = Secret(*name_of(item), argocd_type, full, frozenset(values) - frozenset(full), tuple(undecoded))
        secrets.setdefault(secret, full)
    return list(secrets)


def not_base64(secret: Secret, keys: Iterable[str]) -> list[Fault]:
    """A fault for each of the keys whose value is not base64."""
    remedy = "Encode it once (`base64 -w0`), or put the plain text into stringData. Decrypt a file of SOPS first."
    found = "data.{} is not the base64 of text"
    return [Fault(SecretFault.NOT_BASE64, found.format(key), remedy) for key in secret.undecoded if key in keys]


def label_of(namespace: str, name: str) -> str:
    """NAMESPACE/NAME. A name that is long, or looks like a secret (such as a hash), loses its
    middle.

    >>> label_of("argocd", "repo-5d41402abc4b2a76b9719d911017c592")
    'argocd/repo-5d4...17c592'
    """
    short_name = shortened(name)
    for label in (f"{namespace}/{name}", f"{namespace}/{short_name}", f"{shortened(namespace)}/{short_name}"):
        if len(label) <= _LONGEST_LABEL and label_problem(label) is None:
            return label
    return "a Secret whose name is not shown"


def shortened(name: str) -> str:
    """A long name without its middle."""
    return f"{name[:8]}...{name[-6:]}" if len(name) > 20 else name


def mapping(value: object) -> Mapping[str, Any]:
    """``value`` if it is a mapping, otherwise an empty mapping: an object's author may write
    anything.
    """
    return value if isinstance(value, Mapping) else {}


def name_of(item: Mapping[str, Any]) -> tuple[str, str]:
    """An object's namespace and name."""
    metadata = item["metadata"]
    return str(metadata.get("namespace") or "default"), str(metadata.get("name") or "(no name)")
