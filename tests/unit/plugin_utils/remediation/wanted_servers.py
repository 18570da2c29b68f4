"""Nodes that asked NTP servers, in miniature, and the choice that remediation makes for them."""

from typing import Any

from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.record import Record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.remediation.servers import Choice, Wanted, choose
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record

from tests.builders import (
    NS,
    TRUE_NS,
    ntp_sample,
    ntp_server,
    record,
    silent_sample,
)

NOW_S = TRUE_NS // NS
YEAR_S = 365 * 86400
NO_ROUTE = {"t1_wall_ns": TRUE_NS, "error": "OSError: [Errno 101] Network is unreachable", "kind": "unreachable"}
AN_HOUR_OFF = {"server_off_s": 3600.0}

Servers = list[dict[str, Any]]


def good(name: str, skew_s: float = 0.0, **of_sample: Any) -> dict[str, Any]:
    """A server with the true time, asked by a node that is so far ahead."""
    return ntp_server(name, ntp_sample(skew_s, **of_sample))


def false(name: str, skew_s: float = 0.0) -> dict[str, Any]:
    """A falseticker: an hour ahead of the true time."""
    return good(name, skew_s, **AN_HOUR_OFF)


def silent(name: str) -> dict[str, Any]:
    """A server that answered nothing."""
    return ntp_server(name, silent_sample())


def of_addresses(name: str, **samples: dict[str, Any]) -> dict[str, Any]:
    """A name with the addresses 10.9.0.1 (``a1``), 10.9.0.2 (``a2``) ..., each with a sample of its own."""
    at = {f"10.9.0.{key[1:]}": sample for key, sample in samples.items()}
    taken = [{**sample, "address": address} for address, sample in at.items()]
    return {"server": name, "addresses": list(at), "samples": taken, "error": None}


def nts(name: str, **changes: Any) -> dict[str, Any]:
    """A server whose keys could be established."""
    return {
        "server": name,
        "port": 4460,
        "certset": "0",
        "configured": False,
        "addresses": ["192.0.2.1"],
        "error": None,
        "alpn": "ntske/1",
        "certificate_time_error": None,
        "certificate": {"not_before_s": NOW_S - YEAR_S, "not_after_s": NOW_S + YEAR_S},
        **changes,
    }


def blocked(name: str) -> dict[str, Any]:
    """A server whose port for the key establishment drops packets."""
    return nts(name, alpn=None, error={"phase": "connect", "message": "192.0.2.1 port 4460: timed out"})


def outdated(name: str, valid_from_s: int, valid_to_s: int) -> dict[str, Any]:
    """A certificate that the node's clock refuses; valid so many seconds from the true time."""
    times = {"not_before_s": NOW_S + valid_from_s, "not_after_s": NOW_S + valid_to_s}
    return nts(name, certificate_time_error="certificate is not yet valid", certificate=times)


def record_of(servers: Servers, skew_s: float = 0.0, with_nts: Servers = (), **sections: Any) -> dict[str, Any]:
    """The node that asked these servers, and tried NTS with those."""
    return record(skew_s, ntp={"servers": servers}, nts={"servers": list(with_nts)}, **sections)


def chosen(servers: Servers, wanted: Wanted, skew_s: float = 0.0, with_nts: Servers = (), **sections: Any) -> Choice:
    """What remediation makes of them."""
    data = record_of(servers, skew_s, with_nts, **sections)
    return choose(Record(data), judge_record(data), wanted)


def of_servers(*servers: dict[str, Any], skew_s: float = 0.0, **wanted: Any) -> Choice:
    """The same, for servers that are wanted by the names that were asked."""
    return chosen(list(servers), Wanted(tuple(s["server"] for s in servers), **wanted), skew_s)


def of_pool(*samples: dict[str, Any], **wanted: Any) -> Choice:
    """Three good servers, which make the majority, and a pool with an address for each sample."""
    pool = of_addresses("pool", **{f"a{n}": sample for n, sample in enumerate(samples)})
    return chosen([good("a"), good("b"), good("c"), pool], Wanted(pools=("pool",), **wanted))


THREE = [good("a"), good("b"), good("c")]
