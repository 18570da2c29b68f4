"""The meaning of the counts: each cause with the lines that support it, and the next command."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta

from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.answers import AnswerKey
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.wording import clean, listed
from rich import box
from rich.table import Table
from rich.text import Text

from .counting import MORE, Span, Summary, Tally, Verdict, verdict
from .lines import UNREADABLE_KEY, Cause

MOST = 10
"""Of more causes than these, the less frequent ones are not explained one by one."""

FOR_MORE = (
    "For more lines: press Refresh on the repository in Argo CD some ten times, as each call may reach another pod; then "
    "read the log again."
)

SOON = timedelta(minutes=2)
"""An error that is repeated at once is repeated within this time. A certificate that is off by less
says nothing about the clock."""

_ORDER = ("answer", "certificate", "unexplained", "git", "git answer", "no answer", "more")


def table(summary: Summary) -> Table:
    """One row a node; nodes with the most failures first."""
    result = Table(box=box.ASCII2, show_lines=True)
    result.add_column("Node", overflow="fold")
    for title in ("Pods", "Lines", "Calls", "OK", "Failures"):
        result.add_column(title, justify="right", no_wrap=True)
    for title in ("Log from, to", "Failures from, to"):
        result.add_column(title, no_wrap=True)
    for name, tally in sorted(summary.nodes.items(), key=lambda item: (-item[1].failed.total(), item[0])):
        counts = (len(tally.pods), tally.lines, tally.calls, tally.answered, tally.failed.total())
        cells = (_line(name), *map(str, counts), _span(tally.span), _span(tally.failed_span))
        result.add_row(*(Text(cell) for cell in cells))
    return result


def _span(span: Span) -> str:
    times = sorted({_time(time) for time in (span.first, span.last) if time})
    return "\n".join(times) or "-"


def _time(time: datetime) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ")


def explanation(summary: Summary) -> Iterator[str]:
    """The meaning of the counts, line by line: failures, their likely causes, the next command."""
    yield "Counts are lines of the log, times each node's own clock's (UTC). Calls: to the repo-server, for any repository."
    yield "Failures: those that GitHub, TLS or git caused, on the node itself."
    yield from _remarks(summary)
    causes = sorted(summary.causes, key=lambda cause: not _is_clock(cause))
    if not causes:
        yield ""
        known = "no error of TLS or git" + (" that is known here" if _failed_otherwise(summary) else "")
        yield f"No 401 for an installation token in this log. No other refusal by GitHub, and {known} either."
        return
    proven = _proven(summary)
    for cause in sorted(causes[:MOST], key=lambda cause: (not _is_clock(cause), _ORDER.index(cause.kind))):
        yield ""
        yield from map(_line, _section(summary, cause, proven))
    if rest := causes[MOST:]:
        yield ""
        yield f"{len(rest)} other ways to fail are less frequent: {sum(_lines_of(summary, each) for each in rest)} lines."
    yield ""
    yield "What settles it is the same request, sent from the nodes themselves (INVENTORY: yours; the names as it has them):"
    # Where no failure could be placed, any node may be the one.
    names = sorted({name for name, tally in summary.nodes.items() if tally.failed}) or sorted(summary.nodes)
    yield _line(f"  skewgate check -i INVENTORY --limit {shlex.quote(','.join(names))}")
    yield "and, of the time daemon, on each of them:"
    yield "  timedatectl"
    yield "  journalctl -u chrony -u chronyd -u systemd-timesyncd -u ntp -u ntpsec --since -1d"


def _line(text: str) -> str:
    """Text of which parts come from the log, as one line that a terminal does not obey."""
    return clean(text).replace("\n", "\\n")


def _lines_of(summary: Summary, cause: Cause) -> int:
    return summary.cached[cause] + summary.repeated[cause] + sum(tally.failed[cause] for tally in summary.tallies)


def _failed_otherwise(summary: Summary) -> int:
    return sum(tally.failed_otherwise for tally in summary.tallies)


def _is_clock(cause: Cause) -> bool:
    return cause.kind == "answer" and bool(cause.side)


def _proven(summary: Summary) -> set[str]:
    """The nodes whose times GitHub refused in its own words."""
    return {name for name, tally in summary.nodes.items() if any(map(_is_clock, tally.failed))}


def _section(summary: Summary, cause: Cause, proven: set[str]) -> Iterator[str]:
    seen = verdict(summary, cause)
    yield _headline(summary, cause)
    if cause in summary.answers and (words := summary.answers[cause].quote()) != str(cause.status):
        yield f"  GitHub's words: {words}"
    if seen.failing:
        yield f"  on {listed([f'{name} ({_count(summary.nodes[name], cause)})' for name in seen.failing])}"
    if seen.answering:
        counted = [f"{name} ({summary.nodes[name].calls})" for name in seen.answering]
        yield f"  none, and calls that ended OK: {listed(counted)}"
    if seen.silent:
        yield f"  none, but no call OK either: {listed(seen.silent)}"
    if gone := [f"{pod} ({tally.failed[cause]})" for pod, tally in summary.gone.items() if tally.failed[cause]]:
        yield f"  on pods whose node is not known: {listed(sorted(gone))}"
    if cached := summary.cached[cause]:
        yield f"  {_lines(cached, 'more ')} from Argo CD's cache, which all pods share: this says nothing of the pod's node"
    if repeated := summary.repeated[cause]:
        yield f"  {_lines(repeated, 'more ')} of components that repeat a repo-server's error: this says nothing of their node"
    if cause in summary.compared:
        yield f"  {_comparison(*summary.compared[cause])}"
    yield from (f"  {line}" for line in _meaning(summary, cause, seen, proven))


def _comparison(failing: datetime, other: datetime, name: str) -> str:
    """Compare two clocks. An error may be repeated late: a clock behind may be behind by less."""
    apart = _apart(failing, other)
    said = f"{name} repeated it at {_time(other)} by its clock"
    if abs(other - failing) <= SOON:
        return f"{said}, {apart} apart from the one that failed: these clocks agree."
    side = f"up to {apart} behind" if failing < other else f"at least {apart} ahead"
    return f"{said}: the one that failed, {_time(failing)}, was {side}."


def _headline(summary: Summary, cause: Cause) -> str:
    at = f" at {cause.installation.api_url}" if cause.installation.api_url else ""
    whose = f"Installation {cause.installation.id}{at}" if cause.installation.id else f"GitHub App{at}"
    if cause.kind == "certificate":
        said = {"behind": "is not yet valid", "ahead": "has expired"}.get(cause.side, "has expired or is not yet valid")
        return f"TLS{at}: the certificate {said}"
    if cause.kind == "git":
        return "Git: the repository asked for a login, or refused the one it was given"
    if cause.kind == "git answer":
        return f"Git{at}: {cause.status}" + ("" if cause.key else ", without GitHub's words")
    if cause.kind == "more":
        return f"Still other causes: {_lines(_lines_of(summary, cause))}"
    if cause.kind == "no answer":
        return f"{f'Git{at}' if cause.key else whose}: no answer"
    if not cause.status:
        return f"GitHub App: {cause.key}"
    return f"{whose}: {cause.status}" + ("" if cause.kind == "answer" else ", without GitHub's words")


def _meaning(summary: Summary, cause: Cause, seen: Verdict, proven: set[str]) -> Iterator[str]:
    if cause == MORE:
        return
    if not seen.failing:
        yield "No conclusion: no known node got this error itself."
    elif cause.kind == "answer" or cause in summary.answers:
        yield from _meaning_of_answer(summary, cause, seen)
    elif cause.kind == "git answer":
        yield f"No clock: {_support(summary, cause, seen)}."
        yield "403 at git is an IP allow list without these nodes' outgoing address, single sign-on (SAML), a repository that the"
        yield "installation may not read, or a rate limit: `skewgate check` shows GitHub's words."
    elif cause.kind == "certificate":
        yield from _meaning_of_certificate(summary, cause, seen)
    elif cause.kind == "no answer":
        yield f"No clock: no answer from {'git' if cause.key else 'the API'} in {_support(summary, cause, seen)}."
        yield "See the nodes' DNS, firewall and proxy."
    elif cause.kind == "unexplained" and cause.status == 403:
        yield f"No clock: {_support(summary, cause, seen)}."
        yield "403 is a suspended installation, an IP allow list without these nodes' outgoing address, or a rate limit:"
        yield "`skewgate check` shows GitHub's words."
    elif cause.kind == "unexplained" and proven.issuperset(seen.failing):
        yield f"The clock: {_support(summary, cause, seen)}; GitHub's words above are of the same nodes."
    else:
        yield from _likelihood(summary, cause, seen)


def _meaning_of_answer(summary: Summary, cause: Cause, seen: Verdict) -> Iterator[str]:
    support, nodes = _support(summary, cause, seen), listed(seen.failing)
    if cause.side:
        yield f"Proof that GitHub refused the times of the JWT: {support}."
        yield f"So the clock of {nodes} is {cause.side}, compared with the API's."
        if cause.installation.api_url and not cause.installation.api_url.endswith(("//api.github.com", ".ghe.com")):
            yield "A GitHub Enterprise Server may itself have the wrong clock: `skewgate check` compares both with NTP servers."
    elif cause in summary.answers:
        answer = summary.answers[cause]
        unknown = answer.key is AnswerKey.UNKNOWN_ANSWER
        weight = "Clock or credential, not decided" if unknown and cause.status == 401 else "No clock"
        # The remedy of an unknown answer names a report. A log has none.
        remedy = "`skewgate check` shows it whole." if unknown else answer.remedy
        yield f"{weight}: {support}. {answer.meaning[:1].upper()}{answer.meaning[1:]}. {remedy}".rstrip()
    elif cause.key == UNREADABLE_KEY:
        yield f"No clock: {support}. `skewgate check`, with the Secret in gate_github_apps, says what is wrong with the key."
    else:
        yield f"No clock: {support}. See on which organisations and users the App is installed."


def _meaning_of_certificate(summary: Summary, cause: Cause, seen: Verdict) -> Iterator[str]:
    support, nodes = _support(summary, cause, seen), listed(seen.failing)
    known = {name: summary.nodes[name].times[cause] for name in seen.failing if cause in summary.nodes[name].times}
    for name, times in list(known.items())[:MOST]:
        relation, end = ("before", "begins") if times.now < times.limit else ("after", "ends")
        apart, limit = _apart(times.now, times.limit), _time(times.limit)
        yield f"{name} had {_time(times.now)}: {apart} {relation} the certificate {end}, {limit}."
    other = max(
        (last for name in (*seen.answering, *seen.silent) if (last := summary.nodes[name].span.last)), default=None
    )
    limits = [times.limit for times in known.values()]
    own = max((last for name in seen.failing if (last := summary.nodes[name].span.last)), default=None)
    theirs = f"By the clocks of the other nodes ({_time(other)} in their last line)" if other else ""
    if cause.side == "behind":
        yield f"Proof that the clock of {nodes} is behind, unless the certificate was made with a date in the future: {support}."
        if other and own and limits and own < min(limits) and max(limits) <= other:
            yield f"{theirs} its validity has begun, so it is the clock, unless {nodes} wrote nothing since."
    elif cause.side == "ahead":
        yield f"The certificate has expired, or the clock of {nodes} is ahead: {support}."
        if other and limits and other < min(limits):
            yield f"{theirs} it has not expired, so it is the clock, unless those wrote nothing since."
        elif seen.pattern == "every node":
            yield "As every node says so, it is likely the certificate."
    else:
        yield f"The clock of {nodes} is wrong, or the certificate has expired: {support}."


def _likelihood(summary: Summary, cause: Cause, seen: Verdict) -> Iterator[str]:
    """A 401 without GitHub's words, or git's error: only a comparison of the nodes helps."""
    support, nodes = _support(summary, cause, seen), listed(seen.failing)
    git = cause.kind == "git"
    hinted = [name for name in seen.failing if name not in seen.backed]
    if seen.pattern == "some nodes":
        for weight, names in (("Perhaps" if git else "Likely", seen.backed), ("A hint, no more, at", hinted)):
            if names:
                yield f"{weight} the clock of {listed(names)}: {_support(summary, cause, seen, names)}."
        yield (
            "A node behind may go on using an installation token that GitHub has dropped. A wrong or missing credential says the "
            "same, but on every node."
            if git
            else "The credential is the same on every node."
        )
    elif seen.pattern == "every node":
        yield f"{'A hint, no more, at' if hinted else 'Likely'} the credential: {support}."
        yield "Or every node's clock is wrong, for example because NTP was left out."
    elif seen.pattern == "one node":
        yield f"Clock or credential, not decided: {support}, and the log has no other node to compare {nodes} with."
    else:
        yield f"Clock or credential, not decided: {support}, and no node without it shows that it works."
    if hinted or seen.pattern in ("one node", "nothing to compare"):
        yield FOR_MORE
    if not git:
        yield "A likelihood, not a proof: this line has the status of GitHub's answer, but never its reason."


def _support(summary: Summary, cause: Cause, seen: Verdict, names: Sequence[str] = ()) -> str:
    """The lines that support a sentence: ``12 of 12 calls on worker-3, 0 of 40 on the others``."""
    names = names or seen.failing
    here = f"{_count(_sum(summary, names), cause)} on {listed(names)}"
    others = _sum(summary, [*seen.answering, *seen.silent])
    return f"{here}, 0 of {others.calls} on the others" if others.calls else here


def _count(tally: Tally, cause: Cause) -> str:
    calls, rest = tally.failed_calls[cause], tally.failed[cause] - tally.failed_calls[cause]
    if not calls:
        return _lines(rest)
    counted = f"{calls} of {tally.calls} call{'s' * (tally.calls != 1)}"
    return f"{counted} and {rest} other line{'s' * (rest != 1)}" if rest else counted


def _sum(summary: Summary, names: Iterable[str]) -> Tally:
    total = Tally()
    for name in names:
        tally = summary.nodes[name]
        total.calls += tally.calls
        total.failed.update(tally.failed)
        total.failed_calls.update(tally.failed_calls)
    return total


def _lines(count: int, more: str = "") -> str:
    return f"{count} {more}line{'s' * (count != 1)}"


def _apart(one: datetime, other: datetime) -> str:
    """How long, in the two largest units."""
    apart = abs(one - other) // timedelta(seconds=1)
    units = [(apart // 86400, "d"), (apart // 3600 % 24, "h"), (apart // 60 % 60, "min"), (apart % 60, "s")]
    shown = [f"{number} {unit}" for number, unit in units if number]
    return " ".join(shown[:2]) or "less than 1 s"


def _remarks(summary: Summary) -> Iterator[str]:
    if summary.gone:
        yield _line(f"Pods that are not in the list of pods (rescheduled since?): {listed(sorted(summary.gone))}")
    if summary.silent_pods:
        yield _line(f"Pods without a line in the log: {listed(summary.silent_pods)}")
    if summary.unprefixed:
        yield f"{summary.unprefixed} of {summary.lines} lines name no pod and were not used."
    if not any(tally.answered for tally in summary.tallies):
        yield "No call that ended with OK is in the log. If its level is warn or error, Argo CD writes none, and nodes can't be"
        yield "compared: set reposerver.log.level to info in the ConfigMap argocd-cmd-params-cm, and restart the repo-server."
    if other := _failed_otherwise(summary):
        calls = sum(tally.calls for tally in summary.tallies)
        yield f"{other} of {calls} calls failed in ways that are not known here: read those lines of the log."
    if summary.unknown_format:
        yield f"{summary.unknown_format} of {summary.lines} lines are neither logfmt nor JSON: searched for errors alone."
