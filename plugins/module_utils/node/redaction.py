# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Text without the secrets that were sent, and without anything that has the form of one."""

from __future__ import annotations

import re

REDACTED = "[redacted]"
SECRET_FORMS = re.compile(
    r"gh[a-z]_[\w.\-]+"
    r"|github_pat_\w+"
    r"|eyJ[\w\-]+(?:\.[\w\-]+)*"  # a JWT: base64url of {" and on
    r"|(?<![\w\-])(?:bearer|basic)\s+[\w.~+/=\-]{16,}"
    r"|authorization[\"']?\s*[:=]\s*[\"']?[^\"'\r\n,}]+",
    re.IGNORECASE,
)


def redact(value, secrets: list):
    """``value`` (JSON) without the secrets, and without anything that has the form of one."""
    if isinstance(value, str):
        for secret in secrets:
            value = value.replace(secret, REDACTED)
        return SECRET_FORMS.sub(REDACTED, value)
    if isinstance(value, list):
        return [redact(item, secrets) for item in value]
    if isinstance(value, dict):
        return {key: redact(item, secrets) for key, item in value.items()}
    return value
