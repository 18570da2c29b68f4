"""What programs print for people, as an archive has it: parsed, or refused; never guessed."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skewgate.sosreport.texts import parse_date, parse_fields, parse_iso, parse_sources, parse_tracking, parse_units
from tests.unit.skewgate.sosreports import TIMEDATECTL, UNITS, sample


def test_tracking_as_chronyc_prints_it() -> None:
    tracking = parse_tracking(sample("tracking.sync"))

    assert (tracking.refid, tracking.name, tracking.stratum, tracking.leap) == ("7F000002", "127.0.0.2", 2, "Normal")
    assert datetime.fromtimestamp(tracking.ref_time_s, UTC) == datetime(2026, 11, 29, 12, 11, 11, tzinfo=UTC)
    assert tracking.system_time_s == -0.000002161, "it was fast"
    assert tracking.max_error_s == pytest.approx(0.000002161 + 0.000001896 + 0.000007023 / 2)
    assert tracking.update_interval_s == 1.0


def test_a_clock_that_is_slow_is_behind() -> None:
    slow = sample("tracking.sync").replace("0.000002161 seconds fast", "612.5 seconds slow")

    assert parse_tracking(slow).system_time_s == 612.5


def test_a_frequency_has_the_sign_of_chronycs_form_for_programs() -> None:
    """client.c, print_report: an offset above zero is slow, a frequency above zero is fast."""
    assert "0.004 ppm slow" in sample("tracking.sync")
    assert parse_tracking(sample("tracking.sync")).frequency_ppm == -0.004


def test_tracking_before_the_first_update() -> None:
    tracking = parse_tracking(sample("tracking.starting"))

    assert (tracking.leap, tracking.stratum, tracking.ref_time_s, tracking.name) == ("Not synchronised", 0, 0, "")


@pytest.mark.parametrize("line", sample("tracking.sync").splitlines())
def test_tracking_without_one_of_its_lines_is_refused(line: str) -> None:
    with pytest.raises(ValueError, match="chronyc tracking"):
        parse_tracking(sample("tracking.sync").replace(line + "\n", ""))


@pytest.mark.parametrize(
    "value", ["nan seconds fast of NTP time", "1 seconds", "1 minutes slow of NTP time", "inf seconds slow of NTP time"]
)
def test_a_system_time_in_another_form_is_refused(value: str) -> None:
    with pytest.raises(ValueError, match=r"chronyc tracking|finite|number"):
        parse_tracking(sample("tracking.sync").replace("0.000002161 seconds fast of NTP time", value))


@pytest.mark.parametrize("name", ["sources.sync", "sources_v.sync"])
def test_sources_as_chronyc_prints_them(name: str) -> None:
    sources = parse_sources(sample(name))

    assert [(s.state, s.name, s.reach, s.last_rx_s) for s in sources] == [
        ("*", "127.0.0.2", 0o377, 1),
        ("+", "127.0.0.4", 0o377, 1),
        ("x", "127.0.0.5", 0o377, 0),
        ("?", "127.0.0.3", 0, None),
        ("?", "127.0.0.9", 0, None),
    ]
    assert sources[0].measured_offset_s == pytest.approx(2071e-9)
    assert sources[2].measured_offset_s == pytest.approx(-5.0)
    assert sources[0].error_s == pytest.approx(6108e-9)


@pytest.mark.parametrize(
    ("last", "offset", "last_s", "offset_s"),
    [("19m", "-612.0s", 1140, -612.0), ("95h", "+1234m", 342000, 74040), ("12d", "  +99d", 1036800, 8553600)],
)
def test_large_times_have_other_units(last: str, offset: str, last_s: int, offset_s: float) -> None:
    row = f"^* ntp.example                   1  10   377  {last}  +1959ns[{offset}] +/- 6108us"
    [source] = parse_sources(f"MS Name/IP address\n=====\n{row}\n")

    assert (source.last_rx_s, source.measured_offset_s, source.poll) == (last_s, offset_s, 10)


@pytest.mark.parametrize(
    "broken", ["^* 127.0.0.2 1 0 399 1 +1ns[+1ns] +/- 1ns", "^! a 1 0 377 1 +1ns[+1ns] +/- 1ns", "more", "^*"]
)
def test_a_row_in_another_form_refuses_all(broken: str) -> None:
    with pytest.raises(ValueError, match="a row has another form"):
        parse_sources(sample("sources.sync") + broken + "\n")


@pytest.mark.parametrize(
    "text",
    ["Sun Nov 29 12:11:15 UTC 2026", "Sun Nov 29 12:11:15 PM UTC 2026\n", "Sun Nov 29 12:11:15 2026"],
)
def test_dates_in_utc(text: str) -> None:
    assert parse_date(text) == datetime(2026, 11, 29, 12, 11, 15, tzinfo=UTC)


def test_half_past_midnight_in_twelve_hours() -> None:
    assert parse_date("Sun Nov 29 12:30:00 AM UTC 2026").hour == 0


@pytest.mark.parametrize(
    "text", ["", "Sun Nov 29 12:11:15 CET 2026", "Sun Nov 31 12:11:15 UTC 2026", "dim. 29 nov. 2026 12:11:15 UTC"]
)
def test_other_dates_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"date|day"):
        parse_date(text)


def test_times_of_timedatectl() -> None:
    fields = parse_fields(TIMEDATECTL)

    assert (
        parse_iso(fields["Universal time"])
        == parse_iso(fields["RTC time"])
        == parse_date("Sun Nov 29 12:11:15 UTC 2026")
    )
    with pytest.raises(ValueError, match="timedatectl"):
        parse_iso("n/a")


def test_units_and_unit_files() -> None:
    assert parse_units(UNITS) == [("chrony.service", "active"), ("broken.service", "failed"), ("ssh.service", "active")]
    files = "UNIT FILE          STATE    PRESET\nchrony.service     disabled enabled\nssh.socket  enabled enabled\n"
    assert parse_units(files) == [("chrony.service", "disabled")]
    with pytest.raises(ValueError, match="head is missing"):
        parse_units("System has not been booted with systemd as init system (PID 1). Can't operate.\n")


PARSERS = (parse_date, parse_iso, parse_fields, parse_tracking, parse_sources, parse_units)
TEXTS = [sample("tracking.sync"), sample("sources.sync"), UNITS, TIMEDATECTL, "Sun Nov 29 12:11:15 UTC 2026"]


@given(st.sampled_from(TEXTS), st.text(max_size=20), st.integers(0, 600), st.integers(0, 30))
def test_any_text_gives_a_value_or_a_valueerror(text: str, noise: str, at: int, instead: int) -> None:
    broken = text[:at] + noise + text[at + instead :]
    for parse in PARSERS:
        try:
            parse(broken)
        except ValueError:
            continue
