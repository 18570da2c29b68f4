"""Checks names and numbers that an operator wrote, and shows them in problems.

A secret may have been pasted into the wrong place. So a text that may be a key, a token or a
password is described, not quoted.
"""

from __future__ import annotations

import ipaddress
import math
import re
from collections.abc import Iterator, Mapping
from typing import Any, TypeGuard

_LONGEST_SHOWN = 120
_SECRET = re.compile(
    r"-----|PRIVATE KEY|\beyJ|\bgh[a-z]_|github_pat_"  # PEM, JWT, GitHub's tokens
    r"|//[^/]*@"  # a password in a URL
    r"|(?=[A-Za-z0-9+_=]*[0-9])(?=[A-Za-z0-9+_=]*[A-Za-z])[A-Za-z0-9+_=]{32,}"  # hexadecimal, or base64
    r"|(?=[A-Za-z0-9+/=]*[0-9])(?=[A-Za-z0-9+/=]*[a-z])(?=[A-Za-z0-9+/=]*[A-Z])[A-Za-z0-9+/=]{40,}"
)
_PLACEHOLDER = re.compile(
    r"<.*>|.*\{\{.*|.*\{%.*|\$\{?[A-Z_].*|\[[A-Z_ ]+\]|[x*?.#]{2,}|_+|-+"
    r"|(the|your|my)?[_ -]?(github[_ -]?)?(app|client|installation)[_ -]?id([_ -]?here)?"
    r"|(your|insert|replace)[_ -][A-Z0-9_ -]*|[A-Z0-9_ -]*[_ -]here|change[_ -]?(me|it|this)|replace|fill[_ -]?me|fixme"
    r"|to[_ -]?do|tbd|placeholder|none|null|nil|undefined|omit|n/?a",
    re.IGNORECASE | re.DOTALL,
)
_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
_LABEL = r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST = re.compile(rf"(?=.{{1,253}}$){_LABEL}(\.{_LABEL})*\.?", re.ASCII)
_UNIT = re.compile(
    r"[A-Za-z0-9:_.\\@-]+\.(service|socket|device|mount|automount|swap|target|path|timer|slice|scope)", re.ASCII
)


def is_whole(value: Any) -> TypeGuard[int]:
    """Whether it is a whole number. True and false, which Python treats as 1 and 0, are not."""
    return isinstance(value, int) and not isinstance(value, bool)


def shown(value: Any) -> str:
    r"""A value as a problem shows it: printable, short, and without what may be a secret.

    >>> shown("12345\n"), shown(["a"]), shown("-----BEGIN RSA PRIVATE KEY-----")
    ("'12345\\n'", 'a list', 'a text of 31 characters that is not shown, since it may hold a secret')
    """  # noqa: W505 - an example or a table
    if isinstance(value, str):
        if may_be_secret(value):
            return f"a text of {len(value)} characters that is not shown, since it may hold a secret"
        return ascii(value)
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "None"}[value]
    if isinstance(value, int):
        return str(value) if abs(value) < 10**30 else "a number of more than 30 digits"
    if isinstance(value, float):
        return str(value)
    for kind, words in ((list, "a list"), (dict, "a mapping")):
        if isinstance(value, kind):
            return words
    return f"a value of the type {type(value).__name__}"


def may_be_secret(text: str) -> bool:
    """Whether a text may hold a key, a token or a password; a long text or several lines may."""
    return len(text) > _LONGEST_SHOWN or "\n" in text.strip() or bool(_SECRET.search(text))


def path_shown(path: Any) -> str:
    """A file's path as a problem shows it. If it is a key's text instead, it is described."""
    text = str(path)
    is_path = text[:1] in ("/", "~", ".") and max(map(len, text.split("/"))) <= 60 and len(text) <= 4096
    keyless = text.isprintable() and "-----" not in text and "PRIVATE KEY" not in text
    return text if keyless and (is_path or not may_be_secret(text)) else shown(path)


def number_of(value: Any) -> float:
    """A finite number, or its text in plain digits; raises ValueError for anything else.

    True and false are not numbers here.
    """
    if isinstance(value, str) and _NUMBER.fullmatch(value.strip(" ")):
        value = float(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("not a number")
    try:
        number = float(value)
    except OverflowError:  # a whole number that is too large
        raise ValueError("not a finite number") from None
    if not math.isfinite(number):
        raise ValueError("not a finite number")
    return number


def whole_of(value: Any) -> int:
    """A whole number, or the text of one; raises ValueError for anything else."""
    number = number_of(value)
    if number != int(number) or abs(number) > 2**53:
        raise ValueError("not a whole number")
    return int(number)


def is_placeholder(text: str) -> bool:
    """Whether a text is a placeholder that should have been replaced.

    Examples are `<APP_ID>`, `YOUR_APP_ID`, `changeme`, and the rest of a template.

    >>> [is_placeholder(text) for text in ("<APP_ID>", "changeme", "{{ app_id }}", "xxx", "ntp1.example.net")]
    [True, True, True, True, False]
    """  # noqa: W505 - an example or a table
    return bool(_PLACEHOLDER.fullmatch(text.strip()))


def unprintable(text: str) -> str | None:
    """What is wrong with a text that has a line's end, or another character that can't be seen, or
    blanks around it.
    """
    if "\n" in text or "\r" in text:
        return "it has a line's end"
    if text != text.strip():
        return "it has blanks around it"
    if not text.isprintable():
        return "it has a character that can't be seen"
    return None


def name_problem(value: Any) -> str | None:
    """What is wrong with a name that may have any printable characters."""
    if not isinstance(value, str):
        return "it is not a text"
    if not value:
        return "it is empty"
    return unprintable(value)


def label_problem(value: Any) -> str | None:
    """What is wrong with a name that reports and messages show."""
    return name_problem(value) or ("it may hold a secret" if may_be_secret(value) else None)


def server_problem(value: Any) -> str | None:
    """What is wrong with a server's name or address; None if it could be one.

    >>> server_problem("ntp1.example.net"), server_problem("2001:db8::1"), server_problem("ntp1.example.net iburst")
    (None, None, 'it has a blank; give the name alone, without options')
    """  # noqa: W505 - an example or a table
    problem = name_problem(value)
    if problem:
        return problem
    if is_placeholder(value):
        return "it is a placeholder"
    if not value.isascii():
        return "it has characters other than ASCII; write such a name in its form xn--..."
    if "://" in value:
        return "it is a URL; give the name of its host alone"
    if " " in value:
        return "it has a blank; give the name alone, without options"
    return None if is_host(value) else "it is not a host name or an IP address; give it without a port"


def is_host(text: str) -> bool:
    """Whether a text is an IP address, or a host's name in ASCII."""
    try:
        ipaddress.ip_address(text)
    except ValueError:
        last = text.rstrip(".").rpartition(".")[2]
        return bool(_HOST.fullmatch(text)) and not last.isdigit()
    return True


def unit_problem(value: Any) -> str | None:
    """What is wrong with the name of a systemd unit."""
    problem = name_problem(value)
    if problem:
        return problem
    if is_placeholder(value):
        return "it is a placeholder"
    return (
        None
        if _UNIT.fullmatch(value) and len(value) <= 255
        else "a unit is called NAME.service, NAME.mount and the like"
    )


def texts_in(value: Any) -> Iterator[str]:
    """The texts in a value, at any depth, without the keys of mappings."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from texts_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from texts_in(each)
