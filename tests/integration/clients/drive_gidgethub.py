"""gidgethub: get_installation_access_token makes a JWT for each call."""

from __future__ import annotations

import asyncio

import attempts
import httpx2
from gidgethub import BadRequest
from gidgethub.apps import get_installation_access_token
from gidgethub.httpx import GitHubAPI

app = attempts.app_of_arguments()


async def get() -> str:
    """Ask for an installation token, as gidgethub's users do."""
    async with httpx2.AsyncClient() as http:
        github = GitHubAPI(http, "skewgate", base_url=app.api_url)
        answer = await get_installation_access_token(
            github,
            installation_id=str(app.installation_id),
            app_id=app.app_id,
            private_key=app.private_key,
        )
    return str(answer["token"])


def token() -> str:
    """The installation token; Refused with GitHub's status and message."""
    try:
        return asyncio.run(get())
    except BadRequest as error:
        raise attempts.Refused(error.status_code.value, str(error)) from error


attempts.run(token=token)
