"""A wrong clock of the GitHub API itself: why it matters and what to do.

GitHub judges every JWT by that clock.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from ..github.fields import is_hosted


def why(api_url: str) -> str:
    """Why it matters.

    A real case: actions/create-github-app-token issue 178, a GitHub Enterprise Server
    whose clock was off.
    """
    if is_hosted(api_url):
        return (
            "GitHub judges JWTs by its own clock, and the node's references contradict that clock. So GitHub answers 401 to JWTs "
            "that are signed here."
        )
    return (
        "GitHub judges JWTs by its own clock. Clients sign with the right time on every node, and this API answers 401. No "
        "change of a node or of the credential helps."
    )


def remedy(api_url: str) -> str:
    """What to do next; GitHub's clock (github.com, ghe.com) is very unlikely to be wrong.

    Source: GitHub's documentation, "Configuring time synchronization" (of GitHub
    Enterprise Server).
    """
    host = urlsplit(api_url).netloc
    if is_hosted(api_url):
        return (
            "Compare the servers of gate_ntp_servers and the controller's clock with a clock that you trust: "
            "GitHub's clock is very "
            f"unlikely to be wrong. Check too whether a proxy answers in the place of {host}, with an old Date."
        )
    return (
        f"Fix the clock of {host}: on GitHub Enterprise Server, set the NTP servers in the Management Console "
        "(Settings, Time), and "
        "run `sudo chronyc -a makestep` in its administrative shell. Then run the check again."
    )
