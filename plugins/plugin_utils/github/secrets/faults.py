"""Faults that make a Secret unusable for its client, and the entries with them.

Faults of private keys are in github.key_faults.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from ..key_faults import Fault, KeyFault


class SecretFault(StrEnum):
    """What is wrong with a Secret, or with the object that names one."""

    NOT_BASE64 = "secret_not_base64"
    MISSING = "secret_value_missing"
    EMPTY = "secret_value_empty"
    NOT_A_NUMBER = "secret_not_a_number"
    NOT_A_FLAG = "secret_not_true_or_false"
    NOT_AN_APP_ID = "secret_not_an_app_id"
    NOT_AN_OWNER = "secret_not_an_owner"
    NOT_AN_API = "secret_not_an_api"
    NOT_A_CA = "secret_not_a_ca"
    NO_URL = "secret_no_url"
    NOT_GITHUB = "secret_not_github"
    TWO_INSTALLATIONS = "secret_two_installations"
    TWO_CREDENTIALS = "secret_two_credentials"
    OWNER_UNKNOWN = "secret_owner_unknown"
    NOT_GIVEN = "secret_not_given"
    WRONG_PROVIDER = "secret_wrong_provider"


def fault_of(key: str) -> StrEnum | None:
    """The fault of this key, None if there is none."""
    known: dict[str, StrEnum] = {
        **{fault.value: fault for fault in KeyFault},
        **{fault.value: fault for fault in SecretFault},
    }
    return known.get(key)


class Faults:
    """The faults of all Secrets, by the names under which reports show them."""

    def __init__(self) -> None:
        """Has no fault yet."""
        self._by_label: dict[str, dict[Fault, None]] = {}

    def note(self, label: str, *faults: Fault) -> None:
        """Note these faults of the Secret, each once."""
        self._by_label.setdefault(label, {}).update(dict.fromkeys(faults))

    def entries(self) -> list[dict[str, Any]]:
        """An entry of ``gate_github_apps`` for each Secret with faults; no API is asked about
        it.
        """
        return [
            {
                "name": label,
                "unusable": [
                    {"key": fault.key.value, "found": fault.found, "remedy": fault.remedy} for fault in faults
                ],
            }
            for label, faults in self._by_label.items()
            if faults
        ]
