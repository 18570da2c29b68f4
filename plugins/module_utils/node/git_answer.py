# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a git server answers to a fetch's first request, as far as it says whether the repository
can be read.
"""

from __future__ import annotations

import re

ADVERTISEMENT = "application/x-git-upload-pack-advertisement"  # git's http-protocol documentation
PKT_LENGTH = re.compile(b"[0-9a-fA-F]{4}")


def is_advertisement(content_type) -> bool:
    """Whether git takes it for git's: it looks at the media type alone, in any case (its http.c,
    extract_content_type).
    """
    return (content_type or "").partition(";")[0].strip().lower() == ADVERTISEMENT


def said_instead(content_type, body: bytes):
    """What a success says in place of an advertisement; None if it is one.

    A git server may refuse with 200 too, by a line that begins with ERR (git's pack-protocol
    documentation).
    """
    if not is_advertisement(content_type):
        return body.decode("utf-8", "replace")
    for line in _first_lines(body):
        if line.startswith(b"ERR "):
            return line[4:].decode("utf-8", "replace").strip()
    return None


def _first_lines(body: bytes):
    """The service's name, and what follows it: an error takes the place of the references."""
    begin = 0
    for _ in range(3):
        digits = body[begin : begin + 4]
        if not PKT_LENGTH.fullmatch(digits):
            return
        end = begin + max(4, int(digits, 16))  # 0000 ends a section
        yield body[begin + 4 : end]
        begin = end
