"""What a terminal obeys, and the JWT that the node was sent."""

from __future__ import annotations

import base64
import sys
from collections.abc import Callable
from typing import Any

from tests.reliability.hostile.answers.registry import TERMINAL, answers
from tests.reliability.hostile.hostile_python import Asked


def everywhere(value: Any, text: str) -> Any:
    """The evidence with a text before each of its texts, and in a key of each mapping."""
    if isinstance(value, dict):
        return {**{key: everywhere(item, text) for key, item in value.items()}, text: text}
    if isinstance(value, list):
        return [everywhere(item, text) for item in value]
    return text + value if isinstance(value, str) else value


@answers("text")
def _terminal_in_every_text(asked: Asked) -> dict[str, Any]:
    answer = asked.behind()
    return {"evidence": everywhere(answer["evidence"], TERMINAL)}


@answers("text")
def _terminal_in_warnings(asked: Asked) -> dict[str, Any]:
    said = {"warnings": [TERMINAL], "deprecations": [{"msg": TERMINAL, "version": "9"}], "add_group": TERMINAL}
    return {**asked.behind(), **said, TERMINAL: TERMINAL}


@answers("text")
def _terminal_on_standard_error(asked: Asked) -> dict[str, Any]:
    print(TERMINAL * 10, file=sys.stderr, flush=True)
    return asked.behind()


@answers("text")
def _terminal_in_an_error(_asked: Asked) -> dict[str, Any]:
    return {
        "failed": True,
        "msg": TERMINAL,
        "exception": TERMINAL,
        "module_stderr": TERMINAL,
        "module_stdout": TERMINAL,
    }


def encoded(name: str, encode: Callable[[str], str]) -> None:
    """A node that gives back the JWT that it was sent, in some form,
    in texts that are kept or shown.
    """

    def answer(asked: Asked) -> dict[str, Any]:
        answer = asked.behind()
        evidence = answer["evidence"]
        for jwt in asked.jwts:
            text = encode(jwt)
            evidence["clock"].update(clocksource=f"a {text} b", adjtimex={"error": text})
            evidence["ntp"]["servers"].append({"server": text, "addresses": [text], "samples": [], "error": text})
            evidence.setdefault("github_apps", []).append({"name": "argocd", "attempts": [], "error": text})
            evidence[text[:30]] = {"error": text}
        return answer

    answer.__name__ = name
    answers("text")(answer)


encoded("jwt_plain", lambda jwt: jwt)
encoded("jwt_base64", lambda jwt: base64.b64encode(jwt.encode()).decode())
encoded("jwt_base64_one_later", lambda jwt: base64.b64encode(b"x" + jwt.encode()).decode().rstrip("="))
encoded("jwt_base64_two_later", lambda jwt: base64.urlsafe_b64encode(b"xy" + jwt.encode()).decode())
encoded("jwt_hex", lambda jwt: jwt.encode().hex().upper())


@answers("text")
def _jwt_in_keys(asked: Asked) -> dict[str, Any]:
    answer = asked.behind()
    for jwt in asked.jwts:
        answer["evidence"]["clock"][jwt] = {jwt: jwt}
        answer["evidence"][jwt] = {jwt: 1}
        answer[jwt] = jwt
    return answer


@answers("text")
def _jwt_in_warnings_and_on_standard_error(asked: Asked) -> dict[str, Any]:
    print(asked.jwts, file=sys.stderr, flush=True)
    return {**asked.behind(), "warnings": asked.jwts, "deprecations": [{"msg": jwt} for jwt in asked.jwts]}


@answers("text")
def _jwt_in_an_error(asked: Asked) -> dict[str, Any]:
    said = " ".join(asked.jwts)
    return {"failed": True, "msg": said, "exception": said, "module_stderr": said, "module_stdout": said}


@answers("text")
def _jwt_in_no_json(asked: Asked) -> str:
    return " ".join(asked.jwts)
