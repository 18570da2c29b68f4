"""ntpd-rs, a daemon in Rust."""

from __future__ import annotations

from .common.daemon import Daemon, FirstCorrection

DAEMON = Daemon(
    name="ntpd-rs",
    units=("ntpd-rs",),
    processes=("ntp-daemon",),
    package="ntpd-rs",
    # ntpd-rs' ntp.toml(5).
    first_correction=FirstCorrection(0.01, "it steps the clock at its start (startup-step-panic-threshold)"),
)
