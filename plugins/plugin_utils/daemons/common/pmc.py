"""What linuxptp says: ``pmc``'s TIME_STATUS_NP and PORT_DATA_SET of ptp4l, as pmc(8) and linuxptp's
pmc.c describe them.

``master_offset`` is node minus master in nanoseconds (ptp4l(8)). phc2sys, which carries ptp4l's
time from the network card to the system clock, can't be asked.
"""

from __future__ import annotations

import re

from ...model.record import Record
from .daemon import FirstCorrection, TimeDaemon
from .synchronisation import Advice, Peer, PeerState, Synchronisation

ADVICE = Advice(
    "Check that a grandmaster's Announce and Sync messages reach this port (UDP 319 and 320, multicast, the same domain), or "
    "change the node to chrony (the gate does it).",
    "Find in journalctl -u {unit} why the offset stays, and restart it: first_step_threshold makes it step when it starts.",
    "Set `clientOnly 1` for ptp4l (before linuxptp 4.0: slaveOnly). Then a node never becomes the grandmaster.",
)

FIRST_CORRECTION = FirstCorrection(0.00002, "it steps the clock at first (first_step_threshold)")
"""Of ptp4l and phc2sys alike: phc2sys(8) and ptp4l(8), first_step_threshold."""

# IEEE 1588, portState. UNCALIBRATED: it has chosen a master and does not follow it yet.
_STATES: dict[str, PeerState] = {"SLAVE": "selected", "UNCALIBRATED": "candidate", "PASSIVE": "candidate"}


def parse_management(text: str, message: str) -> list[dict[str, str]]:
    """Parse each RESPONSE to a GET of ``message``, for example

    ``sending: GET TIME_STATUS_NP``, ``3cecef.fffe.7a7020-0 seq 0 RESPONSE MANAGEMENT
    TIME_STATUS_NP`` and below it ``master_offset  10``, ``gmPresent  true``, ``gmIdentity
    3c2c30.ffff.670e00``, each further in.

    ``identity`` is who answered. Raises ValueError if there is no such response.
    """
    responses: list[dict[str, str]] = []
    for line in text.splitlines():
        if head := re.match(r"\s*([0-9a-f]{6}\.[0-9a-f]{4}\.[0-9a-f]{6}-\d+) seq \d+ (\S+) MANAGEMENT (\S+)", line):
            responses.append({"identity": head[1], "of": f"{head[2]} {head[3]}"})
        elif responses and len(words := line.split(None, 1)) == 2:
            responses[-1][words[0]] = words[1].strip()
    found = [response for response in responses if response["of"] == f"RESPONSE {message}"]
    if not found:
        raise ValueError(f"pmc: no response to GET {message} in {text[:80]!r}")
    return found


def synchronisation(record: Record, daemon: TimeDaemon) -> Synchronisation:
    """What ptp4l says of itself; of several ports that one counts which follows a master."""
    status = parse_management(record.answer("ptp", "time_status", "pmc 'GET TIME_STATUS_NP'"), "TIME_STATUS_NP")[0]
    ports = parse_management(record.answer("ptp", "port_data_set", "pmc 'GET PORT_DATA_SET'"), "PORT_DATA_SET")
    states = [port.get("portState", "unknown") for port in ports]
    present = status.get("gmPresent") == "true"
    master = status.get("gmIdentity", "unknown")
    follows = present and "SLAVE" in states
    return Synchronisation(
        daemon="ptp4l",
        unit=daemon.unit,
        claims=follows,
        claim=f"gmPresent {status.get('gmPresent')}, portState {', '.join(states)}",
        peers=tuple(
            Peer(f"grandmaster {master}", _STATES.get(state, "unreachable"), refid=master)
            for state in states
            if present or state in _STATES
        ),
        advice=ADVICE.naming(daemon.unit),
        refid=master,
        own_clock=not present and bool({"MASTER", "GRAND_MASTER"} & set(states)),
        shows_age=False,  # a port leaves SLAVE when its master falls silent (announceReceiptTimeout)
        offset_s=int(status["master_offset"]) / 1e9 if follows and "master_offset" in status else None,
    )
