# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether chronyd itself gets the time with NTS, with keys: its whole client.

``chronyd -Q`` shows the offset and sets nothing: it has no control of the clock, opens neither
NTP's port nor the command port, and neither reads nor writes a PID file (chrony 4.0, main.c and
conf.c, ``client_only``). So it can run beside the chronyd that steers the clock. It reads no
configuration file if it is given directives (chronyd(8)). These name no ``driftfile``,
``dumpdir`` or ``ntsdumpdir``, so it writes nothing.
"""

from __future__ import annotations

from ..node.run import run_all

MAX_CLIENTS = 16
#: The keys take one connection, and four requests with two seconds between (``iburst``) follow.
WITHIN_S = 10
#: chronyd ends itself before it is killed, and says how far it came.
KILLED_AFTER_S = WITHIN_S + 2
#: It says some ten lines.
MAX_CHARS = 4000


def collect(clients: dict) -> dict:
    """The section ``nts_client``: ``{"tried": {name: answer of chronyd}}``.

    ``clients``: the directives for each name. They run side by side.
    """
    asked = dict(list(clients.items())[:MAX_CLIENTS])
    argv = {name: ["chronyd", "-Q", "-t", str(WITHIN_S), *lines] for name, lines in asked.items()}
    return {"tried": {name: _short(answer) for name, answer in run_all(argv, KILLED_AFTER_S).items()}}


def bound_s() -> float:
    """How long ``collect`` lasts at most."""
    return KILLED_AFTER_S + 2.0


def _short(answer: dict) -> dict:
    return {key: said[-MAX_CHARS:] if isinstance(said, str) else said for key, said in answer.items()}
