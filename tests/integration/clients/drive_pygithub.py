"""PyGithub: GithubIntegration gets the installation's token with a JWT of its own for each call."""

from __future__ import annotations

import attempts
from github import Auth, GithubException, GithubIntegration

app = attempts.app_of_arguments()
integration = GithubIntegration(auth=Auth.AppAuth(app.app_id, app.private_key), base_url=app.api_url)


def token() -> str:
    """The installation token; Refused with GitHub's status and message."""
    try:
        return integration.get_access_token(app.installation_id).token
    except GithubException as error:
        raise attempts.Refused(error.status, error.data["message"]) from error


attempts.run(token)
