#!/usr/bin/python
# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Takes the evidence on a node; the probes of module_utils do the work."""

from __future__ import annotations

DOCUMENTATION = r"""
module: node_evidence
short_description: Take evidence of a node's clock, time services and GitHub App access
version_added: 0.1.0
description:
  - Reads the node's clocks, its time services and chrony's configuration and state, exchanges raw
    NTP packets with the given servers, asks APIs for their C(Date), and sends JWTs that were signed
    elsewhere to the GitHub App API.
  - It reads and asks only. Nothing on the node is changed, and an installation token that it mints
    is revoked at once.
  - It judges nothing. The action M(skewgate.preflight.node_check) calls it and judges what it
    returns.
  - It needs Python 3.8 and its standard library. What the node lacks, C(chronyc) for instance, is
    recorded as missing. Without root, what only root may see is recorded as an error.
author:
  - The skewgate developers (@skewgate)
options:
  sections:
    description: What to observe.
    type: list
    elements: str
    choices: [ntp, clock, github_apps, api_date, chrony, ntpd, openntpd, ntpd_rs, timesyncd, ptp, clockbound, time_services,
      boot, nts, nts_client, clock_movers, join_state, platform, past_boots]
    default: [ntp, clock, github_apps, api_date, chrony, ntpd, openntpd, ntpd_rs, timesyncd, ptp, clockbound, time_services,
      boot, nts, nts_client, clock_movers, join_state, platform, past_boots]
  ntp_servers:
    description: Names or addresses of the NTP servers that the node's clock is compared with. Every
      address of a name is asked.
    type: list
    elements: str
    default: []
  ntp_samples:
    description: How many exchanges to make with each address.
    type: int
    default: 4
  ntp_port:
    description: The UDP port of the NTP servers.
    type: int
    default: 123
  nts_servers:
    description: Names of servers with which NTS is tried, at TCP port 4460, beside those of
      chrony's configuration.
    type: list
    elements: str
    default: []
  nts_clients:
    description: Directives of chrony.conf by names. C(chronyd -Q) is run with those of each name, to
      see whether it gets authenticated time.
    type: dict
    default: {}
  apis:
    description: APIs whose HTTP C(Date) is read, each once by its URL. No credential is sent to
      them.
    type: list
    elements: dict
    default: []
    suboptions:
      url:
        description: An https URL.
        type: str
        required: true
      ca_pem:
        description: CA certificates to verify against, in place of the node's own.
        type: str
  github_apps:
    description: GitHub Apps whose JWTs are sent from this node.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: What the App is called in the evidence.
        type: str
        required: true
      api_url:
        description: The API's base URL, C(https://api.github.com) for instance.
        type: str
        required: true
      git_url:
        description: The base URL of repositories, C(https://github.com) for instance.
        type: str
        required: true
      ca_pem:
        description: CA certificates to verify against, in place of the node's own.
        type: str
      installation_id:
        description: The App's installation; this or O(github_apps[].owner).
        type: str
      owner:
        description: The organisation or user whose installation it is; its ID is looked up with the
          App's JWT.
        type: str
      depth:
        description:
          - V(jwt) reads the installation, V(token) mints an installation token and revokes it,
            V(repository) reaches the repositories with it in between.
        type: str
        choices: [jwt, token, repository]
        required: true
      repositories:
        description: Repositories as C(owner/name). A minted token is narrowed to them, unless
          GitHub refuses that.
        type: list
        elements: str
        default: []
      permissions:
        description: The permissions that a minted token is narrowed to, C(contents=read) for
          instance.
        type: dict
        default: {}
      attempts:
        description: The JWTs to send, in order.
        type: list
        elements: dict
        required: true
        suboptions:
          label:
            description: What the attempt is called in the evidence.
            type: str
            required: true
          jwt:
            description: The JWT.
            type: str
            required: true
          signed_for_s:
            description: The Unix time that the JWT was signed for.
            type: int
            required: true
          only_within_s:
            description: Send the JWT only if the node's clock is at most this far from
              O(github_apps[].attempts[].signed_for_s).
            type: float
  timeout_s:
    description: How many seconds each network exchange may take. A command on the node, which waits
      for nobody else, may take three times as long on a busy one.
    type: float
    default: 5
attributes:
  check_mode:
    description: Can run in check mode and return what it would without it.
    support: full
  diff_mode:
    description: Nothing is changed, so there is no difference to show.
    support: none
  platform:
    description: Where it runs.
    platforms: linux
    support: full
"""

EXAMPLES = r"""
- name: See the node's clock and what steers it
  skewgate.preflight.node_evidence:
    sections: [clock, time_services, chrony]
  become: true
  register: node

- name: Compare the node's clock with two NTP servers and an API
  skewgate.preflight.node_evidence:
    sections: [ntp, api_date]
    ntp_servers: [ntp1.example.com, 192.0.2.123]
    apis:
      - url: https://api.github.com/zen
"""

RETURN = r"""
evidence:
  description:
    - What the node showed. Names that end in C(_ns) are nanoseconds, of C(time.time_ns()) (wall) or
      C(time.monotonic_ns()) (mono); those that end in C(_s) are seconds, of Unix time if they
      are a point in time.
    - A section that was not asked for is absent; one that failed as a whole has nothing but
      C(error).
    - The answer of a command is C(rc), C(stdout) and C(stderr), or C(error) if it could not be
      run or did not end in time.
    - Configuration is C(path), where it begins, and C(files), each with C(path), C(text) and
      C(mtime_s), in the order in which the daemon reads them; C(unread) has those that could not be
      read, each with C(path), C(error) and C(kind), which is C(missing), C(denied) or C(other).
      Keys and passwords are not in it.
  returned: always
  type: dict
  contains:
    schema:
      description: The version of this form.
      type: str
      returned: always
      sample: skewgate/evidence/1
    collected:
      description:
        - The clocks before anything else was done, when the end was reached, and who did it.
        - C(started_s) is how long it took from the process's start to there, null if the node
          does not show it. C(sections_s) is how long each section took, which run side by side,
          those left out that took less than 0.005 s or had not ended - C(ntp), C(clock),
          C(github_apps), C(api_date), C(chrony), C(ntpd), C(openntpd), C(ntpd_rs), C(timesyncd),
          C(ptp), C(clockbound), C(time_services), C(boot), C(nts), C(nts_client), C(clock_movers),
          C(join_state), C(platform) and C(past_boots).
        - The clocks were read together, at most C(gap_ns) apart - C(wall_ns) (CLOCK_REALTIME),
          C(mono_ns) (CLOCK_MONOTONIC), C(boot_ns) (CLOCK_BOOTTIME) and C(raw_ns)
          (CLOCK_MONOTONIC_RAW). With C(boot_id), C(suspends), how often this kernel has resumed
          (null if it does not count that), and C(vmclocks), they show later whether the node went
          on without a break.
        - C(vmclocks) are the /dev/vmclock* of the hypervisor, each with its C(device),
          C(disruption_marker) and C(vm_generation_counter) as hexadecimal text (null if the
          hypervisor has none), or C(error).
      type: dict
      returned: always
      sample:
        wall_ns: 1795334400123456789
        mono_ns: 812345678901
        boot_ns: 812345679102
        raw_ns: 812301224512
        gap_ns: 640
        boot_id: 6f5b2c1e-7f7a-4c80-9d0c-0c2f6f1f1a55
        suspends: 0
        vmclocks: []
        end_mono_ns: 814345678901
        python: 3.11.2
        euid: 0
        started_s: 0.14
        sections_s:
          ntp: 0.21
          chrony: 0.08
    clock:
      description:
        - C(adjtimex) is the kernel's clock discipline, read only, with C(state), C(status),
          C(offset_us), C(freq_ppm), C(maxerror_us), C(esterror_us) and C(tai_s), or C(error).
          C(clocksource) is its name.
        - C(rtc) is the hardware clock, with C(present), C(since_epoch_s) by its own reading as UTC,
          C(wall_s_at_read) of the system's clock, and C(local_time), whether /etc/adjtime says that
          it keeps local time.
      type: dict
      returned: when asked for
    time_services:
      description:
        - C(manager) is systemd, openrc or other. C(units) are those that may steer the clock and
          are there, each with C(unit), C(names) (aliases), C(load_state), C(active_state),
          C(sub_state), C(unit_file_state) and C(main_pid); OpenRC's services are described in the
          same words.
        - C(processes) are the time daemons that run, each with C(pid), C(comm), C(argv) (its
          arguments, the program's name first), C(exe) (the program's path), C(cgroup),
          C(contained), whether it runs in a container, and C(may_set_clock), whether the kernel
          lets it set the clock (CAP_SYS_TIME in the node's user namespace). Those of ordinary users
          are left out.
        - C(may_set_clock) are other processes that the kernel lets set the clock. C(given) are
          those that hold CAP_SYS_TIME and not CAP_SYS_ADMIN, by name, each with C(comm), the first
          one's C(pid) and C(cgroup), and how many C(processes) there are. C(privileged) are the
          names of those that hold both. The kernel's threads, and this run, are left out.
        - C(connman_time_updates) is auto or manual, as the ConnMan that runs has stored whether it
          sets the clock; null if it does not run, or has stored nothing.
      type: dict
      returned: when asked for
    chrony:
      description:
        - C(present) says whether chronyd or chronyc is installed, C(version) which. C(config) is
          the configuration of the chronyd that runs, else of the one that would; its
          C(sources_dirs) are the folders of confdir and sourcedir, each with C(path) and C(exists).
          C(defaults) are the files in which the distribution keeps chronyd's options, of their
          lines only these.
        - C(keyfile) is the C(path) and the C(mode) of the key file, which is not read. C(named) is
          what there is of what the configuration names, each by its word there. C(paths) says of a
          path whether it is missing, a folder, a file, a device (by its class, C(ptp) for instance)
          or cannot be looked at (denied, unknown). C(interfaces) says of a network interface
          whether it is absent, plain, has a hardware clock (phc), or stamps packets with it
          (hardware). C(users) says whether a user is present or absent. Its C(options) are those of
          chronyd itself that may end its next start, each with its C(value) and where it comes
          from.
        - C(fips) is the kernel's FIPS mode. C(started_s) is when chronyd was started, by the clock
          of its PID file. C(features) is what chronyd says was built in (C(+NTS)) and what was not
          (C(-NTS)).
        - The path of C(config) is C(chronyd's command line) if chronyd was started with
          directives, which it reads in place of a file. C(next_start) is what its unit has it read
          when it starts again, C(unit), C(path) and C(text), the directives of its command line,
          and C(unfit), an option with which it would not steer the clock; null if that is not
          known.
        - C(printed) is the answer of C(chronyd -p), null without a configuration. C(commands) are
          those of C(chronyc -c), C(tracking), C(sources), C(sources_all) (C(-N sources -a)),
          C(sources_named) (C(-N sources)), C(sourcestats), C(activity), C(authdata) and
          C(selectdata).
      type: dict
      returned: when asked for
    ntpd:
      description: Of ntp.org's ntpd and NTPsec, C(present), C(config), C(beside), the files that
        another ntpd would read, each with C(path) and C(text), and C(commands) with C(rv) (C(ntpq
        -c rv)) and C(peers) (C(ntpq -pn)), which are run only if it is present.
      type: dict
      returned: when asked for
    openntpd:
      description: C(present), C(config), and C(commands) with C(all) (C(ntpctl -s all)), which is
        run only if it is present.
      type: dict
      returned: when asked for
    ntpd_rs:
      description: Of ntpd-rs, C(present), C(config) without tokens, and C(commands) with C(status)
        (C(ntp-ctl status -f prometheus)), which is run only if ntpd-rs runs.
      type: dict
      returned: when asked for
    timesyncd:
      description: Of systemd-timesyncd, C(present), C(config) with its drop-ins, and C(commands)
        with C(timesync) (C(timedatectl show-timesync --all)), which is run only if timesyncd
        runs.
      type: dict
      returned: when asked for
    ptp:
      description: Of linuxptp, C(present), C(config), and C(commands) with C(time_status) and
        C(port_data_set), pmc's C(GET TIME_STATUS_NP) and C(GET PORT_DATA_SET), which are run only
        if ptp4l runs.
      type: dict
      returned: when asked for
    clockbound:
      description:
        - C(present) says whether AWS's ClockBound runs. C(processes) are its, each with C(pid) and
          the names of the segments of shared memory that it C(writes), shm0 and shm1, which are
          shown to root alone.
        - C(segments) are the files of these, each with its C(path), C(pids), the processes that
          write this very file, C(hex), its octets between two updates, and C(mono_ns), when they
          had been read; or with C(error) and its C(kind), which is missing, denied or other.
      type: dict
      returned: when asked for
    ntp:
      description:
        - C(servers), each with C(server), its C(addresses), C(samples), and C(error) with C(kind)
          dns if its name could not be resolved.
        - A sample has C(address), C(t1_wall_ns), C(t1_mono_ns), C(t4_mono_ns), C(sent_hex) and
          C(reply_hex); or C(address), C(t1_wall_ns), C(error), its C(kind), which is refused,
          unreachable, silent, strange (it answers another request) or other, and the C(errno) of what
          the kernel said.
      type: dict
      returned: when asked for
    nts:
      description:
        - C(servers) that chrony is configured to authenticate with NTS (C(configured)), and those
          of O(nts_servers); each with C(server), C(port), C(certset), C(addresses), and how far its
          key establishment was reached. C(error) is null or has C(phase) (dns, connect, tls or
          alpn), C(message) and, of a certificate or of connect (timeout, refused, no_route),
          C(kind); C(alpn) is the protocol that the server chose.
        - C(certificate_time_error) says why its certificate is not valid at this node's time, else
          it is null. C(certificate) has C(not_before_s) and C(not_after_s), null if none was
          seen.
        - C(exchange) is null, or has C(error), or what the records of the key exchange say (RFC 8915,
          section 4.1) - C(ended), C(protocols), C(aeads), C(errors), C(warnings), how many C(cookies),
          C(cookie_bytes), C(ntp_server) and C(ntp_port). No cookie and no key is kept.
        - C(ntp) is null, or has C(error), or C(address) and C(port) of the NTP server, the request's
          C(unique_hex), and four requests, null if not sent - C(nts), C(plain), C(padded) and C(nobody),
          each with C(bytes) and C(reply_hex), or with C(error) and its C(kind).
      type: dict
      returned: when asked for
    nts_client:
      description: C(tried), what C(chronyd -Q) answered for each name of O(nts_clients) (C(rc),
        C(stdout), C(stderr)), or C(error). It sets no clock, and runs only if it is asked for.
      type: dict
      returned: when asked for
    api_date:
      description:
        - C(apis), each with C(url), C(certificate_time_error) as in the section C(nts), and
          C(answers).
        - An answer has C(t_send_wall_ns), C(t_send_mono_ns), C(t_recv_mono_ns), C(status), C(date)
          and C(verified); or C(error) with C(phase) (url, dns, connect, proxy, tls or reply),
          C(message) and, of a certificate, C(kind).
      type: dict
      returned: when asked for
    join_state:
      description:
        - C(paths) says which traces of a joined cluster are there. Null is what may not be seen
          without root.
        - C(processes) are the names of what runs that works in a cluster or is its workload. A
          kubelet whose kubeconfig is not there has not joined.
        - C(certificates) are those of the cluster's CA and API server that are there, by path, each
          with C(pem), without what else is in the file, or with C(error).
        - C(wireguard) has the C(interfaces) of the kernel's WireGuard, the C(files) that make one
          or are the socket of one, the C(processes) that are one, and C(unseen), the paths that may
          not be seen. No content of these files is in it.
      type: dict
      returned: when asked for
    boot:
      description:
        - C(units) of systemd that set the clock or rely on it, each with C(unit), C(names),
          C(load_state), C(active_state), C(unit_file_state), C(after), C(before), C(requires),
          C(wants), C(binds_to), C(exec_start) (of a cluster's unit the program alone) and
          C(condition_met) at the last start, null if there was none since the boot.
        - C(uptime_s), and C(fake_hwclock), the time that fake-hwclock has saved.
      type: dict
      returned: when asked for
    clock_movers:
      description:
        - C(cron) are the commands in crontabs that move the clock, with C(path), C(line) and
          C(text), what stands beside them left out; C(unread) are crontabs that could not be read,
          with C(path) and C(error).
        - C(timers) of systemd that do, with C(unit), C(activates) and C(exec). C(virtualization) is
          systemd-detect-virt's word, and C(vmware_timesync) the answer of C(vmware-toolbox-cmd
          timesync status), null elsewhere.
      type: dict
      returned: when asked for
    platform:
      description:
        - C(os_release) has the distribution's C(ID), C(ID_LIKE), C(VERSION_ID) and C(PRETTY_NAME),
          those that are there. C(selinux) is enforcing, permissive or null.
        - C(read_only) says why files or packages can't be changed (C(ostree), C(usr) or C(etc) is
          read-only), else it is null. C(package_managers) are those that are installed, of apt-get,
          dnf, yum, zypper, rpm-ostree and transactional-update.
        - C(dpkg) has C(chrony), how far dpkg has come with that package (installed or
          half-configured, for instance; null if it knows none), C(held_by), the C(pid) and
          C(name) of the process that is at work with dpkg or null, and whether it was
          C(interrupted); it is null without dpkg.
      type: dict
      returned: when asked for
    past_boots:
      description:
        - C(boots) are this boot and at most two before it, the newest first, as the journal keeps
          them; each with C(boot_id), its first C(entries), C(last_mono_us), when the last of those
          that were read was written, and C(cut_off), whether there are more.
          C(ended_because) is what journalctl said where there was no further boot, null if all were
          read.
        - An entry has C(wall_us) and C(mono_us), the clocks of the node then, C(unit) and C(what).
          That is C(said), with the C(message) of a time daemon; C(starting), C(started), C(failed)
          or C(skipped) (a condition was not met), by systemd, the first of each unit; or
          C(jumped_back), by journald. Of other programs no message is in it.
        - C(changed_s) is when the newest file, drop-in or link of each unit was changed, and
          C(rtc_set_s) when /etc/adjtime was, which hwclock writes; 0 if there is none.
      type: dict
      returned: when asked for
    github_apps:
      description:
        - Each App has C(name) and C(attempts), each with C(label), C(signed_for_s), C(node_wall_s),
          C(sent), C(not_sent_because) and C(steps); C(error) beside them if the rest could not
          be asked.
        - A step has C(step) (installations, installation, token, granted, repository or revoke),
          C(method), C(url), C(status), C(message), C(documentation_url), C(headers), C(body),
          C(node_wall_s) when it was sent, C(duration_s), C(repository), C(proxy), the addresses
          C(sent_from) and C(sent_to), C(moved_to) of a repository that was renamed, and C(error)
          with C(phase), C(message), C(kind) and, of a certificate that is not valid at this node's
          time, C(certificate) with C(not_before_s) and C(not_after_s); C(suspended) of an
          installation.
        - Of what is done with a fresh token, C(tries) and C(waited_s) say how often it was tried,
          and for how long the node waited between. Of many repositories with the same answer, one
          has a step, which names others in C(also).
        - Of C(token), C(narrowed) has what it was to be narrowed to (permissions, repositories),
          and C(lacking) the permissions that the installation does not have, as C(granted) showed;
          C(expires_at) of a minted one is the API's word.
        - Of C(installations), C(installation_id) is the owner's; without it, C(owners) are whose
          installations were found, C(owners_in_all) how many, and C(cut_off) that there are more.
        - No token is in it; bodies are redacted, those of success left out.
      type: list
      elements: dict
      returned: when asked for
"""

import os
import sys
import time
from functools import partial
from urllib.parse import urlsplit

from ansible_collections.skewgate.preflight.plugins.module_utils.node.background import Once, gather, outcome, start
from ansible_collections.skewgate.preflight.plugins.module_utils.node.clocks import process_age_s, read_all_clocks
from ansible_collections.skewgate.preflight.plugins.module_utils.node.core_dumps import forbid_core_dumps
from ansible_collections.skewgate.preflight.plugins.module_utils.node.processes import scan
from ansible_collections.skewgate.preflight.plugins.module_utils.node.systemd import is_manager, show
from ansible_collections.skewgate.preflight.plugins.module_utils.node.this_boot import observe
from ansible_collections.skewgate.preflight.plugins.module_utils.probes import (
    api_date,
    boot,
    chrony,
    clock,
    clock_movers,
    clockbound,
    github_apps,
    join_state,
    ntp,
    ntpd,
    ntpd_rs,
    nts,
    nts_client,
    openntpd,
    past_boots,
    platform,
    ptp,
    time_services,
    timesyncd,
)


class Run:
    """One run of the module: its parameters, and what several probes need and is taken once for all
    of them.
    """

    def __init__(self, params: dict) -> None:
        """Looks at nothing yet."""
        self.params = params
        self.timeout_s = params["timeout_s"]
        self.busy_s = 3 * self.timeout_s
        self.ntp_answers: dict = {}
        self.lasted_s: dict = {}
        self._processes = Once(scan)
        self.units = Once(self._units)

    def time_daemons(self) -> list:
        """The time daemons that run (``processes.Running``)."""
        return self._processes().time_daemons

    def may_set_clock(self) -> dict:
        """Who else may set the clock (``processes.Running``)."""
        return self._processes().may_set_clock

    def cluster(self) -> list:
        """The processes of a cluster (``processes.Running``)."""
        return self._processes().cluster

    def timed(self, section: str, take):
        """What ``take`` gives for this run; how long that took is noted."""
        begun_s = time.monotonic()
        try:
            return take(self)
        finally:
            self.lasted_s[section] = round(time.monotonic() - begun_s, 2)

    def skew_by_ntp(self):
        """What NTP has said of the clock by now, if it has answered well (``ntp.agreed``); else
        None.
        """
        if not self.ntp_answers:
            return None
        hosts = {urlsplit(api["url"]).hostname for api in self.params["apis"]}
        return ntp.agreed(self.ntp_answers, len(self.params["ntp_servers"]), len(hosts))

    def _units(self):
        """What systemd shows of the units of ``boot``, which are those of ``time_services`` and
        more.
        """
        if not is_manager():
            return []
        properties = sorted(
            {*boot.PROPERTIES, *boot.FILES_OF_UNITS, *time_services.PROPERTIES, *chrony.UNIT_PROPERTIES}
        )
        return gather({"units": partial(show, boot.UNITS, properties, self.busy_s)}, self.busy_s + 1)["units"]


def _of_daemon(probe) -> tuple:
    """The row of a probe that looks at one daemon."""
    return lambda run: probe.collect(run.busy_s, run.time_daemons()), lambda run: run.busy_s + 3


# Section: how to take it, and by how many seconds from its start it has ended if nothing is wrong
# with the node. They are started in this order; NTP comes first, for what runs beside its exchanges
# widens their delay.
PROBES = {
    "ntp": (
        lambda run: ntp.collect(
            run.params["ntp_servers"],
            run.params["ntp_port"],
            run.params["ntp_samples"],
            run.timeout_s,
            run.ntp_answers,
        ),
        lambda run: ntp.bound_s(run.params["ntp_samples"], run.timeout_s),
    ),
    "clock": (lambda _run: clock.collect(), lambda run: run.busy_s),
    "github_apps": (
        lambda run: github_apps.collect(run.params["github_apps"], run.timeout_s),
        lambda run: github_apps.bound_s(run.params["github_apps"], run.timeout_s),
    ),
    "api_date": (
        lambda run: api_date.collect(run.params["apis"], run.timeout_s, skew=run.skew_by_ntp),
        lambda run: api_date.bound_s(run.timeout_s),
    ),
    "chrony": (
        lambda run: chrony.collect(run.busy_s, run.time_daemons(), run.units),
        lambda run: 2 * run.busy_s + 3,  # systemd's word on its unit comes first
    ),
    "ntpd": _of_daemon(ntpd),
    "openntpd": _of_daemon(openntpd),
    "ntpd_rs": _of_daemon(ntpd_rs),
    "timesyncd": _of_daemon(timesyncd),
    "ptp": _of_daemon(ptp),
    "clockbound": _of_daemon(clockbound),
    "time_services": (
        lambda run: time_services.collect(run.busy_s, run.units(), run.time_daemons(), run.may_set_clock()),
        lambda run: run.busy_s + 3,
    ),
    "boot": (lambda run: boot.collect(run.units()), lambda run: run.busy_s + 3),
    "nts": (
        lambda run: nts.collect(run.timeout_s, run.params["nts_servers"], run.time_daemons(), run.units),
        lambda run: run.busy_s + 1 + nts.bound_s(run.timeout_s),
    ),
    "nts_client": (
        lambda run: nts_client.collect(run.params["nts_clients"]),
        lambda _run: nts_client.bound_s(),
    ),
    "clock_movers": (lambda run: clock_movers.collect(run.busy_s), lambda run: run.busy_s + 3),
    "join_state": (lambda run: join_state.collect(run.cluster()), lambda run: run.busy_s),
    "platform": (lambda _run: platform.collect(), lambda run: run.busy_s),
    "past_boots": (
        lambda run: past_boots.collect(run.units()),
        lambda run: run.busy_s + 3 + past_boots.WITHIN_S,
    ),
}
SECTIONS = list(PROBES)

APP_OPTIONS = {
    "name": {"type": "str", "required": True},
    "api_url": {"type": "str", "required": True},
    "git_url": {"type": "str", "required": True},
    "ca_pem": {"type": "str"},
    "installation_id": {"type": "str"},
    "owner": {"type": "str"},
    "depth": {"type": "str", "choices": ["jwt", "token", "repository"], "required": True},
    "repositories": {"type": "list", "elements": "str", "default": []},
    "permissions": {"type": "dict", "default": {}},
    "attempts": {
        "type": "list",
        "elements": "dict",
        "required": True,
        "options": {
            "label": {"type": "str", "required": True},
            "jwt": {"type": "str", "required": True, "no_log": True},
            "signed_for_s": {"type": "int", "required": True},
            "only_within_s": {"type": "float"},
        },
    },
}

ARGUMENTS = {
    "sections": {"type": "list", "elements": "str", "choices": SECTIONS, "default": SECTIONS},
    "ntp_servers": {"type": "list", "elements": "str", "default": []},
    "ntp_samples": {"type": "int", "default": 4},
    "ntp_port": {"type": "int", "default": 123},
    "nts_servers": {"type": "list", "elements": "str", "default": []},
    "nts_clients": {"type": "dict", "default": {}},
    "apis": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {"url": {"type": "str", "required": True}, "ca_pem": {"type": "str"}},
    },
    "github_apps": {"type": "list", "elements": "dict", "default": [], "options": APP_OPTIONS},
    "timeout_s": {"type": "float", "default": 5},
}

QUIET_S = 0.5
"""How long the NTP exchanges have the node for themselves: on a slow processor, what runs beside
them widens their delay."""


def collect(params: dict) -> dict:
    """The evidence, for the module's parameters."""
    clocks = read_all_clocks()
    started_s = process_age_s()
    run = Run(params)
    started = {}
    for section, (take, bound_s) in PROBES.items():
        if section in params["sections"]:
            started[section] = (start(run.timed, section, take), time.monotonic() + bound_s(run))
            if section == "ntp":
                outcome(started[section][0], time.monotonic() + QUIET_S)
    evidence = {section: outcome(future, deadline_mono_s) for section, (future, deadline_mono_s) in started.items()}
    evidence["schema"] = "skewgate/evidence/1"
    this_boot = observe()
    evidence["collected"] = {
        **clocks,
        **this_boot,
        "end_mono_ns": time.monotonic_ns(),
        "python": ".".join(map(str, sys.version_info[:3])),
        "euid": os.geteuid(),
        "started_s": started_s,
        "sections_s": {section: lasted_s for section, lasted_s in run.lasted_s.copy().items() if lasted_s},
    }
    return evidence


def answer(arguments: dict) -> dict:
    """The module's result, for arguments as its action gives them, which are not checked again."""
    defaults = {name: option.get("default") for name, option in ARGUMENTS.items()}
    return {"changed": False, "evidence": collect({**defaults, **arguments})}


def main():
    """Takes the evidence as Ansible asks for it, and prints it as the module's result; check mode
    changes nothing about that.
    """
    forbid_core_dumps()
    # Only here: most runs come from the action, which sends this file without Ansible's library.
    from ansible.module_utils.basic import AnsibleModule  # noqa: PLC0415

    module = AnsibleModule(argument_spec=ARGUMENTS, supports_check_mode=True)
    module.exit_json(**answer(module.params))


if __name__ == "__main__":
    main()
