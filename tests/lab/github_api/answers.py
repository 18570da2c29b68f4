"""What is asked and answered, and GitHub's own messages."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.message import Message

from .app import INSTALLATION_ID

# What each rests on stands in the package's docstring.
NOT_DECODED = "A JSON web token could not be decoded"
ISS_MISSING = "Missing 'issuer' claim ('iss') in assertion"
ISS_UNUSABLE = "'Issuer' claim ('iss') must be an Integer"
EXP_PAST = "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the assertion expires"
EXP_TOO_FAR = "'Expiration time' claim ('exp') is too far in the future"
IAT_FUTURE = "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
UNKNOWN_APP = "Integration not found"
NOT_FOUND = "Not Found"
SUSPENDED = "This installation has been suspended"
BAD_CREDENTIALS = "Bad credentials"
NO_CREDENTIALS = "Requires authentication"
NOT_GRANTED = "The permissions requested are not granted to this installation."
NOT_INSTALLED = "There is at least one repository that does not exist or is not accessible to the parent installation."
TOO_MANY = "Too many repositories for installation"
NOT_ACCESSIBLE = "Resource not accessible by integration"
RATE_LIMITED = f"API rate limit exceeded for installation ID {INSTALLATION_ID}."
INVALID_REQUEST = "Invalid request."
NO_USER_AGENT = (
    "\r\nRequest forbidden by administrative rules. Please make sure your request has a User-Agent header "
    "(https://docs.github.com/en/rest/overview/resources-in-the-rest-api#user-agent-required). "
    "Check https://developer.github.com for other possible causes.\r\n"
)
COOKIES = "Cookies must be enabled to use GitHub."
WEB_PAGE = (
    '<!DOCTYPE html>\n<html lang="en"><head><title>Page not found &middot; GitHub</title></head><body></body></html>\n'
)
MOVED = "Moved Permanently"
GIT_NO_CREDENTIALS = "Repository not found."
GIT_BAD_CREDENTIALS = "Invalid username or token. Password authentication is not supported for Git operations."
GIT_NOT_FOUND = "Repository not found."
GIT_NO_CONTENTS = "Write access to repository not granted."
DOCS = "https://docs.github.com/rest"
DOCS_MINT = f"{DOCS}/apps/apps#create-an-installation-access-token-for-an-app"
DOCS_INSTALLATION = f"{DOCS}/apps/apps#get-an-installation-for-the-authenticated-app"
DOCS_INSTALLATIONS = f"{DOCS}/apps/apps#list-installations-for-the-authenticated-app"
DOCS_RATE = f"{DOCS}/using-the-rest-api/rate-limits-for-the-rest-api"


@dataclass(frozen=True)
class Request:
    """One request; the path is without query and without GHES' prefix,
    which `of_ghes` says was there.
    """

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Message  # looked up in any case
    body: bytes
    of_ghes: bool = False
    address: str = ""


@dataclass(frozen=True)
class Answer:
    """One answer; `message` is the refusal's, for the log."""

    status: int
    body: bytes = b""
    content_type: str = "application/json; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    message: str | None = None


def json_answer(status: int, content: object) -> Answer:
    """What the REST API says when it does not refuse."""
    return Answer(status, json.dumps(content).encode())


def text_answer(status: int, text: str, headers: Mapping[str, str] | None = None) -> Answer:
    """Plain text, as git's endpoints and the web server in front of the API give it."""
    message = text.strip() if status >= 400 else None
    return Answer(status, text.encode(), "text/plain; charset=utf-8", headers or {}, message)


def refusal(status: int, message: str, documentation_url: str = DOCS) -> Answer:
    """GitHub's JSON of an error, with where its documentation explains it."""
    content = {"message": message, "documentation_url": documentation_url, "status": str(status)}
    return Answer(status, json.dumps(content).encode(), message=message)


class RefusedError(Exception):
    """Ends an endpoint with the answer that it carries."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.message)
        self.answer = answer
