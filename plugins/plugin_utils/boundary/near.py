"""The known names that an unknown one may mean.

It may be written in another way, have a version, be a part of the known name, or be misspelt.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable

_VERSION = re.compile(r"v?\d[\d.x]*$")
_LEAST = 3
"""A shorter part is in too many names."""


def near_names(name: str, known: Iterable[str], at_most: int = 6) -> list[str]:
    """The known names that a name may mean, likeliest first.

    Upper case, the characters between words, and a version do not count.

    >>> near_names("Argo CD", ["argo-events", "argocd", "argocd-2.1", "flux"])
    ['argocd', 'argocd-2.1']
    >>> near_names("octokti", ["flux", "octokit"]), near_names("merge-bot", ["flux"])
    (['octokit'], [])
    """
    forms = {each: _squeezed(each) for each in known}
    whole, bare = _squeezed(name), _squeezed(_VERSION.sub("", name.lower()))
    same = [each for wanted in (whole, bare) for each, form in forms.items() if form == wanted]
    longer = [each for each, form in forms.items() if len(bare) >= _LEAST and bare in form]
    longer.sort(key=lambda each: (not forms[each].startswith(bare), len(forms[each])))
    shorter = [each for each, form in forms.items() if len(form) >= _LEAST and form in whole]
    shorter.sort(key=lambda each: -len(forms[each]))
    near = list(dict.fromkeys([*same, *longer, *shorter]))
    if not near:
        alike = difflib.get_close_matches(bare, forms.values(), n=at_most, cutoff=0.7)
        near = [each for form in dict.fromkeys(alike) for each in forms if forms[each] == form]
    return near[:at_most]


def same_name(name: str, known: Iterable[str]) -> str | None:
    """The known name that differs only in case or in the characters between words.

    >>> same_name("actions/runner", ["actions-runner"])
    'actions-runner'
    """
    return next((each for each in sorted(known) if _squeezed(each) == _squeezed(name)), None)


def _squeezed(name: str) -> str:
    return re.sub(r"[^a-z0-9.]", "", name.lower())
