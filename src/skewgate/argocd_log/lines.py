"""One line of a log: its pod and node, the call that it is about, and how that call failed.

Sources: Argo CD's gRPC logging (argoproj/argo-cd issues 11231, 12878, 26260), its
``util/git/creds.go`` (v3.3.0 to v3.5.0: "failed to list installations"), ghinstallation's
``transport.go``, go-github's ``ErrorResponse.Error()``, Go's ``crypto/x509/verify.go``, kubectl's
``pkg/cmd/logs/logs.go`` (``--prefix``) and stern's ``cmd/cmd.go`` (its templates).
"""

from __future__ import annotations

import json
import re
from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, TextIO

from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.answer_signs import other_api_url
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.answer_table import CLOCK_WORDS
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.answers import Answer, classify, clock_side

SERVICE = "repository.RepoServerService"
CACHED = "Manifest generation error (cached)"
"""Argo CD's prefix for an error from Redis. All repo-servers share it, so another node may have
failed."""

MAX_CHARS = 1 << 20
"""Of a longer line only the beginning is read."""

COMMIT_SERVICE = "commit.CommitService"
"""Of Argo CD's commit server, which goes to GitHub itself."""

REPEATERS = frozenset(
    f"{prefix}{name}"
    for prefix in ("", "argocd-")
    for name in ("application-controller", "server", "dex-server", "dex")
)
"""Containers, by the names of Argo CD's manifests and of its Helm chart, that ask repo-servers and
never GitHub.

The applicationset and the notifications controller have GitHub Apps themselves.
"""

Kind = Literal["unexplained", "answer", "certificate", "git", "git answer", "no answer", "more"]
"""``unexplained``: 401 or 403 without GitHub's words; ``answer``: any other answer of the API;
``git``: a login that git wants or refuses; ``git answer``: another status at git; ``more``: see
``counting``."""


UNREADABLE_KEY = "the private key can't be read"


class Installation(NamedTuple):
    """A GitHub App's installation and its API; no ``id`` while Argo CD looks for it."""

    id: str
    api_url: str


class Cause(NamedTuple):
    """How a call failed. ``side``: ahead or behind, if the line shows it for the clock."""

    kind: Kind
    installation: Installation = Installation("", "")
    status: int = 0
    key: str = ""
    side: str = ""


class CertificateTimes(NamedTuple):
    """Go's error about a certificate: the node's time then, and the limit that it broke."""

    now: datetime
    limit: datetime


class Failure(NamedTuple):
    """A failed call as a line reports it.

    ``cached``: of a call made earlier. ``repeated``: said by a component that asked a repo-server.
    ``answer``: what the API's answer means.
    """

    cause: Cause
    cached: bool = False
    repeated: bool = False
    answer: Answer | None = None
    times: CertificateTimes | None = None


class Event(NamedTuple):
    """One line of the log.

    ``node``: if the line names it. ``time``: by the node's clock, in UTC. ``call``: a call to this
    repo-server ended, ``answered``: with OK. ``other``: of another component. ``known_format``: the
    line is logfmt or JSON with a level.
    """

    pod: str
    node: str
    time: datetime | None
    call: bool
    answered: bool
    other: bool
    failure: Failure | None
    known_format: bool


# --- from a file to lines


def read_lines(file: TextIO) -> Iterator[str]:
    """The lines of a file; of one that is longer than MAX_CHARS its beginning."""
    while line := file.readline(MAX_CHARS):
        cut = not line.endswith("\n")
        yield line
        while cut and (line := file.readline(MAX_CHARS)):
            cut = not line.endswith("\n")


def records(lines: Iterable[str]) -> Iterator[str]:
    """The lines, but the five or six that ``stern -o ppextjson`` writes of each as one."""
    held: list[str] = []
    for line in lines:
        text = line.strip()
        if not held and text != "{":
            yield line
            continue
        held.append(line)
        if text == "}":
            yield " ".join(map(str.strip, held))
        elif len(held) == 1 or (len(held) < 6 and text.startswith('"')):
            continue
        else:  # something else stands between, or it is no such record
            yield from held
        held = []
    yield from held


# --- from a line to its pod


class _Source(NamedTuple):
    pod: str
    container: str
    node: str
    text: str
    fields: Mapping[str, Any] | None = None


_COLOUR = re.compile(r"\x1b\[[0-9;]{0,20}m")
_KUBECTL = re.compile(r"\[pod/(?P<pod>[^/\]]{1,253})/(?P<container>[^\]]{0,253})\] ?(?P<text>.*)", re.DOTALL)
_NAME = re.compile(r"[a-z0-9][a-z0-9.-]{0,252}")
_TIMESTAMP = re.compile(r"(\d{4}-\d\d-\d\dT\S{1,40}) (?:std(?:out|err) [FP] )?")
"""What kubectl, or the container runtime in the files of a node, writes before a line."""
_LOKI = re.compile(r'\d{4}-\d\d-\d\dT\S{1,40} (?P<labels>\{(?:[^"{}]|"(?:[^"\\]|\\.)*")*\})\s+(?P<text>.*)', re.DOTALL)
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_START = re.compile(r'time="|level=|\{"|\d{4}-\d\d-\d\dT|[IWEF]\d{4} ')


def parse_line(line: str, pods: Container[str] = (), only_pod: str = "") -> Event | None:
    """Read a line of ``kubectl logs --prefix``, stern or logcli; ``None`` if it names no pod.

    ``pods``: the known ones, which distinguish stern's lines from others. ``only_pod``: the pod of
    lines that name none.

    >>> parse_line('[pod/argocd-repo-server-7d4b9c6f8-x2x9k/repo-server] time="2026-01-31T12:00:00Z" level=info msg=ok').pod
    'argocd-repo-server-7d4b9c6f8-x2x9k'
    """  # noqa: W505 - an example or a table
    line = _COLOUR.sub("", line.rstrip("\r\n")) if "\x1b" in line else line.rstrip("\r\n")
    source = _of_kubectl(line) or _of_json(line) or _of_loki(line) or _of_stern(line, pods)
    if source is None:
        if not only_pod or not line.strip():
            return None
        source = _Source(only_pod, "", "", _of_docker(line))
    text, stamp = source.text, None
    if timestamp := _TIMESTAMP.match(text):
        text, stamp = text[timestamp.end() :], timestamp[1]
    fields = _fields(text) if source.fields is None else source.fields
    service = fields.get("grpc.service")
    ours = service == SERVICE and "client" not in (fields.get("grpc.component"), fields.get("span.kind"))
    # A message in quotes has a backslash before each quote, sometimes three.
    flat = text.replace("\\", "")
    repeats = not ours and ("rpc error" in flat or (bool(service) and service != COMMIT_SERVICE))
    other = repeats or (not ours and source.container in REPEATERS)
    failure = _failure(flat, ours or fields.get("level") not in ("info", "debug"))
    if failure:
        # Each component has its TLS connections, for example to clusters.
        repeated = repeats if failure.cause.kind == "certificate" else other
        failure = failure._replace(cached=CACHED in flat, repeated=repeated)
    return Event(
        pod=source.pod,
        node=source.node,
        time=_time(fields.get("time")) or _time(stamp),
        call=ours and "grpc.code" in fields,
        answered=ours and fields.get("grpc.code") == "OK",
        other=other and service != "grpc.health.v1.Health",
        failure=failure,
        known_format="level" in fields,
    )


def _of_kubectl(line: str) -> _Source | None:
    match = _KUBECTL.match(line)
    return match and _Source(match["pod"], match["container"], "", match["text"])


def _of_json(line: str) -> _Source | None:
    """stern's ``json`` and ``extjson``, or logcli's ``jsonl`` (with labels).

    stern's message may be JSON itself.
    """
    if not line.startswith("{"):
        return None
    content = _json(line)
    if isinstance(labels := content.get("labels"), dict) and isinstance(text := content.get("line"), str):
        return _of_labels(labels, text)
    pod, message = content.get("podName", content.get("pod")), content.get("message")
    container = content.get("containerName", content.get("container"))
    if not (isinstance(pod, str) and pod and isinstance(container, str) and isinstance(message, (str, dict))):
        return None
    node = content.get("nodeName")
    node = node if isinstance(node, str) else ""
    if isinstance(message, dict):
        return _Source(pod, container, node, json.dumps(message, ensure_ascii=False), message)
    return _Source(pod, container, node, message.rstrip("\r\n"))


def _of_docker(line: str) -> str:
    """The text of a line of Docker's ``json-file``; any other line as it is."""
    text = _json(line).get("log") if line.startswith('{"log":') else None
    return text.rstrip("\r\n") if isinstance(text, str) else line


def _of_loki(line: str) -> _Source | None:
    """What ``logcli`` prints: a time, the labels and the line."""
    match = _LOKI.match(line)
    return match and _of_labels(dict(_LABEL.findall(match["labels"])), match["text"])


def _of_labels(labels: Mapping[str, Any], text: str) -> _Source | None:
    pod, container, node = (str(labels.get(name) or "") for name in ("pod", "container", "node_name"))
    return _Source(pod, container, node, text) if pod else None


def _of_stern(line: str, pods: Container[str]) -> _Source | None:
    """``POD CONTAINER TEXT``, with the namespace before it if stern reads several."""
    words = line.split(" ", 3)
    for skipped in (0, 1):
        named, text = words[skipped : skipped + 2], " ".join(words[skipped + 2 :])
        if len(named) < 2 or not all(map(_NAME.fullmatch, words[: skipped + 2])):
            return None
        if named[0] in pods or ("-" in named[0] and _START.match(text)):
            return _Source(named[0], named[1], "", text)
    return None


# --- from a line to its fields

_LOGFMT = re.compile(r'(?:^|\s)([\w.]+)=("(?:[^"\\]|\\.)*"|\S*)')


def _fields(text: str) -> Mapping[str, Any]:
    return _json(text) if text.startswith("{") else {key: value.strip('"') for key, value in _LOGFMT.findall(text)}


def _json(text: str) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def _time(value: object) -> datetime | None:
    try:
        time = datetime.fromisoformat(str(value))
        return time.astimezone(UTC) if time.tzinfo else None
    except (ValueError, OverflowError):
        return None


# --- from a line to its failure

_URL = r"(?P<scheme>https?://)(?:[^/\s\"@]*@)?(?P<base>[^@\s\"]+?)"  # without what stands before an @: it could be a password
_MINT = re.compile(
    r"could not refresh installation id (?P<id>\d{1,20})'s token: received non 2xx response status "
    rf'"(?P<status>\d{{3}})[^"]{{0,80}}" when fetching {_URL}(?:/app)?/installations/\d{{1,20}}/access_tokens'
)
_CLOCK = re.compile(CLOCK_WORDS, re.IGNORECASE)
_ANSWER = re.compile(
    rf"(?:GET|POST) {_URL}/app(?:/installations(?:/(?P<id>\d{{1,20}})/access_tokens)?)?(?:\?[^\s\":]{{0,200}})?: "
    r"(?P<status>\d{3})(?P<said>[^\[\"]{0,400})"
)
_USE = re.compile(
    r"(?:GET|POST) (?P<base>https?://[^@/\s\"]{1,253}(?:/api/v3)?)/(?:orgs|repos|users|enterprises)/[^\s\"]{1,300}: "
    r"(?P<status>403|429|5\d\d)(?P<said>[^\[\"]{0,400})"
)
"""What the applicationset-controller asks with an installation token; of 401 see _GIT."""
_TOKEN = re.compile(r"(?:gh[a-z]_|github_pat_|eyJ)[\w.-]{1,600}")
_NOT_INSTALLED = re.compile(r"installation not found for org: (?P<org>[\w.-]{1,100})")
_X509 = re.compile(
    r"x509: certificate has expired or is not yet valid"
    r"(?:: current time (?P<now>[0-9TZ:.+-]{10,40}) is (?P<side>before|after) (?P<limit>[0-9TZ:.+-]{10,40}))?"
)
_OPENSSL = re.compile(r"SSL certificate problem: certificate (?P<said>is not yet valid|has expired)")
_HOST = re.compile(r"https?://(?:[^/\s\"@]{0,200}@)?([\w.:-]{1,253})")
_GIT = re.compile(
    # A registry of images or charts says the first too, after its own code.
    r"(?<!unauthorized: )(?<!UNAUTHORIZED: )authentication required|Authentication failed for|Bad credentials"
    r"|remote: Invalid username or |could not read Username for"
)
_GIT_STATUS = re.compile(
    r"(?<!insufficient_scope: )\bauthorization failed(?:: (?P<said>[^\"]{1,400}))?"  # go-git's word for 403
    rf"|(?:unable to access '|unexpected requesting \"){_URL}(?:/info/refs\?[^\s\"]{{1,40}})?/?['\"]:? "
    r"(?:The requested URL returned error|status code): (?P<status>\d{3})"
)
_REMOTE = "remote: "
"""Git writes this before GitHub's words, which come before its own."""
_NO_ANSWER = re.compile(
    r"could not get access_tokens from GitHub API for installation ID (?P<id>\d{1,20}): (?!could not sign)"
    rf"(?:[A-Za-z]{{3,6}} \"?{_URL}(?:/app)?/installations)?"
)
_NO_LIST = re.compile(rf"failed to list installations: [A-Za-z]{{3,6}} \"?{_URL}(?:/app)?/installations")
_NO_JSON = re.compile(r"could not refresh installation id (?P<id>\d{1,20})'s token: invalid character ")
"""An answer with 200 that is no JSON: GitHub's API has none, so another answered."""
_NO_GIT = re.compile(
    rf"(?:Get \"?|unable to access '){_URL}(?:/info/refs\?service=git-upload-pack\"?|/?'): (?!The requested URL returned)"
)


def _failure(text: str, may_be_git: bool) -> Failure | None:
    """The first of these in the text. ``may_be_git``: git's words count only in an error."""
    for read in (_certificate, _answer, _mint, _not_asked, _no_answer):
        if found := read(text):
            return found
    if not may_be_git:
        return None
    refused = _GIT.search(text) or "returned error: 401" in text
    return _git_answer(text) or (Failure(Cause("git")) if refused else None)


def _certificate(text: str) -> Failure | None:
    match = _X509.search(text) or _OPENSSL.search(text)
    if match is None:
        return None
    groups = match.groupdict()
    now, limit = _time(groups.get("now")), _time(groups.get("limit"))
    said = groups.get("side") or groups.get("said")
    side = {"before": "behind", "is not yet valid": "behind", "after": "ahead", "has expired": "ahead"}.get(
        said or "", ""
    )
    hosts = _HOST.findall(text, max(0, match.start() - 1000), match.start())
    cause = Cause("certificate", Installation("", f"https://{hosts[-1]}" if hosts else ""), side=side)
    return Failure(cause, times=CertificateTimes(now, limit) if now and limit else None)


def _answer(text: str) -> Failure | None:
    """go-github's error after a request of the App, or GitHub's words about the clock alone."""
    if match := _ANSWER.search(text) if "/app" in text else None:
        return _answered(
            Installation(match["id"] or "", match["scheme"] + match["base"]), match["status"], match["said"]
        )
    if match := _USE.search(text):
        return _answered(Installation("", match["base"]), match["status"], match["said"])
    if clock := _CLOCK.search(text):
        said = text[clock.start() : clock.start() + 400]
        return _answered(Installation("", ""), "401", re.split(r'[\["]', said, maxsplit=1)[0])
    return None


def _mint(text: str) -> Failure | None:
    match = _MINT.search(text)
    return match and _answered(Installation(match["id"], match["scheme"] + match["base"]), match["status"], "")


def _answered(installation: Installation, status: str, said: str) -> Failure:
    message = _TOKEN.sub("[redacted]", said).strip()
    # ghinstallation logs no more than the status, of which GitHub has one kind here.
    message = message or ("Not Found" if status == "404" and not other_api_url(installation.api_url) else "")
    if status in ("401", "403") and not message:
        return Failure(Cause("unexplained", installation, int(status)))
    step: dict[str, Any] = {
        "step": "token" if installation.id else "installation",
        "url": installation.api_url,
        "status": int(status),
        "message": message or None,
        "headers": {},
    }
    answer = classify({"sent": True, "steps": [step]})
    return Failure(Cause("answer", installation, int(status), answer.key, clock_side(message) or ""), answer=answer)


def _not_asked(text: str) -> Failure | None:
    """The App was not used at all: its key, or its installation, is missing."""
    if "could not parse private key" in text:
        return Failure(Cause("answer", key=UNREADABLE_KEY))
    match = _NOT_INSTALLED.search(text)
    return match and Failure(Cause("answer", key=f"no installation on {match['org']}"))


def _no_answer(text: str) -> Failure | None:
    match = _NO_ANSWER.search(text) or _NO_LIST.search(text) or _NO_JSON.search(text)
    if match:
        found = match.groupdict()
        api_url = (found.get("scheme") or "") + (found.get("base") or "")
        return Failure(Cause("no answer", Installation(found.get("id") or "", api_url)))
    if match := _NO_GIT.search(text):
        return Failure(Cause("no answer", Installation("", _host(match)), key="git"))
    return None


def _git_answer(text: str) -> Failure | None:
    """A status at git that is no request for a login, with GitHub's words if the line has them."""
    match = _GIT_STATUS.search(text)
    status = int(match["status"] or 403) if match else 401
    if match is None or status == 401:
        return None
    installation = Installation("", _host(match))
    said = match["said"] or ""
    if match["status"]:
        passed_on = text[max(0, match.start() - 500) : match.start()].partition(_REMOTE)[2]
        said = re.sub(r"n?\s{0,9}fatal: $", "", passed_on).replace(f"n{_REMOTE}", " ").replace(_REMOTE, "")
    said = _TOKEN.sub("[redacted]", said).strip()
    if status == 403 and not said:
        return Failure(Cause("git answer", installation, status))
    step: dict[str, Any] = {
        "step": "repository",
        "repository": "the repository",
        "url": installation.api_url or "https://the git host",
        "status": status,
        "body": said,
        "headers": {},
    }
    answer = classify({"sent": True, "steps": [step]})
    return Failure(Cause("git answer", installation, status, answer.key), answer=answer)


def _host(match: re.Match[str]) -> str:
    """The scheme and host of the address that a line names; empty if it names none."""
    return match["scheme"] + match["base"].partition("/")[0] if match["base"] else ""
