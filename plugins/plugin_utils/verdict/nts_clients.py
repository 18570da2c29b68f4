"""The servers with NTS that chronyd itself is to try: the node's own requests did not decide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..checks import nts_servers
from ..chrony.nts_client import source_line, try_lines, try_name
from ..clock.nts import UNANSWERED
from ..daemons.chrony import configuration_shown, nts_state_with, tried_with_nts
from ..model.record import Record


def to_try(data: Mapping[str, Any], judgement: Mapping[str, Any]) -> dict[str, Sequence[str]]:
    """The tries, by their names, with chronyd's directives (``chrony.nts_client``).

    There are none unless `nts_servers` fails, so a node that passes is not asked once more.
    ``data`` is the node's record, ``judgement`` of ``judge_record``.
    """
    name = nts_servers.__name__.rpartition(".")[2]
    keys = {key for f in judgement["findings"] if f["check"] == name and f["state"] == "fail" for key in f["keys"]}
    if not keys & UNANSWERED:
        return {}
    record = Record(data)
    lines = [directive.text for directive in configuration_shown(record).directives]
    return {
        try_name(server): try_lines(source_line(server), [*lines, *_time_unchecked(server)])
        for server in record.section("nts")["servers"]
        if server.get("configured", True)
        and nts_state_with(record, server) in UNANSWERED
        and tried_with_nts(record, server) is None
    }


def _time_unchecked(server: Mapping[str, Any]) -> Sequence[str]:
    """If the clock makes its certificate invalid: what is wrong on the network is seen all the
    same.
    """
    return ("nocerttimecheck 1",) if server["certificate_time_error"] else ()
