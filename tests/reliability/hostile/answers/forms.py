"""What is no answer, or not one."""

from __future__ import annotations

import json
import sys
from typing import Any

from tests.reliability.hostile.answers.registry import ADMITTED, TERMINAL, answers
from tests.reliability.hostile.hostile_python import Asked


@answers("forms")
def _nothing(_asked: Asked) -> str:
    return ""


@answers("forms")
def _no_json(_asked: Asked) -> str:
    return f"{TERMINAL}<html>admitted</html>"


@answers("forms")
def _null(_asked: Asked) -> str:
    return "null"


@answers("forms")
def _two_documents(asked: Asked) -> str:
    return json.dumps(asked.behind()) + json.dumps({**ADMITTED, "ansible_facts": {"gate_checks": []}})


@answers("forms")
def _words_around_it(asked: Asked) -> str:
    return f"{TERMINAL}\n{json.dumps(asked.behind())}\n{TERMINAL}"


@answers("forms")
def _keys_twice(asked: Asked) -> str:
    text = json.dumps(asked.behind())
    return text[:-1] + ', "evidence": {}, "evidence": ' + json.dumps(asked.behind()["evidence"]) + ', "changed": [1]}'


@answers("forms")
def _not_utf_8(asked: Asked) -> bytes:
    answer = asked.behind()
    answer["evidence"]["clock"]["clocksource"] = "@"
    return json.dumps(answer).encode().replace(b"@", b"\xff\xfe\xed\xa0\x80\xc0\x80")


@answers("forms")
def _half_a_pair(asked: Asked) -> str:
    """A lone surrogate is JSON, and can't be written as UTF-8."""
    answer = asked.behind()
    answer["evidence"]["clock"]["clocksource"] = "\ud800"
    answer["evidence"]["\udfff"] = {"error": "\udc80"}
    return json.dumps(answer)


@answers("forms")
def _an_exit_code(_asked: Asked) -> None:
    print(TERMINAL, file=sys.stderr, flush=True)
    sys.exit(137)


@answers("forms")
def _only_an_error(_asked: Asked) -> dict[str, Any]:
    return {"failed": True, "msg": [TERMINAL, {TERMINAL: 1}], "rc": "1"}
