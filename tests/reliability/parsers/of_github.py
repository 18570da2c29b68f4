"""What concerns GitHub: answers of its API and of git servers, keys, the clients' Secrets, and Argo
CD's log.
"""

from __future__ import annotations

import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.sections import SECTIONS
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.settings import SettingsError
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.shapes import MalformedError
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.text import Tokens
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github import go_pem, key_faults, pem
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.answers import (
    classify,
    clock_side,
    quoted,
    rate_limit_s,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.asked import (
    how_asked,
    not_revoked,
    shown,
    still_valid,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.secrets.arc import arc_apps
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.secrets.argocd import argocd_apps
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.secrets.flux import flux_apps
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.throttle import MintThrottle
from rich.console import Console

from skewgate.argocd_log.counting import summarise
from skewgate.argocd_log.lines import read_lines
from skewgate.argocd_log.meaning import explanation, table
from skewgate.argocd_log.pods import parse_pods
from tests.builders import accepted, accepted_steps, app, attempt, failed_step, not_sent, repository_step, step
from tests.integration.argocd_secrets import secret
from tests.paths import SAMPLES
from tests.reliability.parsers.target import (
    PART,
    Target,
    as_bytes,
    of_json,
    of_text,
    printable_lines,
    strict_and_printable,
)
from tests.unit.plugin_utils.github.key_forms import FORMS
from tests.unit.plugin_utils.github.key_forms import pem as key_pem
from tests.unit.skewgate import argocd_lines

APPS = SECTIONS["github_apps"]
MESSAGES = (
    "'Expiration time' claim ('exp') is too far in the future",
    "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued",
    "Integration not found",
    "A JSON web token could not be decoded",
    "You have exceeded a secondary rate limit",
    "Resource not accessible by integration",
    "ERR Repository not found.",
)


def _app_answers(given: Any) -> object:
    """A node's section of the Apps, and what each of its attempts means."""
    read = APPS([{"name": "deploy", "attempts": [given]}], Tokens())
    attempts = {each["label"]: each for each in read[0]["attempts"]}
    answers = {label: classify(each, "Iv1.1") for label, each in attempts.items()}
    how = [how_asked(app(), each) for each in attempts.values()]
    rates = [rate_limit_s(each) for each in attempts.values()]
    words = [[answer.quote(), answer.remedy, answer.note, answer.meaning] for answer in answers.values()]
    quotes = [quoted(each) for one in attempts.values() for each in one["steps"]]
    seen = [shown(attempts[label], answer) for label, answer in answers.items()]
    left = not_revoked(attempts.values(), "2026-11-22T08:35:36Z")
    return [how, rates, words, quotes, seen, left, still_valid(left)]


def _message(text: str) -> object:
    """GitHub's words with each status, in its message and in a body, and as git's."""
    texts = text.split("\n", 1)
    headers = dict(line.partition(": ")[::2] for line in text.splitlines())
    steps = [step("token", status, text, headers=headers) for status in (401, 403, 404, 429, 500)]
    steps += [repository_step(403, body=text, headers=headers), repository_step(302, headers={"location": text})]
    steps += [step("token", 200, body=text), failed_step("token", "tls", texts[0]), failed_step("token", "dns", text)]
    attempts = [attempt("now", each) for each in steps]
    return clock_side(text), [classify(each) for each in attempts], [rate_limit_s(each) for each in attempts]


def _throttle(data: bytes) -> object:
    """The file in which mints are counted; who can write it may put anything into it."""
    with tempfile.TemporaryDirectory(dir=SHARED_MEMORY) as folder:
        path = Path(folder) / "mints.json"
        path.write_bytes(data)
        throttle = MintThrottle(path, clock=lambda: 10_000.0, node="a")
        throttle.hold(60.0)
        return throttle.room()


SHARED_MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None


def _key(data: bytes) -> object:
    """A private key as Go reads it; of one that it refuses, what is wrong with it."""
    try:
        return go_pem.read_key(data)
    except go_pem.GoRefusesError:
        found = key_faults.faults_of(data)
        assert found, "a key that Go refuses has no fault"
        return found


def _from(read: Callable[..., list[dict[str, Any]]], *more: object) -> Callable[[str], object]:
    """A filter on text, as kubectl printed it; and on the data of it, as a play has it."""

    def parse(text: str) -> object:
        entries = read(text, *more)
        json.dumps(entries, allow_nan=False)
        return [entry["name"] for entry in entries]

    return parse


def _log(text: str) -> object:
    """All that is printed of a log."""
    log, _, pods = text.rpartition(PART)
    nodes = parse_pods(pods) if pods else argocd_lines.NODES
    summary = summarise(read_lines(io.StringIO(log or text)), nodes, "a-pod")
    printed = io.StringIO()
    Console(file=printed, width=120, highlight=False, markup=False).print(table(summary))
    return printed.getvalue() + "\n".join(explanation(summary))


def _kubernetes(*objects: dict[str, Any]) -> tuple[bytes, ...]:
    whole = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
    return json.dumps(whole, indent=1).encode(), yaml.safe_dump(whole).encode(), yaml.safe_dump_all(objects).encode()


def _many_secrets(size: int) -> bytes:
    """As many repositories as templates, of which none fits."""
    found = []
    for number in range(max(1, size // 900)):
        found.append(secret(f"r{number}", "repository", url=f"https://github.com/acme/x{number}"))
        values = {**_ARGOCD, "githubAppPrivateKey": "x"}
        found.append(secret(f"t{number}", "repo-creds", url=f"https://github.com/acme/y{number}", **values))
    return json.dumps(found).encode()


KEY = key_pem().decode()
_ARGOCD = {"githubAppID": "1", "githubAppInstallationID": "2", "githubAppPrivateKey": KEY}
_FLUX = {"githubAppID": "1", "githubAppInstallationOwner": "acme", "githubAppPrivateKey": KEY, "ca.crt": "x"}
_ARC = {"github_app_id": "1", "github_app_installation_id": "2", "github_app_private_key": KEY}
_GIT_REPOSITORY = {
    "kind": "GitRepository",
    "metadata": {"name": "x", "namespace": "argocd"},
    "spec": {"url": "https://github.com/acme/x", "provider": "github", "secretRef": {"name": "f"}},
}
_WORDS = (
    *(
        "!!int ",
        "!!float .inf",
        "!!timestamp 2026-13-45",
        "2026-02-30",
        "&a ",
        "*a",
        "<<: *a",
        "? ",
        "!!binary |",
        "- ",
        ": ",
    ),
    *(
        "metadata:",
        "items:",
        "data:",
        "stringData:",
        "labels:",
        "kind: Secret",
        "url: ",
        "https://",
        "github.com/",
        "---\n",
    ),
    *(
        "githubAppID",
        "githubAppPrivateKey",
        "proxy: http://[",
        "argocd.argoproj.io/secret-type: repository",
        "0x",
        "1_0",
        "~",
    ),
)
_KUBECTL_LINE = "\n".join(
    [
        argocd_lines.ok(argocd_lines.POD1),
        argocd_lines.refused(argocd_lines.POD2),
        argocd_lines.failed(argocd_lines.POD1, argocd_lines.lookup("Not Found", 404)),
        argocd_lines.failed(
            argocd_lines.POD3, argocd_lines.expired("2026-01-31T12:00:00Z", "after", "2026-01-30T12:00:00Z")
        ),
        argocd_lines.repeated(argocd_lines.GONE, argocd_lines.message()),
        *argocd_lines.as_stern([argocd_lines.ok(argocd_lines.POD1)], "ppextjson"),
        *argocd_lines.as_logcli([argocd_lines.ok(argocd_lines.POD1)], "default"),
    ]
)
_LOG_WORDS = (
    *(
        "[pod/",
        'time="',
        "level=error ",
        "grpc.code=OK ",
        "grpc.service=repository.RepoServerService ",
        "x509: certificate has ",
    ),
    *(
        "expired or is not yet valid: current time ",
        " is after ",
        "2026-01-31T12:00:00Z",
        "9999-12-31T23:59:59-23:59",
        "GET https://",
    ),
    *(
        "0001-01-01T00:00:00+23:59",
        "api.github.com",
        "/app/installations/1/access_tokens",
        ": 401 ",
        "rpc error",
        '{"message":"',
    ),
    *(
        "could not refresh installation id ",
        '\'s token: received non 2xx response status "401 x" when fetching ',
        "remote: ",
        "{\n",
    ),
    *(
        "unable to access '",
        "authentication required",
        "failed to list installations: Get ",
        "\x1b[31m",
        'podName":"',
        "\\",
        '{pod="',
    ),
)

TARGETS = (
    Target(
        "GitHub App attempts",
        of_json(_app_answers),
        as_bytes(
            [
                accepted(),
                not_sent(),
                *(attempt("now", step("token", 401, message)) for message in MESSAGES),
                attempt(
                    "now", *accepted_steps()[:1], repository_step(302, headers={"location": "https://[x"}, moved_to="x")
                ),
                attempt(
                    "now", step("token", 403, "rate limit", headers={"retry-after": "61", "x-ratelimit-remaining": "0"})
                ),
                attempt(
                    "now",
                    step(
                        "token",
                        403,
                        headers={"x-ratelimit-reset": "1795336999", "date": "Sun, 22 Nov 2026 08:40:00 GMT"},
                    ),
                ),
                attempt("now", failed_step("token", "tls", "x", kind="unknown_ca"), proxy="p:1"),
            ]
        ),
        declared=(MalformedError,),
        promise=strict_and_printable,
        is_json=True,
        most=1 << 20,
    ),
    Target(
        "GitHub's words",
        of_text(_message),
        tuple(map(str.encode, MESSAGES)),
        ("'exp'", "'iat'", "retry-after: ", "date: ", "x-ratelimit-reset: ", "<html>", "https://["),
    ),
    Target(
        "mint throttle's file",
        _throttle,
        (b'{"begun": [9999.5], "claims": {"b": [9999, 10050], "c": [9990, 10050]}}', b""),
        ("[", "{", "NaN", "1e999", "null"),
    ),
    Target(
        "private key",
        _key,
        tuple(form.make() for form in FORMS.values()),
        (
            "-----BEGIN ",
            "-----END ",
            "RSA PRIVATE KEY-----",
            "PRIVATE KEY-----",
            "\\n",
            "MII",
            "\n-----BEGIN ",
            "ENC[",
            "-",
        ),
    ),
    Target(
        "private key, loaded",
        lambda data: pem.load_key({"private_key": data.decode("utf-8", "surrogateescape")}),
        (key_pem(), b"x", b"\xff\xfe"),
        ("-----BEGIN RSA PRIVATE KEY-----\n", "-----END RSA PRIVATE KEY-----", "MII"),
        (ValueError,),
    ),
    Target(
        "CA certificates",
        of_text(lambda text: pem.read_ca({"ca_pem": text})),
        (b"-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n",),
        ("CERTIFICATE-----", "PRIVATE KEY-----"),
        (ValueError,),
    ),
    Target(
        "Argo CD's Secrets",
        of_text(_from(argocd_apps)),
        (
            *_kubernetes(
                secret("a", "repository", url="https://github.com/acme/x", **_ARGOCD),
                secret("t", "repo-creds", url="https://github.com/acme", proxy="http://u:p@h:1", **_ARGOCD),
                secret("u", "repository", url="git@github.com:acme/y"),
            ),
            (SAMPLES / "argocd/repositories.yaml").read_bytes(),
        ),
        _WORDS,
        (SettingsError,),
        most=1 << 20,
        grown=(("ever more repositories and templates", _many_secrets),),
    ),
    Target(
        "Flux's Secrets",
        of_text(_from(flux_apps)),
        _kubernetes(secret("f", None, **_FLUX), _GIT_REPOSITORY),
        _WORDS,
        (SettingsError,),
        most=1 << 20,
    ),
    Target(
        "ARC's Secrets",
        of_text(_from(arc_apps, "https://github.com/acme")),
        _kubernetes(secret("f", None, **_ARC)),
        _WORDS,
        (SettingsError,),
        most=1 << 20,
    ),
    Target(
        "ARC's target",
        of_text(lambda text: arc_apps([], text)),
        (b"https://github.com/orgs/acme", b"https://ghe.example:8443/a/b/"),
        ("https://", "[", "]", "@", ":", "enterprises/", "api/v3", "/"),
        (SettingsError,),
    ),
    Target(
        "Argo CD's log",
        of_text(_log),
        (_KUBECTL_LINE.encode(), (_KUBECTL_LINE + PART + argocd_lines.as_table(argocd_lines.NODES)).encode()),
        _LOG_WORDS,
        (ValueError,),
        promise=printable_lines,
        most=1 << 20,
    ),
    Target(
        "list of pods",
        of_text(parse_pods),
        (
            argocd_lines.as_table(argocd_lines.NODES).encode(),
            *_kubernetes(*argocd_lines.as_list(argocd_lines.NODES)["items"]),
        ),
        (*_WORDS, "NAME   ", "NODE   ", "<none>", '"spec"', '"nodeName"'),
        (ValueError,),
        most=1 << 20,
    ),
)
