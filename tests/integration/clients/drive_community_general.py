"""community.general's lookup github_app_access_token, by the function that the lookup calls."""

from __future__ import annotations

import attempts
import github_app_access_token
from ansible.errors import AnsibleError

app = attempts.app_of_arguments()


def token() -> str:
    """The installation token; Refused, of which it does not say what GitHub answered:
    a 401 is the key's fault for it.
    """
    try:
        return github_app_access_token.get_token(None, app.app_id, app.installation_id, app.private_key, app.api_url)
    except AnsibleError as error:
        raise attempts.Refused(None, None) from error


attempts.run(token=token)
