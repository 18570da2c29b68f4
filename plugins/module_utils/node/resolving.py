# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A name's addresses, though one packet to the resolver or back is lost."""

from __future__ import annotations

import socket
from functools import partial

from .background import first_of_two

ASK_AGAIN_S = 1.0
"""libc repeats a query after 5 s (resolv.conf(5), timeout), which is as long as ``timeout_s``."""


def addresses(host: str, port: int, kind: int) -> list:
    """What ``socket.getaddrinfo`` returns or raises; without an answer the name is asked for once
    more.

    It lasts as long as the resolver does: whoever calls it bounds it.
    """
    return first_of_two(partial(socket.getaddrinfo, host, port, type=kind), ASK_AGAIN_S)
