# Copyright (c) the skewgate developers
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Names of units and processes that a probe looks for, each in one table.

Units of time services are without suffix, as OpenRC has none. Processes are named as in
/proc/PID/comm, which holds 15 characters. The descriptors in plugin_utils/daemons say more about
each daemon; a test holds these tables to them.
"""

from __future__ import annotations

# As the packages of Debian, Ubuntu, Red Hat, SUSE, Arch, Alpine and Flatcar name their services.
DAEMON_UNITS = (
    "chrony",
    "chronyd",
    "chronyd-restricted",
    "ntp",
    "ntpd",
    "ntpsec",
    "ntpd-rs",
    "openntpd",
    "busybox-ntpd",
    "htpdate",
    "systemd-timesyncd",
    "ptp4l",
    "phc2sys",
    "timemaster",
    "ptpd",
    "ptpd2",
    "statime",
    "timebeat",
    "connman",
    "clockbound",
    "clockboundd",
    "ntpclient",
)
"""Units that steer the clock for as long as they run."""

DAEMON_TEMPLATES = ("ptp4l", "phc2sys")
"""Those of DAEMON_UNITS that also run once for each network card, as ``ptp4l@eth0.service``."""

MOVER_UNITS = (
    "ntpdate",
    "ntp-client",
    "sntp",
    "sntpc",
    "rdate",
    "vmtoolsd",
    "open-vm-tools",
    "vboxadd-service",
    "vboxservice",
    "virtualbox-guest-utils",
)
"""Units that may move the clock and are no time daemons: they set it once, or have other work."""

WAIT_UNITS = ("chrony-wait", "ntpsec-wait", "clockbound-wait", "systemd-time-wait-sync")
"""Units that wait for the first synchronisation, shown with the daemons. The section ``boot`` knows
``ntp-wait`` too."""

# ntpd is that of NTP, NTPsec, OpenNTPD and BusyBox alike.
DAEMON_PROCESSES = (
    "chronyd",
    "ntpd",
    "openntpd",
    "ntp-daemon",  # ntpd-rs
    "busybox",  # one of many applets: it counts if its command line says ntpd
    "systemd-timesyn",
    "ptp4l",
    "phc2sys",
    "timemaster",
    "ptpd",
    "ptpd2",
    "htpdate",
    "statime",
    "statime-linux",
    "timebeat",
    "connmand",  # it manages networks, and sets the clock as well
    "clockbound",
    "clockboundd",
    "ntpclient",
)
"""Programs that steer the clock for as long as they run."""

# Hyper-V has none: the kernel's hv_utils sets the clock itself (Linux, drivers/hv/hv_util.c).
MOVER_PROCESSES = ("ntpdate", "sntp", "sntpc", "rdate", "vmtoolsd", "vmware-guestd", "VBoxService")
"""Programs that may move the clock and are no time daemons."""

# Each distribution of Kubernetes runs its kubelet, and the containers' runtime, under its own unit
# name.
KUBELET_UNITS = (
    "kubelet.service",
    "k3s.service",
    "k3s-agent.service",
    "rke2-server.service",
    "rke2-agent.service",
    "k0scontroller.service",
    "k0sworker.service",
    "snap.microk8s.daemon-kubelite.service",
    "snap.k8s.kubelet.service",
)
"""Units that start pods, and so the clients that sign."""

RUNTIME_UNITS = (
    "containerd.service",
    "crio.service",
    "docker.service",
    "snap.microk8s.daemon-containerd.service",
    "snap.k8s.containerd.service",
)
"""Units of container runtimes, which start a pod only if a kubelet asks them to."""

KUBELET_PROCESS = "kubelet"
"""It also runs before the node has joined."""

# What is not here on purpose: k3s-agent and rke2 retry for ever before they have joined (because of
# a wrong clock, for example), and afterwards their paths and their containers show it.
CLUSTER_PROCESSES = (
    "etcd",
    "kube-apiserver",
    "k3s-server",  # etcd, API server and kubelet in one (k3s, cmd/server)
    "kubelite",  # the same of MicroK8s ("Configuring MicroK8s services", daemon-kubelite)
    "containerd-shim",  # one for each container or pod, docker's too (containerd, core/runtime/v2/README.md)
    "conmon",  # the same of CRI-O and Podman
    "conmonrs",
    # Those whose limits for the clock are known (plugin_utils/model/limits.yml).
    "cockroach",
    "ceph-mon",
    "pd-server",
    "tikv-server",
)
"""Programs that run only on a node that works in a cluster, or are its workload."""

WIREGUARD_PROCESSES = ("wireguard-go", "boringtun", "boringtun-cli", "tailscaled", "netbird")
"""Programs that are WireGuard, or have it within them: no interface of the kernel shows these."""

COMMAND_LINE = "chronyd's command line"
"""In place of a file's path: given directives as arguments, chronyd reads these and no file
(chronyd(8))."""

_CHRONY_DIRECTIVES = """
    acquisitionport allow authselectmode bindacqaddress bindacqdevice bindaddress bindcmdaddress bindcmddevice binddevice
    broadcast clientloglimit clockprecision cmdallow cmddeny cmdport cmdratelimit combinelimit commandkey confdir
    corrtimeratio deny driftfile dscp dumpdir dumponexit fallbackdrift generatecommandkey hwclockfile hwtimestamp hwtstimeout
    include initstepslew keyfile leapseclist leapsecmode leapsectz linux_freq_scale linux_hz local lock_all log logbanner
    logchange logdir mailonchange makestep manual maxchange maxclockerror maxdistance maxdrift maxjitter maxntsconnections
    maxsamples maxslewrate maxstratum maxtxbuffers maxupdateskew minsamples minsources minstratum nocerttimecheck noclientlog
    nosystemcert ntpsigndsocket ntsaeads ntscachedir ntsdumpdir ntsntpserver ntsport ntsprocesses ntsratelimit ntsrefresh
    ntsrotate ntsservercert ntsserverkey ntstrustedcerts opencommands peer pidfile pool port ptpdomain ptpport ratelimit
    refclock refresh reselectdist rtcautotrim rtcdevice rtcfile rtconutc rtcsync sched_priority server smoothtime sourcedir
    stratumweight tempcomp user
"""
CHRONY_DIRECTIVES = frozenset(_CHRONY_DIRECTIVES.split())
"""All that chrony.conf may name (CNF_ParseLine in chrony 4.9), those that are ignored by now among
them."""
