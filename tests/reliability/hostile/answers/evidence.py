"""Evidence: its clock, its types, its form."""

from __future__ import annotations

import json
from typing import Any

from tests.lab.liar import lie
from tests.reliability.hostile.answers.registry import ADMITTED, DAY_S, TERMINAL, YEAR_S, answers
from tests.reliability.hostile.hostile_python import Asked


@answers("evidence")
def _a_year_ahead(asked: Asked) -> dict[str, Any]:
    return asked.behind(YEAR_S)


@answers("evidence")
def _another_true_time(asked: Asked) -> dict[str, Any]:
    """Invented answers of all NTP servers, by which a day later is the time."""
    answer = asked.behind(DAY_S)
    for server in answer["evidence"]["ntp"]["servers"]:
        for sample in server["samples"]:
            if "sent_hex" in sample:
                sample["reply_hex"] = lie(bytes.fromhex(sample["sent_hex"]), DAY_S).hex()
    for api in answer["evidence"].get("api_date", {}).get("apis", []):
        api["answers"] = [{"error": {"phase": "connect", "message": "refused", "kind": "refused"}}]
    return answer


@answers("evidence")
def _a_year_of_errors(asked: Asked) -> dict[str, Any]:
    """Readings that are out of any range."""
    answer = asked.behind()
    answer["evidence"]["collected"].update(wall_ns=10**40, mono_ns=-(10**40), end_mono_ns=10**400)
    return answer


@answers("evidence")
def _addresses_that_are_a_number(asked: Asked) -> dict[str, Any]:
    answer = asked.behind()
    answer["evidence"]["ntp"]["servers"][0]["addresses"] = 7
    return answer


def of_type(name: str, value: Any) -> None:
    """A node each of whose sections is this."""

    def answer(asked: Asked) -> dict[str, Any]:
        return {"evidence": dict.fromkeys(asked.behind()["evidence"], value)}

    answer.__name__ = name
    answers("evidence")(answer)


of_type("sections_that_are_lists", [[]])
of_type("sections_that_are_text", TERMINAL)
of_type("sections_that_are_null", None)
of_type("sections_that_are_false", False)
of_type("sections_that_are_errors", {"error": {"error": 7}})


@answers("evidence")
def _leaves_of_another_type(asked: Asked) -> dict[str, Any]:
    """Text for each number, and a number for each text, a list for each mapping that is empty."""

    def other(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: other(item) for key, item in value.items()} or []
        if isinstance(value, list):
            return [other(item) for item in value] or {}
        return {"x": [value]} if value is None else 7 if isinstance(value, str) else "7"

    return {"evidence": other(asked.behind()["evidence"])}


@answers("evidence")
def _deep(_asked: Asked) -> str:
    return '{"evidence": {"ntp": ' + "[" * 100_000 + "]" * 100_000 + "}}"


@answers("evidence")
def _deep_where_it_may_be(asked: Asked) -> str:
    answer = asked.behind()
    answer["evidence"]["clock"] = "@"
    return json.dumps(answer).replace('"@"', '{"a":' * 900 + "1" + "}" * 900)


@answers("evidence")
def _not_numbers(asked: Asked) -> str:
    """What Python reads as numbers, and JSON does not have."""
    answer = asked.behind()
    for server in answer["evidence"]["ntp"]["servers"]:
        for sample in server["samples"]:
            sample.update(t1_mono_ns=float("nan"), t4_mono_ns=float("inf"))
    answer["evidence"]["clock"] = {"adjtimex": {"maxerror_us": float("-inf")}, "rtc": {"since_epoch_s": float("nan")}}
    return json.dumps(answer)


@answers("evidence")
def _no_evidence_in_it(_asked: Asked) -> dict[str, Any]:
    return {"evidence": {}}


@answers("evidence")
def _evidence_that_is_a_list(_asked: Asked) -> dict[str, Any]:
    return {"evidence": [ADMITTED]}
