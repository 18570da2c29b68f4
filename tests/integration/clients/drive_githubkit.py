"""githubkit: one GitHub object, whose JWT is cached for 8 minutes, as a service has it."""

from __future__ import annotations

import attempts
from githubkit import AppAuthStrategy, AppInstallationAuthStrategy, GitHub
from githubkit.exception import RequestFailed

app = attempts.app_of_arguments()
github = GitHub(AppAuthStrategy(app.app_id, app.private_key), base_url=app.api_url)
installation = GitHub(
    AppInstallationAuthStrategy(app.app_id, app.private_key, app.installation_id), base_url=app.api_url
)


def token() -> str:
    """The installation token; Refused with GitHub's status and message."""
    try:
        return github.rest.apps.create_installation_access_token(app.installation_id).parsed_data.token
    except RequestFailed as error:
        raise attempts.Refused(error.response.status_code, error.response.json()["message"]) from error


def use() -> int:
    """How many repositories the installation has; Refused with GitHub's status and message."""
    try:
        return installation.rest.apps.list_repos_accessible_to_installation().json()["total_count"]
    except RequestFailed as error:
        raise attempts.Refused(error.response.status_code, error.response.json()["message"]) from error


attempts.run(token=token, use=use)
