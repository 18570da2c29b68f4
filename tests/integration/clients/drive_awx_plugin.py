"""awx-plugin-credential-github: AWX calls its backend for each job.

It knows no address but GitHub's own: the other one is put into it here.
"""

from __future__ import annotations

from functools import partial

import attempts
from awx_plugin_credential_github import plugin
from github import Github, GithubException

app = attempts.app_of_arguments()
plugin.Github = partial(Github, base_url=app.api_url)


def token() -> str:
    """The installation token; Refused with GitHub's status and message."""
    try:
        return plugin.github_app_backend(
            app_id=app.app_id, installation_id=app.installation_id, private_key=app.private_key
        )
    except GithubException as error:
        raise attempts.Refused(error.status, error.data["message"]) from error


attempts.run(token=token)
