"""Readers of the fields of a GitHub App's entry. Each returns the value, or raises ValueError.

A message says what was expected, what was found, and what to write. A possible secret is described,
never quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import SplitResult, urlsplit

from ..boundary.settings import meant, texts_of
from ..boundary.values import (
    is_host,
    is_placeholder,
    is_whole,
    label_problem,
    may_be_secret,
    name_problem,
    shown,
    unprintable,
)
from .secrets.faults import fault_of

DEPTHS = ("jwt", "token", "repository")
LEVELS = ("read", "write", "admin")
DEFAULT_API_URL = "https://api.github.com"
DEFAULT_PERMISSIONS = {"contents": "read"}

_HOSTED = re.compile(r"(?:.*\.)?((?:[^.]+\.ghe|github)\.com)\.?")
_LONGEST_NOTE = 600
_OWNER_AND_NAME = re.compile(r"[\w-][\w.-]*/(?!\.{1,2}$)[\w.-]+", re.ASCII)
_API = "api_url: expected https://HOST or https://HOST/api/v3"
_GIT = "git_url: expected https://HOST, where the repositories are"


def read_name(given: Any, default: str) -> str:
    """The App's name in reports."""
    if given in (None, ""):
        return default
    name = str(given) if is_whole(given) else given
    problem = label_problem(name)
    if problem:
        raise ValueError(f"name: expected a text, found {shown(given)}: {problem}")
    return str(name)


def read_number(field: str, given: Any) -> str:
    """An ID of GitHub's that is a whole number above 0, as text."""
    text = str(given) if is_whole(given) and abs(given) < 10**19 else given
    if isinstance(text, str) and re.fullmatch("[1-9][0-9]{0,18}", text):
        return text
    raise ValueError(f"{field}: expected a number, found {shown(given)}{_why_no_number(given)}")


def _why_no_number(given: Any) -> str:
    if isinstance(given, bool) or given is None or isinstance(given, list | dict):
        return ""
    if isinstance(given, float):
        return ": write all its digits, without a decimal point or an exponent"
    if isinstance(given, int):
        return ": write a number above 0 with at most 19 digits"
    problem = unprintable(given)
    if problem or is_placeholder(given):
        return f": {problem or 'it is a placeholder'}"
    if re.fullmatch("0+", given):
        return ": it is above 0"
    if re.fullmatch("0[0-9]+", given):
        return ": YAML reads a number that begins with 0 as octal; write it without the 0, or in quotes"
    if given.isnumeric() and not given.isascii():
        return ": write it with the digits 0 to 9"
    return ""


def read_client_id(given: Any) -> str:
    """A GitHub App's client ID, which begins with ``Iv``: ``Iv1.8a61f9b3a7aba766``,
    ``Iv23liLabClientId0001``.
    """
    if isinstance(given, str) and re.fullmatch(r"Iv[0-9][0-9A-Za-z.]{0,60}", given):
        return given
    said = f"client_id: expected a text like Iv23liAbCdEfGhIjKlMn or Iv1.0123456789abcdef, found {shown(given)}"
    if isinstance(given, str):
        problem = unprintable(given)
        if problem or is_placeholder(given):
            raise ValueError(f"{said}: {problem or 'it is a placeholder'}")
    if is_whole(given) or (isinstance(given, str) and given.isdigit()):
        raise ValueError(f"{said}: a number is the App's ID; write it into app_id")
    if isinstance(given, str) and re.fullmatch("Ov[0-9].*|[0-9a-f]{20}", given):
        raise ValueError(f"{said}: this is the client ID of an OAuth app, not of a GitHub App")
    raise ValueError(said)


def read_owner(given: Any) -> str:
    """The organisation or user whose installation is looked up."""
    if (
        isinstance(given, str)
        and re.fullmatch(r"[A-Za-z0-9][\w-]{0,99}", given, re.ASCII)
        and not is_placeholder(given)
    ):
        return given
    said = f"owner: expected the name of an organisation or a user, as in github.com/OWNER, found {shown(given)}"
    if isinstance(given, str):
        problem = unprintable(given)
        if problem or is_placeholder(given):
            raise ValueError(f"{said}: {problem or 'it is a placeholder'}")
        address = re.fullmatch(r"(?:https?://[^/@]+/(?:orgs/)?)?([A-Za-z0-9][\w-]*)(?:/.*)?", given, re.ASCII)
        if address:
            raise ValueError(f"{said}; write {address[1]}")
    raise ValueError(said)


def _read_url(expected: str, given: Any) -> SplitResult:
    """An https URL with a host, and perhaps a port and a path; nothing else in it."""
    problem = name_problem(given)
    if isinstance(given, str) and re.search("//[^/]*@", given):
        raise ValueError(
            f"{expected.partition(':')[0]} has a user or a password in it. Remove them: the API gets only the App's JWT"
        )
    if not isinstance(given, str) or problem:
        raise ValueError(f"{expected}, found {shown(given)}{f': {problem}' if isinstance(given, str) else ''}")
    if is_placeholder(given):
        raise ValueError(f"{expected}, found {shown(given)}: it is a placeholder")
    try:
        parts = urlsplit(given)
        port = parts.port
    except ValueError as error:
        raise ValueError(f"{expected}, found {shown(given)} ({error})") from None
    found = f"{expected}, found {shown(given)}"
    if parts.scheme != "https" or not parts.hostname:
        raise ValueError(found)
    if "?" in given or "#" in given:
        raise ValueError(f"{expected}, found one with a query or a fragment (? or #)")
    if port == 0 or parts.netloc.endswith(":"):
        raise ValueError(f"{found}: there is no such port")
    if not is_host(parts.hostname) or is_placeholder(parts.hostname) or parts.hostname in ("host", "hostname"):
        raise ValueError(f"{found}: {shown(parts.hostname)} is not a host name")
    return parts._replace(netloc=parts.netloc.lower(), path=parts.path.rstrip("/"))


def read_api_url(given: Any) -> str:
    """The URL of GitHub's API. A wrong URL must be found here: a web page may answer 200 with
    HTML.
    """
    parts = _read_url(_API, DEFAULT_API_URL if given in (None, "") else given)
    host = str(parts.hostname)
    found = f"{_API}, found {shown(parts.geturl())}"
    hosted = _HOSTED.fullmatch(host)
    if hosted:
        api = f"api.{hosted[1]}"
        if host != api or parts.path:
            raise ValueError(f"{found}: the API is https://{api}")
    elif parts.path.endswith("/api/v3") or (not parts.path and _may_be_api(host)):
        return parts.geturl()
    elif host.startswith("api.") and host.count(".") > 1:
        raise ValueError(f"{found}: leave out the path, or end it in /api/v3")
    else:
        api = f"https://{parts.netloc}/api/v3"
        raise ValueError(
            f"{found}: GitHub Enterprise Server's API is {'https://HOST/api/v3' if may_be_secret(api) else api}"
        )
    return parts.geturl()


def is_hosted(api_url: str) -> bool:
    """Whether GitHub itself runs the API (github.com, ghe.com). Then its clock is GitHub's."""
    return bool(_HOSTED.fullmatch(urlsplit(api_url).hostname or ""))


def _may_be_api(host: str) -> bool:
    """Whether a host may answer as api.github.com does: its name says so, or it is only an
    address.
    """
    return host.startswith("api.") or bool(re.fullmatch(r"localhost|[0-9.]+|.*:.*", host))


def git_url_of(api_url: str) -> str:
    """Where an API's repositories are: api.HOST is HOST's (github.com, ghe.com); HOST/api/v3 is
    HOST's own (GHES).
    """
    parts = urlsplit(api_url)
    return f"https://{parts.netloc if parts.path.strip('/') else parts.netloc.removeprefix('api.')}"


def read_git_url(given: Any, api_url: str) -> str:
    """The URL where the App's repositories are; by default it follows from the API."""
    if given in (None, ""):
        return git_url_of(api_url)
    parts = _read_url(_GIT, given)
    url = parts.geturl()
    if parts.path.endswith("/api/v3") or re.fullmatch(r"api\.([^.]+\.ghe|github)\.com\.?", str(parts.hostname)):
        raise ValueError(f"{_GIT}, found {shown(url)}: this is the API; write {git_url_of(url)}")
    if parts.path:
        raise ValueError(f"{_GIT}, found {shown(url)}: leave out the path; repositories are named in repositories")
    return url


def read_repositories(given: Any) -> tuple[str, ...]:
    """The repositories, OWNER/NAME; a list, or a text with commas."""
    if given is None:
        return ()
    try:
        repositories = texts_of(given)
    except TypeError:
        raise ValueError(f"repositories: expected a list of OWNER/NAME, found {shown(given)}") from None
    for repository in repositories:
        if not isinstance(repository, str) or not _OWNER_AND_NAME.fullmatch(repository):
            raise ValueError(
                f"repositories: expected OWNER/NAME, found {shown(repository)}{_meant_repository(repository)}"
            )
        if repository.endswith(".git"):
            raise ValueError(
                f"repositories: expected OWNER/NAME, found {shown(repository)}; write {repository.removesuffix('.git')}"
            )
    return tuple(repositories)


def _meant_repository(found: Any) -> str:
    """What to write instead of a URL."""
    address = re.fullmatch(r"(?:https?://[^/@]+/|[\w.-]+@[\w.-]+:)(.+?)(?:\.git)?/?", str(found))
    named = address and _OWNER_AND_NAME.fullmatch(address[1])
    return f"; write {named[0]}" if named else ""


def read_permissions(given: Any) -> dict[str, str]:
    """What the token may do, by GitHub's names; narrow by default."""
    if given in (None, "", {}):
        return dict(DEFAULT_PERMISSIONS)
    if not isinstance(given, Mapping):
        raise ValueError(f"permissions: expected a mapping, for example {{contents: read}}, found {shown(given)}")
    problems = list(_wrong_permissions(given))
    if problems:
        raise ValueError(f"permissions: {'; '.join(problems)}")
    return {str(name): str(level) for name, level in given.items()}


def _wrong_permissions(given: Mapping[Any, Any]) -> Iterator[str]:
    for name, level in given.items():
        if not isinstance(name, str) or not re.fullmatch("[a-z][a-z0-9_]{0,60}", name):
            yield f"expected a name like contents or pull_requests, found {shown(name)}"
        elif level not in LEVELS:
            yield f"{name}: expected one of {', '.join(LEVELS)}, found {shown(level)}"


def read_depth(given: Any, repositories: tuple[str, ...]) -> str:
    """How far the check goes. The default depends on whether there are repositories."""
    depth = ("repository" if repositories else "token") if given in (None, "") else given
    if depth not in DEPTHS:
        raise ValueError(f"depth: expected one of {', '.join(DEPTHS)}, found {shown(given)}")
    if depth == "repository" and not repositories:
        raise ValueError("depth repository needs repositories, a list of OWNER/NAME")
    return str(depth)


def read_notes(given: Any) -> tuple[str, ...]:
    """Remarks about the App that reports show beside its result."""
    if given in (None, ""):
        return ()
    notes = [given] if isinstance(given, str) else given
    if not isinstance(notes, list | tuple) or any(_text_problem(note) for note in notes):
        raise ValueError(
            f"notes: expected a list of one-line texts of at most {_LONGEST_NOTE} characters, without secrets"
        )
    return tuple(str(note) for note in notes)


def read_unusable(given: Any) -> list[dict[str, str]]:
    """Why no client could use a credential: a list of ``key``, ``found`` and ``remedy``."""
    wanted = {"key", "found", "remedy"}
    expected = "unusable: expected a list of mappings with key, found and remedy, as the clients' filters write it"
    if not isinstance(given, list | tuple) or not given:
        raise ValueError(f"{expected}, found {'an empty one' if given == [] else shown(given)}")
    for fault in given:
        if not isinstance(fault, Mapping) or set(fault) != wanted:
            raise ValueError(f"{expected}; found an item without them")
        if fault_of(str(fault["key"])) is None:
            raise ValueError(f"{expected}; no key is called {shown(fault['key'])}")
        if _text_problem(fault["found"]) or _text_problem(fault["remedy"]):
            raise ValueError(
                f"{expected}; found and remedy must be one-line texts of at most {_LONGEST_NOTE} characters, without secrets"
            )
    return [{str(key): str(text) for key, text in fault.items()} for fault in given]


def _text_problem(text: Any) -> bool:
    """Whether a text is not fit for a report."""
    if not isinstance(text, str) or not text or len(text) > _LONGEST_NOTE or unprintable(text):
        return True
    # The sentences of this collection name the lines of a PEM, and quote what may be shown.
    return any(may_be_secret(word.strip("'\"(),;:")) for word in text.replace("-----", "").split())


def unknown_keys(row: Mapping[Any, Any], known: tuple[str, ...]) -> list[str]:
    """A problem for each unknown key of an entry, with the nearest known key."""
    return [f"unknown key {shown(key)}; {meant(str(key)[:100], known)}" for key in row if key not in known]
