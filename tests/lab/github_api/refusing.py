"""What GitHub refuses for reasons that are not the App's:
said by the API in JSON, and by git in plain text.
"""

from __future__ import annotations

from dataclasses import dataclass

from .app import OWNER


@dataclass(frozen=True)
class Reason:
    """Why everything is refused: at the API with `status` and `message`,
    at git with 403 and `at_git`; None: git takes it.
    """

    status: int
    message: str
    at_git: str | None
    at_mint: bool = True
    """Whether an installation, its mint and the end of a token are refused too,
    or only what a token reads.
    """


# What each rests on stands in the package's docstring.
REASONS = {
    "ip_allow_list": Reason(
        403,
        f"Although you appear to have the correct authorization credentials, the `{OWNER}` organization has an IP allow list "
        "enabled, and your IP address is not permitted to access this resource.",
        "The repository owner has an IP allow list enabled, and {address} is not permitted to access this repository.",
    ),
    "no_public_key": Reason(401, "Integration must generate a public key", None),
    "saml": Reason(
        403,
        "Resource protected by organization SAML enforcement. You must grant your Personal Access token access to this "
        "organization.",
        f"The `{OWNER}' organization has enabled or enforced SAML SSO. To access\nthis repository, you must re-authorize the "
        "GitHub App `Lab'.\n",
        at_mint=False,
    ),
    "account_suspended": Reason(
        403,
        "Sorry. Your account was suspended",
        "Your account is suspended. Please visit https://support.github.com for more information.",
    ),
    "terms_of_service": Reason(
        403,
        "Repository access blocked",
        "Access to this repository has been disabled by GitHub staff due to a violation of GitHub's terms of service.",
        at_mint=False,
    ),
    "abuse_detection": Reason(
        403,
        "You have triggered an abuse detection mechanism. Please wait a few minutes before you try again.",
        None,
    ),
}

SERVERS = ("github.com", "ghes", "old_ghes")
"""`github.com` also answers under `/api/v3`; a GHES answers pages elsewhere;
an old one takes no client ID.
"""
