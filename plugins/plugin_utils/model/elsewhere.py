"""An App's token on the other nodes of a run. A node that sent only the JWT relies on them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Elsewhere:
    """The result on the nodes that tried the token: how many minted it, and which were refused.

    ``network``: the node's network, if these nodes are in it. Empty if no node there tried it: then
    they are all of the run.
    """

    minted: int = 0
    refused: tuple[str, ...] = ()
    network: str = ""
