"""An App's token on the other nodes of a run, on which a node relies that sent the JWT alone."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Elsewhere:
    """What came of it on those that tried it: on how many it was minted, and to which it was refused.

    ``network``: where all of these are, the node's own; empty if nobody there tried it, and they are all of the run.
    """

    minted: int = 0
    refused: tuple[str, ...] = ()
    network: str = ""
