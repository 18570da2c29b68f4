"""What the judging code uses of Python 3.9 to 3.11, for Python 3.8.

`rewrite` puts these names where the code has those of the standard library. With a newer Python,
each is the standard library's own.
"""

import dataclasses
import datetime
import email.utils
import enum
import functools
import hashlib
import itertools
import math
import re
import sys

UTC = datetime.timezone.utc
TypeGuard = "TypeGuard"  # stands in annotations alone, which are not evaluated

cache = functools.lru_cache(maxsize=None)


if sys.version_info >= (3, 11):
    StrEnum = enum.StrEnum
else:

    class StrEnum(str, enum.Enum):
        """An enum whose members are texts, and are written as their values."""

        __str__ = str.__str__
        __format__ = str.__format__


def dataclass(given=None, *, kw_only=False, slots=False, **options):
    """``dataclasses.dataclass``. ``slots`` saves memory, and nothing relies on it."""

    def made(of):
        if sys.version_info >= (3, 10):
            return dataclasses.dataclass(of, kw_only=kw_only, slots=slots, **options)
        if not kw_only:
            return dataclasses.dataclass(of, **options)
        of = dataclasses.dataclass(of, init=False, **options)
        of.__init__ = _keywords_alone
        return of

    return made if given is None else made(given)


def _keywords_alone(self, **given):
    """The ``__init__`` of a dataclass whose fields are all given by name."""
    for each in dataclasses.fields(self):
        if each.name in given:
            value = given.pop(each.name)
        elif each.default is not dataclasses.MISSING:
            value = each.default
        elif each.default_factory is not dataclasses.MISSING:
            value = each.default_factory()
        else:
            raise TypeError(f"{type(self).__name__}() lacks the argument {each.name!r}")
        object.__setattr__(self, each.name, value)
    if given:
        raise TypeError(f"{type(self).__name__}() has no argument {next(iter(given))!r}")
    if hasattr(self, "__post_init__"):
        self.__post_init__()


def either(one, other):
    """``one | other``: of two mappings (3.9) and of types (3.10) too."""
    if isinstance(one, dict) and isinstance(other, dict) and not hasattr(one, "__or__"):  # as a Counter has
        return {**one, **other}
    if _is_kind(one) and _is_kind(other):
        return (*_kinds(one), *_kinds(other))  # which isinstance() takes too
    return one | other


def either_in_place(one, other):
    """``one |= other``."""
    if isinstance(one, dict) and not hasattr(one, "__ior__"):
        one.update(other)
    else:
        one |= other
    return one


def _is_kind(value):
    return value is None or isinstance(value, (type, tuple)) or hasattr(value, "__origin__")


def _kinds(value):
    return value if isinstance(value, tuple) else (type(None) if value is None else value,)


def formatted(value, conversion, spec=""):
    """One value of an f-string."""
    return format(_CONVERSIONS[conversion](value) if conversion else value, spec)


_CONVERSIONS = {"a": ascii, "r": repr, "s": str}


def zipped(*iterables, strict=False):
    """``zip`` with ``strict`` (3.10)."""
    if not strict:
        yield from zip(*iterables)
        return
    ended = object()
    for items in itertools.zip_longest(*iterables, fillvalue=ended):
        if any(item is ended for item in items):
            raise ValueError("zip() arguments have different lengths")
        yield items


def pairwise(iterable):
    """Each item with the one after it (3.10)."""
    one, other = itertools.tee(iterable)
    next(other, None)
    return zip(one, other)


def removeprefix(text, prefix):
    """``text.removeprefix(prefix)`` (3.9)."""
    return text[len(prefix) :] if text.startswith(prefix) else text


def removesuffix(text, suffix):
    """``text.removesuffix(suffix)`` (3.9)."""
    return text[: -len(suffix)] if suffix and text.endswith(suffix) else text


def fromisoformat(text):
    """``datetime.fromisoformat`` of 3.11, for the forms that skewgate writes: with Z, or without a
    zone.
    """
    return datetime.datetime.fromisoformat(re.sub("[Zz]$", "+00:00", text))


def md5(data, usedforsecurity=True):
    """``hashlib.md5`` with ``usedforsecurity`` (3.9)."""
    if sys.version_info >= (3, 9):
        return hashlib.md5(data, usedforsecurity=usedforsecurity)  # noqa: S324 - for NTP's reference IDs
    return hashlib.md5(data)  # noqa: S324


def file_digest(file, name):
    """The hash of what is left of a file (3.11)."""
    found = hashlib.new(name)
    for part in iter(lambda: file.read(1 << 18), b""):
        found.update(part)
    return found


def lcm(*numbers):
    """The least common multiple of whole numbers (3.9)."""
    found = 1
    for number in numbers:
        found = 0 if not number else abs(found * number) // math.gcd(found, number)
    return found


def parsedate_to_datetime(text):
    """``email.utils.parsedate_to_datetime``, which raises ValueError for what is no date (3.10)."""
    try:
        return email.utils.parsedate_to_datetime(text)
    except TypeError as error:
        raise ValueError(f"Invalid date value or format {text!r}") from error
