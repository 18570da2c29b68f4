"""The list of pods as kubectl gives it: which node each pod is on."""

from __future__ import annotations

import json
import re
from typing import Any

from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.documents import (
    DocumentsError,
    read_documents,
)

LABEL = "app.kubernetes.io/name=argocd-repo-server"
"""Of the repo-server's pods, in Argo CD's own manifests and in its Helm chart."""

SELECTION = f"-n argocd -l {LABEL}"
# With a selector kubectl gives the last 10 lines of each pod unless --tail says otherwise.
LOG_COMMAND = f"kubectl logs {SELECTION} --prefix --tail=-1 > repo-server.log"
PODS_COMMAND = f"kubectl get pods {SELECTION} -o wide > pods.txt"


def parse_pods(text: str) -> dict[str, str]:
    """Read each pod's node from ``kubectl get pods`` with ``-o wide``, ``json`` or ``yaml``.

    A pod that has no node yet is left out. Raises ValueError.
    """
    start = text.lstrip()
    try:
        if start.startswith("{"):
            pods = _pods_of(json.loads(text))
        elif start.startswith(("apiVersion:", "items:", "---")):
            documents = read_documents(text)
            pods = _pods_of(documents[0] if len(documents) == 1 else None)
        else:
            pods = _pods_of_table(start.splitlines())
    except DocumentsError as error:
        raise ValueError(f"found JSON or YAML that is cut off or broken ({error.cause})") from error
    except (json.JSONDecodeError, RecursionError) as error:
        raise ValueError(f"found JSON or YAML that is cut off or broken ({type(error).__name__})") from error
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError("found JSON or YAML, but not of pods") from error
    if not pods:
        raise ValueError("found no pod that has a node")
    return pods


def _pods_of(content: Any) -> dict[str, str]:
    pods = content.get("items", [content])
    return {str(pod["metadata"]["name"]): str(pod["spec"]["nodeName"]) for pod in pods if pod["spec"].get("nodeName")}


def _pods_of_table(lines: list[str]) -> dict[str, str]:
    # Three spaces stand between columns and one inside of them: "NOMINATED NODE", "2 (3d ago)".
    rows = [re.split(r"\s{2,}", line.strip()) for line in lines if line.strip()]
    header = rows[0] if rows else []
    if not {"NAME", "NODE"} <= set(header):
        raise ValueError("found no table with the columns NAME and NODE, and neither JSON nor YAML")
    name, node = header.index("NAME"), header.index("NODE")
    if short := [row for row in rows[1:] if len(row) <= max(name, node)]:
        raise ValueError(f"found a table with rows of fewer columns than its header ({len(short)})")
    return {row[name]: row[node] for row in rows[1:] if row[node] != "<none>"}
