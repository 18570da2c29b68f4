"""Every key has a node that shows it:
a key that no evidence leads to is dead, and one without an example is untested.
"""

from __future__ import annotations

from enum import StrEnum
from importlib import import_module
from typing import Any

import pytest
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.evidence import parse_record
from ansible_collections.skewgate.preflight.plugins.plugin_utils.boundary.no_evidence import Cause
from ansible_collections.skewgate.preflight.plugins.plugin_utils.checks import (
    chrony_config,
    clock_movers,
    clock_skew,
    config_in_use,
    discover,
    github_app_token,
    next_boot,
    ntp_servers,
    ntp_sources,
    nts_servers,
    reachable,
    sync_state,
    time_service,
)
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.interval import Interval
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.nts import NtsState, nts_state
from ansible_collections.skewgate.preflight.plugins.plugin_utils.clock.skew import UnknownSkew
from ansible_collections.skewgate.preflight.plugins.plugin_utils.github.answers import AnswerKey, classify
from ansible_collections.skewgate.preflight.plugins.plugin_utils.model.finding import CommonKey
from ansible_collections.skewgate.preflight.plugins.plugin_utils.verdict.judge import judge_record

from tests.builders import (
    CHRONY_UNIT,
    NS,
    TRUE_NS,
    accepted,
    accepted_steps,
    app,
    attempt,
    chrony,
    date_api,
    failed_step,
    join_state,
    not_sent,
    ntp_sample,
    ntp_server,
    policy,
    record,
    refused_with_certificates,
    repository_step,
    silent_sample,
    source,
    step,
    time_services,
    tracking,
    unit,
    unreached,
    wireguard,
    without_evidence,
)
from tests.certificates import certificate_pem
from tests.unit.plugin_utils.boundary.test_no_evidence import PRINTED
from tests.unit.plugin_utils.checks import test_check_clock_movers as movers
from tests.unit.plugin_utils.checks import test_check_config_in_use as in_use
from tests.unit.plugin_utils.checks import test_check_github_app_token as token
from tests.unit.plugin_utils.checks import test_check_nts_servers as nts
from tests.unit.plugin_utils.checks import test_config_in_use_named as starts
from tests.unit.plugin_utils.checks import test_config_in_use_selects as selects
from tests.unit.plugin_utils.checks import test_token_if_the_api_is_off as of_api
from tests.unit.plugin_utils.checks.booting import (
    ABSENT,
    KUBELET,
    NTPD,
    ONLY_SLEWS,
    ORDERED,
    TARGET,
    WAIT,
    WAIT_OFF,
    booting,
    ntpd,
    rtc,
)
from tests.unit.plugin_utils.checks.past import Boot, chronyd, past
from tests.unit.plugin_utils.checks.test_check_unusable_apps import UNUSABLE
from tests.unit.plugin_utils.daemons import recorded

Records = dict[StrEnum, dict[str, Any]]


def moved(*processes: dict[str, Any], **found: Any) -> dict[str, Any]:
    nothing = {"cron": [], "timers": [], "virtualization": None, "vmware_timesync": None}
    return record(time_services=time_services(CHRONY_UNIT, processes=processes), clock_movers={**nothing, **found})


def asked(*servers: dict[str, Any], **sections: Any) -> dict[str, Any]:
    return record(ntp={"servers": list(servers)}, **sections)


def silent(*names: str, phase: str | None = None) -> dict[str, Any]:
    """NTP servers that do not reply; the API answers, or fails in this phase,
    or was not asked (an empty one).
    """
    servers = [ntp_server(name, silent_sample()) for name in names]
    if phase is None:
        return asked(*servers)
    apis = [date_api({"error": {"phase": phase, "message": "as it is"}})] if phase else []
    return asked(*servers, api_date={"apis": apis})


def failing(kind: str) -> dict[str, Any]:
    return asked(ntp_server("ntp1", {**silent_sample(), "kind": kind}))


def nameless(**sections: Any) -> dict[str, Any]:
    return asked(ntp_server("ntp1", error="Name or service not known"), **sections)


def followed(*sources: str, **fields: Any) -> dict[str, Any]:
    return record(chrony=chrony(tracking(**fields), *sources))


def tried(*attempts: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return record(of_policy=policy(**changes), github_apps=[{"name": "deploy", "attempts": list(attempts)}])


def steered(*units: dict[str, Any], processes: tuple[dict[str, Any], ...] = (), **sections: Any) -> dict[str, Any]:
    return record(time_services=time_services(*units, processes=processes), **sections)


def keyless(config: str = in_use.NTS, **commands: str) -> dict[str, Any]:
    """A plain server that would do, beside an NTS server that has no keys."""
    return in_use.node(config, *in_use.NTS_ROWS, **{**in_use.STARVED, **commands})


CA = "/etc/kubernetes/pki/ca.crt"
NO_API = {"apis": []}
YEARS_S = -46 * 365.25 * 86400
PTP4L = unit("ptp4l@eth0.service", main_pid=510)

EXAMPLES: dict[Any, Records] = {
    reachable: {
        reachable.Key.UNREACHABLE: unreached(),
        reachable.Key.NO_EVIDENCE: without_evidence("no python"),
        reachable.Key.NOT_CHECKED: {**without_evidence(""), "not_checked": True},
        reachable.Key.MISSING: {**without_evidence(""), "missing": True},
        reachable.Key.NO_ANSWER: {**without_evidence(""), "no_answer": "it did not answer within 150 s"},
        reachable.Key.SETTINGS_IN_FACTS: {**without_evidence(""), "settings_in_facts": ["gate_checks"]},
        reachable.Key.SSH_CERTIFICATE_NOT_VALID: refused_with_certificates((-900, -300)),
        reachable.Key.SSH_CERTIFICATE_BY_NODE: refused_with_certificates((-60, 240)),
    },
    chrony_config: {
        chrony_config.Key.ERROR: record(chrony=chrony(config="driftfile /d\n")),
        chrony_config.Key.UNKNOWN: record(
            chrony={
                **chrony(),
                "config": {**chrony()["config"], "unread": [{"path": "/etc/chrony/more.conf", "error": "denied"}]},
            }
        ),
    },
    clock_movers: {
        clock_movers.Key.VMWARE: moved(movers.VMTOOLSD, vmware_timesync=movers.answer("Enabled\n")),
        clock_movers.Key.VMWARE_UNKNOWN: moved(movers.VMTOOLSD),
        clock_movers.Key.VIRTUALBOX: moved(movers.VBOXSERVICE),
        clock_movers.Key.CRON: moved(cron=[movers.CRON]),
        clock_movers.Key.CRON_UNREAD: moved(unread=movers.UNREAD),
        clock_movers.Key.TIMER: moved(timers=[movers.TIMER]),
    },
    clock_skew: {
        clock_skew.Key.BEYOND: record(-612.0),
        clock_skew.Key.AT_THE_EDGE: record(30.5),
        clock_skew.Key.NO_LEEWAY: record(of_policy=policy(clients=["zuul"])),
        clock_skew.Key.API_CLOCK: of_api.with_an_api_ahead(120),
        clock_skew.Key.CA_NOT_VALID: record(
            of_policy=policy(cluster_ca={"file": "ca.crt", "not_before_s": 0.0, "not_after_s": 1.0})
        ),
        clock_skew.Key.UNKNOWN_NO_REFERENCE: {**silent("ntp1", phase=""), "controller": None},
        clock_skew.Key.UNKNOWN_DISAGREE: {
            **asked(ntp_server("a", ntp_sample()), ntp_server("b", ntp_sample(server_off_s=40.0)), api_date=NO_API),
            "controller": None,
        },
        clock_skew.Key.UNKNOWN_MOVED: asked(ntp_server("a", ntp_sample()), ntp_server("b", ntp_sample(5.0))),
        clock_skew.Key.UNKNOWN_UNREADABLE: asked({"samples": 5}),
        clock_skew.Key.CONTROLLER_DISAGREES: {
            **asked(ntp_server("a", ntp_sample()), api_date=NO_API),
            "controller": {"before_ns": TRUE_NS + 44 * NS, "after_ns": TRUE_NS + 48 * NS},
        },
        clock_skew.Key.NOT_BACK_WIREGUARD: record(40.0, join_state=wireguard(interfaces=["wg0"])),
        clock_skew.Key.NOT_BACK_CERTIFICATES: record(
            600.0, join_state=join_state(certificates={CA: {"pem": certificate_pem(TRUE_NS // NS + 300)}})
        ),
        clock_skew.Key.NOT_BACK_JOINED: record(40.0, join_state=join_state("/etc/kubernetes/kubelet.conf")),
        clock_skew.Key.NOT_FORWARDS_CONTROL_PLANE: record(-612.0, join_state=join_state("/var/lib/etcd/member")),
    },
    config_in_use: {
        config_in_use.Key.DROPPED_LINE: in_use.node(in_use.WITH_DHCP, *in_use.RUNNING, dhcp="server 10.0.0.5"),
        config_in_use.Key.CHANGED_SINCE_START: in_use.node(in_use.THREE + "server d.example\n", *in_use.RUNNING),
        config_in_use.Key.SET_OFFLINE: in_use.node(in_use.THREE, *in_use.RUNNING, activity="0,4,0,0,0\n"),
        config_in_use.Key.NEEDS_ROOT: keyless(authdata={"rc": 1, "stdout": "501 Not authorised\n", "stderr": ""}),
        config_in_use.Key.NTS_STARVATION: keyless(),
        config_in_use.Key.WAITS_FOR_REQUIRED: in_use.node(
            "server 10.0.0.1\nserver 10.0.0.2 require\n",
            source("10.0.0.1", "-"),
            source("10.0.0.2", "?", reach=0),
            authdata="",
            selectdata=in_use.selection("W", "10.0.0.1")
            + in_use.selection("M", "10.0.0.2", configured="---R-", effective="---R-", last=in_use.NEVER),
        ),
        config_in_use.Key.NTS_WITHOUT_KEYS: keyless(f"{in_use.NTS}authselectmode require\n"),
        config_in_use.Key.KEY_MISSING: in_use.node(selects.KEYED, *selects.KEYED_ROWS, **selects.KEYLESS),
        config_in_use.Key.MINSOURCES: in_use.node("server a.example\nminsources 2\n", source("a.example", "?")),
        config_in_use.Key.NAMES_NOT_SHOWN: in_use.node(
            "server a.example\n", source("10.0.0.1"), version="3.5", started_s=1000.0, mtime_s=1001.0
        ),
        config_in_use.Key.INITSTEPSLEW: in_use.node(
            "initstepslew 30 10.0.0.9\nserver a.example\n", source("10.0.0.9"), started_s=TRUE_NS / NS - 5
        ),
        config_in_use.Key.NEXT_START_DIFFERS: starts.starting("/srv/other.conf"),
        config_in_use.Key.MAKESTEP_USED_UP: followed(system_time_s=5.0),
    },
    github_app_token: {
        github_app_token.Key.CLOCK: tried(token.clock("node_clock"), accepted("true_time")),
        github_app_token.Key.BOTH: tried(token.clock("node_clock"), token.bad_key("true_time")),
        github_app_token.Key.API_CLOCK: of_api.with_an_api_ahead(
            120, token.clock("node_clock"), token.clock("true_time"), accepted("api_clock")
        ),
        github_app_token.Key.API_CLOCK_AND_CREDENTIAL: of_api.with_an_api_ahead(
            120, token.clock("node_clock"), token.clock("true_time"), token.bad_key("api_clock")
        ),
        github_app_token.Key.NOT_SEPARATED: tried(token.clock("node_clock")),
        github_app_token.Key.NOT_THE_CLOCK: tried(token.bad_key("now")),
        github_app_token.Key.NOT_JUDGED: tried(token.unreachable("now")),
        github_app_token.Key.NO_APP: tried(github_apps=[]),
        github_app_token.Key.UNUSABLE: tried(github_apps=[UNUSABLE]),
        github_app_token.Key.NOT_MINTED: tried(attempt("now", step("installation"))),
        github_app_token.Key.NOT_REVOKED: tried(attempt("now", *accepted_steps()[:2], step("revoke", 500))),
    },
    next_boot: {
        next_boot.Key.MANAGER_UNKNOWN: booting(manager="other"),
        next_boot.Key.NO_UNIT: booting(daemons=()),
        next_boot.Key.NOT_ENABLED: booting(daemons=(unit("chrony.service", "active", "disabled"),)),
        next_boot.Key.SEVERAL_RUN: booting(daemons=(CHRONY_UNIT, NTPD)),
        next_boot.Key.SEVERAL_ENABLED: booting(daemons=(CHRONY_UNIT, unit("ntpd.service", "inactive"))),
        next_boot.Key.RTC_OFF: booting(WAIT, TARGET, KUBELET, clock=rtc(-612.0)),
        next_boot.Key.RTC_ABSENT: booting(WAIT, TARGET, KUBELET, clock=ABSENT),
        next_boot.Key.RTC_LOCAL: booting(clock=rtc(7200.0, local_time=True), config=ONLY_SLEWS),
        next_boot.Key.RTC_UNREADABLE: booting(clock=rtc(since_epoch_s=None)),
        next_boot.Key.GIVES_UP: booting(**ntpd(clock=rtc(-7200.0))),
        next_boot.Key.NO_STEP: booting(clock=ABSENT, config=ONLY_SLEWS),
        next_boot.Key.STEP_UNKNOWN: booting(daemons=(unit("htpdate.service"),), processes=()),
        next_boot.Key.WOULD_NOT_START: booting(config="user ntp\nnoclientlog\nratelimit\n"),
        next_boot.Key.NOTHING_WAITS: booting(WAIT, TARGET, KUBELET, clock=rtc(-612.0)),
        next_boot.Key.OFF_AT_EVERY_BOOT: booting(WAIT_OFF, past_boots=chronyd(600.0, 600.0)),
        next_boot.Key.STARTED_TOO_EARLY: booting(WAIT, TARGET, ORDERED, past_boots=chronyd(600.0)),
        next_boot.Key.ONLY_SLEWED: booting(past_boots=past(Boot(600.0).chronyd(steps=False))),
        next_boot.Key.FAILED_AT_BOOT: booting(past_boots=past(Boot().add(4.2, "failed"))),
    },
    ntp_servers: {
        ntp_servers.Key.NOT_ASKED: asked(),
        ntp_servers.Key.ASK_LESS: asked(ntp_server("ntp1", ntp_sample(stratum=0, refid=b"RATE"))),
        ntp_servers.Key.DAEMON_IS_ANSWERED: silent("10.77.0.1"),
        ntp_servers.Key.NOTHING_ANSWERS: silent("ntp1", "ntp2", phase="connect"),
        ntp_servers.Key.SERVER_DOWN: silent("ntp1"),
        ntp_servers.Key.UDP_BLOCKED: silent("ntp1", "ntp2"),
        ntp_servers.Key.UDP_BLOCKED_OR_NO_NETWORK: silent("ntp1", "ntp2", phase=""),
        ntp_servers.Key.NO_DNS: nameless(api_date={"apis": [date_api({"error": {"phase": "dns", "message": "no"}})]}),
        ntp_servers.Key.NAMES_NOT_RESOLVED: nameless(),
        ntp_servers.Key.KISS: asked(ntp_server("ntp1", ntp_sample(stratum=0, refid=b"DENY"))),
        ntp_servers.Key.NO_ROUTE: failing("unreachable"),
        ntp_servers.Key.REFUSED: failing("refused"),
        ntp_servers.Key.COULD_NOT_ASK: failing("other"),
        ntp_servers.Key.NO_NTP_SERVER: asked(ntp_server("ntp1", ntp_sample(mode=3))),
        ntp_servers.Key.BAD_TIME: asked(ntp_server("ntp1", ntp_sample(leap=3))),
        ntp_servers.Key.MIXED: asked(ntp_server("ntp1", silent_sample()), ntp_server("ntp2", error="not known")),
    },
    ntp_sources: {
        ntp_sources.Key.NONE_CONFIGURED: followed(""),
        ntp_sources.Key.NONE_RESOLVES: record(**recorded.TIMESYNCD_UNRESOLVED),
        ntp_sources.Key.NONE_ANSWERS: followed(source(state="?", reach=0)),
        ntp_sources.Key.NONE_SELECTED: followed(source(state="x")),
        ntp_sources.Key.ROOT_DISTANCE: asked(
            ntp_server("10.99.0.9", ntp_sample(root_dispersion_s=10.0)), **recorded.TIMESYNCD_NO_REPLY
        ),
        ntp_sources.Key.NOT_SYNCHRONISED: asked(
            ntp_server("10.99.0.9", ntp_sample(leap=3)), **recorded.TIMESYNCD_NO_REPLY
        ),
        ntp_sources.Key.SELECTED_IS_SILENT: followed(source(reach=0), source("10.77.0.2", "+")),
    },
    nts_servers: {
        key: record(-612.0 if key is NtsState.CLOCK else 0.0, nts={"servers": [server]}, chrony=nts.CHRONY)
        for key, server in nts.EXAMPLES.items()
        if key is not NtsState.ESTABLISHED
    },
    sync_state: {
        sync_state.Key.OWN_CLOCK: followed(refid="7F7F0101"),
        sync_state.Key.NOT_SYNCHRONISED: followed(stratum=16),
        sync_state.Key.CLOCK_BEFORE_2020: record(YEARS_S, chrony=chrony(tracking(skew_s=YEARS_S))),
        sync_state.Key.SOURCES_BEFORE_2020: followed(skew_s=YEARS_S, system_time_s=YEARS_S),
        sync_state.Key.UPDATE_TOO_OLD: followed(age_s=8 * 64 + 1),
        sync_state.Key.UPDATE_IN_THE_FUTURE: followed(age_s=-3600),
        sync_state.Key.LARGE_CORRECTION: followed(system_time_s=5.0),
        sync_state.Key.ROOT_DISTANCE: followed(root_delay_s=3.0),
        sync_state.Key.KERNEL_CONTRADICTS: record(clock={"adjtimex": {"maxerror_us": 16_000_000, "offset_us": 0}}),
        sync_state.Key.REFERENCES_CONTRADICT: record(5.0, chrony=chrony(tracking(skew_s=5.0))),
        sync_state.Key.DAEMON_SAID_NOTHING: record(**recorded.BUSYBOX),
    },
    time_service: {
        time_service.Key.SEVERAL: steered(CHRONY_UNIT, unit("ntpd.service")),
        time_service.Key.PTP4L_WITHOUT_PHC2SYS: steered(
            PTP4L,
            processes=({"pid": 510, "comm": "ptp4l", "argv": ["/usr/sbin/ptp4l", "-i", "eth0"], "cgroup": None},),
            ptp={"present": True, "config": {"files": []}},
        ),
        time_service.Key.NONE_INSTALLED: steered(),
        time_service.Key.LEAVES_CLOCK_ALONE: steered(
            CHRONY_UNIT, processes=({"pid": 731, "comm": "chronyd", "argv": ["chronyd", "-x"], "cgroup": None},)
        ),
        time_service.Key.NOT_RUNNING: steered(unit("chrony.service", "inactive")),
    },
}
"""A node for each key of each check; a new check has its own in its test file,
under the same name.
"""

COMMON = {
    CommonKey.NOT_REACHED: unreached(),
    CommonKey.MISSING_EVIDENCE: record(ntp=None),
    CommonKey.MALFORMED: parse_record(record(ntp={"servers": 5})),
    CommonKey.CHECK_FAILED: record(
        clock_movers={"cron": None, "timers": []}
    ),  # the boundary lets no such evidence through
    CommonKey.UNKNOWN_CHECK: record(of_policy=policy(checks=["clock_skew", "leap_seconds"])),
    CommonKey.NO_DAEMON: steered(),
    CommonKey.CANNOT_BE_ASKED: record(**recorded.BUSYBOX),
}

WITH_TOKEN = step("token", 201)
ISSUER = "'Issuer' claim ('iss') must be an Integer"
ANSWERS = {
    AnswerKey.ACCEPTED: accepted(),
    AnswerKey.NOT_SENT: not_sent(),
    AnswerKey.TOO_FAR_AHEAD: token.withheld(AnswerKey.TOO_FAR_AHEAD),
    AnswerKey.CONTROLLER_TIME_UNKNOWN: token.withheld(AnswerKey.CONTROLLER_TIME_UNKNOWN),
    AnswerKey.NOTHING_ASKED: attempt("now"),
    AnswerKey.CLOCK: token.clock("now"),
    AnswerKey.CERTIFICATE_TIME: attempt("now", failed_step("token", "tls", "expired", kind="certificate_time")),
    AnswerKey.WRONG_KEY: token.bad_key("now"),
    AnswerKey.NO_PUBLIC_KEY: attempt("now", step("token", 401, "Integration must generate a public key")),
    AnswerKey.UNUSABLE_ISSUER: attempt("now", step("token", 401, ISSUER, url="https://api.github.com/app")),
    AnswerKey.NEEDS_APP_ID: attempt("now", step("token", 401, ISSUER)),
    AnswerKey.NO_ISSUER: attempt("now", step("token", 401, "Missing 'issuer' claim ('iss') in assertion")),
    AnswerKey.UNKNOWN_APP: attempt("now", step("token", 404, "Integration not found")),
    AnswerKey.UNKNOWN_INSTALLATION: token.no_access("now"),
    AnswerKey.SUSPENDED: attempt("now", step("token", 403, "This installation has been suspended")),
    AnswerKey.IP_ALLOW_LIST: attempt("now", step("token", 403, "The `acme` organization has an IP allow list enabled")),
    AnswerKey.SAML: attempt("now", step("token", 403, "Resource protected by organization SAML enforcement.")),
    AnswerKey.ACCOUNT_SUSPENDED: attempt("now", step("token", 403, "Sorry. Your account was suspended")),
    AnswerKey.TERMS_OF_SERVICE: attempt("now", step("token", 403, "It violates GitHub's terms of service.")),
    AnswerKey.REPOSITORY_BLOCKED: attempt("now", WITH_TOKEN, repository_step(451, message="Repository access blocked")),
    AnswerKey.NO_INSTALLATION_OF_OWNER: attempt("now", step("installations", owners=["other"], owners_in_all=1)),
    AnswerKey.TOO_MANY_INSTALLATIONS: attempt("now", step("installations", owners_in_all=2000, cut_off=True)),
    AnswerKey.NOT_GRANTED: attempt("now", step("token", 422, "The permissions requested are not granted.")),
    AnswerKey.PERMISSION_NOT_GRANTED: attempt("now", step("token", 422, lacking={"contents": "write"})),
    AnswerKey.UNREADABLE_REPOSITORY: attempt("now", WITH_TOKEN, repository_step(404)),
    AnswerKey.TOKEN_NOT_ACCEPTED: attempt("now", WITH_TOKEN, repository_step(401, message="Bad credentials")),
    AnswerKey.NO_USER_AGENT: attempt("now", step("token", 403, body="Request forbidden by administrative rules.")),
    AnswerKey.NO_AUTHORIZATION: attempt("now", step("token", 401, "Requires authentication")),
    AnswerKey.RATE_LIMIT: token.limited("now"),
    AnswerKey.WEB_ADDRESS: attempt("now", step("token", 403, body="Cookies must be enabled to use GitHub.")),
    AnswerKey.PROXY_PAGE: attempt("now", step("token", 403, body="<html>Zscaler</html>")),
    AnswerKey.REDIRECT_TO_LOGIN: attempt("now", step("token", 302, headers={"location": "/login"})),
    AnswerKey.REDIRECT_TO_HTTP: attempt("now", step("token", 302, headers={"location": "http://api.github.lab/"})),
    AnswerKey.REDIRECT_TO_ANOTHER_HOST: attempt("now", step("token", 301, headers={"location": "https://new.lab/"})),
    AnswerKey.REDIRECT: attempt("now", step("token", 301)),
    AnswerKey.SERVER_ERROR: attempt("now", step("token", 502)),
    AnswerKey.NOT_GITHUB: attempt("now", failed_step("token", "reply", "no token", kind="not_github")),
    AnswerKey.NOT_GIT: attempt("now", WITH_TOKEN, repository_step(headers={"content-type": "text/html"})),
    AnswerKey.UNKNOWN_ANSWER: attempt("now", step("token", 418)),
    AnswerKey.BAD_URL: attempt("now", failed_step("token", "url", "no scheme")),
    AnswerKey.NO_DNS: attempt("now", failed_step("token", "dns", "no such name")),
    AnswerKey.NO_CONNECTION: token.unreachable("now"),
    AnswerKey.PROXY: attempt("now", failed_step("token", "proxy", "407")),
    AnswerKey.UNKNOWN_CA: attempt("now", failed_step("token", "tls", "self-signed", kind="unknown_ca")),
    AnswerKey.WRONG_NAME: attempt("now", failed_step("token", "tls", "mismatch", kind="wrong_name")),
    AnswerKey.TLS: attempt("now", failed_step("token", "tls", "cut off")),
    AnswerKey.OUT_OF_TIME: attempt("now", WITH_TOKEN, failed_step("repository", "time", "the time was up")),
    AnswerKey.NO_REPLY: attempt("now", failed_step("token", "reply", "no answer within 5 s")),
}


def keys_of(data: dict[str, Any], check: str | None = None) -> set[str]:
    """The keys of a node's findings, as report.json has them: of one check, or of all."""
    return {key for f in judge_record(data)["findings"] if check in (None, f["check"]) for key in f["keys"]}


def examples_of(name: str) -> Records:
    """A node for each key of a check: from the table above, or ``EXAMPLES``
    of the check's test file.
    """
    return EXAMPLES.get(discover()[name]) or import_module(f"{__package__}.test_check_{name}").EXAMPLES


# NtsState.ESTABLISHED is what passes: no finding has it. What other nodes show of a token is in the
# report (test_tokens.py).
OF_NO_NODE = (
    NtsState.ESTABLISHED,
    github_app_token.Key.MINTED_ELSEWHERE,
    github_app_token.Key.REFUSED_ELSEWHERE,
)
OF_CHECKS = [(name, key) for name, check in discover().items() for key in check.Key if key not in OF_NO_NODE]


@pytest.mark.parametrize(("name", "key"), OF_CHECKS, ids=[f"{name}-{key}" for name, key in OF_CHECKS])
def test_a_node_shows_every_key_of_every_check(name, key):
    assert key in keys_of(examples_of(name)[key], name)


@pytest.mark.parametrize("key", CommonKey)
def test_a_node_shows_every_key_that_checks_share(key):
    assert key in keys_of(COMMON[key])


@pytest.mark.parametrize("key", AnswerKey)
def test_an_attempt_ends_with_every_kind_of_answer(key):
    assert classify(ANSWERS[key], app()["issuer"]).key is key


@pytest.mark.parametrize("key", sorted(set(AnswerKey) - {AnswerKey.ACCEPTED}))
def test_a_finding_has_the_key_of_every_answer_that_is_no_success(key):
    assert key in keys_of(tried(ANSWERS[key]), "github_app_token")


@pytest.mark.parametrize("cause", Cause)
@pytest.mark.parametrize("record_of", [unreached, without_evidence])
def test_a_finding_has_the_key_of_every_cause_why_there_is_no_evidence(record_of, cause):
    assert cause in keys_of(record_of(PRINTED[cause][0]), "reachable")


@pytest.mark.parametrize("state", NtsState)
def test_a_key_establishment_ends_in_every_state(state):
    skew_s = -612.0 if state is NtsState.CLOCK else 0.0
    measured_s = Interval(skew_s - 0.01, skew_s + 0.01)
    assert nts_state(nts.EXAMPLES[state], TRUE_NS / NS + skew_s, measured_s) is state


@pytest.mark.parametrize("unknown", UnknownSkew)
def test_every_reason_why_a_skew_is_unknown_is_a_key_of_clock_skew(unknown):
    assert clock_skew.Key(f"unknown_{unknown}") in EXAMPLES[clock_skew]


def test_every_check_has_keys():
    assert len(OF_CHECKS) > 90
    assert {name for name, _key in OF_CHECKS} == set(discover())
