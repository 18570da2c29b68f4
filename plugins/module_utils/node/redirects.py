# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Redirects that may be followed with a credential."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit


def moved_url(step: dict) -> str:
    """Where a repository's redirect leads if the credential may be sent there: to the same server
    alone; "" for any other.

    git follows a redirect of this request, and takes only one that ends as the request does
    (http.c, update_url_from_redirect).
    """
    location = step["headers"].get("location")
    if step["status"] not in (301, 302, 303, 307, 308) or not location:
        return ""
    try:
        asked, moved = urlsplit(step["url"]), urlsplit(urljoin(step["url"], location))
        if (moved.scheme, moved.hostname, moved.port or 443) != (asked.scheme, asked.hostname, asked.port or 443):
            return ""
    except ValueError:
        return ""
    if not moved.path.endswith("/info/refs") or moved.query != asked.query:
        return ""
    return f"{asked.scheme}://{asked.netloc}{moved.path}?{moved.query}"
